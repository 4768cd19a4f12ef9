"""The folder that an export goes to: complete or absent under its name, and nobody's files but its own are replaced.

What an export has written is listed in its mark. A later one may take its place only where nothing else is there, and
nothing of it was changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.files.outside_files import NO_FILE, read_below
from scanstage.assets.files.plain_json import parse_json
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.dataset.records.dataset_folder import DatasetFolder

MARK = "scanstage_export.json"
MARK_BYTES = 1 << 29
"""Of a million pictures' files."""
LOOKED_AT = (".DS_Store", "Thumbs.db", "desktop.ini", ".directory")
"""What file managers leave in a folder that somebody has looked at."""
TRAINED_ON = re.compile(r"labels/\w+\.cache(\.npy)?")
"""What Ultralytics leaves in a folder that it has trained from."""
SLACK_S = 2.0
"""File systems keep times as coarsely as this."""
_NAMED = 5
LINK, _NEITHER = -1, -2

Listed = dict[str, list[float]]
"""Size in bytes and time of the last change, in seconds, by path below the folder; folders, with a slash, have none.
Links, which an export makes of pictures where it is asked to, have a size of -1."""


@dataclass(frozen=True)
class _FolderEntry:
    """What lies in an export's folder.

    Attributes:
        name: path below the folder, with forward slashes; a folder's, which is no link to one, ends with one.
        found: of the entry itself.
    """

    name: str
    found: os.stat_result


def check_target(target: Path) -> None:
    """Raise InputError where an export can't be put: the folder holds anything but an untouched earlier one.

    Args:
        target: folder, resolved; it needn't be there.
    """
    refuse_own_folders(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(f"{option('out')} {target}: is a file", "name a folder")
    refuse_foreign(target, target)


def refuse_own_folders(target: Path) -> None:
    """Raise InputError where a folder is, or is in, what a run writes of any dataset."""
    for place in (target, *target.parents):
        dataset = DatasetFolder(place.parent)
        own = {entry.name for entry in (*dataset.own_entries(), dataset.lock)}
        if place.name in own and (place.parent / dataset.run_file.name).is_file():
            raise InputError(
                f"{option('out')} {target}: is in the dataset {place.parent}, which writes there itself", _ELSEWHERE
            )


def refuse_foreign(folder: Path, shown: Path) -> None:
    """Raise InputError where a folder isn't empty, and not just what an export has written there.

    Args:
        folder: that is looked at.
        shown: how the user knows it.
    """
    entries = [
        e for e in _entries(folder) if e.name.rpartition("/")[2] not in LOOKED_AT and not TRAINED_ON.fullmatch(e.name)
    ]
    if not entries:
        return
    ours = _listed(folder, shown)
    strange = [e.name for e in entries if e.name != MARK and e.name not in ours]
    changed = [e.name for e in entries if e.name in ours and not _is_untouched(e, ours[e.name])]
    problems = [
        f"{option('out')} {shown}: {listed(sorted(names), most=_NAMED)} {'were' if len(names) > 1 else 'was'} {what}"
        for names, what in ((strange, "written by no export"), (changed, "changed since the export"))
        if names
    ]
    if problems:
        raise InputError(
            problems, f"a new export would delete that: move it away, or name another folder with {option('out')}"
        )


def listed_files(folder: Path) -> Listed:
    """What an export's mark lists. Raises InputError where it doesn't, OSError where it can't be read."""
    return _listed(folder, folder)


def _entries(folder: Path) -> Iterator[_FolderEntry]:
    """All below a folder; links are not followed."""
    open_folders = [""]
    while open_folders:
        above = open_folders.pop()
        with os.scandir(folder / above) as found:
            for entry in found:
                name = f"{above}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    name += "/"
                    open_folders.append(name)
                yield _FolderEntry(name, entry.stat(follow_symlinks=False))


def _listed(folder: Path, shown: Path) -> Listed:
    try:
        files = parse_json(read_below(folder, MARK, MARK_BYTES), MARK_BYTES)["files"]
        return {str(name): [float(size), float(changed)] for name, (size, changed) in files.items()}
    except OSError as e:
        if e.errno not in NO_FILE:
            raise
        raise InputError(f"{option('out')} {shown}: not empty, and not an earlier export", _ELSEWHERE) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        text = f"{option('out')} {shown}: its {MARK} doesn't list what that export has written"
        raise InputError(text, "delete the folder yourself if nothing in it is needed, or name another one") from None


def _is_untouched(entry: _FolderEntry, as_written: list[float]) -> bool:
    size, changed = as_written
    if entry.name.endswith("/"):
        return True
    return _size(entry.found) == size and abs(entry.found.st_mtime - changed) <= SLACK_S


def _size(found: os.stat_result) -> int:
    """Of a file; of a link and of what no export writes, sizes that no file has."""
    if stat.S_ISREG(found.st_mode):
        return found.st_size
    return LINK if stat.S_ISLNK(found.st_mode) else _NEITHER


@contextlib.contextmanager
def replaced(target: Path, mark: Mapping[str, Any]) -> Iterator[Path]:
    """Give an empty folder to write to; at the end it is put in place, an untouched earlier export deleted.

    Args:
        target: folder, resolved, as :func:`check_target` has found it.
        mark: what the mark says besides the files; it may be filled while the folder is.

    Raises InputError where somebody has put something there meanwhile, OSError where it can't be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield staging
        (staging / MARK).write_text(json.dumps({**mark, "files": _files(staging)}) + "\n", "utf-8")
        staging.chmod(0o755)
        _put_in_place(staging, target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _files(folder: Path) -> Listed:
    return {
        e.name: [0, 0] if e.name.endswith("/") else [_size(e.found), round(e.found.st_mtime, 3)]
        for e in _entries(folder)
    }


def _put_in_place(staging: Path, target: Path) -> None:
    """Rename, an earlier export or an empty folder of that name set aside first and looked at once more."""
    if not target.exists():
        staging.rename(target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)) / target.name
    target.rename(aside)
    try:
        refuse_foreign(aside, target)
        staging.rename(target)
    except BaseException:
        aside.rename(target)
        aside.parent.rmdir()
        raise
    shutil.rmtree(aside.parent, ignore_errors=True)


_ELSEWHERE = "name another folder"
