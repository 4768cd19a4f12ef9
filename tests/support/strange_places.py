"""What stands where a file should: makers of sockets and of files that are larger than any disk."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def put_socket(path: Path) -> None:
    """A socket that nobody listens at."""
    here = Path.cwd()
    os.chdir(path.parent)  # addresses of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path.name)
    finally:
        os.chdir(here)


def put_sparse(path: Path) -> None:
    """A file of 4 TB of zeros that takes no room."""
    path.touch()
    os.truncate(path, 1 << 42)
