"""Pictures as vectors, by which sets of them are compared. Numbers of different extractors are never compared.

The extractor ``plain-1`` is our own, and needs no weights: colour, gradients and wavelets. ``mobilenet`` is MobileNetV2
with ImageNet weights, see :mod:`mobilenet_features`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.analysis.picture_measures import Pixels, shrunk

EDGE_PX = 256
"""Longer edge at which features are taken. Smaller pictures stay as they are."""
GRID = 3
ORIENTATIONS = 8
LEVELS = 4
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_FAINT = 1 / 255
"""Below a step of 8 bits, strength is noise: logarithms begin there."""
PLAIN = "plain-1"


class Extractor(Protocol):
    """Makes vectors of pictures."""

    @property
    def name(self) -> str:
        """Of it, with its version."""

    @property
    def digest(self) -> str:
        """SHA-256 of what decides its numbers: of the weights' file, or of the name where it has none."""

    def features(self, pixels: Pixels) -> Floats:
        """(D,) float64 of (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class PlainExtractor:
    """Colour, gradients and wavelets: 159 numbers, each about as large as the next."""

    name: str = PLAIN

    @property
    def digest(self) -> str:
        """See :class:`Extractor`."""
        return hashlib.sha256(self.name.encode()).hexdigest()

    def features(self, pixels: Pixels) -> Floats:
        """(159,) of (H, W, 3) uint8 RGB: see :func:`colours`, :func:`gradients`, :func:`wavelets`."""
        rgb = shrunk(pixels, EDGE_PX).astype(np.float32) / 255
        opponent = np.stack(
            [rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32), rgb[..., 0] - rgb[..., 2],
             rgb[..., 1] - (rgb[..., 0] + rgb[..., 2]) / 2], axis=-1
        )  # fmt: skip
        return np.concatenate([colours(opponent), gradients(opponent[..., 0]), wavelets(opponent)]).astype(np.float64)


def colours(opponent: Floats) -> Floats:
    """(48,) of (H, W, 3) luma, red-blue, green-magenta: quantiles of each over all, and means of 3 x 3 parts."""
    flat = opponent.reshape(-1, 3)
    spread = (np.quantile(flat, QUANTILES, axis=0) * 3).ravel()
    means = cv2.resize(np.ascontiguousarray(opponent), (GRID, GRID), interpolation=cv2.INTER_AREA) * 3
    found: Floats = np.concatenate([spread, means.ravel()])
    return found


def gradients(luma: Floats) -> Floats:
    """(81,) of (H, W) luma: in each of 3 x 3 parts the share of 8 orientations, and the logarithm of all strength.

    As histograms of oriented gradients (Dalal and Triggs 2005), unsigned, in one block.
    """
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(luma, cv2.CV_32F, 0, 1) / 8
    strength = np.hypot(dx, dy)
    bins = (np.mod(np.arctan2(dy, dx), np.pi) / np.pi * ORIENTATIONS).astype(np.int64) % ORIENTATIONS
    height, width = luma.shape
    row = np.minimum(np.arange(height) * GRID // max(1, height), GRID - 1)[:, None]
    column = np.minimum(np.arange(width) * GRID // max(1, width), GRID - 1)[None]
    place = ((row * GRID + column) * ORIENTATIONS + bins).ravel()
    sums = np.bincount(place, strength.ravel(), GRID * GRID * ORIENTATIONS).reshape(-1, ORIENTATIONS)
    total = sums.sum(axis=1)
    pixels = np.maximum(1, np.bincount(place // ORIENTATIONS, minlength=GRID * GRID))
    shares = sums / np.maximum(total, 1e-9)[:, None] * 4
    return np.concatenate([shares.ravel(), np.log(total / pixels + _FAINT)])


def wavelets(opponent: Floats) -> Floats:
    """(30,) of (H, W, 3): logarithms of the mean size of Haar coefficients, and of how heavy their tails are.

    Of luma at four levels, in three directions (Mallat 1989), both; of the two colours at three levels, in all
    directions together, the size alone.
    """
    sizes, tails = [], []
    low = opponent[..., 0]
    for _ in range(LEVELS):
        low, details = _haar(low)
        for detail in details:
            mean, root = float(np.abs(detail).mean()), float(np.sqrt(np.square(detail).mean()))
            sizes.append(np.log(mean + _FAINT))
            tails.append(np.log((root + _FAINT) / (mean + _FAINT)))
    colour = []
    for channel in (1, 2):
        low = opponent[..., channel]
        for _ in range(LEVELS - 1):
            low, details = _haar(low)
            colour.append(np.log(np.mean([np.abs(d).mean() for d in details]) + _FAINT))
    return np.array([*sizes, *tails, *colour])


def _haar(plane: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    """Averages of 2 x 2 pixels, and details across, down and diagonally. An odd last row or column is repeated."""
    plane = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2)), mode="edge")
    a, b, c, d = plane[::2, ::2], plane[::2, 1::2], plane[1::2, ::2], plane[1::2, 1::2]
    return (a + b + c + d) / 4, ((a - b + c - d) / 4, (a + b - c - d) / 4, (a - b - c + d) / 4)
