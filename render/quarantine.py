"""Pictures that could not be made: their plan, the reason, and what Blender printed, kept to look into."""

from __future__ import annotations

import json
import shutil

from assets.atomic import write_atomically
from dataset.folder import DatasetFolder
from scenes.plan import FramePlan

PLAN, REASON, LOG = "plan.json", "reason.json", "blender.log"


def quarantine(folder: DatasetFolder, plan: FramePlan, reason: str, log: str) -> None:
    """Keep a picture's plan, the reason why it failed, and what its last worker printed (empty: nothing to tell).

    Raises OSError where the folder can't be written.
    """
    place = folder.quarantined(plan.index)
    place.mkdir(parents=True, exist_ok=True)
    write_atomically(place / PLAN, plan.to_json().encode("utf-8"))
    if log:
        write_atomically(place / LOG, log.encode("utf-8"))
    content = {"index": plan.index, "reason": reason}
    write_atomically(place / REASON, (json.dumps(content, indent=1) + "\n").encode("utf-8"))


def release(folder: DatasetFolder, index: int) -> None:
    """Forget a picture's failure: it has been made. Raises OSError."""
    place = folder.quarantined(index)
    if place.is_dir():
        shutil.rmtree(place)
        if not any(folder.quarantine.iterdir()):
            folder.quarantine.rmdir()
