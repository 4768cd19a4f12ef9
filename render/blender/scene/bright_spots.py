"""The sun and lamps in an HDRI: small bright spots, taken out of the image to become lamps.

Most of an HDRI's light may come from a few pixels. A path tracer that samples such an image is noisy, however fine its
importance map; as lamps of the same energy, direction and size, the same pixels are sampled by one shadow ray. What
remains is smooth, and a small image of it lights as the large one would. Nothing here needs Blender.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MOST = 4
"""Lamps of an HDRI at most."""
CONE = math.radians(8.0)
"""Angle around its brightest pixel within which a spot lies."""
CONTRAST = 8.0
"""A spot is what is so many times as bright as what surrounds it, and as the image's mean."""
LEAST_SHARE = 0.02
"""Of the image's whole light, below which a spot isn't worth a lamp."""

_LARGEST = 65504.0  # of half floats, which most HDRIs are made of
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec.709


@dataclass(frozen=True)
class BrightSpot:
    """A spot as a lamp at infinity.

    Attributes:
        towards: unit vector from the scene to the spot, in the frame of the unrotated image (Z up).
        irradiance: (3,) linear Rec.709, on a surface that faces it; what the spot has above its surroundings.
        radius: angular, in radians, of the uniform disc that spreads as far (root mean square) as the spot.
    """

    towards: tuple[float, float, float]
    irradiance: tuple[float, float, float]
    radius: float


def take_out_spots(radiance: Floats) -> tuple[list[BrightSpot], Floats]:
    """Split an environment into bright spots and the rest.

    Greedily: around the brightest pixel, all within :data:`CONE` is clamped to :data:`CONTRAST` times what surrounds
    it, keeping its colour; what was above becomes a spot. Spots and rest hold the same light together as the image.

    Args:
        radiance: (H, W, 3) float32, linear Rec.709, equirectangular as Blender looks it up, bottom row first.

    Returns:
        The spots, brightest first as found, and the rest, of the same shape.
    """
    rest = np.array(radiance, np.float32)
    height, width, _ = rest.shape
    angles = _solid_angles(height, width)
    towards = _directions(height, width)
    luminance = rest @ _LUMINANCE
    total = float((luminance * angles).sum())
    spots: list[BrightSpot] = []
    while len(spots) < MOST and total > 0:
        peak = np.unravel_index(np.argmax(luminance), luminance.shape)
        beside = towards @ towards[peak]
        around = (beside < math.cos(CONE)) & (beside > math.cos(2 * CONE))
        if not around.any():
            break  # an image of a few pixels
        surroundings = float(np.average(luminance[around], weights=angles[around]))
        mean = float((luminance * angles).sum()) / (4 * math.pi)
        limit = CONTRAST * max(surroundings, mean)
        bright = (beside >= math.cos(CONE)) & (luminance > limit)
        if not bright.any():
            break
        kept = limit / luminance[bright]
        power = rest[bright] * ((1 - kept) * angles[bright])[:, None]
        light = power @ _LUMINANCE
        if light.sum() < LEAST_SHARE * total:
            break
        pixel = math.pi / height
        spots.append(_spot(towards[bright], light, power.sum(axis=0, dtype=np.float64), pixel))
        rest[bright] *= kept[:, None]
        luminance[bright] = limit
    return spots, rest


def split_light(radiance: Floats, mirrored_px: int, diffuse_px: int) -> tuple[list[BrightSpot], Floats, Floats]:
    """An environment as lamps, what glossy surfaces mirror, and what lights matt ones.

    Args:
        radiance: as in :func:`take_out_spots`, of any size; what isn't finite is replaced in place.
        mirrored_px, diffuse_px: width that the two images have at most.

    Returns:
        The spots, the mirrored image and the diffuse one.
    """
    np.nan_to_num(radiance, copy=False, nan=0.0, posinf=_LARGEST, neginf=0.0)
    spots, rest = take_out_spots(shrink(radiance, mirrored_px))
    return spots, rest, shrink(rest, diffuse_px)


def shrink(radiance: Floats, width: int) -> Floats:
    """An environment (H, W, C) of at most ``width`` pixels' width, by the mean over the area of each new pixel.

    It is at most half as high, too: environments are, and a file of other proportions must not take all memory.
    """
    height = max(1, width // 2)
    if radiance.shape[0] <= height and radiance.shape[1] <= width:
        return radiance
    return _mean_rows(_mean_rows(radiance, height).swapaxes(0, 1), width).swapaxes(0, 1)


def _mean_rows(pixels: Floats, count: int) -> Floats:
    """``count`` rows from (N, M, C): each the mean of the rows, or parts of rows, that it covers."""
    if len(pixels) <= count:
        return pixels
    found = np.empty((count, *pixels.shape[1:]), np.float32)
    size = len(pixels) / count
    for k in range(count):  # row by row: sums of a large image would be several times as large as it is
        first, last = int(k * size), min(math.ceil((k + 1) * size), len(pixels))
        rows = np.arange(first, last)
        covered = np.minimum(rows + 1, (k + 1) * size) - np.maximum(rows, k * size)
        found[k] = np.tensordot(covered / size, pixels[first:last], axes=1)
    return found


def _spot(towards: Floats, light: Floats, power: npt.NDArray[np.float64], pixel: float) -> BrightSpot:
    """One lamp for pixels: directions (N, 3), their light (N,), their irradiance summed (3,), a pixel's angle."""
    mean = (towards * light[:, None]).sum(axis=0, dtype=np.float64) / light.sum(dtype=np.float64)
    length = float(np.linalg.norm(mean))
    # Of a uniform disc of radius r, the squared distance from the centre is r²/2 in the mean; unit vectors' mean
    # squared chord from their mean direction is 2 (1 - length of their mean).
    radius = math.sqrt(2 * max(0.0, 2 * (1 - length)))
    x, y, z = (mean / length).tolist()
    red, green, blue = power.tolist()
    return BrightSpot((x, y, z), (red, green, blue), max(radius, pixel / 2))


def _solid_angles(height: int, width: int) -> Floats:
    """(H, W) of each pixel, in steradians; they sum to 4 pi."""
    polar = np.arange(height + 1) * (math.pi / height)
    rows = -np.diff(np.cos(polar)) * (2 * math.pi / width)
    return np.repeat(rows[:, None].astype(np.float32), width, axis=1)


def _directions(height: int, width: int) -> Floats:
    """(H, W, 3) unit vectors that the pixels' centres are looked up by; Cycles' ``equirectangular_to_direction``."""
    azimuth = math.pi - (np.arange(width) + 0.5) * (2 * math.pi / width)
    polar = math.pi - (np.arange(height) + 0.5) * (math.pi / height)
    sine = np.sin(polar)[:, None]
    parts = (sine * np.cos(azimuth), sine * np.sin(azimuth), np.repeat(np.cos(polar)[:, None], width, axis=1))
    return np.stack(parts, axis=-1).astype(np.float32)
