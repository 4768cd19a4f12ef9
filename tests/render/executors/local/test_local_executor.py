"""Pictures through workers that fail, with everything else played."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest
from support.analytic_engine import INFO

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.worker_supervisor import PictureFailed, StartFailed, Stopped
from scanstage.render.executors.local import local_executor as executor
from scanstage.render.executors.local.local_executor import LocalExecutor
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.planned_picture import Picture, PlannedPicture, RefusedPicture


class PlayedWorker:
    """A worker; ``starts`` and ``pictures`` hold what befalls it, in turn."""

    def __init__(self, starts: Iterable[Exception | None] = (), pictures: Iterable[object] = ()) -> None:
        self.starts, self.pictures = list(starts), list(pictures)
        self.started = 0
        self.killed = threading.Event()

    def start(self) -> SimpleNamespace:
        if self.killed.is_set():
            raise Stopped
        self.started += 1
        if self.starts and (error := self.starts.pop(0)) is not None:
            raise StartFailed(error)
        return SimpleNamespace(info=INFO)

    def render(self, planned: SimpleNamespace) -> SimpleNamespace:
        befalls = self.pictures.pop(0) if self.pictures else None
        if isinstance(befalls, Exception):
            raise befalls
        if befalls == "long":
            self.killed.wait(60)
            raise Stopped
        time.sleep(0.01)
        return SimpleNamespace(passes=planned, engine=self, seconds={"render": 1.0})

    def kill(self) -> None:
        self.killed.set()


def picture(index: int) -> PlannedPicture:
    return PlannedPicture(SimpleNamespace(plan=SimpleNamespace(index=index)), 0.5)  # type: ignore[arg-type]


def refused(index: int, hint: str = "") -> RefusedPicture:
    return RefusedPicture(index, InputError([f"picture {index}: no good plan", "nor another"], hint), 0.5)


def pictures_of(count: int) -> Iterator[Picture]:
    return map(picture, range(count))


def executor_of(
    *workers: PlayedWorker,
    finish: Callable[..., object] = lambda planned, passes, engine: planned,
) -> tuple[LocalExecutor, list[tuple[int, str, str]]]:
    """An executor, and what it gives up."""
    given_up: list[tuple[int, str, str]] = []

    def give_up(planned: SimpleNamespace, reason: str, printed: str) -> None:
        given_up.append((planned.plan.index, reason, printed))

    return LocalExecutor(lambda: workers, finish, give_up), given_up  # type: ignore[arg-type]


def run(
    *workers: PlayedWorker, pictures: int = 6, finish: Callable[..., object] = lambda planned, passes, engine: planned
) -> tuple[list[Outcome], list[tuple[int, str, str]]]:
    made, given_up = executor_of(*workers, finish=finish)
    assert made.start(pictures_of(pictures), at_once=True) == INFO
    return list(made.outcomes()), given_up


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "AGAIN_S", 0.1)


NO_MEMORY = InputError("no memory")


@pytest.mark.parametrize("others", [0, 1])
def test_a_worker_that_fails_to_start_again_costs_no_picture(others: int, caplog: pytest.LogCaptureFixture) -> None:
    lost = PlayedWorker(starts=[None, NO_MEMORY], pictures=[StartFailed(NO_MEMORY)])
    outcomes, given_up = run(lost, *(PlayedWorker() for _ in range(others)))
    assert sorted(o.index for o in outcomes) == list(range(6))
    assert all(o.record is not None for o in outcomes)
    assert given_up == []
    assert "it is tried again in 0 s: no memory" in caplog.text


def test_a_worker_that_never_starts_again_leaves_its_picture_to_others(caplog: pytest.LogCaptureFixture) -> None:
    lost = PlayedWorker(starts=[None, *[NO_MEMORY] * 9], pictures=[StartFailed(NO_MEMORY)])
    outcomes, _ = run(lost, PlayedWorker(), pictures=60)
    assert sorted(o.index for o in outcomes) == list(range(60))
    assert caplog.messages[-1].startswith("a worker can't be started; others go on")


def test_a_run_ends_when_no_worker_is_left() -> None:
    with pytest.raises(InputError, match="no memory"):
        run(PlayedWorker(starts=[None, *[NO_MEMORY] * 9], pictures=[StartFailed(NO_MEMORY)]))
    with pytest.raises(InputError, match="no memory"):  # and at once where none has ever worked
        run(PlayedWorker(starts=[NO_MEMORY]), PlayedWorker(starts=[NO_MEMORY]))


def test_what_one_picture_meets_does_not_end_a_run() -> None:
    def finish(planned: SimpleNamespace, passes: object, engine: object) -> object:
        if planned.plan.index == 2:
            raise RuntimeError("a bug")
        return planned

    outcomes, given_up = run(PlayedWorker(pictures=[PictureFailed("refused", "log")]), finish=finish)
    assert [o.index for o in outcomes if o.record is None] == [0, 2]
    assert given_up[0] == (0, "refused", "log")
    assert given_up[1][1] == "could not be finished: RuntimeError: a bug"
    assert "Traceback" in given_up[1][2]


def test_a_disk_that_refuses_ends_a_run() -> None:
    def finish(planned: object, passes: object, engine: object) -> object:
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        run(PlayedWorker(), finish=finish)


def test_closing_ends_what_is_being_rendered() -> None:
    workers = [PlayedWorker(), PlayedWorker(pictures=["long"])]
    made, _ = executor_of(*workers)
    made.start(pictures_of(1000), at_once=True)
    outcomes = made.outcomes()
    next(outcomes)
    started = time.monotonic()
    outcomes.close()
    assert time.monotonic() - started < 9
    assert all(worker.killed.is_set() for worker in workers)


def test_nothing_is_written_before_outcomes_are_asked_for() -> None:
    finished: list[int] = []
    broken = PlayedWorker(pictures=[PictureFailed("refused", "log")])
    made, given_up = executor_of(broken, finish=lambda planned, passes, engine: finished.append(planned.plan.index))
    made.start(pictures_of(6), at_once=True)
    time.sleep(0.2)
    assert (finished, given_up) == ([], [])
    assert len(list(made.outcomes())) == 6
    assert (finished, given_up) == ([1, 2, 3, 4, 5], [(0, "refused", "log")])


def test_an_engine_starts_at_once_or_with_the_first_planned_picture(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for at_once in (True, False):
        caplog.clear()
        go_on, worker = threading.Event(), PlayedWorker()

        def pictures(go_on: threading.Event = go_on) -> Iterator[Picture]:
            yield refused(0)
            go_on.wait(20)
            yield picture(1)

        made, _ = executor_of(worker)
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(made.start(pictures(), at_once)))  # noqa: B023
        thread.start()
        thread.join(0.3)
        assert (worker.started > 0, bool(found), made.workers == 1) == (at_once,) * 3
        go_on.set()
        thread.join(20)
        assert found == [INFO]
        assert {o.index: o.reason for o in made.outcomes()} == {0: "picture 0: no good plan; nor another", 1: None}


def test_without_any_planned_picture_no_engine_is_started_nor_any_other_run_s_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executor, "kill_all", lambda: pytest.fail("ends engines of others"))
    caplog.set_level(logging.INFO)
    for pictures in ([], [refused(0), refused(1, "lower the density")]):
        worker = PlayedWorker()
        made, given_up = executor_of(worker)
        assert made.start(iter(pictures), at_once=False) is None
        assert [(o.index, o.hint, o.seconds) for o in made.outcomes()] == [
            (p.index, p.hint or None, {}) for p in pictures
        ]
        assert (worker.started, made.workers, given_up, caplog.messages) == (0, 0, [], [])


def test_where_none_can_be_planned_after_all_an_engine_is_not_waited_for() -> None:
    class Slow(PlayedWorker):
        def start(self) -> SimpleNamespace:
            self.killed.wait(60)
            raise Stopped

    worker = Slow()
    made, _ = executor_of(worker)
    assert made.start(iter([refused(0)]), at_once=True) is None
    assert [o.index for o in made.outcomes()] == [0]
    assert worker.killed.is_set()


@pytest.mark.parametrize("at_once", [True, False])
def test_what_planning_raises_ends_the_run(at_once: bool) -> None:
    def lost() -> Iterator[Picture]:
        raise InputError("mesh.npz: no such file")
        yield

    class Slow(PlayedWorker):
        def start(self) -> SimpleNamespace:
            self.killed.wait(60)
            raise Stopped

    made, _ = executor_of(Slow())
    with pytest.raises(InputError, match="no such file"):
        made.start(lost(), at_once)

    def lost_later() -> Iterator[Picture]:
        yield from pictures_of(20)  # more than are planned before an engine works
        yield from lost()

    made, _ = executor_of(PlayedWorker())
    made.start(lost_later(), at_once)
    with pytest.raises(InputError, match="no such file"):
        list(made.outcomes())


def test_a_run_that_is_given_up_after_its_start_ends_its_workers() -> None:
    worker = PlayedWorker(pictures=["long"])
    made, _ = executor_of(worker)
    made.start(pictures_of(1000), at_once=True)
    made.close()
    assert worker.killed.is_set()


def test_workers_that_are_open_make_the_next_pictures_too() -> None:
    workers = PlayedWorker(), PlayedWorker()
    for _ in range(2):
        made, _given_up = executor_of(*workers)
        made.start(pictures_of(6), at_once=True)
        assert made.workers == 2
        assert sorted(o.index for o in made.outcomes()) == list(range(6))
