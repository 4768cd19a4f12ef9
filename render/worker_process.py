"""A child process that answers JSON lines with JSON lines, however much its libraries print in between."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

_LOG_TAIL_LINES = 12
_QUIT_GRACE_S = 5.0


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


class WorkerProcess:
    """One worker.

    Args:
        command: what to run. It reads requests on standard input and answers on standard output.
        log: file that its standard error is appended to.

    Raises:
        OSError: the command can't be started.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log
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
            EngineCrashed: it died, or gave no answer in time and was ended.
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
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise EngineCrashed(
                    f"the engine gave no answer in {timeout_s:.0f} s and was ended", self._tail()
                ) from None
            if line is None:
                raise self._crashed()
            answer = self._parse(line)
            if answer.get("id") == self._requests:
                return self._result(answer)

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

    def _tail(self) -> list[str]:
        try:
            with self._log.open("rb") as f:
                f.seek(self._log_start)
                text = f.read()[-20_000:].decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-_LOG_TAIL_LINES:]

    def close(self) -> None:
        """Ask it to quit, end it if it doesn't, and wait until it is gone. May be called again."""
        if self.alive:
            with contextlib.suppress(EngineCrashed, EngineError):
                self.ask({"op": "quit"}, _QUIT_GRACE_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_QUIT_GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join(1.0)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
