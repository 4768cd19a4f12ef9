"""Specular-glossiness materials of older glTF files as metallic-roughness ones.

The split into metal and paint is that of Khronos's own converter (``KHR_materials_pbrSpecularGlossiness/examples/
convert-between-workflows``): the metallic share with which diffuse and specular light come out as they were.
Specification: https://github.com/KhronosGroup/glTF/tree/main/extensions/2.0/Archived/KHR_materials_pbrSpecularGlossiness
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.assets.textures.texture_coding import decode_rgba

Floats = npt.NDArray[np.float64]
DIELECTRIC = 0.04
"""What paint reflects."""
_TINY = 1e-6
_ROWS = 1 << 20  # pixels that are worked on at a time


@dataclass(frozen=True)
class MetalRough:
    """A surface in today's terms.

    Attributes:
        color: linear RGB; white where there is a texture.
        metallic, roughness: 1 where there is a texture.
        color_png: base colour and alpha, sRGB, or None.
        packed_png: roughness in G, metallic in B, or None.
    """

    color: tuple[float, float, float]
    metallic: float
    roughness: float
    color_png: bytes | None = None
    packed_png: bytes | None = None


def metal_rough(gloss: dict[str, Any], diffuse: bytes | None, specular: bytes | None) -> MetalRough:
    """Convert a material.

    Args:
        gloss: the extension's entry.
        diffuse: its diffuse texture's image, sRGB with alpha, or None.
        specular: its texture of specular colour (sRGB) and glossiness (alpha), or None.

    Raises InputError for an image that can't be read.
    """
    factors = [np.array(_three(gloss.get(name, [1, 1, 1]))) for name in ("diffuseFactor", "specularFactor")]
    shine = float(gloss.get("glossinessFactor", 1.0))
    if specular is None:
        ones = np.ones((1, 3))
        if diffuse is None or not factors[1].max() > DIELECTRIC + _TINY:
            color, metallic = _split(ones * factors[0], ones * factors[1])
            if diffuse is None or not metallic.any():
                r, g, b = (float(v) for v in (color if diffuse is None else ones * factors[0])[0])
                return MetalRough((r, g, b), float(metallic[0]), 1 - shine)
    return _baked(diffuse, specular, factors[0], factors[1], shine)


def _three(values: Any) -> list[float]:
    if not isinstance(values, list) or len(values) < 3:
        raise InputError("its specular-glossiness material has a colour that is none")
    return [float(v) for v in values[:3]]


def _baked(diffuse: bytes | None, specular: bytes | None, color: Floats, tint: Floats, shine: float) -> MetalRough:
    """By pixel, at the size of the larger image."""
    images = [None if data is None else decode_rgba(data, "texture") for data in (diffuse, specular)]
    sizes = [image.shape[:2] for image in images if image is not None]
    height, width = max(sizes)
    pair = [_at_size(image, width, height) for image in images]
    base, packed = np.full((height, width, 4), 255, np.uint8), np.zeros((height, width, 3), np.uint8)
    rows = max(1, _ROWS // width)
    for top in range(0, height, rows):
        band = slice(top, top + rows)
        first, second = (None if image is None else image[band].reshape(-1, 4) for image in pair)
        count = base[band].size // 4
        lit = np.tile(color, (count, 1)) if first is None else linear_from_srgb(first[:, :3]) * color
        mirrored = np.tile(tint, (count, 1)) if second is None else linear_from_srgb(second[:, :3]) * tint
        gloss = np.full(count, shine) if second is None else second[:, 3] / 255 * shine
        mixed, metallic = _split(lit, mirrored)
        base[band, :, :3] = srgb_bytes(mixed).reshape(-1, width, 3)
        if first is not None:
            base[band, :, 3] = first[:, 3].reshape(-1, width)
        packed[band, :, 1] = np.rint((1 - np.clip(gloss, 0, 1)) * 255).reshape(-1, width)
        packed[band, :, 2] = np.rint(metallic * 255).reshape(-1, width)
    return MetalRough((1.0, 1.0, 1.0), 1.0, 1.0, _png(base), _png(packed))


def _at_size(image: npt.NDArray[np.uint8] | None, width: int, height: int) -> npt.NDArray[np.uint8] | None:
    if image is None or image.shape[:2] == (height, width):
        return image
    # Channel by channel: as RGBA, colours would be weighed by what is no opacity here.
    bands = [Image.fromarray(image[..., k]).resize((width, height), Image.Resampling.BILINEAR) for k in range(4)]
    return np.stack([np.asarray(band) for band in bands], axis=-1)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _split(diffuse: Floats, specular: Floats) -> tuple[Floats, Floats]:
    """(N, 3) base colour and (N,) metallic share of (N, 3) linear diffuse and specular colours."""
    strength = specular.max(axis=1)
    left = 1 - strength
    metallic = _metallic_share(_brightness(diffuse), _brightness(specular), left)[:, None]
    as_paint = diffuse * (left[:, None] / (1 - DIELECTRIC) / np.maximum(1 - metallic, _TINY))
    as_metal = (specular - DIELECTRIC * (1 - metallic)) / np.maximum(metallic, _TINY)
    color = np.clip(as_paint + metallic**2 * (as_metal - as_paint), 0, 1)
    return color, metallic[:, 0]


def _brightness(color: Floats) -> Floats:
    """As seen, of linear RGB (http://alienryderflex.com/hsp.html)."""
    return np.asarray(np.sqrt(color**2 @ np.array([0.299, 0.587, 0.114])))


def _metallic_share(diffuse: Floats, specular: Floats, left: Floats) -> Floats:
    a = DIELECTRIC
    b = diffuse * left / (1 - a) + specular - 2 * a
    root = np.sqrt(np.maximum(b * b - 4 * a * (a - specular), 0))
    share = np.clip((root - b) / (2 * a), 0, 1)
    return np.asarray(np.where(specular < a, 0.0, share))
