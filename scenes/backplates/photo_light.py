"""Light out of a photo: a small environment made of it, and one key light that its shading tells of.

Simple on purpose. A photo shows a part of what lit it, through an unknown camera; what objects need to look as if they
were there is the right brightness, the right colours from about the right sides, and a shadow on the right side.

- The environment is the photo stretched over the half sphere before the camera and mirrored to the one behind, its
  horizon at the equator. Above, half of it is an even light of the illuminant's colour: photos of floors show no sky.
- The illuminant's colour is that of shades of grey (Finlayson and Trezzi 2004).
- How bright it is follows from the photo's mean, since scenes reflect somewhat less than a third of their light, and
  from its lightest parts, which are nearly white: the geometric mean of both.
- The key light comes from where the floor grows brighter (a plane fitted to the logarithm of its luminance); the
  steeper that is, the lower it stands and the more of the light it gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Float = npt.NDArray[np.float64]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec.709
MEAN_ALBEDO = 0.28
LIGHTEST, LIGHTEST_ALBEDO, MOST_LIGHTEST = 0.97, 0.75, 3.5
PANORAMA_WH = (64, 32)
LEAST_ABOVE, MOST_HORIZON = 0.25, 0.85
"""Shares of the photo's height: so much stands for what is above even where less is, and so much at most."""
EVEN_ABOVE = 0.5
GREY_NORM = 6
MOST_TINT = 1.5
GRID = 24
FLOOR_FROM = 0.4
"""Share of the photo's height above which there may be walls, whose brightness is another matter."""
AWAY_GAIN, MOST_AWAY = 0.6, 0.25
"""Upwards a floor grows brighter by mirroring as well; and light from behind is rare where people take photos."""
USUAL = np.array([-0.35, 0.15])
"""Where light comes from that the photo says nothing of, (right, away from the viewer): from the left and a
little from behind, so that shadows are seen."""
USUAL_WEIGHT = 0.12
KEY_SHARE, KEY_SHARE_MOST, KEY_GAIN = 0.4, 0.72, 0.45
HIGHEST_DEG, LOWEST_DEG = 62.0, 35.0


@dataclass(frozen=True)
class PhotoLight:
    """What a photo says of its light.

    Attributes:
        irradiance: of a level surface, in units in which the photo's own light is radiance (1: white).
        color: (3,) linear RGB of the illuminant, luminance 1.
        key_share: how much of the irradiance the key light gives.
        key_right_deg: from where it comes, seen from above: 0 from ahead, 90 from the right of the viewer.
        key_elevation_deg: above the horizon.
        floor: (3,) linear RGB, albedo of the floor.
    """

    irradiance: float
    color: tuple[float, float, float]
    key_share: float
    key_right_deg: float
    key_elevation_deg: float
    floor: tuple[float, float, float]


def measure_light(photo: Floats, horizon: float) -> PhotoLight:
    """Estimate a photo's light.

    Args:
        photo: (H, W, 3) linear, as light (before the tone curve).
        horizon: share of its height above which it shows what is above the horizon; may lie outside of 0..1.
    """
    small = _reduced(photo)
    luminance = np.maximum(small @ LUMINANCE, 1e-4)
    mean = float(luminance.mean())
    lightest = float(np.quantile(photo[::4, ::4].reshape(-1, 3) @ LUMINANCE, LIGHTEST))
    irradiance = math.pi * math.sqrt(
        mean / MEAN_ALBEDO * float(np.clip(lightest, mean, MOST_LIGHTEST * mean)) / LIGHTEST_ALBEDO
    )
    first = min(max(int(np.clip(horizon, 0, MOST_HORIZON) * GRID) + 1, int(FLOOR_FROM * GRID)), GRID - 6)
    right, away = _gradient(np.log(luminance[first:]))
    away = min(AWAY_GAIN * away, MOST_AWAY)
    steep = math.hypot(right, away)
    towards = np.array([right, away]) + USUAL_WEIGHT * USUAL / np.linalg.norm(USUAL)
    lowered = min(steep, 1.0)
    color = illuminant(small)
    floor = np.median(small[first:].reshape(-1, 3), axis=0) / np.maximum(color, 1e-3)
    return PhotoLight(
        irradiance,
        _rgb(color),
        min(KEY_SHARE + KEY_GAIN * steep, KEY_SHARE_MOST),
        math.degrees(math.atan2(towards[0], towards[1])),
        HIGHEST_DEG + (LOWEST_DEG - HIGHEST_DEG) * lowered,
        _rgb(np.clip(floor * math.pi / irradiance, 0.03, 0.8)),
    )


def photo_panorama(photo: Floats, horizon: float) -> Floats:
    """(32, 64, 3) float32 environment image of a photo, equirectangular, the photo's middle in its middle.

    A level surface receives an irradiance of pi (of luminance) from it, whatever the photo's brightness.

    Args:
        photo: (H, W, 3) linear.
        horizon: as in :func:`measure_light`.
    """
    small = _reduced(photo)
    width, height = PANORAMA_WH
    azimuth = (np.arange(width) + 0.5) / width * 4 - 2  # 1 is a right angle to the right
    column = 0.5 + 0.5 * np.where(np.abs(azimuth) > 1, np.sign(azimuth) * 2 - azimuth, azimuth)
    elevation = 1 - (np.arange(height) + 0.5) / height * 2  # 1 is the zenith
    line = float(np.clip(horizon, 0.0, MOST_HORIZON))
    above = max(line, LEAST_ABOVE) * (1 - elevation)
    row = np.where(elevation > 0, above, line + (1 - line) * -elevation)
    grid = np.meshgrid(column * GRID - 0.5, row * GRID - 0.5)
    found = cv2.remap(
        small.astype(np.float32),
        grid[0].astype(np.float32),
        grid[1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float64)
    even = illuminant(small) * float((found[elevation > 0] @ LUMINANCE).mean())
    found[elevation > 0] += EVEN_ABOVE * (even - found[elevation > 0])
    wide = np.concatenate([found[:, -8:], found, found[:, :8]], axis=1)  # the image goes on at its sides
    found = cv2.GaussianBlur(wide, (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)[:, 8:-8]
    return np.asarray(found / max(_irradiance(found) / math.pi, 1e-6), np.float32)


def illuminant(photo: Float) -> Float:
    """(3,) linear RGB of the light, luminance 1, by shades of grey; no channel beyond MOST_TINT of the others' mean."""
    pixels = np.minimum(photo.reshape(-1, 3), 1.0)
    # What has a strong colour has its own, not the light's.
    weight = (pixels.min(axis=1) / np.maximum(pixels.max(axis=1), 1e-4)) ** 2 + 1e-3
    norm = np.maximum(np.average(pixels**GREY_NORM, axis=0, weights=weight) ** (1 / GREY_NORM), 1e-4)
    color = np.clip(norm / norm.mean(), 1 / MOST_TINT, MOST_TINT)
    return np.asarray(color / float(color @ LUMINANCE))


def _reduced(photo: Floats) -> Float:
    return np.asarray(cv2.resize(photo, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float64).reshape(GRID, GRID, 3)


def _irradiance(panorama: Float) -> float:
    """Of a level surface that faces up, of luminance: the integral of radiance times cosine."""
    height, width = panorama.shape[:2]
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
    weight = np.cos(elevation) * np.maximum(np.sin(elevation), 0) * (math.pi / height) * (2 * math.pi / width)
    return float(((panorama @ LUMINANCE) * weight[:, None]).sum())


def _gradient(logs: Float) -> tuple[float, float]:
    """How much brighter it grows from the middle to the right border, and to the upper one, by logarithms.

    By least squares, then again without what lies far off: things on the floor, and shadows.
    """
    rows, columns = logs.shape
    x, y = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(1, -1, rows))
    basis = np.stack([x.ravel(), y.ravel(), np.ones(logs.size)], axis=1)
    values, weight = logs.ravel(), np.ones(logs.size)
    fitted = np.zeros(3)
    for _ in range(5):
        fitted = np.linalg.lstsq(basis * weight[:, None], values * weight, rcond=None)[0]
        off = np.abs(values - basis @ fitted)
        weight = 1 / (1 + (off / (1.5 * np.median(off) + 1e-6)) ** 2)
    return float(fitted[0]), float(fitted[1])


def _rgb(values: Float) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
