"""Files that are complete or absent under their names."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from scanstage.assets.files.stores import Location, put

_NEW = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL  # of others' files none is opened, and no link is followed
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def write_atomically(path: Location, data: bytes | Sequence[bytes | memoryview]) -> None:
    """Write a file so that it is complete or absent under its name: temporary name, fsync, rename; or a store's put.

    What is given in pieces is written piece by piece, so that it need not be in memory twice; stores get it whole.

    Two processes may write the same file at once: the last one wins. Raises OSError where it can't be written.
    """
    pieces = [data] if isinstance(data, bytes) else data
    if not isinstance(path, Path):
        put(path, b"".join(pieces))
        return
    staged = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        # Within the try: whoever is interrupted the moment after the file was made leaves none behind.
        with os.fdopen(os.open(staged, _NEW, 0o600), "wb") as f:
            f.writelines(pieces)
            f.flush()
            os.fsync(f.fileno())
        if path.is_dir():  # which nothing renames over; a link, a pipe or a device it does
            raise OSError(errno.EISDIR, "it is a folder, where a file is to be written", str(path))
        staged.chmod(0o644)
        staged.replace(path)
    except FileExistsError:
        raise
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
