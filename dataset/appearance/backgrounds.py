"""What lies around the labelled objects of a picture: how bright it is, and how busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.dataset.appearance.pixel_summaries import LUMA, gradient

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

LEAST_SHARE = 0.02
"""Of the picture: less background than that is none."""
EDGE = 0.03
"""Gradient of luma a pixel, from which on a pixel lies at an edge."""
SMOOTH_PX = 1.2
"""Noise is smoothed away before edges are looked for."""
BACKGROUND = ("brightness", "busyness")
CLEARLY = 0.75
"""Share of pictures beyond which the photos' median lies, for backgrounds to be said to differ."""


@dataclass(frozen=True)
class BackgroundDifference:
    """Of one number of backgrounds.

    Attributes:
        photos, pictures: medians.
        above: share of pictures that lie below the photos' median: 0.5 where they are alike.
    """

    photos: float
    pictures: float
    above: float

    @property
    def differs(self) -> bool:
        """Whether that is clearly another."""
        return not 1 - CLEARLY <= self.above <= CLEARLY

    def to_json(self) -> dict[str, Any]:
        """As ``fit.json`` has it."""
        return {
            "photos": round(self.photos, 4),
            "pictures": round(self.pictures, 4),
            "above": round(self.above, 3),
            "differs": self.differs,
        }


def background_measures(pixels: Pixels, boxes_xywh: Sequence[Sequence[float]]) -> Floats:
    """(2,) mean luma of what no box covers, and the share of it that lies at an edge; NaN where there is nothing.

    Args:
        pixels: (H, W, 3) uint8 sRGB.
        boxes_xywh: of labelled objects, pixels.
    """
    luma = pixels.astype(np.float32) @ LUMA / np.float32(255)
    outside = np.ones(luma.shape, bool)
    for x, y, w, h in boxes_xywh:
        left, top = int(np.floor(x)), int(np.floor(y))
        outside[max(0, top) : max(0, int(np.ceil(y + h))), max(0, left) : max(0, int(np.ceil(x + w)))] = False
    if outside.mean() < LEAST_SHARE:
        return np.full(2, np.nan)
    smooth = cv2.GaussianBlur(luma, (0, 0), SMOOTH_PX)
    return np.array([luma[outside].mean(), (gradient(smooth)[outside] > EDGE).mean()], np.float64)


def compare_backgrounds(photos: Floats, pictures: Floats) -> dict[str, BackgroundDifference]:
    """Of (n, 2) and (N, 2) measures; empty where either side shows none."""
    found = {}
    for k, name in enumerate(BACKGROUND):
        real, made = (side[np.isfinite(side[:, k]), k] for side in (photos, pictures))
        if len(real) and len(made):
            middle = float(np.median(real))
            above = float((made < middle).mean() + (made == middle).mean() / 2)
            found[name] = BackgroundDifference(middle, float(np.median(made)), above)
    return found


def background_words(above: Mapping[str, float]) -> str:
    """How those of a middling photo are, in words; empty where they are like the pictures'.

    Args:
        above: share of pictures that lie below the photos' median, of the numbers that differ, by name.
    """
    said = []
    for name, more, less in (("brightness", "brighter", "darker"), ("busyness", "busier", "plainer")):
        if (share := above.get(name)) is not None:
            said.append(f"{more if share > 0.5 else less} than {max(share, 1 - share):.0%} of the pictures'")
    return " and ".join(said)
