"""Seeded noise: periodic images by spectral synthesis, and a lattice noise that can be asked anywhere in space."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
AnyFloats = npt.NDArray[np.floating[Any]]


def _shaped(
    rng: np.random.Generator, shape: tuple[int, int], amplitude: Callable[[FloatArray, FloatArray], FloatArray]
) -> FloatArray:
    """Filter white noise by ``amplitude(fx, fy)``, frequencies in cycles a tile: periodic by nature of the FFT."""
    import scipy.fft  # slow to import, and not needed for what is in the cache

    height, width = shape
    white = scipy.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    fy = (scipy.fft.fftfreq(height) * height).astype(np.float32)[:, None]
    fx = (scipy.fft.rfftfreq(width) * width).astype(np.float32)[None, :]
    gain = amplitude(fx, fy).astype(np.float32)
    gain[0, 0] = 0.0
    image: FloatArray = scipy.fft.irfft2(white * gain, s=shape).astype(np.float32)
    return image / np.float32(max(float(image.std()), 1e-12))


def enlarge(image: FloatArray, size: int) -> FloatArray:
    """Resample a periodic image to (size, size), a multiple of its own height and width."""
    pad = 4
    fy, fx = size // image.shape[0], size // image.shape[1]
    padded = np.pad(image, pad, mode="wrap")
    wide = cv2.resize(padded, (padded.shape[1] * fx, padded.shape[0] * fy), interpolation=cv2.INTER_CUBIC)
    return wide[pad * fy : pad * fy + size, pad * fx : pad * fx + size]


def smooth_noise(rng: np.random.Generator, size: int, length: tuple[float, float]) -> FloatArray:
    """A square periodic image of Gaussian-filtered noise.

    Args:
        rng: source of randomness.
        size: edge, pixels; a power of two.
        length: correlation length along (x, y) as a fraction of the tile; different ones give fibres and grain.

    Returns:
        (size, size) float32, mean 0, standard deviation 1.
    """
    lx, ly = length
    # What is smooth needs few samples: made small and enlarged, which is several times faster.
    width, height = (min(size, 2 ** math.ceil(math.log2(max(6.0 / edge, 16.0)))) for edge in length)
    image = _shaped(rng, (height, width), lambda fx, fy: np.exp(-((fx * lx) ** 2 + (fy * ly) ** 2) * 4.0))
    return image if (height, width) == (size, size) else enlarge(image, size)


def fractal_noise(
    rng: np.random.Generator, size: int, exponent: float = 1.0, stretch: float = 1.0, lowest: float = 0.0
) -> FloatArray:
    """A square periodic image of power-law noise: amplitude proportional to frequency^-``exponent``.

    Args:
        rng: source of randomness.
        size: edge, pixels.
        exponent: 0 is white, 1 looks like stone, 2 like clouds.
        stretch: how many times longer features are along x than along y.
        lowest: frequencies below this (cycles a tile) are faded out, which hides the repetition.

    Returns:
        (size, size) float32, mean 0, standard deviation 1.
    """

    def amplitude(fx: FloatArray, fy: FloatArray) -> FloatArray:
        f = np.sqrt((fx * stretch) ** 2 + fy**2)
        gain: FloatArray = np.maximum(f, 0.5) ** np.float32(-exponent)
        return gain * (1 - np.exp(-((f / lowest) ** 4))) if lowest > 0 else gain

    return _shaped(rng, (size, size), amplitude)


class LatticeNoise:
    """Value noise on a periodic cubic lattice, smooth and asked at any points: the same point gives the same value.

    Args:
        rng: fills the lattice, once.
        cells: edge of the lattice before it repeats.
    """

    def __init__(self, rng: np.random.Generator, cells: int = 24) -> None:
        self._lattice = rng.uniform(-1.0, 1.0, (cells, cells, cells)).astype(np.float32)

    def __call__(self, points: AnyFloats, length: float, octaves: int = 1) -> FloatArray:
        """Sum of octaves at ``points`` (N, 3); the coarsest has features of ``length``. (N,) float32, std about 0.5."""
        import scipy.ndimage  # slow to import, and not needed for what is in the cache

        total = np.zeros(len(points), np.float32)
        for octave in range(octaves):
            # Offsets keep the octaves' lattice planes from falling together, which would show as a grid.
            at = np.asarray(points, np.float32).T * (2.0**octave / length) + 5.37 * (octave + 1)
            values = scipy.ndimage.map_coordinates(self._lattice, at, order=3, mode="grid-wrap", prefilter=False)
            total += values.astype(np.float32) * 0.5**octave
        return total * np.float32(2.2)
