"""Runs pictures through planning, rendering and finishing, overlapped, on this machine.

One thread plans (the planner's caches have one owner), one thread a Blender session waits for its worker process, and
one finishes: checks, develops, writes. So Blender starts picture *i + 1* while picture *i* is still being written.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from assets.errors import InputError
from dataset.record import Record
from render.finish import LabelMismatch
from render.passes import Passes
from render.session import BlenderSession, EngineCrashed, EngineError
from scenes.planner import Planned

TRIES = 3
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


@dataclass
class _Job:
    index: int
    planned: Planned
    seconds: dict[str, float]


Plan = Callable[[int], Planned]
OpenSession = Callable[[], BlenderSession]
Render = Callable[[BlenderSession, Planned], Passes]
Finish = Callable[[Planned, Passes, BlenderSession], Record]


class LocalExecutor:
    """Threads around Blender sessions.

    Args:
        plan: plans a picture; called from one thread.
        open_session: starts a worker; called from that worker's thread, again after a crash.
        render: renders with a session.
        finish: writes a picture; called from one thread.
        workers: number of sessions.
        resumed: whether other pictures are finished already: then no failure to plan ends the run.
    """

    def __init__(
        self,
        plan: Plan,
        open_session: OpenSession,
        render: Render,
        finish: Finish,
        workers: int = 1,
        resumed: bool = False,
    ) -> None:
        self._plan, self._open, self._render, self._finish = plan, open_session, render, finish
        self._workers, self._resumed = workers, resumed
        self._sessions: set[BlenderSession] = set()
        self._failed_starts: list[Exception] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=workers + AHEAD)
        self._rendered: queue.Queue[tuple[_Job, Passes, BlenderSession] | None] = queue.Queue(maxsize=workers + AHEAD)
        self._outcomes: queue.Queue[Outcome | BaseException | None] = queue.Queue()

    def map(self, indices: Iterable[int]) -> Generator[Outcome, None, None]:
        """Make pictures; yields one outcome each, in the order in which they are done.

        Each picture is planned before the next index is asked for. Closing the generator ends all work.

        Raises:
            InputError: the engine can't be started, or nothing can be planned.
            EngineCrashed, EngineError: no worker can be started, or none any more.
            OSError: the dataset's folder can't be written.
        """
        threads = [
            threading.Thread(target=self._guard, args=(self._planning, indices), daemon=True),
            *(threading.Thread(target=self._guard, args=(self._rendering,), daemon=True) for _ in range(self._workers)),
            threading.Thread(target=self._guard, args=(self._finishing,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            while (outcome := self._outcomes.get()) is not None:
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            self._stop.set()
            with self._lock:
                running = list(self._sessions)
            for session in running:
                session.kill()
            deadline = time.monotonic() + STOP_S
            for thread in threads:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _guard(self, work: Callable[..., None], *args: Any) -> None:
        try:
            work(*args)
        except _Stopped:
            pass
        except BaseException as e:
            self._outcomes.put(e)

    def _put(self, to: queue.Queue[Any], item: Any) -> None:
        while not self._stop.is_set():
            try:
                return to.put(item, timeout=0.2)
            except queue.Full:
                continue
        raise _Stopped

    def _get(self, source: queue.Queue[Any]) -> Any:
        while not self._stop.is_set():
            try:
                return source.get(timeout=0.2)
            except queue.Empty:
                continue
        raise _Stopped

    def _planning(self, indices: Iterable[int]) -> None:
        unplannable: list[Outcome] = []
        planned_any = self._resumed
        refusal: InputError | None = None
        for index in indices:
            start = time.perf_counter()
            try:
                planned = self._plan(index)
            except InputError as e:
                unplannable.append(Outcome(index, None, "; ".join(e.problems), mend=e.mend))
                refusal = e
                if not planned_any and len(unplannable) == HOPELESS:
                    raise  # nothing is lost yet, and most likely no other picture would do better
                if planned_any:
                    self._report(unplannable)
                continue
            planned_any = True
            self._report(unplannable)
            self._put(self._jobs, _Job(index, planned, {"plan": time.perf_counter() - start}))
        if refusal is not None and not planned_any:
            raise refusal
        for _ in range(self._workers):
            self._put(self._jobs, None)

    def _report(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._outcomes.put(outcome)
        outcomes.clear()

    def _start(self) -> BlenderSession:
        if self._stop.is_set():
            raise _Stopped
        try:
            session = self._open()
        except (InputError, EngineCrashed, EngineError) as e:
            raise _StartFailed(e) from e
        with self._lock:
            self._sessions.add(session)
        return session

    def _end(self, session: BlenderSession) -> None:
        with self._lock:
            self._sessions.discard(session)
        session.close()

    def _rendering(self) -> None:
        """One worker's life. It may fail to start while others do not; when all have, the run ends."""
        session: BlenderSession | None = None
        job: _Job | None = None
        try:
            session = self._start()
            while (job := self._get(self._jobs)) is not None:
                passes, session = self._render_with_retries(job, session)
                if passes is not None:
                    self._put(self._rendered, (job, passes, session))
        except _StartFailed as e:
            with self._lock:
                self._failed_starts.append(e.reason)
                if len(self._failed_starts) == self._workers:
                    raise e.reason from None
            if job is not None:
                reason = f"Blender could not be started again for it: {e.reason}"
                self._outcomes.put(Outcome(job.index, None, reason, job.seconds))
        finally:
            if session is not None:
                self._end(session)
        self._put(self._rendered, None)

    def _render_with_retries(self, job: _Job, session: BlenderSession) -> tuple[Passes | None, BlenderSession]:
        reason = ""
        for _ in range(TRIES):
            if not session.alive:
                self._end(session)
                session = self._start()
            try:
                passes = self._render(session, job.planned)
            except EngineCrashed as e:
                if self._stop.is_set():
                    raise _Stopped from None
                reason = f"Blender ended {TRIES} times on it; the last time: {e}"
            except (EngineError, InputError) as e:
                self._outcomes.put(Outcome(job.index, None, str(e), job.seconds))
                return None, session
            else:
                if session.last is not None:
                    stats = session.last
                    job.seconds.update(sync=stats.sync_s, render=stats.render_s, read=stats.read_s)
                return passes, session
        self._outcomes.put(Outcome(job.index, None, reason, job.seconds))
        return None, session

    def _finishing(self) -> None:
        running = self._workers
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
                self._outcomes.put(Outcome(job.index, None, str(e), job.seconds))
                continue
            job.seconds["finish"] = time.perf_counter() - start
            self._outcomes.put(Outcome(job.index, record, None, job.seconds))
        self._outcomes.put(None)


class _Stopped(Exception):
    """The run was ended from outside."""


class _StartFailed(Exception):
    """A worker could not be started; ``reason`` is what it raised."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason
