"""What Blender prints, within bounds: the newest of it is kept, and a first line tells how much went before.

Blender prints a few hundred bytes to some 12 kB a picture; one with a broken driver, add-on or file prints without end.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import NO_FILE, open_below
from scanstage.assets.files.stores import Location, read_file

WORKER_LOG_BYTES = 1 << 20
"""Of one worker, some eighty ordinary pictures. It lies in memory, up to twice as much, and workers may be hundreds."""
DATASET_LOG_BYTES = 4 << 20
"""Of a dataset, from all its sessions, shards and workers: what an editor still opens at once."""
_DROPPED = "… {:,} bytes before this were dropped\n"
_TOLD = re.compile(_DROPPED.encode("utf-8").replace(b"{:,}", rb"([\d,]{1,30})"))
LEAST_BYTES = 80
"""A log that is no longer tells nothing but what was dropped."""
_PIECE_BYTES = 1 << 16
"""What a pipe of Linux holds."""
_WAITS_FOR_ALL = os.name != "posix"
"""Whether a pipe can only be read by waiting for it, as on Windows; then the very last lines may come late."""
_LINE_BYTES = 4096
"""A log begins with a whole line where lines are no longer."""


class LogTail:
    """The end of what a worker prints on a pipe, and how much it was in all.

    Args:
        pipe: the end to read from; closed once nobody can print any more.
        most_bytes: to be kept.
    """

    def __init__(self, pipe: IO[bytes], most_bytes: int = WORKER_LOG_BYTES) -> None:
        self._pipe, self._most_bytes, self._dropped = pipe, most_bytes, 0
        self._kept = bytearray()
        self._lock = threading.Lock()
        if not _WAITS_FOR_ALL:
            os.set_blocking(pipe.fileno(), False)

    def follow(self) -> None:
        """Take what is printed off the pipe at once, until its end: a worker must never wait for that."""
        with contextlib.suppress(OSError, ValueError):
            if _WAITS_FOR_ALL:
                while printed := os.read(self._pipe.fileno(), _PIECE_BYTES):
                    with self._lock:
                        self._add(printed)
            else:
                ready = select.poll()
                ready.register(self._pipe, select.POLLIN)
                while ready.poll() and self._take():
                    pass
        with self._lock:
            self._pipe.close()

    def _take(self) -> bool:
        """Take what lies in the pipe, without waiting; whether more may come."""
        with self._lock:
            if self._pipe.closed:
                return False
            try:
                printed = os.read(self._pipe.fileno(), _PIECE_BYTES)
            except BlockingIOError:  # the other thread was here first
                return True
            self._add(printed)
            return bool(printed)

    def _add(self, printed: bytes) -> None:
        self._kept += printed
        if len(self._kept) > 2 * self._most_bytes:  # not each time: what stays is moved
            gone = len(self._kept) - self._most_bytes
            self._dropped += gone
            del self._kept[:gone]

    def read(self, most_bytes: int | None = None) -> bytes:
        """The end, of at most so many bytes, and all that was printed before it was asked for."""
        if not _WAITS_FOR_ALL:
            with contextlib.suppress(OSError):
                self._take()  # as much as a pipe holds; the thread that follows may not have come to it yet
        with self._lock:
            told = _DROPPED.format(self._dropped).encode("utf-8") if self._dropped else b""
            return shortened(told + self._kept, self._most_bytes if most_bytes is None else most_bytes)


def shortened(log: bytes, most_bytes: int) -> bytes:
    """The end of a log, which begins with what was dropped of it, now and at earlier times.

    Args:
        log: any, also one that was shortened before.
        most_bytes: of the result; :data:`LEAST_BYTES` at least.
    """
    if len(log) <= most_bytes:
        return log
    start = len(log) - max(0, most_bytes - LEAST_BYTES)
    start = log.find(b"\n", start - 1, start + _LINE_BYTES) + 1 or start
    gone = log[:start]
    told = sum(int(match[1].replace(b",", b"") or b"0") - len(match[0]) for match in _TOLD.finditer(gone))
    return _DROPPED.format(len(gone) + told).encode("utf-8") + log[start:]


def joined(logs: Sequence[bytes], most_bytes: int) -> bytes:
    """Logs one after the other within a bound that they share evenly: what short ones leave, longer ones take."""
    left, shares = most_bytes, dict.fromkeys(range(len(logs)), 0)
    for done, i in enumerate(sorted(shares, key=lambda i: len(logs[i]))):
        shares[i] = max(LEAST_BYTES, left // (len(logs) - done))
        left -= min(len(logs[i]), shares[i])
    return shortened(b"".join(shortened(log, shares[i]) for i, log in enumerate(logs)), most_bytes)


def log_end(root: Location, name: str, most_bytes: int = DATASET_LOG_BYTES) -> bytes:
    """The end of a log below a dataset's root; empty where there is none, or something else of its name.

    Raises OSError.
    """
    if not isinstance(root, Path):
        try:
            return shortened(read_file(root / name), most_bytes)
        except FileNotFoundError:
            return b""
    try:
        with open_below(root, name) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most_bytes))
            told = _DROPPED.format(size - most_bytes).encode("utf-8") if size > most_bytes else b""
            return shortened(told + file.read(most_bytes), most_bytes)
    except OSError as e:
        if e.errno in NO_FILE:
            return b""
        raise


def extend_log(root: Location, name: str, printed: bytes) -> None:
    """Put what was printed at the end of a log below a dataset's root, once: to be repeated after a kill.

    Raises OSError.
    """
    before = log_end(root, name)
    if not before.endswith(printed):
        write_atomically(root / name, shortened(before + printed, DATASET_LOG_BYTES))
