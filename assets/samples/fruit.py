"""Fruit of the sample library: revolved or swept surfaces with painted textures."""

from __future__ import annotations

import numpy as np

from scanstage.assets.meshes.parametric import Patch, Points, grid_patch, revolve, ring, smooth_curve, sweep
from scanstage.assets.samples.paint import flat, mix, to_bytes, uv_axes
from scanstage.assets.samples.sample_model import Colors, Finish, Model, textured
from scanstage.assets.textures.noise import FloatArray, fractal_noise, smooth_noise
from scanstage.assets.textures.texture_patterns import ramp

_SIZE = 1024
# The lowest strip of a texture is kept for the stem.
_STEM_V = 0.06


def _spots(rng: np.random.Generator, length: float, rarity: float, stretch: float = 1.0) -> FloatArray:
    """Soft dots of size ``length`` (of the texture), rarer the higher ``rarity`` (standard deviations); 0..1."""
    return ramp(smooth_noise(rng, _SIZE, (length, length * stretch)), rarity, rarity + 0.7)


def _stem(path: list[tuple[float, ...]], radii: list[tuple[float, ...]], wobble: float = 0.0) -> Patch:
    """A stalk along ``path``, with ``radii`` at even steps and optional ridges; uses the texture's lowest strip."""
    rows, columns = 24, 20
    radius = smooth_curve([(i, r[0]) for i, r in enumerate(radii)], rows)[:, 1]
    cosine, sine = ring(columns)
    ridge = 1 + wobble * np.cos(5 * np.arctan2(sine, cosine))
    sections = radius[:, None, None] * np.stack([cosine * ridge, sine * ridge], -1)
    return grid_patch(sweep(smooth_curve(path, rows), sections), wrap=True, uv=(0.0, 0.004, 1.0, _STEM_V - 0.008))


def _skin(points: Points) -> Patch:
    return grid_patch(points, wrap=True, uv=(0.0, _STEM_V, 1.0, 1.0))


def _with_stem(rng: np.random.Generator, skin: Colors, dark: str, light: str) -> Colors:
    """Paint the stem's strip into the texture."""
    _, v = uv_axes(_SIZE)
    bark = mix(flat(dark, skin[..., 0]), light, 0.5 + 0.35 * smooth_noise(rng, _SIZE, (0.012, 0.05)))
    strip = np.broadcast_to(v < _STEM_V - 0.004, skin.shape[:2])[..., None]
    return np.where(strip, bark, skin)


def _body_v(v: FloatArray) -> FloatArray:
    """V of a skin's texture from 0 (base) to 1 (top)."""
    return (v - _STEM_V) / (1 - _STEM_V)


def apple(rng: np.random.Generator) -> Model:
    """A red and yellow apple with its stalk, 8 cm."""
    profile = smooth_curve(
        [(0, 0.75), (0.55, 0.5), (1.25, 0.02), (2.2, 0.35), (3.25, 1.8), (3.85, 3.7), (3.65, 5.2), (2.7, 6.55),
         (1.5, 6.75), (0.7, 6.2), (0.2, 5.6), (0, 5.5)],
        150,
    )  # fmt: skip
    profile[0, 0] = profile[-1, 0] = 0.0
    points = revolve(profile, 230)
    angle = np.arctan2(points[..., 1], points[..., 0])
    height = points[..., 2] / 6.75
    lobes = (
        1
        + 0.03 * np.cos(5 * angle + 0.4) * (1 - height) ** 2
        + 0.022 * np.cos(2 * angle + 1.0)
        + 0.012 * np.cos(3 * angle)
    )
    points[..., :2] *= lobes[..., None]
    tilt = 0.05 * np.hypot(points[..., 0], points[..., 1])
    points[..., 2] += tilt * (np.cos(angle - 0.7) + np.cos(5 * angle) * (1 - height) ** 6)
    points[..., 2] -= points[..., 2].min()

    u, v = uv_axes(_SIZE)
    t = np.clip(_body_v(v), 0, 1) * np.ones_like(u)
    side = np.cos(2 * np.pi * (u - 0.2)) * 0.8
    streaks = smooth_noise(rng, _SIZE, (0.02, 0.25)) * 0.25
    for width, length, strength in ((0.003, 0.5, 0.2), (0.007, 0.4, 0.28)):
        streaks += smooth_noise(rng, _SIZE, (width, length)) * strength
    blush = ramp(side + streaks + 0.55 * fractal_noise(rng, _SIZE, 1.5) + 0.75, -1.1, 1.3)
    skin = mix(flat("cfa945", t), "b5ad4f", 0.5 + 0.5 * fractal_noise(rng, _SIZE, 1.4))
    skin = mix(skin, "c2442c", blush * 0.9)
    skin = mix(skin, "8d1422", ramp(blush + 0.18 * streaks, 0.45, 1.15))
    skin = mix(skin, "d9c07a", _spots(rng, 0.0035, 2.2, 1.4) * 0.6)
    russet = ramp(t + 0.03 * fractal_noise(rng, _SIZE, 1.0), 0.86, 0.97)
    skin = mix(mix(skin, "a9a04c", russet), "7a6232", ramp(t + 0.02 * streaks, 0.95, 1.0) * 0.8)
    skin = mix(skin, "4a3219", ramp(-t, -0.06, -0.01))
    skin = mix(skin, "6b4423", _spots(rng, 0.012, 3.3) * 0.8)
    image = to_bytes(_with_stem(rng, skin, "3d2a17", "7a5c34"))
    stalk = _stem(
        [(0, 0, 5.2), (0.08, 0.02, 6.2), (0.35, 0.1, 7.2), (0.8, 0.25, 8.0)], [(0.16,), (0.11,), (0.12,), (0.2,)]
    )
    return textured([(_skin(points), 0), (stalk, 1)], (Finish(0.32), Finish(0.85)), image)


def pear(rng: np.random.Generator) -> Model:
    """A green pear, russeted and freckled, leaning a little; 10 cm."""
    profile = smooth_curve(
        [(0, 0.5), (0.5, 0.3), (1.2, 0.05), (2.4, 0.5), (3.3, 2.0), (3.4, 3.4), (2.75, 5.3), (1.95, 6.9),
         (1.6, 8.2), (1.1, 9.1), (0.4, 9.3), (0, 9.15)],
        150,
    )  # fmt: skip
    profile[0, 0] = profile[-1, 0] = 0.0
    points = revolve(profile, 220)
    angle = np.arctan2(points[..., 1], points[..., 0])
    points[..., :2] *= (1 + 0.03 * np.cos(2 * angle) + 0.02 * np.cos(3 * angle + 1))[..., None]
    points[..., 0] += 0.010 * np.maximum(points[..., 2] - 3, 0) ** 2

    u, v = uv_axes(_SIZE)
    t = np.clip(_body_v(v), 0, 1) * np.ones_like(u)
    cloud = fractal_noise(rng, _SIZE, 1.5)
    skin = mix(flat("a9ae45", t), "d0b957", ramp(cloud + 0.6 * np.cos(2 * np.pi * u), -1.2, 1.6))
    skin = mix(skin, "b5783e", ramp(np.cos(2 * np.pi * (u - 0.35)) + 0.35 * cloud, 0.5, 1.5) * 0.5)
    skin = mix(skin, "77803a", ramp(fractal_noise(rng, _SIZE, 1.0), 0.3, 2.5) * 0.5)
    skin = mix(skin, "6d5526", _spots(rng, 0.0026, 1.75) * 0.75)
    russet = fractal_noise(rng, _SIZE, 1.2)
    skin = mix(skin, "8a6431", ramp(russet + 5 * (np.abs(t - 0.5) - 0.42), 0.3, 1.6) * 0.9)
    skin = mix(skin, "5d3f1e", _spots(rng, 0.016, 3.0, 0.7) * 0.75)
    skin = mix(skin, "3c2a16", ramp(-t, -0.045, -0.01))
    image = to_bytes(_with_stem(rng, skin, "35281a", "6f5734"))
    tip = points[-1, 0]
    stalk = _stem(
        [(tip[0], 0, 8.8), (tip[0] + 0.05, 0, 9.7), (tip[0] + 0.35, 0.1, 10.6), (tip[0] + 0.95, 0.2, 11.3)],
        [(0.26,), (0.15,), (0.14,), (0.22,)],
    )
    return textured([(_skin(points), 0), (stalk, 1)], (Finish(0.45), Finish(0.9)), image)


def banana(rng: np.random.Generator) -> Model:
    """A ripe banana, freckled, 18 cm, lying on its side."""
    rows, columns = 240, 140
    bend = np.linspace(-1.02, 1.02, rows)
    path = np.stack([9.0 * np.sin(bend), 9.0 * (1 - np.cos(bend)), np.zeros(rows)], 1)
    # Along the fruit: dark tip, body, neck, cut stalk.
    radius = smooth_curve(
        [(0, 0.05), (0.012, 0.38), (0.05, 0.55), (0.12, 1.15), (0.28, 1.66), (0.5, 1.78), (0.72, 1.55),
         (0.84, 0.95), (0.9, 0.62), (0.985, 0.55), (1, 0.62)],
        900,
    )  # fmt: skip
    along = np.linspace(0, 1, rows)
    r = np.interp(along, radius[:, 0], radius[:, 1])
    angle = np.arange(columns) * (2 * np.pi / columns)
    edges = 1 + 0.045 * np.cos(5 * angle) + 0.012 * np.cos(10 * angle)
    sections = r[:, None, None] * (edges[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    points = sweep(path, sections)
    points[-1] = points[-2].mean(0) + 0.4 * (points[-1] - points[-2].mean(0))
    points[..., 2] -= points[..., 2].min()

    u, v = uv_axes(_SIZE)
    t = _body_v(v) * np.ones_like(u)
    cloud, fine = fractal_noise(rng, _SIZE, 1.5), fractal_noise(rng, _SIZE, 0.9)
    skin = mix(flat("e2b93b", t), "c99a2c", 0.4 + 0.3 * cloud)
    edge = 0.5 + 0.5 * np.cos(2 * np.pi * 5 * u)
    skin = mix(skin, "a9832c", edge**8 * (0.35 + 0.2 * cloud))
    skin = mix(skin, "9aa23f", ramp(np.abs(t - 0.48) + 0.04 * cloud, 0.30, 0.47) * 0.8)
    skin = mix(skin, "5f3a18", _spots(rng, 0.004, 1.7, 2.2) * ramp(fine, -0.8, 0.8) * 0.85)
    skin = mix(skin, "4b2c14", _spots(rng, 0.014, 2.1, 1.8) * 0.85)
    skin = mix(skin, "6a431c", ramp(smooth_noise(rng, _SIZE, (0.004, 0.09)), 2.2, 2.9) * 0.7)
    skin = mix(skin, "2c1d10", ramp(-t - 0.012 * fine, -0.055, -0.03))
    skin = mix(skin, "3d2a17", ramp(t + 0.008 * fine, 0.975, 0.99))
    skin = mix(skin, "6f5423", edge**3 * ramp(t, 0.86, 0.93) * 0.6)
    patch = _skin(points)
    return textured([(patch, 0)], (Finish(0.5),), to_bytes(skin))


def pumpkin(rng: np.random.Generator) -> Model:
    """A small ribbed pumpkin with a crooked stalk, 15 cm."""
    profile = smooth_curve(
        [(0, 1.3), (1.0, 0.8), (2.6, 0.05), (4.6, 0.4), (6.6, 2.2), (7.3, 4.6), (6.7, 7.0), (4.9, 8.7),
         (2.9, 9.1), (1.3, 8.4), (0, 8.0)],
        150,
    )  # fmt: skip
    profile[0, 0] = profile[-1, 0] = 0.0
    columns = 280
    points = revolve(profile, columns)
    angle = np.arange(columns) * (2 * np.pi / columns)
    uneven = angle + 0.10 * np.sin(2 * angle + 0.5) + 0.07 * np.sin(3 * angle)
    ribs = np.abs(np.cos(5 * uneven))
    depth = 1 - 0.13 * (1 - ribs**0.55)
    radius = np.hypot(points[..., 0], points[..., 1])
    points[..., :2] *= (depth * (1 + 0.03 * np.cos(angle - 1)))[None, :, None]
    points[..., 2] += (depth - 1)[None] * 4.0 * (radius / 7.3) * np.sign(points[..., 2] - 4.2)
    points[..., 2] -= points[..., 2].min()

    u, v = uv_axes(_SIZE)
    t = np.clip(_body_v(v), 0, 1) * np.ones_like(u)
    cloud = fractal_noise(rng, _SIZE, 1.5)
    rib = np.interp(u[0], np.arange(columns) / columns, ribs).astype(np.float32)[None] * np.ones_like(t)
    skin = mix(flat("d9771f", t), "c25a16", 0.45 + 0.35 * cloud)
    skin = mix(skin, "8f4012", (1 - ramp(rib, 0.0, 0.45)) * 0.75)
    skin = mix(skin, "e9a24a", ramp(smooth_noise(rng, _SIZE, (0.006, 0.05)) + 0.5 * cloud, 0.8, 2.4) * 0.55)
    skin = mix(skin, "e8bd7a", _spots(rng, 0.003, 2.1, 1.5) * 0.6)
    skin = mix(skin, "6f6a2c", ramp(t + 0.05 * cloud, 0.8, 1.0) * 0.65)
    skin = mix(skin, "d8b06a", ramp(cloud + 2.0 * np.cos(2 * np.pi * (u - 0.6)) - 6 * np.abs(t - 0.35), 1.2, 2.6) * 0.7)
    skin = mix(skin, "7a5a34", ramp(fractal_noise(rng, _SIZE, 1.0, lowest=6), 2.0, 2.8) * 0.8)
    skin = mix(skin, "5b4526", ramp(-t, -0.05, -0.01))
    image = to_bytes(_with_stem(rng, skin, "4a4a26", "8f8a52"))
    stalk = _stem(
        [(0, 0, 7.4), (0.05, 0, 8.8), (0.35, 0.15, 10.2), (1.2, 0.5, 11.2)],
        [(1.7,), (0.95,), (0.7,), (0.75,)],
        wobble=0.16,
    )
    return textured([(_skin(points), 0), (stalk, 1)], (Finish(0.42), Finish(0.9)), image)
