"""Who holds a file, and whether that process still lives."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

MOST_BYTES = 4096
"""What a holder says of itself has a tenth of that."""
_UNTOLD = "unknown"
_LIFE = re.compile(r"(?P<boot>[^/]*)/[^/]+")


@dataclass(frozen=True)
class Holder:
    """Who holds a file.

    Attributes:
        what: it does there: ``a run``, ``shard 2/8``.
        pid, host: of its process.
        life: tells apart processes that had the same number; None where the system can't.
        numbering: of processes, which starts anew in a container; None where there is but one.
    """

    what: str = "another run"
    pid: int | None = None
    host: str | None = None
    life: str | None = None
    numbering: str | None = None

    def __str__(self) -> str:
        return self.what if self.pid is None else f"{self.what} (process {self.pid} on {self.host})"

    @property
    def is_me(self) -> bool:
        """Whether it is, or had the number of, this process."""
        own = (os.getpid(), socket.gethostname())
        return (self.pid, self.host) == own and self.numbering in (None, numbering())


class Held(Exception):
    """A file is held by somebody else.

    Attributes:
        path: of the claim.
        holder: as far as it is known.
        certain: False where the holder may have ended: it can't be seen from here, and the file system has no locks.
        file: that says who it is: without it the claim is free.
    """

    def __init__(self, path: Path, holder: Holder, certain: bool, file: Path | None = None) -> None:
        super().__init__(f"{path}: held by {holder}")
        self.path, self.holder, self.certain, self.file = path, holder, certain, file or path


def foreign(path: Path) -> OSError:
    """What is raised where something else is under a claim's name."""
    return OSError(errno.EINVAL, f"{path.name} there is not scanstage's", str(path))


def me(what: str) -> Holder:
    """This process."""
    return Holder(what, os.getpid(), socket.gethostname(), life(os.getpid()), numbering())


def told(holder: Holder) -> bytes:
    """What is written of a holder."""
    return json.dumps(asdict(holder)).encode()


def parsed(data: bytes) -> Holder | None:
    """What :func:`told` wrote; None where it is broken."""
    try:
        content = json.loads(data)
        rest = (None if (v := content.get(key)) is None else str(v) for key in ("life", "numbering"))
        return Holder(str(content.get("what", Holder.what)), int(content["pid"]), str(content["host"]), *rest)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def fate(holder: Holder) -> Literal["alive", "dead", "unknown"]:
    """What became of a process, as far as that can be seen from here.

    ``dead`` is for ever: no thread of it can do anything any more. Whoever is on another host, or in another
    container of the same name, can't be seen.
    """
    if holder.pid is None or holder.host != socket.gethostname():
        return "unknown"
    match, boot = _LIFE.fullmatch(holder.life or ""), _boot()
    if match and boot and match["boot"] and match["boot"] != boot:
        return "dead"
    if holder.numbering not in (None, numbering()):
        return "unknown"
    now = life(holder.pid)
    if now is None:
        return "dead"
    if holder.life in (None, now):
        return "alive"
    return "unknown" if _UNTOLD in (now, holder.life) else "dead"


def life(pid: int) -> str | None:
    """What tells a living process from others that had its number, whatever the clock is set to; None: it is dead.

    Where the system doesn't tell, it is the same for all.
    """
    if not Path("/proc/self/stat").exists():
        return _life_elsewhere(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):  # or hidden: /proc may show each user only their own
        return _UNTOLD if _exists(pid) else None
    except OSError:
        return _UNTOLD
    # proc(5): field 2, the name, may hold spaces and parentheses; 3 is the state, 20 the number of threads, 22 the
    # start in ticks since boot. A process whose first thread has ended may have others that still write.
    fields = text.rpartition(")")[2].split()
    try:
        if fields[0] in ("Z", "X", "x") and int(fields[17]) <= 1:
            return None
        return f"{_boot()}/{fields[19]}"
    except (IndexError, ValueError):
        return _UNTOLD


def _life_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"/{process.create_time()}"
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return _UNTOLD


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def numbering() -> str | None:
    """Of this process: Linux's namespace of process numbers."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - a Path would lose what isn't a path
    except OSError:
        return None
