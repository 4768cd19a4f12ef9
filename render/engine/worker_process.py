"""A child process that answers JSON lines with JSON lines, however much its libraries print in between."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

import psutil

from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError
from scanstage.render.engine.log_tail import LogTail

_LOG_TAIL_LINES = 12
_QUIT_GRACE_S = 5.0
_LOOK_EVERY_S = 0.5
_GONE_S = 30.0
"""A process that waits for a device, such as a disk that is gone, can't be ended before that answers."""
_TAIL_BYTES, _TAIL_LINE = 20_000, 400
"""Of what it printed last, as much as its last lines are looked for in; a longer line of them is cut."""
_ANSWER_BYTES = 1 << 20
"""Answers are shorter; a line without end is chatter, and must not be held in memory."""
_NO_RESOURCES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC}
_running: set[WorkerProcess] = set()


class CommandFailed(Exception):
    """The command of a worker isn't one that this system can run."""


def one_line(error: Exception) -> str:
    """An error's message on one line, for tables."""
    return " ".join(str(error).split())


def kill_all() -> None:
    """End every worker of this process at once, without waiting for any."""
    for worker in _running.copy():  # in one step: a signal's handler may come in between any two
        worker.signal_end()


class WorkerProcess:
    """One worker.

    Args:
        command: what to run. It reads requests on standard input and answers on standard output.
        log: file that gets the end of what it printed on standard error, once it has ended. While it runs, that is
            kept in memory: however much it prints, it fills neither that nor a disk.
        memory_bytes: resident memory that it may take; None is any.

    Raises:
        CommandFailed: the command can't be run.
        OSError: the log can't be written, or the system has no room for another process.
    """

    def __init__(self, command: Sequence[str], log: Path, memory_bytes: int | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._log: Path | None = log
        self._numbers = itertools.count(1)
        self._ended = self._gone = False
        with log.open("ab"):  # a place that can't be written is told at once
            self._process = _started(command)
        _running.add(self)
        self._tail = LogTail(cast(IO[bytes], self._process.stderr))
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._write, args=(self._process.stdin, self._requests, self._lines), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stdout, self._lines), daemon=True),
            threading.Thread(target=self._tail.follow, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _write(stream: IO[bytes], requests: queue.Queue[bytes | None], lines: queue.Queue[bytes | None]) -> None:
        """Hand requests over: a worker that doesn't read blocks this thread, and not the one that watches the time."""
        with contextlib.suppress(OSError), stream:
            while (request := requests.get()) is not None:
                stream.write(request)
                stream.flush()
            return
        lines.put(None)

    @staticmethod
    def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
        with contextlib.suppress(OSError), stream:
            while line := stream.readline(_ANSWER_BYTES):
                if line.lstrip().startswith(b"{"):
                    lines.put(line)
        lines.put(None)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs, and hasn't been ended."""
        if self._ended:
            return False
        if self._process.poll() is None:
            return True
        # What it has started goes with it, and at once: its number is free as soon as the group is empty.
        self.signal_end()
        self._gone = True
        return False

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and wait for its answer; lines that are no answer to it are ignored.

        Raises:
            EngineError: the worker answered with an error.
            EngineCrashed: it died; or it gave no answer in time, or took more memory than it may, and was ended.
        """
        number = next(self._numbers)
        now = time.monotonic()
        deadline, look = now + timeout_s, now + _LOOK_EVERY_S
        self._requests.put((json.dumps({**request, "id": number}) + "\n").encode("utf-8"))
        while True:
            answer = self._next_line(min(look, deadline) - now)
            if answer.get("id") == number:
                return self._result(answer)
            # Looked at whatever comes in between: a worker that chatters must not escape it.
            now = time.monotonic()
            if now < min(look, deadline):
                continue
            look = now + _LOOK_EVERY_S
            reason = self._outgrown() or (f"gave no answer in {timeout_s:g} s" if now >= deadline else None)
            if reason is not None:
                self.kill()
                raise EngineCrashed(f"the engine {reason} and was ended", self._last_lines())

    def _next_line(self, timeout_s: float) -> dict[str, Any]:
        """What the next line says; nothing where none comes in time. Raises EngineCrashed where none can come."""
        try:
            line = self._lines.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            # What it has started may still hold its output open.
            if self.alive:
                return {}
            raise self._crashed() from None
        if line is None:
            self._lines.put(None)  # for whoever else waits
            raise self._crashed()
        return self._parse(line)

    def _outgrown(self) -> str | None:
        """What to say of a worker that takes more memory than it may."""
        taken = self.rss_bytes() if self._memory_bytes is not None else None
        if taken is None or self._memory_bytes is None or taken <= self._memory_bytes:
            return None
        share = f"{self._memory_bytes / 1e9:.2f} GB"
        return (
            f"took {taken / 1e9:.2f} GB of memory, more than its {share} (workers.memory_gb, or a lower workers.count),"
        )

    def rss_bytes(self) -> int | None:
        """Resident memory of it and the processes that it started; None where it is gone."""
        try:
            own = psutil.Process(self.pid)
            return int(sum(p.memory_info().rss for p in (own, *own.children(recursive=True))))
        except psutil.Error:
            return None

    @staticmethod
    def _parse(line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except ValueError:  # chatter; UnicodeDecodeError is one
            return {}
        return answer if isinstance(answer, dict) else {}

    @staticmethod
    def _result(answer: dict[str, Any]) -> dict[str, Any]:
        if error := answer.get("error"):
            raise EngineError(str(error.get("message")), str(error.get("kind")))
        result: dict[str, Any] = answer["result"]
        return result

    def _crashed(self) -> EngineCrashed:
        self.kill()
        code = self._process.returncode
        how = "can't be ended" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code}"
        return EngineCrashed(f"the engine's process {how}", self._last_lines())

    def printed(self, most_bytes: int | None = None) -> str:
        """The end of what it has printed; where that isn't all, its first line says so."""
        return self._tail.read(most_bytes).decode("utf-8", "replace")

    def _last_lines(self) -> list[str]:
        lines = self.printed(_TAIL_BYTES).splitlines()
        return [line[:_TAIL_LINE] for line in lines if line.strip()][-_LOG_TAIL_LINES:]

    def _write_log(self) -> None:
        """Once: what it prints after its end (something it has started, say) is nobody's."""
        log, self._log = self._log, None
        if log is not None:
            with contextlib.suppress(OSError), log.open("ab") as file:
                file.write(self._tail.read())

    def close(self) -> None:
        """Ask it to quit, end it if it doesn't, and wait until it is gone. May be called again."""
        if self.alive:
            with contextlib.suppress(EngineCrashed, EngineError):
                self.ask({"op": "quit"}, _QUIT_GRACE_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_QUIT_GRACE_S)
        self.kill()

    def signal_end(self) -> None:
        """End it, and what it has started, at once without waiting until they are gone."""
        self._ended = True
        if self._gone:  # its number may be another process's by now
            return
        if os.name == "posix":
            # Its session is its own: the group holds Blender also where the command is a wrapper that waits for it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def kill(self) -> None:
        """End it at once and wait until it is gone, or can't be ended."""
        self.signal_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_S)
            self._gone = True
            _running.discard(self)
        self._requests.put(None)
        self._lines.put(None)
        # Each closes its own stream: closed by another thread, that would wait for what holds the other end.
        for thread in self._threads:
            thread.join(1.0)
        self._write_log()


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A session of its own: Ctrl-C in the terminal reaches the coordinator, which ends its workers in order.
            start_new_session=True,
        )
    except OSError as e:
        if e.errno in _NO_RESOURCES:
            raise
        raise CommandFailed(str(e)) from e
