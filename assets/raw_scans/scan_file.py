"""The files of a scan that a person names: the scan and its keypoints.

Whoever makes the folder that they lie in may have put a link there: taking in what it leads to would copy a file of
this machine into a library that is then shared. So links may only lead to what lies in the same folder.
"""

from __future__ import annotations

from pathlib import Path

from scanstage.assets.files.outside_files import read_below
from scanstage.assets.messages.errors import InputError


def read_scan_file(path: Path, most_bytes: int) -> bytes:
    """Content of a regular file of at most ``most_bytes`` bytes.

    Raises InputError, naming it, where it can't be read: also for pipes, devices, and links out of its folder.
    """
    root, name = locate(path)
    try:
        return read_below(root, name, most_bytes)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from e


def locate(path: Path) -> tuple[Path, str]:
    """Where a file is: the folder that it is named in, without links, and the path of the file itself below that.

    Raises InputError for a link out of the folder, and one that leads nowhere.
    """
    try:
        root, file = path.parent.resolve(), path.resolve()
    except (OSError, RuntimeError, ValueError) as e:  # a RuntimeError for a loop of links, before Python 3.13
        raise InputError(f"{path}: can't be read ({getattr(e, 'strerror', None) or e})") from e
    if not file.is_relative_to(root):
        raise InputError(
            f"{path}: is a link that leads out of its folder, to {file}",
            f"if that is the file you mean, name {file} itself, or put a copy in the link's place (cp -L)",
        )
    return root, file.relative_to(root).as_posix()
