"""What a run that is killed while it writes leaves in a dataset's folder: files that don't have their final names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from scanstage.dataset.records.dataset_folder import MAP_FOLDERS, DatasetFolder
from scanstage.scenes.picture_sequence.shard import WHOLE, Part

# What assets.atomic.write_atomically calls a file before it is complete: the final name with a random part, eight
# of these characters.
_STAGED = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}")
_PICTURE = re.compile(r"(?P<index>\d{6,})\.[a-z0-9]+")


def final_name(name: str) -> str | None:
    """What a file was to be called that isn't complete; None where it is none of these."""
    match = _STAGED.fullmatch(name)
    return match["name"] if match else None


def remove_leftovers(folder: DatasetFolder, part: Part = WHOLE) -> int:
    """Remove them; returns how many there were.

    A shard, beside which others may be writing, removes those of its own pictures alone: nobody else makes these.

    Args:
        folder: of a dataset that the caller holds (:func:`run_lock.run_lock`). A store has no such files.
        part: that the caller makes.

    Raises OSError where one can't be removed.
    """
    root = folder.root
    if not isinstance(root, Path):
        return 0
    found = list(_of_pictures(root, folder, part))
    if part.alone:
        found += _of_the_whole(root, folder)
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(found)


def _of_pictures(root: Path, folder: DatasetFolder, part: Part) -> Iterator[Path]:
    names = (folder.images.name, folder.records.name, *MAP_FOLDERS)
    for path in (p for name in names for p in (root / name).glob(".*")):
        staged = _STAGED.fullmatch(path.name)
        picture = _PICTURE.fullmatch(staged["name"]) if staged else None
        if picture and path.is_file() and int(picture["index"]) in part:
            yield path
    quarantine = root / "quarantine"
    places = [] if quarantine.is_symlink() else [p for p in quarantine.glob("*") if not p.is_symlink()]
    for path in (p for place in places for p in place.glob(".*")):
        whose = path.parent.name
        if _STAGED.fullmatch(path.name) and (part.alone or (whose.isdecimal() and int(whose) in part)):
            yield path


def _of_the_whole(root: Path, folder: DatasetFolder) -> Iterator[Path]:
    """Those of files that there is one of: exports, figures, notes; the shards' folder on its way out."""
    own = {entry.name for entry in (*folder.own_entries(), folder.lock)}
    for path in root.glob(".*"):
        if final_name(path.name) in own:
            yield path
    for place in (folder.annotations.name, folder.overview.name, folder.licenses.name, folder.shards.name):
        for path in (root / place).glob(".*"):
            if _STAGED.fullmatch(path.name) and path.is_file():
                yield path
