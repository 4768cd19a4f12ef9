"""A command that runs, the moments at which something happens to it, and how it ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from dataset_digest import Digest

MARK = "SCANSTAGE_FAULTS_RUN"
PATIENCE_S = 240.0
AFTERMATH_S = 8.0
"""So long may workers live on after their coordinator was killed."""


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def traceback(self) -> bool:
        """Whether a user was shown one of ours; Blender's own log lines are marked."""
        return any("Traceback" in line and "  | " not in line for line in (self.out + self.err).splitlines())

    def tail(self) -> str:
        """The last of what it printed, for messages."""
        return f"exit {self.code}: " + " | ".join((self.out + self.err).strip().splitlines()[-4:])


@dataclass
class Running:
    """A command that runs."""

    process: subprocess.Popen[bytes]
    mark: str
    logs: tuple[Path, Path]

    def family(self) -> list[psutil.Process]:
        """All living processes that this command started, itself included, orphans too."""
        return [p for p in psutil.process_iter() if self._is_ours(p)]

    def _is_ours(self, process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.Error, OSError):
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        return False

    def workers(self) -> list[psutil.Process]:
        """Its living Blender workers."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if "fake_blender.py" in line or "render/blender/worker.py" in line:
                    found.append(process)
        return found

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Send a signal to the coordinator alone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)

    @property
    def alive(self) -> bool:
        """Whether the coordinator still runs."""
        return self.process.poll() is None

    def ended_within(self, seconds: float) -> bool:
        """Wait for that long, or for its end; whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.alive

    def wait(self, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for its end; what outlasts all patience is killed, and has the code 999."""
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.end_all()
            code = 999
        out, err = (log.read_text("utf-8", "replace") for log in self.logs)
        return Ended(code, out, err)

    def orphans(self, patience_s: float = AFTERMATH_S) -> list[str]:
        """Processes that outlive the coordinator by more than that; they are ended."""
        deadline = time.monotonic() + patience_s
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.05)
        names = [f"{p.pid} {' '.join(p.cmdline())[-60:]}" for p in left if p.is_running()]
        self.end_all()
        return names

    def end_all(self) -> None:
        """Kill whatever is left of it."""
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Reference:
    """An uninterrupted run, and its bytes."""

    out: Path
    digest: Digest

    @property
    def pictures(self) -> int:
        """Number of its pictures."""
        return sum(name.startswith("records/") for name in self.digest)

    def moment(self, rng: np.random.Generator, done: int = 0) -> Moment:
        """A random moment of a run that finds ``done`` pictures: while it starts, makes a picture, or closes."""
        records = int(rng.integers(done - 1, self.pictures + 1))
        return Moment(None if records < done else records, float(rng.uniform(0.0, 1.0 if records < done else 0.25)))

    def midway(self, rng: np.random.Generator) -> Moment:
        """A random moment while pictures are still to be made."""
        return Moment(int(rng.integers(self.pictures - 1)), float(rng.uniform(0.0, 0.1)))


@dataclass(frozen=True)
class Moment:
    """A moment of a run, told by its progress, so that it is hit however busy the machine is.

    Attributes:
        records: when so many are there; None is when the run has just taken hold of its folder.
        delay_s: after that.
    """

    records: int | None
    delay_s: float

    def wait(self, running: Running, out: Path) -> bool:
        """Wait for it; whether the run still goes on then."""
        return wait_until(running, partial(self._has_come, out)) and not running.ended_within(self.delay_s)

    def _has_come(self, out: Path) -> bool:
        if self.records is None:
            return (out / ".scanstage.lock").exists()
        return len(list(out.glob("records/[0-9]*.json"))) >= self.records


def lines_of(process: subprocess.Popen[str], patience_s: float) -> Iterator[str]:
    """What a process prints, line by line; it is killed once it has said nothing for so long."""
    assert process.stdout is not None
    heard = time.monotonic()

    def watch() -> None:
        while process.poll() is None:
            if time.monotonic() - heard > patience_s:
                process.kill()
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()
    for line in process.stdout:
        heard = time.monotonic()
        yield line


def wait_until(running: Running, there: Callable[[], object]) -> bool:
    """Wait for something; whether the run still goes on then."""
    while running.alive and not there():
        time.sleep(0.01)
    return running.alive
