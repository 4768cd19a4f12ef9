"""Environment images out of photos, as files that an engine reads."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from scanstage.assets.files.atomic import write_atomically
from scanstage.scenes.backplates.photo_light import photo_panorama
from scanstage.scenes.backplates.shown_photo import linear_photo
from scanstage.scenes.plan import FramePlan

KEPT = 64
_PATTERN = "photo-light-*.hdr"


def with_photo_world(plan: FramePlan, folder: Path) -> FramePlan:
    """The plan with an environment image where its world is to be made of its backplate.

    Args:
        plan: as planned.
        folder: for such files; the oldest are removed.

    Raises:
        InputError: the photo can't be read.
        OSError: the folder can't be written.
    """
    world = plan.world
    if world.horizon is None or world.hdri is None:
        return plan
    width, height = plan.camera.resolution_wh
    panorama = photo_panorama(linear_photo(world.hdri, height, width), world.horizon)
    done, data = cv2.imencode(".hdr", np.ascontiguousarray(panorama[..., ::-1]))
    if not done:
        raise OSError("can't encode an environment image")
    # By its content: a file that an engine has loaded never changes.
    file = folder / _PATTERN.replace("*", hashlib.sha256(data.tobytes()).hexdigest()[:20])
    if not file.exists():
        for old in sorted(folder.glob(_PATTERN), key=lambda f: f.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
        write_atomically(file, data.tobytes())
    return replace(plan, world=replace(world, hdri=str(file)))
