"""A photo as it is shown behind objects: scaled to cover the frame, cropped about its middle."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.scenes.inputs.image_files import read_photo

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MOST_BEYOND = 8
"""Of a photo, once it is scaled to cover the frame: so many times the frame's height or width."""


@lru_cache(maxsize=4)
def shown_photo(path: str, height: int, width: int) -> Image:
    """(height, width, 3) uint8 sRGB of a photo, not to be written to. Raises InputError if it is unreadable."""
    photo = _trimmed(read_photo(Path(path)), height, width)
    scale = max(width / photo.shape[1], height / photo.shape[0])
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    scaled = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width, ::-1])


def in_frame(share: float, photo_wh: tuple[int, int], frame_wh: tuple[int, int]) -> float:
    """A share of the photo's height as one of the frame's; may lie outside of 0..1 where the crop cut it away."""
    scale = max(frame_wh[0] / photo_wh[0], frame_wh[1] / photo_wh[1])
    return 0.5 + (share - 0.5) * scale * photo_wh[1] / frame_wh[1]


def linear_photo(path: str, height: int, width: int) -> Floats:
    """:func:`shown_photo` as (height, width, 3) float32 linear display values, 0..1."""
    return linear_from_srgb(shown_photo(path, height, width)).astype(np.float32)


def _trimmed(photo: Image, height: int, width: int) -> Image:
    """The middle of a photo, of proportions so unlike the frame's that scaled as a whole it could take all memory."""
    scale = max(width / photo.shape[1], height / photo.shape[0])
    for axis, side in ((0, height), (1, width)):
        kept = math.ceil(MOST_BEYOND * side / scale)
        if photo.shape[axis] > kept:
            start = (photo.shape[axis] - kept) // 2
            photo = photo[start : start + kept] if axis == 0 else photo[:, start : start + kept]
    return photo
