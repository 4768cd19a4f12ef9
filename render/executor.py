"""Runs pictures through planning, rendering and finishing, overlapped, on this machine.

One thread plans (the planner's caches have one owner), one thread a Blender worker waits for its process, and one
finishes: checks, develops, writes. So Blender starts picture *i + 1* while picture *i* is still being written.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from assets.errors import InputError
from dataset.record import Record
from render.finish import LabelMismatch
from render.passes import Passes
from render.seat import PictureFailed, StartFailed, Stopped, WorkerSeat
from render.session import BlenderSession
from scenes.planner import Planned

AHEAD = 2
HOPELESS = 3
"""So many pictures that can't be planned, and none that can, end a run before anything is rendered."""
STOP_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: a record, or the reason why there is none.

    ``seconds`` holds the time of each stage: plan, sync, render, read, finish; ``mend`` says what to do about a reason.
    """

    index: int
    record: Record | None
    reason: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    mend: str | None = None


class Executor(Protocol):
    """Makes pictures somewhere."""

    def map(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        """Make pictures; yields one outcome each, in the order in which they are done.

        Each picture is planned before the next index is asked for. Closing the generator ends all work.

        Raises:
            InputError: the engine can't be started, or nothing can be planned.
            EngineCrashed, EngineError: no worker can be started, or none any more.
            OSError: the dataset's folder can't be written.
        """
        ...


@dataclass
class Job:
    """A planned picture; ``seconds`` of its stages as far as it has come."""

    index: int
    planned: Planned
    seconds: dict[str, float]


Plan = Callable[[int], Planned]
Finish = Callable[[Planned, Passes, BlenderSession], Record]
GiveUp = Callable[[Planned, str, str], None]


def plan_all(indices: Iterable[int], plan: Plan, resumed: bool) -> Iterator[Job | Outcome]:
    """Planned pictures, and outcomes of those that can't be planned, once there is one that can.

    Raises:
        InputError: nothing can be planned.
    """
    unplannable: list[Outcome] = []
    planned_any = resumed
    refusal: InputError | None = None
    for index in indices:
        start = time.perf_counter()
        try:
            planned = plan(index)
        except InputError as e:
            unplannable.append(Outcome(index, None, "; ".join(e.problems), mend=e.mend))
            refusal = e
            if not planned_any and len(unplannable) == HOPELESS:
                raise  # nothing is lost yet, and most likely no other picture would do better
            if planned_any:
                yield unplannable.pop()
            continue
        planned_any = True
        yield from unplannable
        unplannable.clear()
        yield Job(index, planned, {"plan": time.perf_counter() - start})
    if refusal is not None and not planned_any:
        raise refusal


class LocalExecutor:
    """Threads around Blender workers.

    Args:
        plan: plans a picture; called from one thread.
        seats: of the workers, one each. They are the caller's: still open after :meth:`map` has come to its end by
            itself, killed where it didn't.
        finish: writes a picture; called from one thread.
        give_up: told of a picture that is planned but can't be made: plan, reason, what Blender printed.
        resumed: whether other pictures are finished already: then no failure to plan ends the run.
    """

    def __init__(
        self, plan: Plan, seats: Sequence[WorkerSeat], finish: Finish, give_up: GiveUp, resumed: bool = False
    ) -> None:
        self._plan, self._seats, self._finish, self._give_up = plan, seats, finish, give_up
        self._resumed = resumed

    def map(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        """See :class:`Executor`."""
        yield from _Run(self._plan, self._seats, self._finish, self._give_up, self._resumed).outcomes(indices)


class _Run:
    """One call of ``map``."""

    def __init__(self, plan: Plan, seats: Sequence[WorkerSeat], finish: Finish, give_up: GiveUp, resumed: bool) -> None:
        self._plan, self._seats, self._finish, self._give_up = plan, seats, finish, give_up
        self._resumed = resumed
        self._failed_starts: list[Exception] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        room = len(seats) + AHEAD
        self._jobs: queue.Queue[Job | None] = queue.Queue(maxsize=room)
        self._rendered: queue.Queue[tuple[Job, Passes, BlenderSession] | None] = queue.Queue(maxsize=room)
        self._outcomes: queue.Queue[Outcome | BaseException | None] = queue.Queue()

    def outcomes(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        threads = [
            threading.Thread(target=self._guard, args=(self._planning, indices), daemon=True),
            *(threading.Thread(target=self._guard, args=(self._rendering, seat), daemon=True) for seat in self._seats),
            threading.Thread(target=self._guard, args=(self._finishing,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        complete = False
        try:
            while (outcome := self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
            complete = True
        finally:
            self._stop.set()
            if not complete:
                for seat in self._seats:
                    seat.kill()
            deadline = time.monotonic() + STOP_S
            for thread in threads:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _guard(self, work: Callable[..., None], *args: Any) -> None:
        try:
            work(*args)
        except Stopped:
            pass
        except BaseException as e:
            self._outcomes.put(e)

    def _put(self, to: queue.Queue[Any], item: Any) -> None:
        while not self._stop.is_set():
            try:
                return to.put(item, timeout=0.2)
            except queue.Full:
                continue
        raise Stopped

    def _get(self, source: queue.Queue[Any]) -> Any:
        while not self._stop.is_set():
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                continue
        raise Stopped

    def _planning(self, indices: Iterable[int]) -> None:
        for item in plan_all(indices, self._plan, self._resumed):
            if isinstance(item, Outcome):
                self._outcomes.put(item)
            else:
                self._put(self._jobs, item)
        for _ in self._seats:
            self._put(self._jobs, None)

    def _rendering(self, seat: WorkerSeat) -> None:
        """One worker's life. It may fail to start while others do not; when all have, the run ends."""
        job: Job | None = None
        try:
            seat.start()
            while (job := self._get(self._jobs)) is not None:
                try:
                    rendered = seat.render(job.planned)
                except PictureFailed as e:
                    self._fail(job, str(e), e.log)
                    continue
                job.seconds.update(rendered.seconds)
                self._put(self._rendered, (job, rendered.passes, rendered.session))
        except StartFailed as e:
            with self._lock:
                self._failed_starts.append(e.reason)
                if len(self._failed_starts) == len(self._seats):
                    raise e.reason from None
            if job is not None:
                self._fail(job, f"Blender could not be started again for it: {e.reason}", "")
        self._put(self._rendered, None)

    def _fail(self, job: Job, reason: str, log: str) -> None:
        self._give_up(job.planned, reason, log)
        self._outcomes.put(Outcome(job.index, None, reason, job.seconds))

    def _finishing(self) -> None:
        running = len(self._seats)
        while running:
            item = self._get(self._rendered)
            if item is None:
                running -= 1
                continue
            job, passes, session = item
            start = time.perf_counter()
            try:
                record = self._finish(job.planned, passes, session)
            except (LabelMismatch, ValueError) as e:
                self._fail(job, str(e), "")
                continue
            job.seconds["finish"] = time.perf_counter() - start
            self._outcomes.put(Outcome(job.index, record, None, job.seconds))
        self._outcomes.put(None)
