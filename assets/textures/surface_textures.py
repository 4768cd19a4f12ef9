"""Surfaces for tables, grounds, walls and primitives: tileable grey textures with the colours and gloss they suit.

A texture is an 8-bit grey PNG that mixes a dark colour (black) with a light one (white); it is painted by
:mod:`texture_patterns` and :mod:`textile_patterns` from a fixed seed, once, into the cache.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.user_folders import cached
from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures import textile_patterns, texture_patterns
from scanstage.assets.textures.noise import FloatArray
from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.assets.textures.wide_textures import Variation, widened

# Raise it when a painter changes: caches of other versions are then left alone, not mixed.
TEXTURE_VERSION = 3
Rgb = tuple[float, float, float]
_ROLLED = 5 / 128
"""How far textures are rolled, of their edge."""
_ANY_SHIFT = Variation(parts=False, steps=(0, 0))
_WIDE_PX = 3072
"""Edge that widened textures have at least."""


@dataclass(frozen=True)
class SurfaceStyle:
    """How a surface looks.

    Attributes:
        name: key in :data:`SURFACES`; also names the texture.
        size_m: edge of one repetition of the texture, metres.
        palettes: pairs of linear RGB colours that occur in the real material: of the texture's black and its white.
        roughness: lowest and highest Principled BSDF roughness that suit it.
        metallic: 0 or 1.
        bump_m: height of the relief between black and white, metres.
        joint_roughness: of what the texture paints black, where that is another material; None: the same all over.
        variation: of surfaces that show it many times.
    """

    name: str
    size_m: float
    palettes: tuple[tuple[Rgb, Rgb], ...]
    roughness: tuple[float, float]
    metallic: float = 0.0
    bump_m: float = 0.0
    joint_roughness: float | None = None
    variation: Variation = _ANY_SHIFT


def _linear(code: str) -> Rgb:
    """Linear RGB of an sRGB hex colour (IEC 61966-2-1)."""
    r, g, b = (round(float(c), 5) for c in linear_from_srgb(np.frombuffer(bytes.fromhex(code), np.uint8)))
    return (r, g, b)


def _palettes(*pairs: str) -> tuple[tuple[Rgb, Rgb], ...]:
    """Palettes from texts such as ``"3b2413 c69c6d"`` (dark, light, sRGB)."""
    return tuple((_linear(p.split()[0]), _linear(p.split()[1])) for p in pairs)


_STYLES = (
    SurfaceStyle(
        "wood_planks",
        1.2,
        _palettes("3a2718 b98d5e", "2b1d14 8d6644", "5b4a3a c9b497"),
        (0.35, 0.6),
        bump_m=0.0008,
        variation=Variation(True, (0, 9)),
    ),
    SurfaceStyle(
        "wood_grain",
        0.9,
        _palettes("6b4223 d9ac74", "3d2012 a4683a", "281710 6e4a31", "a88a62 ead2aa"),
        (0.25, 0.5),
        bump_m=0.0002,
        variation=Variation(True, (0, 5)),
    ),
    SurfaceStyle("marble", 0.8, _palettes("6d6f73 f1efeb", "3c3d40 94969a", "7f6b57 efe6d6"), (0.08, 0.25)),
    SurfaceStyle("granite", 0.35, _palettes("2a2a2c c9c4bd", "301f1b c99f8b", "101214 5c6166"), (0.08, 0.3)),
    SurfaceStyle("terrazzo", 0.5, _palettes("5d5148 f0ebe0", "4c6a66 efe9de", "8c5a48 f2e6d8"), (0.12, 0.35)),
    SurfaceStyle("concrete", 1.0, _palettes("55534f bab6ae", "3c3d3f 8d8e8f"), (0.65, 0.9), bump_m=0.0008),
    SurfaceStyle(
        "plaster",
        0.8,
        _palettes("a79f92 f0ebe1", "8f8a7e d8d0bd", "8d7a6b dcc4ae", "6f8088 b9c7ca"),
        (0.75, 0.95),
        bump_m=0.0025,
    ),
    SurfaceStyle(
        "fabric",
        0.24,
        _palettes("2b2f36 a7a8a5", "3a2a20 b9a488", "1e2b3d 8fa3b5"),
        (0.85, 1.0),
        bump_m=0.0008,
        variation=Variation(False, (8, 24)),
    ),
    SurfaceStyle(
        "linen",
        0.18,
        _palettes("8d8069 e6dcc6", "5c6670 b4bcc2", "59463a b79a7e", "42503f 97a383"),
        (0.85, 1.0),
        bump_m=0.0004,
        variation=Variation(False, (85, 85)),
    ),
    SurfaceStyle(
        "checks",
        0.24,
        _palettes("8c1d1f efe9e0", "1f3f73 eceef0", "2e5a3a f0ede2", "31302f d9d4ca"),
        (0.8, 1.0),
        bump_m=0.0002,
        variation=Variation(False, (2, 2)),
    ),
    SurfaceStyle(
        "stripes",
        0.3,
        _palettes("24406b ece7db", "7a2a26 eee6d6", "3f4a3a e5dfcf"),
        (0.8, 1.0),
        bump_m=0.0002,
        variation=Variation(False, (5, 100)),
    ),
    SurfaceStyle(
        "tiles",
        0.6,
        _palettes("8f8b84 eeebe4", "7d7a74 5f8f8b", "a19b90 2f4f7a", "6f6a63 c98f6b"),
        (0.08, 0.25),
        bump_m=0.0012,
        joint_roughness=0.9,
        variation=Variation(True, (6, 6)),
    ),
    SurfaceStyle("cork", 0.3, _palettes("4a2f1a cf9f68", "3a2415 a97a4b"), (0.75, 0.95), bump_m=0.0004),
    SurfaceStyle("brushed_metal", 0.5, _palettes("6e6f72 d5d6d8", "5d5044 b9a184", "34363a 8b8f95"), (0.22, 0.42), 1.0),
    SurfaceStyle(
        "cardboard",
        0.35,
        _palettes("6f4f33 c79d70", "8d8a84 e6e3dc"),
        (0.8, 0.95),
        bump_m=0.0002,
        variation=Variation(False, (0, 72)),
    ),
)

SURFACES: dict[str, SurfaceStyle] = {style.name: style for style in _STYLES}

_PAINTERS: dict[str, tuple[Callable[[np.random.Generator, int], FloatArray], int]] = {
    "wood_planks": (texture_patterns.wood_planks, 2048),
    "wood_grain": (texture_patterns.wood_grain, 2048),
    "marble": (texture_patterns.marble, 1024),
    "granite": (texture_patterns.granite, 1024),
    "terrazzo": (texture_patterns.terrazzo, 1024),
    "concrete": (texture_patterns.concrete, 1024),
    "plaster": (texture_patterns.plaster, 1024),
    "fabric": (textile_patterns.fabric, 1024),
    "linen": (textile_patterns.linen, 1024),
    "checks": (textile_patterns.checks, 1024),
    "stripes": (textile_patterns.stripes, 1024),
    "tiles": (textile_patterns.tiles, 1024),
    "cork": (textile_patterns.cork, 1024),
    "brushed_metal": (textile_patterns.brushed_metal, 1024),
    "cardboard": (textile_patterns.cardboard, 1024),
}


def times_wide(name: str) -> int:
    """How many repetitions of a texture its wide form holds, along either edge."""
    return -(-_WIDE_PX // _PAINTERS[name][1])


def paint_surface(name: str, wide: bool = False) -> npt.NDArray[np.uint8]:
    """Paint the texture of ``SURFACES[name]``: (size, size) uint8, periodic in both directions, always the same.

    With ``wide``, it holds :func:`times_wide` repetitions, none like another. Raises KeyError for an unknown name.
    """
    painter, size = _PAINTERS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    grey = np.rint(np.clip(painter(rng, size), 0.0, 1.0) * np.float32(255)).astype(np.uint8)
    if wide:
        grey = widened(grey, SURFACES[name].variation, times_wide(name), rng)
    # Joints of boards and tiles start at the array's edge: roll them inside, so that no seam falls on the file's edge.
    roll = round(size * _ROLLED)
    return np.roll(grey, (roll, roll), axis=(0, 1))


def surface_texture(name: str, wide: bool = False) -> Path:
    """The texture of a surface as a PNG file in the cache, painted on first use; see :func:`paint_surface`.

    Raises InputError for an unknown name, OSError where the cache can't be written.
    """
    if name not in _PAINTERS:
        raise InputError(f"there is no surface {name!r}", f"use one of: {', '.join(sorted(_PAINTERS))}")
    path = cached(f"surfaces-v{TEXTURE_VERSION}/{name}{'_wide' if wide else ''}.png")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _, png = cv2.imencode(".png", paint_surface(name, wide), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        write_atomically(path, png.tobytes())
    return path
