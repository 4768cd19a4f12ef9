"""Clean edges for objects on a transparent film: coverage that is known exactly, and colours that fit it.

What went wrong before was found by rendering one picture with 3, 10 and 256 samples and composing all three: the
denoiser smooths radiance that is already multiplied by alpha, but not alpha, so that the two no longer belong together
at outlines. There the error was 0.058 of white with 3 samples and 0.037 with 10, alpha alone 0.110 and 0.054.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.render.engine.passes import Passes

Floats = npt.NDArray[np.float32]

INSIDE = 0.999
COLOR_PX, SHADOW_PX = 0.6, 1.0
"""Sigmas of the Gaussians that carry colour outwards and shadow inwards."""
LEAST_WEIGHT = 1e-3


def with_clean_edges(passes: Passes, covered: Floats) -> Passes:
    """The passes with radiance and alpha that belong together at the objects' outlines.

    A colour is that of the nearest covered pixels, weighted by how much they are covered (normalized convolution, as
    Knutsson and Westin 1993), times the pixel's own coverage. What alpha holds beside the objects is shadow, and goes
    on below their edges.

    Args:
        passes: of an engine, with a film that is transparent but for objects and shadows.
        covered: (H, W) 0..1, how much of each pixel objects cover (:mod:`coverage`).
    """
    edge = (covered > 0) & (covered < INSIDE)
    known = _spread(covered, COLOR_PX)
    color = _spread(passes.radiance, COLOR_PX) / np.maximum(known, LEAST_WEIGHT)[..., None]
    beside = (covered == 0).astype(np.float32)
    weight = _spread(beside, SHADOW_PX)
    shadow = _spread(passes.alpha * beside, SHADOW_PX) / np.maximum(weight, LEAST_WEIGHT)
    radiance = np.where(edge[..., None], color * covered[..., None], passes.radiance)
    # Denoising spreads what shines beyond its outline, where the photo shows.
    radiance = np.where((covered == 0)[..., None], np.float32(0), radiance)
    alpha = np.where(edge, covered + (1 - covered) * np.minimum(shadow, 1.0), passes.alpha)
    alpha = np.where(covered >= INSIDE, np.float32(1), alpha)
    return replace(passes, radiance=np.asarray(radiance, np.float32), alpha=np.asarray(alpha, np.float32))


def with_floor_shadows(passes: Passes, shadows: Floats) -> Passes:
    """The passes with shadows beside and behind the objects, where the engine has caught none.

    Args:
        passes: of an engine, with a film that is transparent but for objects.
        shadows: (H, W) 0..1, the share of light that the floor lacks.
    """
    alpha = passes.alpha + (1 - passes.alpha) * shadows
    return replace(passes, alpha=np.asarray(alpha, np.float32))


def _spread(values: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.float32)
