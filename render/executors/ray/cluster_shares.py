"""How a Ray cluster is shared out among Blender workers, from what its nodes say they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError
from scanstage.render.executors.local.machine_shares import (
    MOST_WORKERS,
    PICTURES_EACH,
    THREADS_EACH,
    WORKER_BYTES,
    WORKERS_A_GPU,
)
from scanstage.scenes.config.sections.run_config import RunConfig

MOST_THREADS_BESIDE_A_GPU = 4
PYTHON_BYTES = 1 << 30
"""What an actor takes besides its Blender process: scans, casts, pictures on their way to the disk."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, by the resources that Ray was told it has.

    Attributes:
        memory: bytes.
    """

    name: str
    cpus: float
    gpus: float
    memory: float


@dataclass(frozen=True)
class ActorShares:
    """What each actor asks for.

    Attributes:
        actors: how many.
        cpus: CPUs that Ray reserves, which is also the number of Blender's threads.
        gpus: share of a GPU; 0 is none.
        memory: bytes that Ray reserves; 0 leaves it open.
        bound: bytes that the Blender process of an actor may take; None is any.
        why: one sentence for people.
    """

    actors: int
    cpus: int
    gpus: float
    memory: int
    bound: int | None
    why: str

    def asked(self) -> str:
        """What one actor asks for, in words."""
        parts = [_counted(self.cpus, "CPU")]
        parts += [f"{self.gpus:g} of a GPU"] if self.gpus else []
        parts += [f"{self.memory / 1e9:.1f} GB of memory"] if self.memory else []
        return ", ".join(parts)


def share_cluster(config: RunConfig, nodes: Sequence[Node], pictures: int) -> ActorShares:
    """The actors of a run that is to make so many pictures.

    All are alike: then any of them can come back on any node. ``workers.count`` gives their number, else there are as
    many as the nodes have room for. ``render.threads`` gives their CPUs, else it is the most that leaves room for so
    many; where both are open, two as on a single machine, or more where memory asks for it. Nodes with GPUs render on
    these, and other nodes not at all, unless ``render.device`` is the CPU: pictures of two kinds of device differ in
    their last digits.

    Raises:
        InputError: no node has what an actor asks for.
    """
    with_gpu = [n for n in nodes if n.gpus >= 1] if config.render.device != "cpu" else []
    useful = with_gpu or list(nodes)
    gpus = 1 / WORKERS_A_GPU if with_gpu else 0.0
    # What one planner keeps busy, as on a single machine.
    wanted = min(config.workers.count or MOST_WORKERS, max(1, -(-pictures // PICTURES_EACH)))
    memory = 0 if config.workers.memory_gb is None else round(config.workers.memory_gb * 1e9) + PYTHON_BYTES
    few = 1 if with_gpu or config.workers.count else min([THREADS_EACH, *(max(1, int(n.cpus)) for n in useful)])
    cpus = config.render.threads or _threads(useful, gpus, memory, wanted, few)
    room = _room(useful, cpus, gpus, memory)
    if room == 0:
        asked = ActorShares(1, cpus, gpus, memory, None, "").asked()
        raise InputError(
            f"no node of the cluster has {asked}, which a worker asks for; there is {in_words(nodes)}",
            "lower render.threads or workers.memory_gb, or add nodes",
        )
    # More than there is room for now are asked for only by name: the cluster may grow.
    actors = wanted if config.workers.count else min(wanted, room)
    bound = memory - PYTHON_BYTES if memory else _even_share(useful, cpus, gpus)
    why = _why(actors, room, pictures, bool(config.workers.count))
    return ActorShares(actors, cpus, gpus, memory, bound, why)


def _why(actors: int, room: int, pictures: int, named: bool) -> str:
    if actors * PICTURES_EACH >= pictures:
        return "as there is no more to do"
    if named:
        return "as asked for" + (f"; there is room for {room} now" if actors > room else "")
    if actors == room:
        return "as many as there is room for"
    return "as many as one planner keeps busy (shards split a run among more)"


def in_words(nodes: Sequence[Node]) -> str:
    """What nodes have in all."""
    cpus, gpus, memory = (sum(getattr(n, what) for n in nodes) for what in ("cpus", "gpus", "memory"))
    parts = [f"{_counted(len(nodes), 'node')} with {_counted(cpus, 'CPU')}"]
    parts += [_counted(gpus, "GPU")] if gpus else []
    return ", ".join([*parts, f"{memory / 1e9:.1f} GB of memory"])


def _counted(number: float, what: str) -> str:
    return f"{number:g} {what}" + ("" if number == 1 else "s")


def _threads(nodes: Sequence[Node], gpus: float, memory: int, wanted: int, few: int) -> int:
    most = max(1, int(max((n.cpus for n in nodes), default=1)))
    shares = ((t, _even_share(nodes, t, gpus)) for t in range(few, most + 1))
    least = next((t for t, share in shares if memory or share is None or share >= WORKER_BYTES), most)
    aim = min(wanted, _room(nodes, least, gpus, memory))
    last = min(most, MOST_THREADS_BESIDE_A_GPU) if gpus else most
    return max((t for t in range(least, last + 1) if _room(nodes, t, gpus, memory) >= aim), default=least)


def _room(nodes: Sequence[Node], cpus: int, gpus: float, memory: int) -> int:
    return sum(_room_on(n, cpus, gpus, memory) for n in nodes)


def _room_on(node: Node, cpus: int, gpus: float, memory: int) -> int:
    rooms = [node.cpus / cpus]
    rooms += [node.gpus / gpus] if gpus else []
    rooms += [node.memory / memory] if memory else []
    return int(min(rooms) + 1e-9)


def _even_share(nodes: Sequence[Node], cpus: int, gpus: float) -> int | None:
    """Bytes of memory for each Blender process on the node that has least; None where no node tells."""
    rooms = [(n.memory, _room_on(n, cpus, gpus, 0)) for n in nodes]
    shares = [memory / room - PYTHON_BYTES for memory, room in rooms if room and memory]
    return int(max(0.0, min(shares))) if shares else None
