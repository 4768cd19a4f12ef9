"""A name that one process holds, across machines that share a folder.

Where the file system knows ``flock`` (local disks, NFS from version 4 on, Lustre mounted with ``flock``), the claim is
a locked file: the system lets go when the holder ends, however that happens. Why never two hold it: a claimant locks
the file that it has opened and then looks whether that one is still under the name; and a file is removed from under
the name only by who has it locked. So whoever has locked the file under the name, and sees it there, is alone. What is
written in it is for people.

Where it doesn't, the claim is a folder, and what is in it has to do: see :mod:`folder_claim`. All who share a
folder must find it in the same state. Where one host has ``flock`` and another hasn't, each respects the other's claims
while their holders live; only in the moment in which both follow the same dead process of their own host could they
meet, which takes a file system that lends one process of a host locks and refuses them to the next.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scanstage.render.locks import folder_claim
from scanstage.render.locks.holder import MOST_BYTES, Held, Holder, foreign, me, parsed, told

try:
    import fcntl
except ImportError:  # Windows: what is in a folder has to do
    fcntl = None  # type: ignore[assignment]

PROBED_S = 0.5
"""Whoever looks whether a file is held locks it for a moment: a claim tries again for so long."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# Windows has none of these: it hands no file down unless it is asked to, and has no pipes among files.
_SAFELY: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

Note = Callable[[str], None]
IsKept = Callable[[], bool]
"""Whether a claim is still under its name: somebody may have moved or deleted the folder that it is in."""


@contextmanager
def claim(path: Path, what: str, note: Note) -> Iterator[IsKept]:
    """Hold ``path``, in a folder that exists; nothing is left of it afterwards.

    Args:
        path: of the claim.
        what: the holder does, for others' messages.
        note: told where a holder that was killed is followed.

    Raises:
        Held: by another process, or elsewhere in this one.
        FileNotFoundError: the folder is gone: to be made, and tried again.
        OSError: the folder can't be written, or something else is under that name.
    """
    if not _knows_locks(path):
        entry = folder_claim.take(path, what, lambda before: note(_followed(before)))
        try:
            yield lambda: folder_claim.is_there(path, entry)
        finally:
            folder_claim.let_go(path, entry)
        return
    handle = _locked(path, what, note)
    try:
        with folder_claim.owning(path):
            yield lambda: _is_still(path, handle)
    finally:
        # Unlinked while it is still held: whoever waits for it finds that it is gone, and makes a new one.
        with contextlib.suppress(OSError):
            if _is_still(path, handle):
                path.unlink()
        os.close(handle)


def holder_of(path: Path) -> Held | None:
    """Who holds ``path``; None where nobody does (any more). Raises OSError where that can't be read."""
    try:
        handle = _opened(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except (IsADirectoryError, PermissionError):  # Windows opens no folder
        return folder_claim.look(path)
    try:
        if not _flock(handle, shared=True):
            return folder_claim.look(path)
    except BlockingIOError:
        return Held(path, _read(handle) or Holder(), True)
    finally:
        os.close(handle)
    return None


def _locked(path: Path, what: str, note: Note) -> int:
    """The handle of the locked file."""
    deadline = time.monotonic() + PROBED_S
    while True:
        try:
            handle = _opened(path, os.O_RDWR | os.O_CREAT)
        except IsADirectoryError:  # of a host that has no locks
            if time.monotonic() > deadline:
                raise foreign(path) from None
            folder_claim.clear(path, lambda holder: note(_followed(holder)))
            continue
        try:
            if not _flock(handle, shared=False):
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(path))  # it has just had them
            if _is_still(path, handle):
                if (before := _read(handle)) is not None:
                    note(_followed(before))
                os.ftruncate(handle, 0)
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, told(me(what)))
                kept, handle = handle, -1
                return kept
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Held(path, _read(handle) or Holder(), True) from None
            time.sleep(0.05)
        finally:
            if handle >= 0:
                os.close(handle)


def _opened(path: Path, flags: int) -> int:
    """The file, if it can be one of ours: what is written into it must not be another's. Raises OSError."""
    try:
        handle = os.open(path, flags | _SAFELY, 0o644)
    except OSError as e:
        if e.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise foreign(path) from e
        raise
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_size <= MOST_BYTES and found.st_nlink <= 1:
        return handle
    os.close(handle)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise foreign(path)


def _knows_locks(path: Path) -> bool:
    """Whether the file system can lock files: tried on one beside it that nobody else sees, or takes for another's."""
    with tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}.") as probe:
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
        return os.path.samestat(os.fstat(handle), path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read(handle: int) -> Holder | None:
    os.lseek(handle, 0, os.SEEK_SET)  # Windows has no pread
    return parsed(os.read(handle, MOST_BYTES))


def _followed(before: Holder) -> str:
    return f"{before} was killed there before; its place is taken over"
