"""A place for passes, for the moment between writing and reading."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scanstage.scenes.config.sections.render_settings import RenderSettings

try:
    import fcntl
except ImportError:  # Windows: what a killed run leaves there is left to the system
    fcntl = None  # type: ignore[assignment]

PREFIX = "scanstage-scratch-"


MEMORY = Path("/dev/shm")
CHANNELS = {"depth": 1, "normals": 3, "soft_masks": 12}
"""Of 32 bits in each pixel, besides colour, alpha and instance id."""
LENS_MARGIN = 2.0
"""An ideal camera that sees all that a distorted one does may render so many times its pixels."""


def passes_bytes(settings: RenderSettings, resolution_wh: tuple[int, int]) -> int:
    """Most that one worker's passes take: a picture's, and with blur those of a sharp render."""
    channels = 5 + sum(CHANNELS[name] for name in settings.passes)
    return round(2 * 4 * channels * resolution_wh[0] * resolution_wh[1] * LENS_MARGIN)


@contextmanager
def scratch_folder(need_bytes: int) -> Iterator[Path]:
    """A folder, in memory where the system has such a place with room; gone afterwards.

    Those that killed runs left behind, which may fill the memory, are removed first: their owners no longer hold them.

    Args:
        need_bytes: what will lie in it at once; containers often have no more than 64 MB of such memory.
    """
    with held_folder(MEMORY if _has_room(MEMORY, need_bytes) else Path(tempfile.gettempdir())) as path:
        yield path


@contextmanager
def held_folder(parent: Path) -> Iterator[Path]:
    """A folder in another, gone afterwards; others know that it has an owner, and remove it once that was killed."""
    remove_scratch_of_dead_runs()
    path, handle = _held_folder(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _has_room(place: Path, need_bytes: int) -> bool:
    try:
        return os.access(place, os.W_OK) and shutil.disk_usage(place).free >= need_bytes
    except OSError:  # there is no such place
        return False


def remove_scratch_of_dead_runs() -> None:
    """Also to be called where nothing is to be rendered: else what lies in memory would stay there."""
    for place in (MEMORY, Path(tempfile.gettempdir())):
        remove_abandoned(place)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove this user's scratch folders below ``parent`` that no process holds; returns them."""
    removed = []
    for path in sorted(parent.glob(f"{PREFIX}*")):
        handle = _hold(path)
        if handle is not None:
            # Held while it is removed: its owner, had it only just made it, can't take it any more, and makes another.
            shutil.rmtree(path, ignore_errors=True)
            os.close(handle)
            removed.append(path)
    return removed


def _held_folder(parent: Path) -> tuple[Path, int | None]:
    """A new folder, and the handle that shows others that it has an owner; None where the system can't show that."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        if fcntl is None:
            return path, None
        try:
            handle = _lock(path)
        except (BlockingIOError, FileNotFoundError, NotADirectoryError):  # another run is removing it, or has
            continue
        except OSError:  # this file system has no locks: nobody can take the folder for abandoned there
            return path, None
        if handle is not None:
            return path, handle


def _hold(path: Path) -> int | None:
    """Lock a folder that is this user's; None where it is somebody's already, or gone."""
    if fcntl is None:
        return None
    try:
        handle = _lock(path)
    except OSError:
        return None
    if handle is None or os.fstat(handle).st_uid == os.getuid():
        return handle
    os.close(handle)
    return None


def _lock(path: Path) -> int | None:
    """Lock a folder without waiting; None where another one has taken its name meanwhile. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle)):
            kept, handle = handle, -1
            return kept
    finally:
        if handle >= 0:
            os.close(handle)
    return None
