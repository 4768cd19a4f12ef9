"""The one door for files that come from outside: scans, configs, calibrations, records and pictures of datasets.

Whoever hands over a file may have put a pipe, a device, a link or something endless in its place. Here only regular
files are opened, without waiting for anybody, and never more is read than the caller said that its kind can have.

What can't be read is an OSError, as from any other file, whose ``strerror`` is worded for people: ``can't be read
({e.strerror})`` reads well. The error numbers are those that Linux's ``openat2`` gives for the same things: ENXIO for
what is no regular file, EISDIR for a folder, ELOOP for a link where none is followed, EXDEV for a name that leads out
of its folder, and EFBIG for more bytes than allowed.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from scanstage.assets.messages.errors import InputError

NO_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EXDEV, errno.EFBIG, errno.ENAMETOOLONG}
)
"""What is said of a name that has no file to be used. Whatever else a disk says (EIO, ESTALE), it may be there."""

_KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder"),
    (stat.S_ISLNK, errno.ELOOP, "it is a link, and links are not followed here"),
    (stat.S_ISFIFO, errno.ENXIO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, errno.ENXIO, "it is a socket, not a file"),
)
# Windows lacks most of these; what they guard against isn't there either.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would be waited for
    | getattr(os, "O_NOCTTY", 0)
)
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
_PIECE = 1 << 20
_WALKS = os.open in os.supports_dir_fd and bool(_NOFOLLOW)


def open_outside(path: Path, most_bytes: int | None = None) -> BinaryIO:
    """Open a regular file for reading, wherever links lead to it.

    Args:
        path: the file, which a person named.
        most_bytes: it may have; None where the caller reads piece by piece, and has a bound of its own.

    Raises OSError, see the module, at once: nothing is waited for, and devices are not even opened.
    """
    _refuse_kind(path.stat().st_mode, path)  # opening a device may do something already
    return _as_file(os.open(path, _FLAGS), path, most_bytes)


def read_outside(path: Path, most_bytes: int) -> bytes:
    """Content of a regular file of at most ``most_bytes``; otherwise as :func:`open_outside`. Raises OSError."""
    with open_outside(path, most_bytes) as file:
        return _bounded(file, path, most_bytes)


def open_below(root: Path, name: str, most_bytes: int | None = None) -> BinaryIO:
    """Open a regular file that something untrusted names, below a folder and without following any link on the way.

    Args:
        root: the folder, which is trusted: it may be a link itself.
        name: path below it, with forward slashes, as a record, a glTF or an index gives it.
        most_bytes: as for :func:`open_outside`.

    Raises OSError, see the module; EXDEV for an absolute name, one with ``..``, a drive or a NUL.
    """
    parts = _parts(root, name)
    path = root.joinpath(*parts)
    handle = _walked(root, parts, path) if _WALKS else _looked_up(root, parts)
    return _as_file(handle, path, most_bytes)


def read_below(root: Path, name: str, most_bytes: int) -> bytes:
    """Content of a regular file of at most ``most_bytes``; otherwise as :func:`open_below`. Raises OSError."""
    with open_below(root, name, most_bytes) as file:
        return _bounded(file, root / name, most_bytes)


def is_file_below(root: Path, name: str) -> bool:
    """Whether :func:`open_below` would find a regular file. Raises OSError where a disk can't tell."""
    try:
        open_below(root, name).close()
    except OSError as e:
        if e.errno in NO_FILE:
            return False
        raise
    return True


def read_input(path: Path, most_bytes: int, hint: str | None = None) -> bytes:
    """:func:`read_outside` for a file that the user named. Raises InputError, naming it and the reason."""
    try:
        return read_outside(path, most_bytes)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", hint) from None
    except (OSError, ValueError) as e:  # a ValueError for a NUL in the path
        raise InputError(f"{path}: can't be read ({getattr(e, 'strerror', None) or e})", hint) from e


def _parts(root: Path, name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    foreign = os.name == "nt" and (PureWindowsPath(name).anchor or "\\" in name or ":" in name)
    if not parts or parts[0].startswith("/") or ".." in parts or "\0" in name or foreign:
        raise OSError(errno.EXDEV, "its name leads out of the folder", str(root / name.replace("\0", "\\0")))
    return parts


def _walked(root: Path, parts: tuple[str, ...], path: Path) -> int:
    """Open folder by folder, each from the one before: nobody can swap a link in between."""
    folder = os.open(root, os.O_RDONLY | _DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | _DIRECTORY | os.O_CLOEXEC | _NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        _refuse_kind(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode, path)
        return os.open(parts[-1], _FLAGS | _NOFOLLOW, dir_fd=folder)
    except NotADirectoryError as e:  # also what Linux says of a link
        raise OSError(errno.ENOTDIR, "a folder on the way is a link or no folder", str(path)) from e
    except OSError as e:
        raise _told(e, path) from e
    finally:
        os.close(folder)


def _looked_up(root: Path, parts: tuple[str, ...]) -> int:
    """The same by looking before each step, where a system can't open relative to a folder."""
    path = root
    for part in parts[:-1]:
        path = path / part
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise OSError(errno.ENOTDIR, "a folder on the way is a link or no folder", str(path))
    path = path / parts[-1]
    _refuse_kind(path.lstat().st_mode, path)
    return os.open(path, _FLAGS)


def _told(error: OSError, path: Path) -> OSError:
    """The same error with the whole path, not just the last name."""
    return error if error.filename == str(path) else OSError(error.errno, error.strerror, str(path))


def _refuse_kind(mode: int, path: Path) -> None:
    if stat.S_ISREG(mode):
        return
    number, text = next(((n, t) for is_kind, n, t in _KINDS if is_kind(mode)), (errno.ENXIO, "it is a device, no file"))
    raise OSError(number, text, str(path))


def _as_file(handle: int, path: Path, most_bytes: int | None) -> BinaryIO:
    try:
        found = os.fstat(handle)  # what was looked at may have been replaced
        _refuse_kind(found.st_mode, path)
        if most_bytes is not None and found.st_size > most_bytes:
            raise _too_large(path, most_bytes, found.st_size)
    except BaseException:
        os.close(handle)
        raise
    return io.BufferedReader(io.FileIO(handle, "rb"))


def _bounded(file: BinaryIO, path: Path, most_bytes: int) -> bytes:
    """All of it. The size that the system tells is only a guess: some files grow, those of /proc say 0."""
    pieces = [file.read(min(os.fstat(file.fileno()).st_size, most_bytes))]
    total = len(pieces[0])
    while piece := file.read(_PIECE):
        pieces.append(piece)
        total += len(piece)
        if total > most_bytes:
            raise _too_large(path, most_bytes)
    return b"".join(pieces) if len(pieces) > 1 else pieces[0]


def _too_large(path: Path, most_bytes: int, size: int | None = None) -> OSError:
    has, most = "no end" if size is None else _readable(size), _readable(most_bytes)
    if has == most:
        has, most = f"{size:,} bytes", f"{most_bytes:,}"
    return OSError(errno.EFBIG, f"it has {has}, at most {most} are read", str(path))


def _readable(size: int) -> str:
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size} bytes"
