"""One run at a time into a folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assets.errors import InputError
from dataset.folder import DatasetFolder

try:
    import fcntl
except ImportError:  # Windows has no such locks: two runs at once are the user's to avoid there
    fcntl = None  # type: ignore[assignment]


@contextmanager
def run_lock(folder: DatasetFolder) -> Iterator[None]:
    """Hold the folder for this run; it is made where it isn't there.

    The system lets go of the lock when its owner ends, however that happens: what a killed run leaves behind hinders
    nobody.

    Raises:
        InputError: another run holds it, with its process and host; or the folder can't be written.
    """
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        handle = _locked(folder.lock)
    except OSError as e:
        raise InputError(f"{folder.root}: can't be written ({e.strerror or e})", "choose another with --out") from None
    try:
        yield
    finally:
        # Unlinked while it is still held: whoever waits for it finds that it is gone, and makes a new one.
        with contextlib.suppress(OSError):
            folder.lock.unlink()
        os.close(handle)


def _locked(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(handle)
            os.close(handle)
            raise InputError(
                f"{path.parent}: another run is writing to it{owner}",
                "wait for it to end, or choose another folder with --out",
            ) from None
        except OSError:
            pass  # a file system without locks: two runs at once are the user's to avoid
        if _is_still(path, handle):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
            return handle
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Whether the file that was opened is the one under that name: its last owner may just have removed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _owner(handle: int) -> str:
    try:
        told = json.loads(os.pread(handle, 1000, 0))
        return f" (process {told['pid']} on {told['host']})"
    except (ValueError, KeyError, TypeError):
        return ""
