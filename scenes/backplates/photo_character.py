"""How soft and how noisy a photo is at the size at which it is shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec.601
BLOCK = 16
QUIET_SHARE = 0.03
"""Noise is measured in the quietest of the blocks: texture is no noise."""
DARKEST, LIGHTEST = 0.06, 0.94
"""Black and white are cut, and have none."""
MOST_NOISE, MOST_BLUR_PX, MOST_GRAIN_PX = 0.08, 4.0, 1.5
REBLUR_PX = 1.0
EDGE_SHARE, SHARP_SHARE = 0.03, 0.3
"""Softness is measured at the strongest edges, and of these at the sharpest: most of a photo is out of focus."""
RENDERED_PX = 0.85
"""Softness of a rendered edge, by its pixel filter, as measured the same way."""
LEAST_CONTRAST = 0.04


@dataclass(frozen=True)
class PhotoCharacter:
    """Softness and noise.

    Attributes:
        blur_px: sigma of a Gaussian that makes a rendered edge as soft.
        noise: standard deviation of sRGB values, 1: white.
        grain_px: sigma of the Gaussian over which noise is alike.
    """

    blur_px: float
    noise: float
    grain_px: float


def measure_character(photo: Image) -> PhotoCharacter:
    """Measure a photo, (H, W, 3) uint8 sRGB."""
    luma = photo.astype(np.float32) @ LUMA / np.float32(255)
    noise, grain = _noise(luma)
    return PhotoCharacter(_blur(luma, noise), noise, grain)


def _noise(luma: Floats) -> tuple[float, float]:
    """Standard deviation and grain, by the residual of each quiet block from a smooth surface.

    Of noise that a Gaussian of sigma s made alike, neighbours correlate to exp(-1 / 4 s^2).
    """
    rows, columns = (n // BLOCK for n in luma.shape)
    if rows * columns < 4:
        return 0.0, 0.0
    blocks = luma[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = blocks.transpose(0, 2, 1, 3).reshape(-1, BLOCK, BLOCK)
    means = blocks.mean(axis=(1, 2))
    usable = blocks[(means > DARKEST) & (means < LIGHTEST)]
    if len(usable) < 4:
        return 0.0, 0.0
    y, x = (a.ravel() / BLOCK - 0.5 for a in np.indices((BLOCK, BLOCK)))
    basis = np.linalg.qr(np.stack([np.ones(x.size), x, y, x * x, x * y, y * y], axis=1))[0].astype(np.float32)
    flat = usable.reshape(len(usable), -1)
    rest = flat - flat @ basis @ basis.T
    deviations = rest.std(axis=1)
    quiet = np.argsort(deviations)[: max(4, int(QUIET_SHARE * len(deviations)))]
    noise = float(np.median(deviations[quiet]))
    if noise < 1e-3:
        return 0.0, 0.0
    shaped = rest[quiet].reshape(-1, BLOCK, BLOCK)
    across = [(shaped[:, :, 1:] * shaped[:, :, :-1]).mean(), (shaped[:, 1:] * shaped[:, :-1]).mean()]
    alike = float(np.clip(np.mean(across) / (shaped**2).mean(), 0.0, 0.95))
    grain = 0.5 / np.sqrt(-np.log(alike)) if alike > 0.02 else 0.0
    return min(noise, MOST_NOISE), float(min(grain, MOST_GRAIN_PX))


def _blur(luma: Floats, noise: float) -> float:
    """Softness beyond that of a rendered edge, by blurring once more (Zhuo and Sim 2011, equation 5).

    An edge of sigma s whose gradient falls by the ratio R when it is blurred by s0 has s = s0 / sqrt(R^2 - 1).
    """
    before, after = _gradient(luma), _gradient(cv2.GaussianBlur(luma, (0, 0), REBLUR_PX))
    inner = (slice(3, -3), slice(3, -3))
    before, after = before[inner].ravel(), after[inner].ravel()
    if not before.size:
        return 0.0
    least = max(float(np.quantile(before, 1 - EDGE_SHARE)), LEAST_CONTRAST + 4 * noise)
    edges = before >= least
    if np.count_nonzero(edges) < 20:
        return 0.0
    ratio = np.maximum(before[edges] / np.maximum(after[edges], 1e-4), 1.001)
    sigmas = REBLUR_PX / np.sqrt(ratio**2 - 1)
    sigma = float(np.quantile(sigmas, SHARP_SHARE))
    return float(min(np.sqrt(max(sigma**2 - RENDERED_PX**2, 0.0)), MOST_BLUR_PX))


def _gradient(luma: Floats) -> Floats:
    dx, dy = cv2.Sobel(luma, -1, 1, 0, ksize=3, scale=1 / 4), cv2.Sobel(luma, -1, 0, 1, ksize=3, scale=1 / 4)
    return np.asarray(np.hypot(dx, dy), np.float32)
