"""Photos out of arithmetic, of which it is known what there is to be measured."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from scanstage.assets.textures.srgb import srgb_bytes


def floor_photo(
    color: tuple[float, float, float] = (0.2, 0.2, 0.2),
    brighter_to: tuple[float, float] = (0.0, 0.0),
    size_wh: tuple[int, int] = (320, 240),
) -> np.ndarray:
    """(H, W, 3) float32 linear: an even floor that grows brighter to the (right, top) by powers of e, half a frame."""
    width, height = size_wh
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(1, -1, height))
    shade = np.exp(brighter_to[0] * x + brighter_to[1] * y)
    return (shade[..., None] * np.array(color)).astype(np.float32)


def discs(blur_px: float = 0.0, noise: float = 0.0, size_wh: tuple[int, int] = (320, 240), seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: grey discs with edges of a known softness, and white noise of known strength, 1: white."""
    rng, larger = np.random.default_rng(seed), 4
    width, height = size_wh
    drawn = np.full((height * larger, width * larger), 0.3, np.float32)
    for _ in range(40):
        middle = tuple(int(v) for v in rng.integers(0, (width * larger, height * larger)))
        cv2.circle(drawn, middle, int(rng.integers(40, 160)), float(rng.uniform(0.2, 0.8)), -1)
    if blur_px:
        drawn = cv2.GaussianBlur(drawn, (0, 0), blur_px * larger)
    photo = cv2.resize(drawn, size_wh, interpolation=cv2.INTER_AREA) + rng.normal(0, noise, (height, width))
    return np.clip(np.rint(photo * 255), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def write_photo(
    path: Path, pixels: np.ndarray, quality: int = 90, focal_35mm: int | None = None, orientation: int = 1
) -> Path:
    """Save uint8 or linear float pixels as JPEG, with EXIF data where asked for."""
    image = Image.fromarray(pixels if pixels.dtype == np.uint8 else srgb_bytes(pixels.astype(np.float64)))
    exif = image.getexif()
    exif[0x0112] = orientation
    if focal_35mm is not None:
        exif.get_ifd(0x8769)[0xA405] = focal_35mm
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality, exif=exif)
    return path
