"""Pictures that could not be made: their plan, the reason, and what Blender printed, kept to look into.

Whoever hands over a dataset may have put links into it. One that stands where a picture's folder is to be, or for the
whole of ``quarantine``, is removed and never followed: nothing is read, written or deleted where it leads.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import NO_FILE
from scanstage.assets.files.plain_json import parse_json
from scanstage.assets.files.stores import Location, entry_names, file_sizes, make_folder, remove
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import RECORD_BYTES, read_own
from scanstage.render.engine.log_tail import LEAST_BYTES, shortened
from scanstage.scenes.plan import FramePlan

PLAN, REASON, LOG = "plan.json", "reason.json", "blender.log"
PICTURE_LOG_BYTES = 256 << 10
"""Of one picture: its own 12 kB and those of twenty before it, which may have led up to it."""
ALL_LOGS_BYTES = 16 << 20
"""Of all pictures: where hundreds fail, most do for one reason, and the last ones tell it."""


def quarantine(folder: DatasetFolder, plan: FramePlan, reason: str, log: str) -> None:
    """Keep a picture's plan, the reason why it failed, and what its last worker printed (empty: nothing to tell).

    Logs are kept within :data:`ALL_LOGS_BYTES`, the newest; of others a line stays that tells how much was dropped.

    Raises OSError where the folder can't be written.
    """
    place = made_place(folder, plan.index)
    write_atomically(place / PLAN, plan.to_json().encode("utf-8"))
    if log:
        write_atomically(place / LOG, shortened(log.encode("utf-8", "replace"), PICTURE_LOG_BYTES))
    content = {"index": plan.index, "reason": reason}
    write_atomically(place / REASON, (json.dumps(content, indent=1) + "\n").encode("utf-8"))
    if log:
        bound_logs(folder, plan.index)


def made_place(folder: DatasetFolder, index: int) -> Location:
    """The folder of a picture that could not be made, and no link to one. Raises OSError where it can't be made."""
    place = folder.quarantined(index)
    for above in (folder.quarantine, place):
        if isinstance(above, Path) and not _is_folder(above):
            above.unlink(missing_ok=True)
    make_folder(place)
    return place


def bound_logs(folder: DatasetFolder, newest: int | None = None) -> None:
    """Drop the oldest logs beyond :data:`ALL_LOGS_BYTES`, of picture ``newest`` never. Raises OSError."""
    logs = _logs(folder)
    left = sum(size for _, size, _ in logs) - ALL_LOGS_BYTES
    for _, size, index in sorted(logs):
        if left <= 0:
            return
        if index != newest and size > LEAST_BYTES:
            with contextlib.suppress(FileNotFoundError):  # the picture has been made meanwhile
                told = shortened(_read(folder, index, LOG), LEAST_BYTES)
                write_atomically(folder.quarantined(index) / LOG, told)
                left -= size - len(told)


def _logs(folder: DatasetFolder) -> list[tuple[int, int, int]]:
    """Age, size and picture of all logs; a store, which doesn't tell ages, has them by number."""
    root, name = folder.root, folder.quarantine.name
    if not isinstance(root, Path):
        sizes = file_sizes(root, [name])
        return [(i, sizes[path], i) for i in quarantined(folder) if (path := f"{name}/{i:06d}/{LOG}") in sizes]
    found = []
    for index in quarantined(folder):
        place = root / name / f"{index:06d}"
        with contextlib.suppress(FileNotFoundError):
            status = (place / LOG).lstat()
            if _is_folder(place) and stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, status.st_size, index))
    return found


def quarantined(folder: DatasetFolder) -> set[int]:
    """Indices of the pictures that could not be made. Raises OSError."""
    place = folder.quarantine
    there = entry_names(place) if not isinstance(place, Path) or _is_folder(place) else set()
    return {int(name) for name in there if name.isascii() and name.isdigit()}


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def release(folder: DatasetFolder, index: int) -> None:
    """Forget a picture's failure: it has been made. Raises OSError."""
    root, place = folder.root, folder.quarantined(index)
    if not isinstance(root, Path):
        remove(root, [f"{folder.quarantine.name}/{place.name}"])
        return
    above = root / folder.quarantine.name
    if not _is_folder(above):
        above.unlink(missing_ok=True)
        return
    own = above / place.name
    if _is_folder(own):
        shutil.rmtree(own)
    else:
        own.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds others, or a shard is putting one there
        above.rmdir()


def release_finished(folder: DatasetFolder, finished: Collection[int]) -> None:
    """Take finished pictures out of the quarantine that a killed run left them in; bound its logs. OSError."""
    place = folder.quarantine
    if isinstance(place, Path) and not _is_folder(place):
        place.unlink(missing_ok=True)
    for index in quarantined(folder):
        if index in finished:
            release(folder, index)
    bound_logs(folder)


def reasons(folder: DatasetFolder) -> dict[int, str]:
    """Why pictures could not be made, by index. Raises OSError."""
    found = {}
    for index in quarantined(folder):
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            found[index] = str(parse_json(_read(folder, index, REASON))["reason"])
    return found


def kept(folder: DatasetFolder, index: int) -> tuple[FramePlan, str]:
    """The plan of a picture that could not be made, and why.

    Raises FileNotFoundError where it isn't in quarantine; OSError, ValueError, KeyError, TypeError where it is damaged.
    """
    plan = FramePlan.from_json(_read(folder, index, PLAN))
    return plan, str(parse_json(_read(folder, index, REASON))["reason"])


def _read(folder: DatasetFolder, index: int, name: str) -> bytes:
    """A file of a picture. Raises OSError, FileNotFoundError also where it is none that may be read."""
    try:
        return read_own(folder, f"{folder.quarantine.name}/{index:06d}/{name}", RECORD_BYTES)
    except OSError as e:
        if e.errno in NO_FILE:
            raise FileNotFoundError(e.errno, e.strerror, e.filename) from e
        raise
