"""sRGB transfer functions (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEVELS = np.arange(256) / 255.0
_DECODED = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)


def linear_from_srgb(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Linear values in 0..1 of sRGB bytes, any shape."""
    linear: npt.NDArray[np.float64] = _DECODED[codes]
    return linear


def srgb_from_linear(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """sRGB values in 0..1 of linear ones, any shape; clipped to 0..1, not a number becomes 0."""
    clipped = np.clip(np.nan_to_num(linear), 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


def srgb_bytes(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """sRGB bytes of linear values, any shape; clipped to 0..1, not a number becomes 0."""
    codes: npt.NDArray[np.uint8] = np.rint(srgb_from_linear(linear) * 255).astype(np.uint8)
    return codes
