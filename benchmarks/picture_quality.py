"""What benchmarks of quality share: radiance as an 8-bit picture at a given exposure, and its distance from a truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import develop
from scanstage.render.finish.finish_picture import finite
from scanstage.scenes.plan import FramePlan

Pixels = npt.NDArray[np.uint8]

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec.709
_FINE_PX = 1.5
"""Standard deviation of the Gaussian that fine detail is what it takes away."""
_BANDS = 8
"""Parts of the height that what is no object is split into: texture is coarser near than far."""
_OUTLINE_PX = 7
_LEAST_PIXELS = 400
_TEXTURED = 1.5
"""Least standard deviation of fine detail in the truth, in grey levels, of a region that counts as textured."""


def developed(passes: Passes, plan: FramePlan, exposure_ev: float) -> Pixels:
    """(H, W, 3) uint8: the picture with the plan's tone, without what lens and sensor add, at a given exposure."""
    tone = replace(plan.post, exposure_ev=exposure_ev, bias_ev=0.0)
    bare = replace(tone, noise=None, vignetting=0.0, aberration_px=0.0)
    return develop(finite(passes), bare, plan.background, plan.camera)[0]


def psnr_db(truth: Pixels, image: Pixels) -> float:
    """Peak signal-to-noise ratio of 8-bit images, dB; 138 for equal ones."""
    error = float(np.mean((truth.astype(np.float64) - image) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def fine_detail(truth: Pixels, image: Pixels, ids: npt.NDArray[np.uint16]) -> dict[str, float]:
    """How much of the truth's fine detail an image has, by textured region: less than 1 is blurred, more is grain.

    Detail is the luminance less its blur; its standard deviation over a region is compared. PSNR hardly sees this: a
    cloth that is smeared to its mean colour is only a few grey levels wrong.

    Args:
        truth, image: (H, W, 3) uint8, as they are seen. The truth must be free of noise.
        ids: (H, W), what each pixel shows; each object is a region, and so is each eighth of the height of the rest.
            Outlines are left out.
    """
    fine = [_fine(part) for part in (truth, image)]
    found = {}
    for name, region in _regions(ids):
        energy, of_image = (float(part[region].std()) for part in fine)
        if energy > _TEXTURED:
            found[name] = of_image / energy
    return found


def _fine(image: Pixels) -> npt.NDArray[np.float32]:
    grey = image.astype(np.float32) @ _LUMINANCE
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), _FINE_PX), np.float32)


def _regions(ids: npt.NDArray[np.uint16]) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    rows = np.arange(len(ids))[:, None] * _BANDS // len(ids)
    for instance_id in np.unique(ids):
        shown = (ids == instance_id).astype(np.uint8)
        inside = cv2.erode(shown, np.ones((_OUTLINE_PX, _OUTLINE_PX), np.uint8)) > 0
        parts = {f"object {instance_id}": inside}
        if instance_id == 0:
            parts = {f"band {band}": inside & (rows == band) for band in range(_BANDS)}
        yield from ((name, part) for name, part in parts.items() if part.sum() >= _LEAST_PIXELS)
