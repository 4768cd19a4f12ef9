"""A file that one process holds, across machines that share a folder.

Where the file system knows ``flock`` (local disks, NFS from version 4 on, Lustre mounted with ``flock``), the system
lets go when the holder ends, however that happens. Where it doesn't, what the file says of its holder has to do.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

try:
    import fcntl
except ImportError:  # Windows: what the file says has to do
    fcntl = None  # type: ignore[assignment]

PROBED_S = 0.5
"""Whoever looks whether a file is held locks it for a moment: a claim tries again for so long."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
"""Windows hands no file down unless it is asked to."""
_held_here: set[Path] = set()

Note = Callable[[str], None]


@dataclass(frozen=True)
class Holder:
    """Who holds a file.

    Attributes:
        what: it does there: ``a run``, ``shard 2/8``.
        pid, host: of its process.
        life: tells apart processes that had the same number; None where the system can't.
    """

    what: str = "another run"
    pid: int | None = None
    host: str | None = None
    life: str | None = None

    def __str__(self) -> str:
        return self.what if self.pid is None else f"{self.what} (process {self.pid} on {self.host})"

    @property
    def here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()


class Held(Exception):
    """A file is held by somebody else.

    Attributes:
        path: the file.
        holder: as far as it is known.
        certain: False where the holder may have ended: it is on another machine, and the file system has no locks.
    """

    def __init__(self, path: Path, holder: Holder, certain: bool) -> None:
        super().__init__(f"{path}: held by {holder}")
        self.path, self.holder, self.certain = path, holder, certain


@contextmanager
def claim(path: Path, what: str, note: Note) -> Iterator[None]:
    """Hold ``path``, in a folder that exists; the file is gone afterwards.

    Args:
        path: the file.
        what: the holder does, for others' messages.
        note: told where a holder that was killed is followed.

    Raises:
        Held: by another process, or elsewhere in this one.
        OSError: the folder can't be written.
    """
    handle = _claimed(path, what, note)
    _held_here.add(path)
    try:
        yield
    finally:
        _held_here.discard(path)
        # Unlinked while it is still held: whoever waits for it finds that it is gone, and makes a new one.
        with contextlib.suppress(OSError):
            if _is_own(path, what, handle):
                path.unlink()
        if handle is not None:
            os.close(handle)


def holder_of(path: Path) -> Held | None:
    """Who holds ``path``; None where nobody does (any more). Raises OSError where that can't be read."""
    try:
        handle = os.open(path, os.O_RDONLY | _CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        locked = _flock(handle, shared=True)
        found = _read(handle)
    except BlockingIOError:
        return Held(path, _read(handle) or Holder(), True)
    finally:
        os.close(handle)
    return None if locked else _held_by_content(path, found)


def _claimed(path: Path, what: str, note: Note) -> int | None:
    """The handle of the locked file, or None where what it says has to do."""
    if not _knows_locks(path.parent):
        _claim_by_content(path, what, note)
        return None
    deadline = time.monotonic() + PROBED_S
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _CLOEXEC, 0o644)
        try:
            if _flock(handle, shared=False) and _is_still(path, handle):
                if (before := _read(handle)) is not None:
                    note(_followed(before))
                os.ftruncate(handle, 0)
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, _told(what))
                kept, handle = handle, -1
                return kept
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Held(path, _read(handle) or Holder(), True) from None
            time.sleep(0.05)
        finally:
            if handle >= 0:
                os.close(handle)


def _knows_locks(folder: Path) -> bool:
    """Whether the file system can lock files: tried on one that nobody else sees."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        return _flock(probe.fileno(), shared=False)


def _flock(handle: int, *, shared: bool) -> bool:
    """Lock without waiting; False where the file system has no locks. Raises BlockingIOError where another has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as e:
        if e.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_still(path: Path, handle: int) -> bool:
    """Whether the file that was opened is the one under that name: its last owner may just have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _is_own(path: Path, what: str, handle: int | None) -> bool:
    """Whether the file is still the one that was claimed: its folder may have been replaced since."""
    return _content(path) == _me(what) if handle is None else _is_still(path, handle)


def _claim_by_content(path: Path, what: str, note: Note) -> None:
    """Put a file in place that says who holds it, complete from its first moment on."""
    handle, staged = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(_told(what))
            f.flush()
            os.fsync(f.fileno())
        while not _put(Path(staged), path):
            found = _content(path)
            held = _held_by_content(path, found)
            if held is not None:
                raise held
            if found is not None and _remove_stale(path, found):
                note(_followed(found))
    finally:
        Path(staged).unlink(missing_ok=True)


def _put(staged: Path, path: Path) -> bool:
    """Give the staged file its name unless that is taken."""
    try:
        os.link(staged, path)
    except FileExistsError:
        return False
    except OSError:  # no hard links either
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(handle, "wb") as f:
            f.write(staged.read_bytes())
    return True


def _remove_stale(path: Path, found: Holder) -> bool:
    """Move a dead holder's file out of the way; False where somebody else was faster, whose file is put back."""
    aside = path.with_name(f".{path.name}.{os.getpid():08x}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    same = _content(aside) == found
    if not same:
        with contextlib.suppress(OSError):
            os.link(aside, path)
    aside.unlink(missing_ok=True)
    return same


def _held_by_content(path: Path, found: Holder | None) -> Held | None:
    if found is None:
        return Held(path, Holder(), False) if path.exists() else None
    if not found.here:
        return Held(path, found, False)
    if found.pid == os.getpid():
        return Held(path, found, True) if path in _held_here else None
    life = None if found.pid is None else _life(found.pid)
    return Held(path, found, True) if life is not None and found.life in (None, life) else None


def _content(path: Path) -> Holder | None:
    try:
        return _parsed(path.read_bytes()[:1000])
    except FileNotFoundError:
        return None


def _read(handle: int) -> Holder | None:
    os.lseek(handle, 0, os.SEEK_SET)  # Windows has no pread
    return _parsed(os.read(handle, 1000))


def _parsed(data: bytes) -> Holder | None:
    try:
        told = json.loads(data)
        life = told.get("life")
        what = str(told.get("what", Holder.what))
        return Holder(what, int(told["pid"]), str(told["host"]), None if life is None else str(life))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _told(what: str) -> bytes:
    return json.dumps(asdict(_me(what))).encode()


def _me(what: str) -> Holder:
    return Holder(what, os.getpid(), socket.gethostname(), _life(os.getpid()))


def _life(pid: int) -> str | None:
    """What tells a living process from others that had its number, whatever the clock is set to; None: it is dead.

    Where the system has no such thing, it is the same for all.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # proc(5): field 22 is the start in ticks since boot; the name, field 2, may hold spaces and parentheses.
        ticks = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except psutil.NoSuchProcess:
        return None
    except (OSError, IndexError, psutil.Error):
        return "unknown" if psutil.pid_exists(pid) else None
    return f"{boot}/{ticks}"


def _followed(before: Holder) -> str:
    return f"{before} was killed there before; its place is taken over"
