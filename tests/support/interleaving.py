"""Processes that share files, run step by step in every order: a small model checker.

Each process is a thread that stops before every system call that others could notice; one goes on at a time, and the
explorer decides which. It goes through all orders with a bounded number of switches away from a process that could have
gone on (few are enough for nearly all races: Musuvathi and Qadeer, "Iterative context bounding", PLDI 2007), and may
kill processes where they stand, as SIGKILL does: nothing of their cleaning up happens, and their files are closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

CALLS = ("open", "close", "rename", "replace", "link", "unlink", "mkdir", "rmdir", "listdir", "scandir", "stat")
SLEEP_S = 0.2
"""A process that sleeps finds its own clock so much further, however long it wanted to sleep."""


class Killed(BaseException):
    """Unwinds the thread of a process that was killed."""


class Process(threading.Thread):
    """One of them.

    Args:
        number: in the place of a process's number.
        program: what it does; it gets the process.
    """

    def __init__(self, number: int, program: Callable[[Process], None]) -> None:
        super().__init__(daemon=True)
        self.number, self._program = number, program
        self.ended = self.killed = self.sleeps = False
        self.error: BaseException | None = None
        self.at, self.clock_s = "start", 0.0
        self.handles: set[int] = set()
        self._go, self._stopped = threading.Lock(), threading.Lock()  # held: not yet
        self._go.acquire()
        self._stopped.acquire()

    def run(self) -> None:
        self._go.acquire()
        try:
            if not self.killed:
                self._program(self)
        except Killed:
            pass
        except BaseException as e:
            self.error = e
        self.ended = True
        self._stopped.release()

    def step(self) -> None:
        """Let it make the call before which it stands, and go on to the next; called by the explorer."""
        self.sleeps = False
        self._go.release()
        self._stopped.acquire()

    def kill(self) -> None:
        """End it where it stands."""
        self.killed = True
        self.step()
        for handle in self.handles:
            with contextlib.suppress(OSError):
                os.close(handle)

    def pause(self, at: str) -> None:
        """Stop before a call; called by the process itself."""
        if not self.killed:
            self.at = at
            self._stopped.release()
            self._go.acquire()
        if self.killed:
            raise Killed


def here() -> Process | None:
    """The process that this thread is."""
    thread = threading.current_thread()
    return thread if isinstance(thread, Process) else None


class Clock:
    """In the place of the module ``time``."""

    @staticmethod
    def monotonic() -> float:
        process = here()
        return 0.0 if process is None else process.clock_s

    @staticmethod
    def sleep(seconds: float) -> None:
        if (process := here()) is not None:
            process.clock_s += SLEEP_S
            process.sleeps = True
            process.pause("sleep")


def hook(patch: pytest.MonkeyPatch, is_seen: Callable[[str], bool]) -> None:
    """Let processes stop before system calls.

    Args:
        patch: undoes it.
        is_seen: whether others could notice what happens to a path.
    """

    def stopping(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            process = here()
            if process is None:
                return real(*arguments, **named)
            paths = [str(a) for a in arguments if not isinstance(a, int)]
            if name == "close" or process.killed or any(map(is_seen, paths)):
                process.pause(f"{name} {' '.join(p.rsplit('/', 1)[-1][:24] for p in paths)}")
            result = real(*arguments, **named)
            if name == "open":
                process.handles.add(result)
            elif name == "close":
                process.handles.discard(arguments[0])
            return result

        return call

    for name in CALLS:
        patch.setattr(os, name, stopping(name, getattr(os, name)))
    real_flock = fcntl.flock

    def flock(handle: Any, operation: int) -> None:
        if (process := here()) is not None:
            process.pause("flock")
        real_flock(handle, operation)

    patch.setattr(fcntl, "flock", flock)
    patch.setattr(os, "fsync", lambda handle: None)


@dataclass
class Explorer:
    """Goes through the orders in which processes can run.

    Attributes:
        switches: at most so many, away from a process that could have gone on.
        kills: at most so many.
        most_runs: an error where there are more.
        runs: so far.
    """

    switches: int
    kills: int = 0
    most_runs: int = 50_000
    runs: int = 0
    _path: list[tuple[int, int]] = field(default_factory=list)
    """Of the present run: which of how many choices was taken at each point."""

    def all_orders(self, start: Callable[[], list[Process]]) -> Iterator[list[str]]:
        """Run fresh processes in each order; yields what was done after each run, once all have ended."""
        while True:
            self.runs += 1
            assert self.runs <= self.most_runs, "too many orders: lower the bounds"
            yield self._run(start())
            while self._path and self._path[-1][0] + 1 == self._path[-1][1]:
                self._path.pop()
            if not self._path:
                return
            taken, of = self._path.pop()
            self._path.append((taken + 1, of))

    def _run(self, processes: list[Process]) -> list[str]:
        for process in processes:
            process.start()
        now, switches, kills, depth, story = processes[0], 0, 0, 0, []
        while living := [p for p in processes if not p.ended]:
            could_go_on = not now.ended and not now.sleeps
            choices = [("go", now)] if not now.ended else []
            if not could_go_on or switches < self.switches:
                choices += [("go", p) for p in living if p is not now]
            if kills < self.kills and not now.ended:
                choices.append(("kill", now))
            if depth == len(self._path):
                self._path.append((0, len(choices)))
            assert self._path[depth][1] == len(choices), "the same steps didn't lead to the same place"
            what, process = choices[self._path[depth][0]]
            depth += 1
            switches += could_go_on and process is not now
            story.append(f"{process.number}: {'killed before ' if what == 'kill' else ''}{process.at}")
            if what == "kill":
                kills += 1
                process.kill()
            else:
                process.step()
            now = process
        for process in processes:
            process.join()
        return story
