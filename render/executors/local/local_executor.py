"""Runs pictures through planning, rendering and finishing, overlapped, on this machine.

One thread plans (the planner's caches have one owner), one thread a Blender worker waits for its process, and one
finishes: checks, develops, writes. So Blender starts picture *i + 1* while picture *i* is still being written.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.record import Record
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.supervised_worker import PictureFailed, StartFailed, Stopped, SupervisedWorker
from scanstage.render.engine.worker_process import kill_all
from scanstage.render.finish.finish_picture import LabelMismatch
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.sight.planned import Planned

AHEAD = 2
STARTS = 3
"""So often in a row a worker may fail to start before it is given up, once any has worked."""
AGAIN_S = 20.0
"""Before it is tried again: memory that others took for a moment is free by then."""
HOPELESS = 3
"""So many pictures that can't be planned, and none that can, end a run before anything is rendered."""
STOP_S = 10.0
TICK_S = 0.01


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
            unplannable.append(Outcome(index, None, "; ".join(e.problems), hint=e.hint))
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
        workers: of the workers, one each. They are the caller's: still open after :meth:`map` has come to its end by
            itself, killed where it didn't.
        finish: writes a picture; called from one thread.
        give_up: told of a picture that is planned but can't be made: plan, reason, what Blender printed.
        resumed: whether other pictures are finished already: then no failure to plan ends the run.
        note: told, in a sentence, what befalls workers.
    """

    def __init__(
        self,
        plan: Plan,
        workers: Sequence[SupervisedWorker],
        finish: Finish,
        give_up: GiveUp,
        resumed: bool = False,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.plan, self.workers, self.finish, self.give_up = plan, workers, finish, give_up
        self.resumed, self.note = resumed, note

    def map(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        """See :class:`Executor`."""
        yield from _LocalRun(self).outcomes(indices)


class _LocalRun:
    """One call of ``map``."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor, self._seats = executor, executor.workers
        self._down: set[SupervisedWorker] = set()
        self._proven = False
        self._underway = 0
        self._again: deque[Job] = deque()
        self._lock = threading.Lock()
        self._stop, self._all_planned = threading.Event(), threading.Event()
        self._jobs: queue.Queue[Job] = queue.Queue(maxsize=len(self._seats) + AHEAD)
        self._rendered: queue.Queue[tuple[Job, Passes, BlenderSession] | None] = queue.Queue(maxsize=AHEAD)
        self._outcomes: queue.Queue[Outcome | BaseException | None] = queue.Queue()

    def outcomes(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        threads = [
            threading.Thread(target=self._guard, args=(self._planning, indices), daemon=True),
            *(
                threading.Thread(target=self._guard, args=(self._rendering, worker), daemon=True)
                for worker in self._seats
            ),
            threading.Thread(target=self._guard, args=(self._finishing,), daemon=True),
        ]
        complete = False
        try:
            for thread in threads:
                thread.start()
            while (outcome := self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
            complete = True
        finally:
            self._stop.set()
            if not complete:
                for worker in self._seats:
                    worker.kill()
                kill_all()  # those too that are only just being started, which no seat has yet
            deadline = time.monotonic() + STOP_S
            for thread in (t for t in threads if t.ident is not None):
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
        for item in plan_all(indices, self._executor.plan, self._executor.resumed):
            if isinstance(item, Outcome):
                self._outcomes.put(item)
            else:
                self._put(self._jobs, item)
        self._all_planned.set()

    def _take(self) -> Job | None:
        """The next picture; None once there is none left, and none that might be handed back."""
        while not self._stop.is_set():
            with self._lock:
                job = self._again.popleft() if self._again else None
                if job is None:
                    # Looked at in this order: what was planned before the event was set is in the queue by now.
                    planned = self._all_planned.is_set()
                    with contextlib.suppress(queue.Empty):
                        job = self._jobs.get_nowait()
                    if job is None and planned and not self._underway:
                        return None
                self._underway += job is not None
            if job is not None:
                return job
            self._stop.wait(TICK_S)
        raise Stopped

    def _hand_back(self, job: Job) -> None:
        with self._lock:
            self._again.append(job)
            self._underway -= 1

    def _let_go(self) -> None:
        with self._lock:
            self._underway -= 1

    def _rendering(self, worker: SupervisedWorker) -> None:
        """One worker's life. It may fail to start while others do not; when all have, the run ends."""
        failures = 0
        while True:
            job: Job | None = None
            try:
                worker.start()
                with self._lock:
                    self._proven = True
                    self._down.discard(worker)
                if (job := self._take()) is None:
                    break
                rendered = worker.render(job.planned)
            except PictureFailed as e:
                assert job is not None
                self._fail(job, str(e), e.log)
            except StartFailed as e:
                if job is not None:
                    self._hand_back(job)
                failures += 1
                if not self._wait_for_start(worker, e.reason, failures):
                    break
                continue
            else:
                job.seconds.update(rendered.seconds)
                self._put(self._rendered, (job, rendered.passes, rendered.session))
            failures = 0
            self._let_go()
        self._put(self._rendered, None)

    def _wait_for_start(self, worker: SupervisedWorker, reason: Exception, failures: int) -> bool:
        """Wait before a worker is tried again; returns whether it is to be, raises where none is left."""
        with self._lock:
            self._down.add(worker)
            if len(self._down) == len(self._seats) and (failures >= STARTS or not self._proven):
                raise reason
        what = "others go on" if failures >= STARTS else f"it is tried again in {AGAIN_S:.0f} s"
        self._executor.note(f"a worker can't be started; {what}: {reason}")
        until = time.monotonic() + AGAIN_S
        while failures < STARTS and not self._stop.wait(TICK_S):
            if time.monotonic() >= until:
                return True
            with self._lock:
                if self._all_planned.is_set() and self._jobs.empty() and not self._again and not self._underway:
                    return False
        return False

    def _fail(self, job: Job, reason: str, log: str) -> None:
        self._executor.give_up(job.planned, reason, log)
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
                record = self._executor.finish(job.planned, passes, session)
            except (LabelMismatch, ValueError) as e:
                self._fail(job, str(e), "")
                continue
            except OSError:
                raise  # the folder can't be written: nor could the next picture
            except Exception as e:  # a run of days must not end for what one picture has met
                self._fail(job, f"could not be finished: {type(e).__name__}: {e}", traceback.format_exc())
                continue
            job.seconds["finish"] = time.perf_counter() - start
            self._outcomes.put(Outcome(job.index, record, None, job.seconds))
        self._outcomes.put(None)
