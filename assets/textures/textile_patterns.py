"""Painters of tileable grey patterns of made things: cloth, tiles, cork, metal, cardboard (see texture_patterns)."""

from __future__ import annotations

import cv2
import numpy as np

from scanstage.assets.textures.noise import FloatArray, fractal_noise, smooth_noise
from scanstage.assets.textures.texture_patterns import blur, cells, ramp, tile_axes, warp


def _threads(rng: np.random.Generator, size: int, count: int, slub: float) -> tuple[FloatArray, FloatArray]:
    """Height of ``count`` threads running along x, and each thread's own random tone: two (size, size) images."""
    _, y = tile_axes(size)
    wander = smooth_noise(rng, size, (0.08, 0.01)) * (0.14 * slub) + smooth_noise(rng, size, (0.02, 0.004)) * 0.05
    phase = y * count + wander
    thread = np.mod(np.floor(phase).astype(np.int64), count)
    tone = rng.normal(0, 1, count).astype(np.float32)[thread] * 0.5 + smooth_noise(rng, size, (0.06, 0.003)) * slub
    profile = np.sqrt(np.clip(1 - (2 * np.mod(phase, 1.0) - 1) ** 2, 0, 1))
    return profile.astype(np.float32), tone.astype(np.float32)


def _weave(rng: np.random.Generator, size: int, count: int, slub: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Plain weave: (height 0..1, tone of the thread on top, 1 where the weft (along x) is on top)."""
    x, y = tile_axes(size)
    weft, weft_tone = _threads(rng, size, count, slub)
    warp_, warp_tone = (a.T for a in _threads(rng, size, count, slub))
    over = np.sin(np.pi * x * count) * np.sin(np.pi * y * count)
    # Which thread is on top alternates from crossing to crossing, as in a chessboard.
    parity = ((np.floor(x * count) + np.floor(y * count)) % 2) * 2 - 1
    lift = np.abs(over) * parity
    top = lift > 0
    height = np.where(top, weft, warp_) * (0.55 + 0.45 * np.abs(lift))
    return height.astype(np.float32), np.where(top, weft_tone, warp_tone).astype(np.float32), top.astype(np.float32)


def linen(rng: np.random.Generator, size: int) -> FloatArray:
    """Plain-woven linen with slubs (thick places) in its threads."""
    height, tone, _ = _weave(rng, size, 170, 0.55)
    return 0.28 + 0.42 * height + 0.10 * tone + 0.05 * fractal_noise(rng, size, 1.4)


def fabric(rng: np.random.Generator, size: int) -> FloatArray:
    """A coarse two-tone upholstery cloth: light weft over dark warp, in herringbone."""
    x, y = tile_axes(size)
    count, columns = 96, 8
    yarn, tone = _threads(rng, size, count, 0.35)
    slant = np.abs(np.mod(x * columns, 1.0) - 0.5) * 2 * (count / columns / 2)
    bands = np.mod(y * (count / 4) + slant, 1.0)
    herring = ramp(np.abs(bands - 0.5) * 2, 0.25, 0.75)
    cross = np.abs(np.sin(np.pi * x * count * 2))
    fuzz = smooth_noise(rng, size, (0.006, 0.0015)) * 0.05 + fractal_noise(rng, size, 0.4, lowest=50) * 0.04
    return 0.15 + 0.55 * herring * (0.55 + 0.45 * yarn * cross) + 0.08 * tone + 0.08 * yarn + fuzz


def _dyed(rng: np.random.Generator, size: int, colour: FloatArray) -> FloatArray:
    """Cotton of fine threads, dyed: ``colour`` 0..1, broadcastable to (size, size)."""
    height, tone, _ = _weave(rng, size, 200, 0.25)
    return np.clip(colour, 0, 1) * 0.86 + 0.04 + (height - 0.6) * 0.14 + 0.03 * tone


def _bands(t: FloatArray, count: int) -> FloatArray:
    return (np.mod(np.floor(t * 2 * count), 2)).astype(np.float32)


def checks(rng: np.random.Generator, size: int) -> FloatArray:
    """Gingham: two sets of dyed stripes woven across each other, so that crossings are halfway."""
    x, y = tile_axes(size)
    _, _, top = _weave(rng, size, 200, 0.1)
    warp_, weft = _bands(x, 6), _bands(y, 6)
    crossed = 0.5 * (warp_ + weft) + (weft - warp_) * (top - 0.5) * 0.35
    return _dyed(rng, size, crossed.astype(np.float32))


def stripes(rng: np.random.Generator, size: int) -> FloatArray:
    """Ticking: broad and narrow stripes along y."""
    x, _ = tile_axes(size)
    t = np.mod(x * 5, 1.0)
    broad = (t > 0.3) & (t < 0.7)
    narrow = ((t > 0.16) & (t < 0.21)) | ((t > 0.79) & (t < 0.84))
    return _dyed(rng, size, (1.0 - (broad | narrow)).astype(np.float32) * np.ones((size, 1), np.float32))


def tiles(rng: np.random.Generator, size: int) -> FloatArray:
    """Glazed ceramic tiles, 6 by 6, with grout (black): a little tone of their own each, pillowed edges."""
    x, y = tile_axes(size)
    n = 6
    wobble = [fractal_noise(rng, size, 1.2, lowest=12) * 0.003 for _ in range(2)]
    tx, ty = np.mod(x * n, 1.0) + wobble[0], np.mod(y * n, 1.0) + wobble[1]
    inner = np.minimum(np.minimum(tx, 1 - tx), np.minimum(ty, 1 - ty))
    tile = np.floor(y * n).astype(int) * n + np.floor(x * n).astype(int)
    tone = rng.normal(0, 0.045, n * n).astype(np.float32)[tile]
    glaze = (
        fractal_noise(rng, size, 1.5, lowest=5) * 0.035
        + ramp(fractal_noise(rng, size, 0.7, lowest=30), 2.4, 3.2) * -0.15
    )
    mask = ramp(inner, 0.013, 0.026)
    grout = 0.1 + 0.05 * fractal_noise(rng, size, 0.4, lowest=30)
    return mask * (0.86 + tone + glaze - 0.1 * (1 - ramp(inner, 0.02, 0.06))) + (1 - mask) * grout


def cork(rng: np.random.Generator, size: int) -> FloatArray:
    """Pressed cork: granules of all tones with dark seams and specks of bark."""
    labels, _ = cells(rng, size, 3800)
    dx, dy = (fractal_noise(rng, size, 0.9, lowest=10) * 3.0 for _ in range(2))
    tones = np.clip(rng.normal(0.62, 0.13, labels.max() + 1), 0.2, 0.95).astype(np.float32)
    tones[rng.random(len(tones)) < 0.06] = 0.15
    granules = warp(tones[labels], dx, dy)
    seams = np.abs(granules - blur(granules, 2.0))
    return blur(granules, 0.8) - 0.9 * seams + 0.05 * fractal_noise(rng, size, 0.5, lowest=8)


def brushed_metal(rng: np.random.Generator, size: int) -> FloatArray:
    """Sheet metal ground along x."""
    fine = smooth_noise(rng, size, (0.25, 0.0006)) * 0.09 + smooth_noise(rng, size, (0.06, 0.0011)) * 0.05
    scratches = ramp(smooth_noise(rng, size, (0.12, 0.0006)), 2.6, 3.2) * 0.25
    stains = ramp(fractal_noise(rng, size, 1.6), 0.4, 2.2) * 0.10
    return 0.62 + fine + scratches - stains


def cardboard(rng: np.random.Generator, size: int) -> FloatArray:
    """Kraft board: flutes that shine through, fibres light and dark."""
    _, y = tile_axes(size)
    fibres = np.zeros((size, size), np.float32)
    for _ in range(900):
        start, heading = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        bend, steps = rng.normal(0, 0.25), np.arange(7)
        turn = heading + bend * steps
        path = start + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1), 0) * rng.uniform(1.0, 4.5)
        shade = float(rng.choice([-1.0, -0.6, 0.7]))
        for ox in (0, -size if start[0] > size / 2 else size):
            for oy in (0, -size if start[1] > size / 2 else size):
                points = np.round((path + np.array([ox, oy])) * 16).astype(np.int32)
                cv2.polylines(fibres, [points], False, shade, 1, cv2.LINE_8, 4)
    flutes = np.sin(2 * np.pi * y * 72) * 0.025
    clouds = fractal_noise(rng, size, 1.2, lowest=3) * 0.05
    return 0.6 + 0.2 * blur(fibres, 0.7) + flutes + clouds + 0.035 * fractal_noise(rng, size, 0.2, lowest=40)
