"""How near the pictures of both sides of :mod:`peer` come to the truth: 1,024 samples without any short cut.

The truth is rendered by the plain loop, from the HDRI as it is, in a window of the picture about its objects: without
denoising a pixel doesn't depend on its neighbours, so that the window is what the whole picture would show. Both sides
are developed with the exposure and the tone curve that scanstage chose for the picture, and compared in that window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR
from peer_loop import TRUTH_BOUNCES, TRUTH_SAMPLES
from peer_sides import Ours, Plain
from picture_quality import Pixels, developed, psnr_db

from scanstage.render.engine.passes import Passes
from scanstage.scenes.sight.cast_plan import Planned

TRUTH_KIND = "glossy paths filtered"
"""Told apart from other truths in the cache."""

Window = tuple[int, int, int, int]


@dataclass(frozen=True)
class Judgement:
    """A picture's PSNR against the truth in dB, of both sides; ``strip`` shows truth, ours and theirs in a row."""

    index: int
    hdri: str
    ours_db: float
    plain_db: float
    strip: Pixels


def window_of(planned: Planned, share: float) -> Window:
    """x, y, width and height of a window that is ``share`` of the frame in each direction, about the objects."""
    frame_wh = planned.engine_plan.camera.resolution_wh
    size = [max(8, round(share * side)) for side in frame_wh]
    rows, columns = np.nonzero(planned.engine_ids)
    middle = (columns.mean(), rows.mean()) if len(rows) else (frame_wh[0] / 2, frame_wh[1] / 2)
    corner = [min(max(round(m - s / 2), 0), side - s) for m, s, side in zip(middle, size, frame_wh, strict=True)]
    return corner[0], corner[1], size[0], size[1]


def true_radiance(plain: Plain, planned: Planned, window: Window, cache: Path) -> npt.NDArray[np.float32]:
    """(h, w, 3) of the window, from the cache where it is there.

    The key holds all that the truth depends on, but the look of scans that change under the same name.
    """
    plan = replace(planned.engine_plan, factors={}, attempt=0)
    asked = f"{plan.to_json()} {window} {TRUTH_SAMPLES} {TRUTH_BOUNCES} {TRUTH_KIND} {plain.blender}"
    file = cache / f"truth-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.exr"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        staged = file.with_name(f"staged-{file.name}")
        plain.truth(planned, window, staged)
        staged.replace(file)
    return read_radiance(file)


def judge(ours: Ours, theirs: Plain, planned: Planned, truth: npt.NDArray[np.float32], window: Window) -> Judgement:
    """Compare what both sides kept of a picture."""
    index, (x, y, width, height) = planned.plan.index, window
    crop = np.s_[y : y + height, x : x + width]
    with np.load(ours.kept(index)) as kept:
        radiance, exposure_ev = kept["radiance"][crop], float(kept["exposure_ev"])
    plain = read_radiance(theirs.kept(index))[crop]
    true, mine, other = (_developed(planned, part, exposure_ev) for part in (truth, radiance, plain))
    strip = np.concatenate([true, mine, other], axis=1)
    return Judgement(index, str(planned.plan.world.hdri), psnr_db(true, mine), psnr_db(true, other), strip)


def _developed(planned: Planned, radiance: npt.NDArray[np.float32], exposure_ev: float) -> Pixels:
    height, width = radiance.shape[:2]
    covered, ids = np.ones((height, width), np.float32), np.zeros((height, width), np.uint16)
    return developed(Passes(np.ascontiguousarray(radiance), covered, ids), planned.engine_plan, exposure_ev)


def read_radiance(file: Path) -> npt.NDArray[np.float32]:
    """(H, W, 3) of an EXR of one layer."""
    with OpenEXR.File(str(file)) as opened:
        channels: dict[str, Any] = opened.channels()
        return np.ascontiguousarray(channels["RGB"].pixels[..., :3], np.float32)
