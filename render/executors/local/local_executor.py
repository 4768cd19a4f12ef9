"""Makes pictures on this machine: planning, rendering and finishing, overlapped.

One thread plans (the planner's caches have one owner), one thread an engine waits for its process, and one finishes:
checks, develops, writes. So Blender starts picture *i + 1* while picture *i* is still being written.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scanstage.dataset.records.record import Record
from scanstage.render.engine.engine_protocol import Engine, EngineInfo
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.worker_process import kill_all
from scanstage.render.engine.worker_supervisor import PictureFailed, Rendered, StartFailed, Stopped, SupervisedWorker
from scanstage.render.finish.finish_picture import LabelMismatch
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture
from scanstage.scenes.sight.cast_plan import Planned

AHEAD = 2
STARTS = 3
"""So often in a row a worker may fail to start before it is given up, once any has worked."""
AGAIN_S = 20.0
"""Before it is tried again: memory that others took for a moment is free by then."""
STOP_S = 10.0
TICK_S = 0.01

log = logging.getLogger(__name__)


@dataclass
class Job:
    """A planned picture on its way; ``seconds`` of its stages as far as it has come."""

    planned: Planned
    seconds: dict[str, float]

    @property
    def index(self) -> int:
        """Of the picture."""
        return self.planned.plan.index


@dataclass(frozen=True)
class _GivenUp:
    """Why a picture can't be rendered, and what the engine printed."""

    reason: str
    printed: str


Finish = Callable[[Planned, Passes, Engine], Record | None]
GiveUp = Callable[[Planned, str, str], None]

_PLANNED, _ALL_PLANNED = "planned", "all planned"


class LocalExecutor:
    """Threads around engines. See :class:`Executor`.

    Args:
        hire: gives a place for each engine, once there is work: how many depends on how much. They are the caller's:
            still open after the run has come to its end by itself, killed where it didn't.
        finish: writes a picture, or does something else with it; called from one thread.
        give_up: told of a picture that is planned but can't be made: plan, reason, what the engine printed. Called from
            the same thread.
    """

    def __init__(self, hire: Callable[[], Sequence[SupervisedWorker]], finish: Finish, give_up: GiveUp) -> None:
        self._hire, self._finish, self._give_up = hire, finish, give_up
        self._places: Sequence[SupervisedWorker] = ()
        self._ahead = threading.Semaphore(AHEAD + 1)  # so many are planned ahead, and one more a worker
        self.workers = 0  # before they are hired
        self._down: set[SupervisedWorker] = set()
        self._engines_due = self._proven = self._to_finish = self._complete = False
        self._underway = 0
        self._again: deque[Job] = deque()
        self._lock = threading.Lock()
        self._stop, self._all_planned = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._jobs: queue.Queue[Job] = queue.Queue()
        self._rendered: queue.Queue[tuple[Job, Rendered | _GivenUp] | None] = queue.Queue(maxsize=AHEAD)
        self._outcomes: queue.Queue[Outcome | BaseException | None] = queue.Queue()
        self._news: queue.SimpleQueue[EngineInfo | BaseException | str] = queue.SimpleQueue()

    def start(self, pictures: Iterator[Picture], at_once: bool) -> EngineInfo | None:
        """See :class:`Executor`."""
        try:
            self._spawn(self._planning, pictures)
            if not at_once and not self._is_any_planned():
                return None
            self._places, self._engines_due = self._hire(), True
            self.workers = len(self._places)
            self._ahead.release(self.workers)
            for worker in self._places:
                self._spawn(self._rendering, worker)
            found = self._first_engine(planned=not at_once)
            self._to_finish = found is not None
            return found
        except BaseException:
            self.close()
            raise

    def _is_any_planned(self) -> bool:
        """Wait for the first planned picture; False where there is none. Raises what planning raises."""
        news = self._news.get()
        if isinstance(news, BaseException):
            raise news
        return news == _PLANNED

    def _first_engine(self, planned: bool) -> EngineInfo | None:
        """Wait until an engine works; None where there is no picture for it. Raises what any thread raises."""
        while True:
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news
            if isinstance(news, EngineInfo):
                return news
            planned |= news == _PLANNED
            if news == _ALL_PLANNED and not planned:
                return None

    def outcomes(self) -> Generator[Outcome, None, None]:
        """See :class:`Executor`."""
        try:
            if self._to_finish:
                self._spawn(self._finishing)
            else:
                self._outcomes.put(None)
            while (outcome := self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
            self._complete = self._to_finish
        finally:
            self.close()

    def close(self) -> None:
        """End all threads; unless the run is complete, engines are killed. May be called again, and by any thread."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._engines_due and not self._complete:
            for worker in self._places:
                worker.kill()
            kill_all()  # those too that are only just being started, which no worker has yet
        self._outcomes.put(None)
        deadline = time.monotonic() + STOP_S
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _spawn(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=self._guard, args=(work, *args), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self, work: Callable[..., None], *args: Any) -> None:
        try:
            work(*args)
        except Stopped:
            pass
        except BaseException as e:
            self._outcomes.put(e)
            self._news.put(e)

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

    def _planning(self, pictures: Iterator[Picture]) -> None:
        told = False
        while (picture := self._next_of(pictures)) is not None:
            if isinstance(picture, PlannedPicture):
                self._jobs.put(Job(picture.planned, {"plan": picture.seconds}))
                if not told:
                    self._news.put(_PLANNED)
                    told = True
            else:
                self._outcomes.put(Outcome.refused(picture))
        self._all_planned.set()
        self._news.put(_ALL_PLANNED)

    def _next_of(self, pictures: Iterator[Picture]) -> Picture | None:
        """The next picture, planned once few others wait for a worker."""
        while not self._ahead.acquire(timeout=0.2):
            if self._stop.is_set():
                raise Stopped
        picture = next(pictures, None)
        if not isinstance(picture, PlannedPicture):
            self._ahead.release()
        if self._stop.is_set():
            raise Stopped
        return picture

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
                        self._ahead.release()
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

    def _started(self, worker: SupervisedWorker, info: EngineInfo) -> None:
        with self._lock:
            first, self._proven = not self._proven, True
            self._down.discard(worker)
        if first:
            self._news.put(info)

    def _rendering(self, worker: SupervisedWorker) -> None:
        """One worker's life. It may fail to start while others do not; when all have, the run ends."""
        failures = 0
        while True:
            job: Job | None = None
            try:
                self._started(worker, worker.start().info)
                if (job := self._take()) is None:
                    break
                rendered: Rendered | _GivenUp = worker.render(job.planned)
            except PictureFailed as e:
                rendered = _GivenUp(str(e), e.log)
            except StartFailed as e:
                if job is not None:
                    self._hand_back(job)
                failures += 1
                if not self._wait_for_start(worker, e.reason, failures):
                    break
                continue
            assert job is not None
            self._put(self._rendered, (job, rendered))
            failures = 0
            self._let_go()
        self._put(self._rendered, None)

    def _wait_for_start(self, worker: SupervisedWorker, reason: Exception, failures: int) -> bool:
        """Wait before a worker is tried again; returns whether it is to be, raises where none is left."""
        with self._lock:
            self._down.add(worker)
            if len(self._down) == len(self._places) and (failures >= STARTS or not self._proven):
                raise reason
        what = "others go on" if failures >= STARTS else f"it is tried again in {AGAIN_S:.0f} s"
        log.warning("a worker can't be started; %s: %s", what, reason)
        until = time.monotonic() + AGAIN_S
        while failures < STARTS and not self._stop.wait(TICK_S):
            if time.monotonic() >= until:
                return True
            with self._lock:
                if self._all_planned.is_set() and self._jobs.empty() and not self._again and not self._underway:
                    return False
        return False

    def _finishing(self) -> None:
        running = len(self._places)
        while running:
            item = self._get(self._rendered)
            if item is None:
                running -= 1
                continue
            self._outcomes.put(self._outcome_of(*item))
        self._outcomes.put(None)

    def _outcome_of(self, job: Job, rendered: Rendered | _GivenUp) -> Outcome:
        """Write a picture, or what is known of one that can't be made. Raises OSError: nor could the next be."""
        if isinstance(rendered, _GivenUp):
            return self._failed(job, rendered.reason, rendered.printed)
        job.seconds.update(rendered.seconds)
        start = time.perf_counter()
        try:
            record = self._finish(job.planned, rendered.passes, rendered.engine)
        except (LabelMismatch, ValueError) as e:
            return self._failed(job, str(e), "")
        except OSError:
            raise
        except Exception as e:  # a run of days must not end for what one picture has met
            return self._failed(job, f"could not be finished: {type(e).__name__}: {e}", traceback.format_exc())
        job.seconds["finish"] = time.perf_counter() - start
        return Outcome(job.index, record, None, job.seconds)

    def _failed(self, job: Job, reason: str, printed: str) -> Outcome:
        self._give_up(job.planned, reason, printed)
        return Outcome(job.index, None, reason, job.seconds)
