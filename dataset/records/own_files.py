"""A dataset's own files, read as what they are: from outside. They may have been put there by anybody.

On a local disk nothing below the dataset's folder is followed elsewhere; on a store there is nothing to follow.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from scanstage.assets.files.outside_files import NO_FILE, read_below
from scanstage.assets.files.stores import is_file, read_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import EARLIER_PLACES, DatasetFolder

RECORD_BYTES = 1 << 24
"""That of a thousand objects at 8192 x 8192 has a third of it."""
BOOK_BYTES = 1 << 26
"""Of run.json, balance.json and the like: a hundred thousand failures with their reasons take half of it."""
SHEET_BYTES = 1 << 27
"""Of the contact sheet and the chart."""


def read_own(folder: DatasetFolder, name: str, most_bytes: int) -> bytes:
    """Content of a file of a dataset.

    Args:
        folder: of the dataset.
        name: path below its root.
        most_bytes: that such a file can have.

    Raises OSError, see :mod:`outside_files`.
    """
    if isinstance(folder.root, Path):
        return read_below(folder.root, name, most_bytes)
    return read_file(folder.root / name, most_bytes)


def own_content(folder: DatasetFolder, name: str, most_bytes: int) -> bytes | None:
    """The same; None where there is no file that could be such a one. Raises OSError where that can't be told."""
    try:
        return read_own(folder, name, most_bytes)
    except OSError as e:
        if e.errno in NO_FILE:
            return None
        raise


def has_own(folder: DatasetFolder, name: str, sizes: Mapping[str, int] | None = None) -> bool:
    """Whether a dataset has a file; reading it may still find a link on the way (:func:`refuse_misplaced`).

    Args:
        folder: of the dataset.
        name: path below its root.
        sizes: see :meth:`DatasetFolder.stored_sizes`, where the caller has them.

    Raises OSError where that can't be told.
    """
    if sizes is not None:
        return bool(sizes.get(name))
    if not isinstance(folder.root, Path):
        return is_file(folder.root / name)
    try:
        return stat.S_ISREG(os.lstat(f"{folder.root}/{name}").st_mode)  # ten times as fast as through a Path
    except OSError as e:
        if e.errno in NO_FILE:
            return False
        raise


def misplaced(folder: DatasetFolder) -> Iterator[tuple[str, str]]:
    """Name, and what is wrong, of all that stands where a dataset of a local disk has a folder or a file of its own.

    A link to a folder is told, because it isn't followed: what lies behind it would be taken for missing. Anything else
    in place of a file needs no word, a run writes over it. Raises OSError.
    """
    if not isinstance(folder.root, Path):
        return
    folders = {entry.name for entry in folder.own_folders()}
    let = (folder.quarantine, *folder.card_entries())  # a run removes links there, and leaves a user's card alone
    names = [entry.name for entry in folder.own_entries() if entry not in let]
    for name in (*names, f"{folder.annotations.name}/{folder.coco.name}", *EARLIER_PLACES):
        try:
            mode = (folder.root / name).lstat().st_mode
        except OSError as e:
            if e.errno in NO_FILE:  # below what is told itself
                continue
            raise
        if name not in folders:
            if stat.S_ISDIR(mode):
                yield name, "is a folder, where a dataset has a file"
        elif stat.S_ISLNK(mode):
            yield name, "is a link, and links in a dataset are not followed"
        elif not stat.S_ISDIR(mode):
            yield name, "is no folder, as a dataset's is"


def refuse_misplaced(folder: DatasetFolder) -> None:
    """Raise InputError where a dataset's folders are links, or files folders; OSError where that can't be told."""
    if wrong := [f"{folder.root / name}: {text}" for name, text in misplaced(folder)]:
        raise InputError(wrong, "move them away; to keep a dataset elsewhere, link or mount its whole folder")
