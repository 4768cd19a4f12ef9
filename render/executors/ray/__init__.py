"""Pictures on a Ray cluster: actors that work like a local machine, replaced where they fail.

Why not ``ray.util.ActorPool``, which deals values out to actors as well (as it is in Ray 2.60):

- It tells of a failure without the value: ``get_next_unordered`` raises, and the pair of actor and value is forgotten.
  So a picture whose actor dies with it couldn't be dealt out again, let alone alone, to learn whether it is the cause.
- An actor that died is dropped for good, and its place with it; one that is out of reach for a moment
  (``ActorUnavailableError``) counts as idle at once, and gets the next value. Ours come back (``max_restarts``), are
  asked until they answer, and then work again.
- Every actor of a pool is taken to be able to work. Ours may wait for room on the cluster, or stand on a node without
  scanstage or with other scans: they are asked first, and told by name.
- One value at a time for each actor, so its engine would idle while the answer travels; and no chunks, so that short
  pictures cost a call each. The queue of values has no bound, and waiting for a result can't be woken by the planning
  thread, by a picture that was refused, or by the clock.

What would be left for it is the list of idle actors, which :mod:`dispatch` needs by load anyway.
"""
