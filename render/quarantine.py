"""Pictures that could not be made: their plan, the reason, and what Blender printed, kept to look into."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection
from pathlib import Path

from assets.atomic import write_atomically
from assets.stores import entry_names, make_folder, read_file, remove
from dataset.folder import DatasetFolder
from scenes.plan import FramePlan

PLAN, REASON, LOG = "plan.json", "reason.json", "blender.log"


def quarantine(folder: DatasetFolder, plan: FramePlan, reason: str, log: str) -> None:
    """Keep a picture's plan, the reason why it failed, and what its last worker printed (empty: nothing to tell).

    Raises OSError where the folder can't be written.
    """
    place = folder.quarantined(plan.index)
    make_folder(place)
    write_atomically(place / PLAN, plan.to_json().encode("utf-8"))
    if log:
        write_atomically(place / LOG, log.encode("utf-8"))
    content = {"index": plan.index, "reason": reason}
    write_atomically(place / REASON, (json.dumps(content, indent=1) + "\n").encode("utf-8"))


def quarantined(folder: DatasetFolder) -> set[int]:
    """Indices of the pictures that could not be made. Raises OSError."""
    return {int(name) for name in entry_names(folder.quarantine) if name.isascii() and name.isdigit()}


def release(folder: DatasetFolder, index: int) -> None:
    """Forget a picture's failure: it has been made. Raises OSError."""
    root, place = folder.root, folder.quarantined(index)
    if not isinstance(root, Path):
        remove(root, [f"{folder.quarantine.name}/{place.name}"])
    elif place.is_dir():
        shutil.rmtree(root / folder.quarantine.name / place.name)
        with contextlib.suppress(OSError):  # it holds others, or a shard is putting one there
            folder.quarantine.rmdir()


def release_finished(folder: DatasetFolder, finished: Collection[int]) -> None:
    """Take finished pictures out of the quarantine that a killed run left them in. Raises OSError."""
    for index in quarantined(folder):
        if index in finished:
            release(folder, index)


def reasons(folder: DatasetFolder) -> dict[int, str]:
    """Why pictures could not be made, by index. Raises OSError."""
    found = {}
    for index in quarantined(folder):
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            found[index] = str(json.loads(read_file(folder.quarantined(index) / REASON))["reason"])
    return found
