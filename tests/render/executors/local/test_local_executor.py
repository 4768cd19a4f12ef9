"""Pictures through workers that fail, with everything else played."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.supervised_worker import PictureFailed, StartFailed, Stopped
from scanstage.render.executors.local import local_executor as executor
from scanstage.render.executors.local.local_executor import LocalExecutor


class Seat:
    """A worker's place; ``starts`` and ``pictures`` hold what befalls it, in turn."""

    def __init__(self, starts: list[Exception | None] = (), pictures: list[object] = ()) -> None:  # type: ignore[assignment]
        self.starts, self.pictures = list(starts), list(pictures)
        self.killed = threading.Event()

    def start(self) -> None:
        if self.killed.is_set():
            raise Stopped
        if self.starts and (error := self.starts.pop(0)) is not None:
            raise StartFailed(error)

    def render(self, planned: int) -> SimpleNamespace:
        befalls = self.pictures.pop(0) if self.pictures else None
        if isinstance(befalls, Exception):
            raise befalls
        if befalls == "long":
            self.killed.wait(60)
            raise Stopped
        time.sleep(0.01)
        return SimpleNamespace(passes=planned, session=self, seconds={"render": 1.0})

    def kill(self) -> None:
        self.killed.set()


def run(*workers: Seat, pictures: int = 6, finish=lambda planned, passes, session: planned):
    given_up: list[tuple[int, str, str]] = []
    notes: list[str] = []
    made = LocalExecutor(
        lambda i: i,  # type: ignore[arg-type, return-value]
        workers,  # type: ignore[arg-type]
        finish,
        lambda planned, reason, log: given_up.append((planned, reason, log)),  # type: ignore[arg-type]
        note=notes.append,
    )
    return list(made.map(range(pictures))), given_up, notes


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "AGAIN_S", 0.1)


NO_MEMORY = InputError("no memory")


@pytest.mark.parametrize("others", [0, 1])
def test_a_worker_that_fails_to_start_again_costs_no_picture(others: int) -> None:
    lost = Seat(starts=[None, NO_MEMORY], pictures=[StartFailed(NO_MEMORY)])
    outcomes, given_up, notes = run(lost, *(Seat() for _ in range(others)))
    assert sorted(o.index for o in outcomes) == list(range(6))
    assert all(o.record is not None for o in outcomes)
    assert given_up == []
    assert any("tried again" in note for note in notes)


def test_a_worker_that_never_starts_again_leaves_its_picture_to_others() -> None:
    lost = Seat(starts=[None, *[NO_MEMORY] * 9], pictures=[StartFailed(NO_MEMORY)])
    outcomes, _, notes = run(lost, Seat(), pictures=60)
    assert sorted(o.index for o in outcomes) == list(range(60))
    assert notes[-1].startswith("a worker can't be started; others go on")


def test_a_run_ends_when_no_worker_is_left() -> None:
    with pytest.raises(InputError, match="no memory"):
        run(Seat(starts=[None, *[NO_MEMORY] * 9], pictures=[StartFailed(NO_MEMORY)]))
    with pytest.raises(InputError, match="no memory"):  # and at once where none has ever worked
        run(Seat(starts=[NO_MEMORY]), Seat(starts=[NO_MEMORY]))


def test_what_one_picture_meets_does_not_end_a_run() -> None:
    def finish(planned: int, passes: object, session: object) -> int:
        if planned == 2:
            raise RuntimeError("a bug")
        return planned

    outcomes, given_up, _ = run(Seat(pictures=[PictureFailed("refused", "log")]), finish=finish)
    assert [o.index for o in outcomes if o.record is None] == [0, 2]
    assert given_up[0] == (0, "refused", "log")
    assert given_up[1][1] == "could not be finished: RuntimeError: a bug"
    assert "Traceback" in given_up[1][2]


def test_a_disk_that_refuses_ends_a_run() -> None:
    def finish(planned: int, passes: object, session: object) -> int:
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        run(Seat(), finish=finish)


def test_closing_ends_what_is_being_rendered() -> None:
    workers = [Seat(), Seat(pictures=["long"])]
    made = LocalExecutor(lambda i: i, workers, lambda p, *_: p, lambda *_: None)  # type: ignore[arg-type, return-value]
    outcomes = made.map(range(1000))
    next(outcomes)
    started = time.monotonic()
    outcomes.close()
    assert time.monotonic() - started < 9
    assert all(worker.killed.is_set() for worker in workers)
