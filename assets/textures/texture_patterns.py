"""Painters of tileable grey patterns: wood, stone, cloth, tiles, metal and paper, each an array in 0..1.

Every painter takes a seeded generator and an edge in pixels and returns a (size, size) float32 image that continues
across its edges. Most of what makes a surface believable is variation at several scales at once: colour drifting over
decimetres, structure over centimetres, fibre or grain below a millimetre.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.noise import FloatArray, enlarge, fractal_noise, smooth_noise


def ramp(x: FloatArray, low: float, high: float) -> FloatArray:
    """Smoothstep from 0 at ``low`` to 1 at ``high``."""
    t = (x - np.float32(low)) * np.float32(1 / (high - low))
    np.clip(t, 0, 1, out=t)
    out: FloatArray = 3 - 2 * t
    out *= t
    out *= t
    return out


def tile_axes(size: int) -> tuple[FloatArray, FloatArray]:
    """Pixel centres along x as (1, size) and along y as (size, 1), in repetitions 0..1."""
    t = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return t[None, :], t[:, None]


def warp(image: FloatArray, dx: FloatArray, dy: FloatArray) -> FloatArray:
    """Look up a periodic ``image`` displaced by ``dx``, ``dy`` (pixels)."""
    n = len(image)
    # A wrapped margin instead of OpenCV's BORDER_WRAP, which interpolates wrongly across the last pixel.
    pad = 2
    padded = np.pad(image, pad, mode="wrap")
    i = np.arange(n, dtype=np.float32)
    x = np.mod(i[None, :] + dx, n).astype(np.float32) + pad
    y = np.mod(i[:, None] + dy, n).astype(np.float32) + pad
    return cv2.remap(padded, x, y, cv2.INTER_LINEAR)


def blur(image: FloatArray, sigma_px: float) -> FloatArray:
    """Gaussian blur of a periodic image."""
    pad = int(4 * sigma_px) + 1
    padded = np.pad(image, pad, mode="wrap")
    return cv2.GaussianBlur(padded, (0, 0), sigma_px)[pad:-pad, pad:-pad]


def cells(rng: np.random.Generator, size: int, count: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Periodic Voronoi cells of ``count`` jittered seeds: (labels 0.., distance to the seed in pixels)."""
    per_edge = max(1, round(count**0.5))
    grid = (np.stack(np.meshgrid(np.arange(per_edge), np.arange(per_edge)), -1).reshape(-1, 2) + 0.5) / per_edge
    seeds = np.floor(np.mod(grid + rng.uniform(-0.55, 0.55, grid.shape) / per_edge, 1.0) * size).astype(np.int64)
    pad = 3 * size // per_edge
    canvas = np.full((size, size), -1, np.int64)
    canvas[seeds[:, 1], seeds[:, 0]] = np.arange(len(seeds))
    padded = np.pad(canvas, pad, mode="wrap")
    distance, zones = cv2.distanceTransformWithLabels(
        (padded < 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(zones.max()) + 1, np.int32)
    owner[zones[padded >= 0]] = padded[padded >= 0]
    inside = slice(pad, pad + size)
    return owner[zones][inside, inside], distance[inside, inside]


def grain(rng: np.random.Generator, size: int, rings: int) -> FloatArray:
    """Plain-sawn wood along x: growth rings are contour lines of a stretched field, which gives cathedral arches."""
    _, y = tile_axes(size)
    field = smooth_noise(rng, size, (0.5, 0.16)) * 0.8 + smooth_noise(rng, size, (0.2, 0.03)) * 0.1
    phase = y * rings + field * (rings * 0.28) + smooth_noise(rng, size, (0.25, 0.012)) * 0.07
    phase -= np.floor(phase)
    latewood = phase * phase * np.sqrt(phase) * (1 - ramp(phase, 0.86, 1.0))
    tone = smooth_noise(rng, size, (0.6, 0.1)) * 0.06
    fibre = smooth_noise(rng, size, (0.035, 0.0016)) * 0.055 + smooth_noise(rng, size, (0.15, 0.004)) * 0.04
    porous = np.where(phase < 0.35, np.float32(1.0), np.float32(0.35))
    pores = ramp(smooth_noise(rng, size, (0.012, 0.001)), 1.7, 2.6) * porous
    wood: FloatArray = 0.72 + tone + fibre - 0.42 * latewood - 0.3 * pores
    return wood


def wood_grain(rng: np.random.Generator, size: int) -> FloatArray:
    """A table top glued of wide boards, finely jointed."""
    boards = 5
    return _boards(rng, grain(rng, size, 14), boards, (1, 1), gap=0.0007, tone=0.07, end_gap=0.0)


def wood_planks(rng: np.random.Generator, size: int) -> FloatArray:
    """Floor boards with staggered butt joints, bevelled and worn."""
    image = _boards(rng, grain(rng, size, 26), 9, (1, 2), gap=0.0022, tone=0.12, end_gap=0.0016)
    wear = enlarge(ramp(fractal_noise(rng, size // 4, 1.3, stretch=0.35), 0.6, 2.4), size)
    scratch = ramp(smooth_noise(rng, size, (0.08, 0.0007)), 2.7, 3.2)
    return image + 0.07 * wear - 0.12 * scratch


def _boards(
    rng: np.random.Generator,
    wood: FloatArray,
    rows: int,
    pieces: tuple[int, int],
    gap: float,
    tone: float,
    end_gap: float,
) -> FloatArray:
    """Cut ``wood`` into ``rows`` of boards: each takes another part of it, with its own tone and dark joints."""
    size = len(wood)
    edges = np.round(np.linspace(0, size, rows + 1)).astype(int)
    out = np.empty_like(wood)
    gap_px, end_px = gap * size, max(end_gap * size, 1e-3)
    for top, bottom in pairwise(edges):
        count = int(rng.integers(pieces[0], pieces[1] + 1))
        starts = np.sort((rng.integers(size) + np.arange(count) * size // count) % size)
        for k, start in enumerate(starts):
            length = int((starts[(k + 1) % count] - start - 1) % size) + 1
            columns = (start + np.arange(length)) % size
            rows_of = (np.arange(top, bottom) + int(rng.integers(size))) % size
            shifted = (np.arange(length) + int(rng.integers(size))) % size if end_gap else columns
            piece = wood[np.ix_(rows_of, shifted)] + np.float32(rng.normal(0, tone))
            if end_gap:
                end = np.minimum(np.arange(length), length - 1 - np.arange(length)).astype(np.float32)
                piece = piece - 0.5 * (1 - ramp(end, 0.0, 2 * end_px))[None, :]
            out[np.ix_(np.arange(top, bottom), columns)] = piece
        side = np.minimum(np.arange(bottom - top), bottom - top - 1 - np.arange(bottom - top)).astype(np.float32)
        out[top:bottom] -= 0.5 * (1 - ramp(side, 0.0, 2 * gap_px))[:, None]
    return out


def marble(rng: np.random.Generator, size: int) -> FloatArray:
    """White stone with veins: all run roughly one way, swell and peter out, each in a soft halo, over clouds.

    Thin lines of one width that branch and close, as zeros of isotropic noise do, look like lightning on dark stone.
    """
    dx, dy = (fractal_noise(rng, size, 2.4) * (size * 0.035) for _ in range(2))
    frayed_x, frayed_y = (fractal_noise(rng, size, 1.5, lowest=10) * (size * 0.002) for _ in range(2))
    veins = np.zeros((size, size), np.float32)
    for length, width, depth in ((0.5, 0.06, 0.5), (0.3, 0.065, 0.3), (0.16, 0.09, 0.14)):
        field = warp(warp(smooth_noise(rng, size, (length, length * 0.45)), dx, dy), frayed_x, frayed_y)
        where = ramp(warp(smooth_noise(rng, size, (0.3, 0.2)), dx, dy), -0.1, 1.6)
        swollen = width * (0.45 + 1.6 * ramp(smooth_noise(rng, size, (0.12, 0.12)), -1.0, 1.6))
        halo = np.exp(-np.square(field / (9 * width)))
        veins += depth * where * (0.5 * np.exp(-np.abs(field) / swollen) + 0.5 * halo)
    clouds = warp(fractal_noise(rng, size, 1.9), dx, dy)
    return 0.84 + 0.08 * clouds - veins + 0.012 * fractal_noise(rng, size, 0.3)


def granite(rng: np.random.Generator, size: int) -> FloatArray:
    """Polished granite: crystals of three minerals."""
    labels, _ = cells(rng, size, 26000)
    dx, dy = (fractal_noise(rng, size, 0.8, lowest=12) * 1.5 for _ in range(2))
    kinds = rng.choice(np.array([0.08, 0.5, 0.66, 0.95], np.float32), labels.max() + 1, p=[0.2, 0.36, 0.3, 0.14])
    drift = ramp(smooth_noise(rng, size, (0.03, 0.03)), -1.2, 1.6) * 0.35
    stone = warp(kinds[labels], dx, dy)
    return blur(stone, 0.7) * (0.75 + drift) + 0.03 * fractal_noise(rng, size, 0.4)


def terrazzo(rng: np.random.Generator, size: int) -> FloatArray:
    """Chips of stone cast in cement and ground flat."""
    image = (0.5 + 0.03 * fractal_noise(rng, size, 0.6, lowest=4)).astype(np.float32)
    chips = np.zeros((size, size), np.float32)
    for radius, count in ((0.03, 60), (0.018, 190), (0.009, 650), (0.004, 1600)):
        for _ in range(count):
            centre, reach = rng.uniform(0, size, 2), radius * size * rng.uniform(0.45, 1.0)
            corners = int(rng.integers(5, 8))
            angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
            outline = centre + reach * rng.uniform(0.65, 1.0, (corners, 1)) * np.stack(
                [np.cos(angles), np.sin(angles)], 1
            )
            shade = float(rng.choice([-0.42, -0.25, 0.2, 0.33, 0.42]) + rng.normal(0, 0.04))
            spans = [(-size if c > size - 2 * reach else 0, size if c < 2 * reach else 0) for c in centre]
            for ox in {0, *spans[0]}:
                for oy in {0, *spans[1]}:
                    fixed = np.round((outline + np.array([ox, oy])) * 16).astype(np.int32)
                    cv2.fillConvexPoly(chips, fixed, shade, cv2.LINE_8, 4)
    return image + blur(chips, 0.6) * (1 + 0.12 * fractal_noise(rng, size, 0.9, lowest=20))


def concrete(rng: np.random.Generator, size: int) -> FloatArray:
    """Cast concrete: stains, sand and pinholes."""
    stains = fractal_noise(rng, size, 1.5, lowest=1.5) * 0.10 + ramp(fractal_noise(rng, size, 1.3), 0.9, 2.2) * 0.1
    sand = fractal_noise(rng, size, 0.15, lowest=60) * 0.035
    pinholes = ramp(smooth_noise(rng, size, (0.0035, 0.0035)), 3.0, 3.5) * 0.4
    return 0.62 + stains + sand - pinholes


def plaster(rng: np.random.Generator, size: int) -> FloatArray:
    """A trowelled wall: overlapping strokes of several directions."""
    image = fractal_noise(rng, size, 1.5) * 0.09
    for _ in range(4):
        strokes = fractal_noise(rng, size, 1.2, stretch=5.0, lowest=3)
        bend = fractal_noise(rng, size, 2.0) * (size * 0.06)
        turned = warp(strokes if rng.random() < 0.5 else strokes.T.copy(), bend, bend[::-1].copy())
        image += 0.09 * turned * ramp(fractal_noise(rng, size, 1.7), -0.5, 1.5)
    return 0.62 + image + 0.02 * fractal_noise(rng, size, 0.4, lowest=40)
