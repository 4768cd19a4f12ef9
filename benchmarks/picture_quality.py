"""What benchmarks of quality share: radiance as an 8-bit picture at a given exposure, and its distance from a truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import develop
from scanstage.render.finish.finish_picture import finite
from scanstage.scenes.plan import FramePlan

Pixels = npt.NDArray[np.uint8]


def developed(passes: Passes, plan: FramePlan, exposure_ev: float) -> Pixels:
    """(H, W, 3) uint8: the picture with the plan's tone, without what lens and sensor add, at a given exposure."""
    tone = replace(plan.post, exposure_ev=exposure_ev, bias_ev=0.0)
    bare = replace(tone, noise=None, vignetting=0.0, aberration_px=0.0)
    return develop(finite(passes), bare, plan.background, plan.camera)[0]


def psnr_db(truth: Pixels, image: Pixels) -> float:
    """Peak signal-to-noise ratio of 8-bit images, dB; 138 for equal ones."""
    error = float(np.mean((truth.astype(np.float64) - image) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))
