"""Workers that don't go easily: wrappers, processes that stop reading, chatter without end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scanstage.render.cli.shared import signals
from scanstage.render.engine import worker_process
from scanstage.render.engine.engine_protocol import EngineCrashed
from scanstage.render.engine.worker_process import CommandFailed, WorkerProcess, kill_all

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups")

Start = Callable[..., WorkerProcess]

CHATTER = """
import sys, time
held = []
while True:
    print("Fra:1", flush=True)
    if sys.argv[1] == "grow":
        held.append(bytearray(b"x" * (4 << 20)))
    time.sleep(0.02)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workers, which are gone afterwards even where kill() fails."""
    started: list[WorkerProcess] = []

    def one(*command: str, memory_bytes: int | None = None) -> WorkerProcess:
        started.append(WorkerProcess(command, tmp_path / "log", memory_bytes))
        return started[-1]

    yield one
    for worker in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)


def wrapped(worker: WorkerProcess) -> psutil.Process:
    """What a wrapper has started, once it is there."""
    for _ in range(200):
        if children := psutil.Process(worker.pid).children():
            return children[0]
        time.sleep(0.02)
    raise AssertionError("the wrapper has started nothing")


def is_gone(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        for _ in range(100):
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            time.sleep(0.02)
        return not process.is_running()
    return True


@pytest.mark.parametrize("way", ["kill", "signal_end", "kill_all"])
def test_a_wrapper_and_what_it_started_end_at_once(start: Start, way: str) -> None:
    worker = start("sh", "-c", "sleep 20; echo done")
    child = wrapped(worker)
    began = time.monotonic()
    kill_all() if way == "kill_all" else getattr(worker, way)()
    assert is_gone(child)
    assert time.monotonic() - began < 5
    assert not worker.alive


def test_what_a_lost_wrapper_started_does_not_go_on(start: Start) -> None:
    """The system may end the wrapper alone; what it started holds the worker's output open."""
    worker = start("sh", "-c", "sleep 20; echo done")
    child = wrapped(worker)
    os.kill(worker.pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(EngineCrashed, match="signal 9"):
        worker.ask({"op": "render"}, 15)
    assert time.monotonic() - began < 10
    assert is_gone(child)


def test_output_that_somebody_else_holds_open_does_not_hold_up_the_end(start: Start) -> None:
    """What the worker started has left its group: nothing ends it, and nothing waits for it."""
    code = "import subprocess, time; subprocess.Popen(['sleep', '8'], start_new_session=True); time.sleep(8)"
    worker = start(sys.executable, "-c", code)
    wrapped(worker)
    began = time.monotonic()
    worker.kill()
    assert time.monotonic() - began < 5
    with pytest.raises(EngineCrashed):
        worker.ask({"op": "render"}, 15)
    assert time.monotonic() - began < 7


def test_a_process_that_can_t_be_ended_holds_up_nobody(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that waits for a disk that is gone: the signal comes to nothing."""
    worker = start("sleep", "20")
    with monkeypatch.context() as patched:
        patched.setattr(worker_process, "_GONE_S", 0.2)
        patched.setattr(worker_process.os, "killpg", lambda pid, number: None)
        patched.setattr(subprocess.Popen, "kill", lambda self: None)
        began = time.monotonic()
        with pytest.raises(EngineCrashed, match="no answer"):
            worker.ask({"op": "render"}, 0.2)
        assert time.monotonic() - began < 10
        assert not worker.alive, "it would be given the next picture"
        with pytest.raises(EngineCrashed, match="can't be ended"):
            worker.ask({"op": "render"}, 5)
    worker.kill()
    assert not psutil.pid_exists(worker.pid)


def test_a_worker_that_does_not_read_is_ended_in_time(start: Start) -> None:
    worker = start("sleep", "20")
    began = time.monotonic()
    with pytest.raises(EngineCrashed, match="no answer in 1 s"):
        worker.ask({"op": "render", "plan": "x" * (1 << 20)}, 1.0)
    assert time.monotonic() - began < 8


def test_chatter_hides_neither_growth_nor_the_deadline(start: Start) -> None:
    began = time.monotonic()
    with pytest.raises(EngineCrashed, match="memory"):
        start(sys.executable, "-c", CHATTER, "grow", memory_bytes=100 << 20).ask({"op": "render"}, 12)
    assert time.monotonic() - began < 11
    watch = start(sys.executable, "-c", CHATTER, "")
    stop = threading.Timer(6, os.kill, (watch.pid, signal.SIGKILL))
    stop.start()
    with pytest.raises(EngineCrashed, match="no answer"):
        watch.ask({"op": "render"}, 0.5)
    stop.cancel()


def test_an_answer_belongs_to_its_request_whoever_asks_meanwhile(start: Start) -> None:
    """close() asks to quit while a picture is still asked for in another thread."""
    code = "import sys\nfirst = sys.stdin.readline()\nsys.stdin.readline()\n"
    code += 'print(\'{"id": 1, "result": {"of": 1}}\', flush=True)\nsys.stdin.readline()'
    worker = start(sys.executable, "-c", code)
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(worker.ask({"op": "render"}, 10)))
    asking.start()
    time.sleep(0.3)
    worker._requests.put(b'{"id": 2}\n')  # as a second ask does, without waiting for the answer
    next(worker._numbers)
    asking.join(12)
    assert answers == [{"of": 1}]


def test_a_command_that_can_t_be_run_is_told_from_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no-program").write_text("?")
    (tmp_path / "no-program").chmod(0o755)
    for command in ("no-program", "absent"):
        with pytest.raises(CommandFailed):
            WorkerProcess([str(tmp_path / command)], tmp_path / "log")
    with pytest.raises(IsADirectoryError):
        WorkerProcess(["sleep", "1"], tmp_path)
    monkeypatch.setattr(worker_process.subprocess, "Popen", full)
    with pytest.raises(BlockingIOError):
        WorkerProcess(["sleep", "1"], tmp_path / "log")


def full(*args: object, **options: object) -> None:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_the_second_signal_leaves_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("Set changed size during iteration")

    codes: list[int] = []
    monkeypatch.setattr(signals, "kill_all", fail)
    monkeypatch.setattr(signals, "_received", 1)
    monkeypatch.setattr(signals.os, "_exit", codes.append)
    with pytest.raises(RuntimeError):
        signals._stop(signal.SIGTERM, None)
    assert codes == [128 + signal.SIGTERM]


def test_workers_may_start_while_all_are_ended() -> None:
    class Worker:
        ended = False

        def signal_end(self) -> None:
            self.ended = True

    many = [Worker() for _ in range(300)]
    running, done = worker_process._running, threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            for worker in many[:100]:
                running.add(worker)
            for worker in many[:100]:
                running.discard(worker)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    running.update(many[100:])
    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(200):
            kill_all()
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(before)
        for worker in many:
            running.discard(worker)
    assert all(worker.ended for worker in many[100:])
