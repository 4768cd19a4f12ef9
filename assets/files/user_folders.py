"""Where a user's scans are kept, and what can be made anew; also for one without a home, as in a container.

``docker run --user 12345`` gives a user without an entry in passwd, whose home is ``/`` or unknown: nothing may be
written there. Then the cache is a temporary folder that nobody else can have put anything into, and there is no library
unless one is named.
"""

from __future__ import annotations

import atexit
import functools
import logging
import multiprocessing
import os
import shutil
import stat
import tempfile
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option

logger = logging.getLogger(__name__)

LIBRARY, CACHE = "SCANSTAGE_LIBRARY", "SCANSTAGE_CACHE"
TEMPORARY = "scanstage-cache-"
NO_LIBRARY = "there is no library of scans, and this user has no folder in which one could be made"
NAME_LIBRARY = f"name a folder for it: set {LIBRARY}, or give {option('library')}"


def expanded(path: Path) -> Path:
    """The path with ``~`` and ``~name`` as those users' home folders. Raises InputError where nobody knows them."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"{path}: it isn't known where that home folder is", "write the whole path") from None


def default_library() -> Path | None:
    """``$SCANSTAGE_LIBRARY``, else ``scanstage/library`` in the user's data folder (XDG).

    None where neither is named nor there, nor could be made. Raises InputError for a variable that can't be used.
    """
    if named := os.environ.get(LIBRARY):
        return _named(LIBRARY, named)
    library = _own("XDG_DATA_HOME", "~/.local/share")
    if library is None or not (os.path.exists(library / "library") or can_be_written(library)):  # noqa: PTH110
        return None
    return library / "library"


def library_for_writing(named: Path | None) -> Path:
    """The library ``named``, or the default one. Raises InputError where it can't be written."""
    library = default_library() if named is None else named
    if library is None:
        raise InputError(NO_LIBRARY, NAME_LIBRARY)
    if not can_be_written(library):
        raise InputError(f"{library}: scans can't be put there", NAME_LIBRARY)
    return library


def usual_cache() -> Path | None:
    """``$SCANSTAGE_CACHE``, else ``scanstage`` in the user's cache folder (XDG); None without a home.

    Raises InputError for a variable that can't be used.
    """
    if named := os.environ.get(CACHE):
        return _named(CACHE, named)
    return _own("XDG_CACHE_HOME", "~/.cache")


def cached(name: str) -> Path:
    """The path of an entry of the cache, which is there or may be made there: all of it can be made anew at any time.

    What a cache holds that can't be written is used; what it lacks is made in a temporary one.

    Args:
        name: below the cache, with forward slashes.

    Raises OSError where there is no place even for that, InputError as :func:`usual_cache`.
    """
    usual = usual_cache()
    # Asked by os.path: it says no, where a Path raises, if a folder on the way is closed to this user.
    if usual is not None and (os.path.exists(usual / name) or can_be_written(usual)):  # noqa: PTH110
        return usual / name
    return temporary_cache("this user has no home folder" if usual is None else f"{usual} can't be written") / name


def can_be_written(folder: Path) -> bool:
    """Whether this user may put something into a folder, which need not be there yet."""
    existing = folder.absolute()
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    return os.path.isdir(existing) and os.access(existing, os.W_OK | os.X_OK)  # noqa: PTH112


@functools.cache
def temporary_cache(reason: str) -> Path:
    """A folder for this user alone, the same one each time if nobody stands in the way.

    Says so once, with the reason. Raises OSError where nothing temporary can be written.
    """
    folder = private_folder(Path(tempfile.gettempdir()))
    if multiprocessing.parent_process() is None:
        text = f"note: {reason}: samples and textures are kept in {folder}"
        told = f"{text}; {CACHE} names another place, {LIBRARY} one for scans"
        logger.info("%s", told, extra={"aside": True})
    return folder


def private_folder(parent: Path) -> Path:
    """A folder below ``parent`` that belongs to this user and is closed to all others.

    Everybody may write to a temporary folder: what stands there under the name may be a link, or somebody else's, who
    would choose what is rendered. Then it is a new one of a name that nobody knows, gone at the end of this process.
    """
    if not hasattr(os, "geteuid"):  # Windows: each user has a temporary folder of their own
        folder = parent / TEMPORARY.rstrip("-")
        folder.mkdir(exist_ok=True)
        return folder
    folder = parent / f"{TEMPORARY}{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=parent))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _named(variable: str, text: str) -> Path:
    try:
        return expanded(Path(text))
    except InputError as e:
        raise InputError(f"{variable}={e.marked_problems[0]}", e.marked_hint) from None


def _own(variable: str, usual: str) -> Path | None:
    """Our folder in one of the user's own; None where their home isn't known."""
    try:
        return Path(os.environ.get(variable) or usual).expanduser() / "scanstage"
    except RuntimeError:
        return None
