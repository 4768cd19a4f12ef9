"""Files that are complete or absent under their names."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from assets.stores import Location, put


def write_atomically(path: Location, data: bytes) -> None:
    """Write a file so that it is complete or absent under its name: temporary name, fsync, rename; or a store's put.

    Two processes may write the same file at once: the last one wins. Raises OSError where it can't be written.
    """
    if not isinstance(path, Path):
        put(path, data)
        return
    handle, staged = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        if path.is_dir():  # which nothing renames over; a link, a pipe or a device it does
            raise OSError(errno.EISDIR, "it is a folder, where a file is to be written", str(path))
        Path(staged).chmod(0o644)
        Path(staged).replace(path)
    except BaseException:
        Path(staged).unlink(missing_ok=True)
        raise
