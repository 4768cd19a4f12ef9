"""Actors on a Ray cluster, each with a Blender worker, and what a run knows of the place of each.

Ray's own retries bring a lost actor back wherever there is room; what it was doing is dealt out again by
:mod:`dispatch`, since a picture that takes its actors along must not go round for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scanstage.render.executors.ray.cluster_shares import ActorShares, Node
from scanstage.render.executors.ray.ray_cluster import cluster_nodes
from scanstage.render.executors.ray.remote_worker import WorkerSpec

STOP_S = 4.0
CALLS = 8
"""Methods of an actor that may run at once: its chunks, and questions while they are underway."""


class ActorLost(Exception):
    """An actor is out of reach, for now or for good (``gone``)."""

    def __init__(self, message: str, gone: bool) -> None:
        super().__init__(message)
        self.gone = gone


@dataclass(frozen=True)
class Answer:
    """What an actor said.

    Attributes:
        life: of the actor, when it was asked; see :class:`Place`.
        chunk: None where it wasn't asked to make one.
    """

    place: int
    life: int
    what: str
    value: Any
    chunk: int | None


@dataclass
class Place:
    """What is known of the actor at a place.

    Attributes:
        node: where it is, once it has told.
        ask_at: when to ask it again; None: it has been asked, or has work.
        closed: why it can't take part.
        life: how often it was lost: everything that a lost one was asked is answered so, and counts as one loss.
        renewals: how often it has been replaced.
    """

    node: str | None = None
    ask_at: float | None = None
    closed: Exception | None = None
    life: int = 0
    renewals: int = 0


Tell = Callable[[Any], None]
"""Takes what an actor answers, or an ActorLost. Called from any thread."""


def actor_class() -> type:
    """The class of actors. It travels by value: a machine without scanstage can still say that it has none."""

    class ScanstageWorker:
        def __init__(self, version: str, spec: dict[str, Any]) -> None:
            self._version, self._spec = version, spec
            self._worker: Any = None
            self._lock = threading.Lock()

        def where(self) -> str:
            return socket.gethostname()

        def prepare(self) -> Any:
            """The worker's report, or an exception."""
            try:
                from scanstage.render.executors.ray.remote_worker import RemoteWorker, WorkerSpec, check_version
            except ImportError as e:
                return {"lacking": str(e)}
            try:
                with self._lock:
                    check_version(self._version)
                    self._worker = self._worker or RemoteWorker(WorkerSpec(**self._spec))
                return self._worker.report()
            except Exception as e:
                return e

        def make(self, tasks: list[Any]) -> Any:
            """Outcomes, or an exception."""
            try:
                return self._worker.make(tasks)
            except Exception as e:
                return e

        def stop(self, at_once: bool) -> None:
            if self._worker is not None:
                self._worker.stop(at_once)

    return ScanstageWorker


class RayActors:
    """Actors by place; an actor that is gone for good is followed by another at the same place.

    Args:
        ray: the module, connected.
        spec: what each needs to know of the run.
        shares: how many, and what each asks for.
    """

    def __init__(self, ray: Any, spec: WorkerSpec, shares: ActorShares) -> None:
        self._ray, self.shares, self.count = ray, shares, shares.actors
        options = {"num_cpus": shares.cpus, "num_gpus": shares.gpus, "memory": shares.memory}
        self._class = ray.remote(
            **{k: v for k, v in options.items() if v},
            max_restarts=-1,
            max_concurrency=CALLS,
            scheduling_strategy="SPREAD",
        )(actor_class())
        self._args = (spec.version, asdict(spec))
        self._handles = [self._class.remote(*self._args) for _ in range(shares.actors)]

    def ask(self, place: int, what: str, *args: Any, tell: Tell) -> None:
        """Ask the actor at a place; the answer comes to ``tell``."""

        def pass_on(future: Any) -> None:
            error = future.exception()
            tell(future.result() if error is None else self._lost(error))

        try:
            getattr(self._handles[place], what).remote(*args).future().add_done_callback(pass_on)
        except self._ray.exceptions.RayError as e:
            tell(self._lost(e))

    def renew(self, place: int) -> None:
        """Put another actor in the place of one that is gone."""
        self._handles[place] = self._class.remote(*self._args)

    def nodes(self) -> list[Node]:
        """The cluster as it is now."""
        return cluster_nodes(self._ray)

    def end(self, at_once: bool) -> None:
        """End all actors and their Blender processes; ``at_once``: in the middle of a picture."""
        refs = []
        for handle in self._handles:
            with contextlib.suppress(self._ray.exceptions.RayError):
                refs.append(handle.stop.remote(at_once))
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.wait(refs, num_returns=len(refs), timeout=STOP_S)
        for handle in self._handles:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(handle, no_restart=True)
        self._handles = []

    def _lost(self, error: BaseException) -> BaseException:
        """What Ray says of a call that failed: an actor or a node that ended takes answers along in many ways."""
        kinds = self._ray.exceptions
        if not isinstance(error, kinds.RayError) or isinstance(error, kinds.RayTaskError):
            return error  # a mistake in what runs there
        gone = isinstance(error, kinds.RayActorError) and not isinstance(error, kinds.ActorUnavailableError)
        return ActorLost(" ".join(str(error).split()), gone)
