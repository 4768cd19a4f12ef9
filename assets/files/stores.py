"""Files on object stores and other machines, through fsspec: what a ``Path`` is here, a ``UPath`` is there.

All that a store raises comes out of here as OSError, whatever its client library calls it; the store's own retries
have been made by then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from scanstage.assets.files.outside_files import read_outside

if TYPE_CHECKING:  # takes a fifth of a second to load, which local runs needn't spend
    from upath import UPath

Location: TypeAlias = "Path | UPath"
"""A local path, or one on a store. ``isinstance(location, Path)`` tells: a UPath of a store is none."""

FLAT = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"})
"""Protocols of object stores: a put is atomic, and there are no folders. Others are treated as file systems."""
READ_AT_ONCE = 256
MOST_BYTES = 1 << 26
"""That are read of a file, where the caller doesn't know better what its kind can have."""
_NUMBERS = ((FileNotFoundError, errno.ENOENT), (PermissionError, errno.EACCES), (TimeoutError, errno.ETIMEDOUT))


def put(target: UPath, data: bytes) -> None:
    """Write a file so that it is complete or absent under its name. Raises OSError."""
    with _telling(target):
        if target.protocol in FLAT:
            target.fs.pipe_file(target.path, data)
            return
        staged = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}"
        try:
            target.fs.pipe_file(staged.path, data)
            target.fs.mv(staged.path, target.path)
        except BaseException:
            with contextlib.suppress(Exception):
                target.fs.rm_file(staged.path)
            raise


def make_folder(folder: Location) -> None:
    """Make a folder and those above it, where the store has such things. Raises OSError."""
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    elif folder.protocol not in FLAT:  # S3 would make a bucket
        with _telling(folder):
            folder.fs.makedirs(folder.path, exist_ok=True)


def read_file(file: Location, most_bytes: int = MOST_BYTES) -> bytes:
    """Content of a regular file of at most ``most_bytes``.

    Raises OSError, FileNotFoundError where there is none; see :mod:`outside_files` for what is no file.
    """
    if isinstance(file, Path):
        return read_outside(file, most_bytes)
    with _telling(file):
        return _bounded(file, _first_bytes(file, most_bytes + 1), most_bytes)


def _first_bytes(file: UPath, number: int) -> bytes:
    try:
        return bytes(file.fs.cat_file(file.path, start=0, end=number))
    except FileNotFoundError:
        raise
    except Exception:
        if not file.fs.info(file.path).get("size"):  # an empty file has no first byte to be asked for
            return b""
        raise


def _bounded(file: UPath, content: bytes, most_bytes: int) -> bytes:
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes} bytes, which no such file has", str(file))
    return content


def is_file(file: Location) -> bool:
    """Whether there is such a file. Raises OSError where that can't be told."""
    if isinstance(file, Path):
        return file.is_file()
    try:
        with _telling(file):
            file.fs.invalidate_cache()
            return bool(file.fs.info(file.path)["type"] == "file")
    except FileNotFoundError:
        return False


def read_files(folder: UPath, names: Iterable[str], most_bytes: int = MOST_BYTES) -> Iterator[bytes | None]:
    """Content of files below a folder, many at a time; None for each that isn't there or is too large.

    Raises OSError.
    """
    rest = iter(names)
    while batch := list(islice(rest, READ_AT_ONCE)):
        paths = [(folder / name).path for name in batch]
        with _telling(folder):  # asked for from the first byte on, S3 needs one request a file instead of two
            contents: Sequence[Any] = folder.fs.cat_ranges(paths, 0, most_bytes + 1, on_error="return")
        for name, content in zip(batch, contents, strict=True):
            if isinstance(content, FileNotFoundError) or (isinstance(content, bytes) and len(content) > most_bytes):
                yield None
            elif isinstance(content, BaseException):
                yield _unless_too_large(folder / name, most_bytes)  # whatever else fails does so again
            else:
                yield bytes(content)


def _unless_too_large(file: UPath, most_bytes: int) -> bytes | None:
    try:
        return read_file(file, most_bytes)
    except OSError as e:
        if e.errno == errno.EFBIG:
            return None
        raise


def file_sizes(folder: UPath, entries: Iterable[str]) -> dict[str, int]:
    """Sizes in bytes of all files in some entries of a folder, by path below it.

    Args:
        folder: of a dataset.
        entries: names directly in it, of files or folders; each is listed anew. What isn't there is left out.

    Raises OSError.
    """
    sizes: dict[str, int] = {}
    with _telling(folder):
        folder.fs.invalidate_cache()  # others write to the store as well
        root = str(folder.path).rstrip("/")
        for entry in entries:
            found: Mapping[str, Any] = folder.fs.find(f"{root}/{entry}", detail=True)
            for name, info in found.items():
                _, here, below = f"/{name.strip('/')}".partition(f"/{root.strip('/')}/" if root.strip("/") else "/")
                if here and (below == entry or below.startswith(f"{entry}/")):
                    sizes[below] = int(info.get("size") or 0)
        folder.fs.invalidate_cache()  # no store needs to keep in memory what was listed once
    return sizes


def entry_names(folder: Location) -> set[str]:
    """Names of all files and folders directly in a folder; none where it isn't there. Raises OSError."""
    if isinstance(folder, Path):
        return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    try:
        with _telling(folder):
            folder.fs.invalidate_cache()
            found = folder.fs.ls(folder.path, detail=False)
    except FileNotFoundError:
        return set()
    own = str(folder.path).strip("/")
    return {name.strip("/").rsplit("/", 1)[-1] for name in found if name.strip("/") != own}


def remove(folder: UPath, entries: Iterable[str]) -> None:
    """Delete files and folders directly in a folder, with all that is in them. Raises OSError."""
    names = sorted(file_sizes(folder, entries))
    with _telling(folder):
        if names:
            folder.fs.rm([(folder / name).path for name in names])
        folder.fs.invalidate_cache()


def remove_file(file: Location) -> None:
    """Delete a file; one that is gone already is no error. Raises OSError."""
    if isinstance(file, Path):
        file.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError), _telling(file):
        file.fs.rm_file(file.path)


@contextmanager
def _telling(location: UPath) -> Iterator[None]:
    """Turn whatever a client library raises into an OSError that names the place."""
    try:
        yield
    except Exception as e:
        number = next((n for kind, n in _NUMBERS if isinstance(e, kind)), None)
        if number is None:
            number = e.errno if isinstance(e, OSError) and e.errno is not None else errno.EIO
        text = " ".join((getattr(e, "strerror", None) or str(e)).split())
        if " " not in text:  # nothing, or only the name of the file
            text = os.strerror(number) if number != errno.EIO else type(e).__name__
        raise OSError(number, text, str(location)) from e
