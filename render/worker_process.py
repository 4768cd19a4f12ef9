"""A child process that answers JSON lines with JSON lines, however much its libraries print in between."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import psutil

_LOG_TAIL_LINES = 12
_QUIT_GRACE_S = 5.0
_LOOK_EVERY_S = 0.5
_LOG_BYTES = 4 << 20
_running: weakref.WeakSet[WorkerProcess] = weakref.WeakSet()


class EngineError(Exception):
    """A picture failed; the engine lives on and takes the next.

    Attributes:
        kind: the name of the error inside the worker, such as ``MissingFile``.
    """

    def __init__(self, message: str, kind: str = "EngineError") -> None:
        super().__init__(message)
        self.kind = kind


class EngineCrashed(Exception):
    """The engine's process died, hung or broke the protocol: a new one is needed.

    Attributes:
        log_tail: the last lines that it printed.
    """

    def __init__(self, message: str, log_tail: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *(f"  | {line}" for line in log_tail)]))
        self.log_tail = list(log_tail)


def one_line(error: Exception) -> str:
    """An error's message on one line, for tables."""
    return " ".join(str(error).split())


def kill_all() -> None:
    """End every worker of this process at once, without waiting for any."""
    for worker in list(_running):
        worker.signal_end()


class WorkerProcess:
    """One worker.

    Args:
        command: what to run. It reads requests on standard input and answers on standard output.
        log: file that its standard error is appended to.
        memory_bytes: resident memory that it may take; None is any.

    Raises:
        OSError: the command can't be started.
    """

    def __init__(self, command: Sequence[str], log: Path, memory_bytes: int | None = None) -> None:
        self._log, self._memory_bytes = log, memory_bytes
        self._requests = 0
        with log.open("ab") as log_file:
            self._log_start = log_file.tell()
            # A session of its own: Ctrl-C in the terminal reaches the coordinator, which ends its workers in order.
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
            )
        _running.add(self)
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, self._lines), daemon=True)
        self._reader.start()

    @staticmethod
    def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed under us
            for line in stream:
                lines.put(line)
        lines.put(None)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a request and wait for its answer; lines that are no answer to it are ignored.

        Raises:
            EngineError: the worker answered with an error.
            EngineCrashed: it died; or it gave no answer in time, or took more memory than it may, and was ended.
        """
        self._requests += 1
        message = json.dumps({**request, "id": self._requests}) + "\n"
        deadline = time.monotonic() + timeout_s
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(message.encode("utf-8"))
            self._process.stdin.flush()
        except (OSError, ValueError) as e:
            raise self._crashed() from e
        while True:
            try:
                line = self._lines.get(timeout=min(_LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                if (reason := self._outgrown()) is None and time.monotonic() < deadline:
                    continue
                self.kill()
                reason = reason or f"gave no answer in {timeout_s:.0f} s"
                raise EngineCrashed(f"the engine {reason} and was ended", self._tail()) from None
            if line is None:
                raise self._crashed()
            answer = self._parse(line)
            if answer.get("id") == self._requests:
                return self._result(answer)

    def _outgrown(self) -> str | None:
        """What to say of a worker that takes more memory than it may."""
        taken = self.rss_bytes() if self._memory_bytes is not None else None
        if taken is None or self._memory_bytes is None or taken <= self._memory_bytes:
            return None
        return f"took {taken / 1e9:.1f} GB of memory, more than its {self._memory_bytes / 1e9:.1f} GB,"

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
        self._process.kill()
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return EngineCrashed(f"the engine's process {how}", self._tail())

    def printed(self, most_bytes: int = _LOG_BYTES) -> str:
        """The end of what it has printed."""
        try:
            with self._log.open("rb") as f:
                f.seek(max(self._log_start, self._log.stat().st_size - most_bytes))
                return f.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def shorten_log(self) -> None:
        """Drop what it has printed so far where that has become long: days of it would fill the memory it lies in."""
        with contextlib.suppress(OSError):
            if self._log.stat().st_size > _LOG_BYTES:
                os.truncate(self._log, 0)  # it is written to by appending: what comes next starts at the beginning
                self._log_start = 0

    def _tail(self) -> list[str]:
        text = self.printed(20_000)
        return [line for line in text.splitlines() if line.strip()][-_LOG_TAIL_LINES:]

    def close(self) -> None:
        """Ask it to quit, end it if it doesn't, and wait until it is gone. May be called again."""
        if self.alive:
            with contextlib.suppress(EngineCrashed, EngineError):
                self.ask({"op": "quit"}, _QUIT_GRACE_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_QUIT_GRACE_S)
        self.kill()

    def signal_end(self) -> None:
        """End it at once without waiting until it is gone."""
        self._process.kill()

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join(1.0)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
