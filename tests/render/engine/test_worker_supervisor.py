"""Workers that are lost, and what becomes of their pictures: with children that speak the protocol."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError
from scanstage.render.engine.log_tail import WORKER_LOG_BYTES
from scanstage.render.engine.worker_process import WorkerProcess
from scanstage.render.engine.worker_supervisor import TRIES, PictureFailed, StartFailed, Stopped, SupervisedWorker


class PlayedEngine:
    """Does what it is told: a list of errors to raise, or memory to have taken."""

    def __init__(self, todo: list[object]) -> None:
        self.todo, self.alive, self.closed, self.last, self.printed = todo, True, 0, None, "what Blender said"

    def work(self) -> str:
        task = self.todo.pop(0) if self.todo else 0
        if isinstance(task, Exception):
            self.alive = not isinstance(task, EngineCrashed)
            raise task
        self.last = SimpleNamespace(sync_s=1.0, render_s=2.0, read_s=3.0, rss_bytes=task)
        return "passes"

    def kill(self) -> None:
        self.alive = False

    def close(self) -> None:
        self.alive = False
        self.closed += 1


def worker_of(todo: list[object], memory_bytes: int | None = None) -> tuple[SupervisedWorker, list[PlayedEngine]]:
    opened: list[PlayedEngine] = []

    def open_engine() -> PlayedEngine:
        if todo and todo[0] == "no start":
            raise EngineCrashed("out of memory")
        opened.append(PlayedEngine(todo))
        return opened[-1]

    return SupervisedWorker(open_engine, lambda engine, planned: engine.work(), memory_bytes), opened  # type: ignore[arg-type, return-value]


def test_a_crash_costs_a_worker_and_not_the_picture() -> None:
    worker, opened = worker_of([EngineCrashed("segfault")] * (TRIES - 1))
    assert worker.render(None).passes == "passes"  # type: ignore[arg-type]
    assert len(opened) == TRIES
    assert [s.closed for s in opened] == [1] * (TRIES - 1) + [0]


def test_a_picture_that_kills_every_worker_is_given_up_and_the_next_is_made() -> None:
    worker, opened = worker_of([EngineCrashed("signal 11")] * TRIES)
    with pytest.raises(PictureFailed, match=r"ended 3 times on it; the last time: signal 11") as failed:
        worker.render(None)  # type: ignore[arg-type]
    assert failed.value.log == "what Blender said"
    assert worker.render(None).passes == "passes"  # type: ignore[arg-type]
    assert len(opened) == TRIES + 1


@pytest.mark.parametrize("error", [EngineError("no such scan"), InputError("gone")])
def test_a_refused_picture_keeps_its_worker(error: Exception) -> None:
    worker, opened = worker_of([error])
    with pytest.raises(PictureFailed, match=str(error)):
        worker.render(None)  # type: ignore[arg-type]
    worker.render(None)  # type: ignore[arg-type]
    assert len(opened) == 1


def test_a_grown_worker_leaves_after_its_picture() -> None:
    worker, opened = worker_of([700, 749, 751, 700], memory_bytes=1000)
    for _ in range(4):
        worker.render(None)  # type: ignore[arg-type]
    assert len(opened) == 2
    assert [s.closed for s in opened] == [1, 0]


def test_a_system_without_room_for_a_process_is_a_failed_start() -> None:
    """Which is tried again; raised as it is, it would end the run as a disk that is full does."""

    def open_engine() -> PlayedEngine:
        raise OSError(12, "Cannot allocate memory")

    worker = SupervisedWorker(open_engine, lambda engine, planned: engine.work())  # type: ignore[arg-type, return-value]
    with pytest.raises(StartFailed, match="Cannot allocate memory"):
        worker.start()


def test_no_start_is_told_from_a_lost_picture() -> None:
    worker, _ = worker_of(["no start"])
    with pytest.raises(StartFailed, match="out of memory"):
        worker.render(None)  # type: ignore[arg-type]


def test_a_killed_worker_starts_no_engine() -> None:
    worker, opened = worker_of([EngineCrashed("killed")])
    worker.start()
    worker.kill()
    assert not opened[0].alive
    with pytest.raises(Stopped):
        worker.render(None)  # type: ignore[arg-type]
    assert len(opened) == 1


CHILD = """
import json, sys, time
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "grow":
        held = [bytearray(16 << 20)]
        while True:
            held.append(bytearray(b"x" * (16 << 20)))
            time.sleep(0.02)
    if request["op"] == "talk":
        print("y" * (6 << 20), file=sys.stderr, flush=True)
    print(json.dumps({"id": request["id"], "result": {}}), flush=True)
"""


@pytest.fixture
def child(tmp_path: Path):
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    worker = WorkerProcess([sys.executable, str(script)], tmp_path / "log", memory_bytes=200 << 20)
    yield worker
    worker.kill()


def test_a_worker_that_outgrows_its_bound_is_ended(child: WorkerProcess) -> None:
    assert child.ask({"op": "rest"}, 20) == {}
    assert 0 < (child.rss_bytes() or 0) < 200 << 20
    with pytest.raises(EngineCrashed, match=r"took 0\.\d+ GB of memory, more than its 0\.21 GB \(workers\.memory_gb"):
        child.ask({"op": "grow"}, 60)
    assert not child.alive
    assert child.rss_bytes() is None


def test_a_long_log_is_cut_and_goes_on(child: WorkerProcess, tmp_path: Path) -> None:
    for _ in range(2):
        child.ask({"op": "talk"}, 20)
        assert (tmp_path / "log").stat().st_size == 0, "it fills neither a disk nor what lies in memory"
    assert WORKER_LOG_BYTES / 2 < len(child.printed()) <= WORKER_LOG_BYTES
    assert child.printed().splitlines()[-1].endswith("yyy")
    assert len(child.printed(1000)) <= 1000
    child.kill()
    kept = (tmp_path / "log").read_text("utf-8")
    dropped = int(kept.splitlines()[0].split()[1].replace(",", ""))
    assert dropped + len(kept.partition("\n")[2]) == 2 * ((6 << 20) + 1)


def test_killing_from_outside_ends_a_wait_at_once(child: WorkerProcess) -> None:
    killer = threading.Timer(0.3, child.signal_end)
    killer.start()
    started = time.monotonic()
    with pytest.raises(EngineCrashed, match="signal 9"):
        child.ask({"op": "grow"}, 600)
    assert time.monotonic() - started < 60
