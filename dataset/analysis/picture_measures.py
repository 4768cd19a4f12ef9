"""What is measured of a picture's pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.measure import blur_effect

from scanstage.assets.machine.processors import usable_cores

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")
U = TypeVar("U")

MEASURED_EDGE_PX = 512
"""Longer edge at which pictures are measured, so that those of other sizes compare. Smaller ones stay as they are."""
BLACK, WHITE = 8, 250
"""Brightness, of 255, up to and from which a pixel counts as black or white."""
NOTHING = 2.0
"""Standard deviation, of 255, below which a picture is flat."""
BLUR_WINDOW = 11
"""Of :func:`skimage.measure.blur_effect`: its default."""


def picture_measures(pixels: Pixels) -> dict[str, float]:
    """Numbers of a picture.

    ``brightness`` and ``contrast`` are mean and standard deviation of its luma (BT.709's weights on sRGB values, 1 is
    white); ``saturation`` is the mean of HSV's, ``warmth`` that of red less blue; ``clipped_dark`` and
    ``clipped_bright`` are shares of pixels; ``blur`` is 0 where it is sharp and 1 where it is nothing but blur (Crete
    et al. 2007).

    Args:
        pixels: (H, W, 3) uint8 RGB.
    """
    small = shrunk(pixels, MEASURED_EDGE_PX)
    rgb = small.astype(np.float32) / 255
    luma = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    most = rgb.max(axis=-1)
    saturation = np.where(most > 0, (most - rgb.min(axis=-1)) / np.maximum(most, 1e-6), 0)
    large = min(luma.shape) > 2 * BLUR_WINDOW
    found = {
        "brightness": luma.mean(),
        "contrast": luma.std(),
        "saturation": saturation.mean(),
        "warmth": (rgb[..., 0] - rgb[..., 2]).mean(),
        "clipped_dark": (luma <= BLACK / 255).mean(),
        "clipped_bright": (luma >= WHITE / 255).mean(),
        "blur": blur_effect(luma, h_size=BLUR_WINDOW) if large and np.ptp(luma) > 0 else np.nan,
    }
    return {name: float(value) for name, value in found.items()}


def picture_hash(pixels: Pixels) -> int | None:
    """64 bits that change little where a picture does: signs of its lowest frequencies (ImageHash's ``phash``).

    None of a picture in which nothing is to be seen.
    """
    if pixels.std() < NOTHING:
        return None
    bits = imagehash.phash(Image.fromarray(shrunk(pixels, MEASURED_EDGE_PX))).hash
    return int("".join("1" if b else "0" for b in bits.ravel()), 2)


def shrunk(pixels: Pixels, edge_px: int) -> Pixels:
    """The picture with its longer edge at most so long. Areas are averaged."""
    height, width = pixels.shape[:2]
    factor = edge_px / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def mapped(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """As map does, by several threads: what decodes, measures and encodes pictures lets others run."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        yield from pool.map(function, items)
