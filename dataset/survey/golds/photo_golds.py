"""Real photos, cropped, scaled and encoded as our own pictures are, so that neither size nor format tells them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.scenes.inputs.image_files import read_photo

Pixels = npt.NDArray[np.uint8]
LEAST_CROP = 0.7
"""Of what a photo has room for: crops are at most so much smaller, at random, as frames of cameras are."""


def like_ours(path: Path, resolution_wh: tuple[int, int], rng: np.random.Generator) -> Pixels | None:
    """(H, W, 3) uint8 RGB: a part of a photo with our proportions, reduced to our size.

    None where the photo has fewer pixels than ours: enlarged, it would be told by its blur. Raises InputError where it
    can't be read.
    """
    photo = read_photo(path, hint=f"take it out of the folder that {option('real')} names")
    height, width = photo.shape[:2]
    if (height > width) != (resolution_wh[1] > resolution_wh[0]) and min(height, width) < max(resolution_wh):
        return None
    room = min(width / resolution_wh[0], height / resolution_wh[1])
    if room < 1:
        return None
    factor = max(1.0, room * float(rng.uniform(LEAST_CROP, 1.0)))
    w, h = (min(size, round(n * factor)) for size, n in zip((width, height), resolution_wh, strict=True))
    left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
    crop = photo[top : top + h, left : left + w]
    small = cv2.resize(crop, resolution_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def too_few_photos(found: int, wanted: int, resolution_wh: tuple[int, int]) -> InputError:
    """What to say where a folder hasn't enough photos that are large enough."""
    width, height = resolution_wh
    return InputError(
        f"{option('real')}: {found} photos of {width} x {height} pixels and more, and {wanted} are needed",
        f"add photos, or ask for fewer: {option('overrides')} survey.gold.real={max(6, found)}",
    )
