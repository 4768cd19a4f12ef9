"""Glazed pottery of the sample library: signed-distance sculptures with vertex colours."""

from __future__ import annotations

import numpy as np

from scanstage.assets.meshes.parametric import smooth_curve
from scanstage.assets.samples.distance import (
    Field,
    Where,
    blend,
    capsule,
    carve,
    chain,
    cylinder,
    ellipsoid,
    mesh_of,
    openness,
    torus,
)
from scanstage.assets.samples.paint import flat, mix
from scanstage.assets.samples.sample_model import Finish, Model
from scanstage.assets.textures.noise import LatticeNoise
from scanstage.assets.textures.texture_patterns import ramp


def _mug_distance(p: Where) -> Field:
    swell = p.copy()
    scale = (1 + 0.035 * np.cos((p[:, 2] - 3.4) * 0.42))[:, None]
    swell[:, :2] = p[:, :2] / scale
    outer = cylinder(swell, 0.0, 9.6, 4.05, 0.5)
    inner = cylinder(swell, 0.75, 14.0, 3.68, 0.9)
    bow = np.linspace(-1.25, 1.25, 12)
    path = np.stack([3.7 + 3.0 * np.cos(bow * 1.12), np.zeros(12), 5.0 - 3.0 * np.sin(bow)], 1)
    strap = p * np.array([1.0, 0.62, 1.0], p.dtype)
    handle = chain(strap, path, np.linspace(0.52, 0.44, 12))
    foot = torus(p, (0, 0, 0.0), 2.5, 0.45)
    turned = 0.018 * np.cos(p[:, 2] * 7.0) * (p[:, 2] > 1)
    return carve(carve(blend(outer, handle, 0.7), inner, 0.28), foot, 0.2) + turned.astype(p.dtype)


def mug(rng: np.random.Generator) -> Model:
    """A stoneware mug dipped in a running blue glaze, bare clay at the foot; 9.6 cm high."""
    vertices, faces, normals = mesh_of(_mug_distance, (-4.9, -4.9, -0.5), (7.6, 4.9, 10.1), 0.125)
    noise = LatticeNoise(rng)
    z, radius = vertices[:, 2], np.hypot(vertices[:, 0], vertices[:, 1])
    around = np.stack([vertices[:, 0], vertices[:, 1], vertices[:, 2] * 0.12], 1)
    runs = noise(around, 1.6, 2)
    clay = mix(flat("b48a62", z), "8d6242", 0.5 + 0.5 * noise(vertices, 2.5, 3))
    clay = mix(clay, "4a3020", ramp(noise(vertices, 0.22), 0.75, 1.1))
    glaze = mix(flat("2f5f7d", z), "1f3f5e", 0.5 + 0.6 * runs)
    glaze = mix(glaze, "7fb0b5", ramp(runs + 0.35 * noise(vertices, 0.9, 3), 0.25, 1.1) * 0.75)
    glaze = mix(glaze, "c9b48a", ramp((z - 7.4 + 1.1 * runs).astype(np.float32), 0.0, 2.4) * 0.8)
    glaze = mix(glaze, "7a4a26", ramp(z.astype(np.float32), 9.25, 9.6) * 0.85)
    glaze = mix(glaze, "20303c", ramp(noise(vertices, 0.2), 0.85, 1.15) * 0.8)
    inside = (radius < 3.85) & (z > 0.5) & (np.einsum("ij,ij->i", normals[:, :2], vertices[:, :2]) < 0.2)
    glaze = np.where(inside[:, None], mix(flat("e3d6bd", z), "b5a27f", 0.4 + 0.5 * noise(vertices, 1.5, 4)), glaze)
    dipped = ramp((z - 1.9 - 0.75 * runs).astype(np.float32), -0.06, 0.1) + inside
    free = openness(_mug_distance, vertices, normals, 0.5)
    colors = mix(clay, glaze, dipped) * (0.68 + 0.32 * free)[:, None]
    colors = mix(colors, "16303f", np.exp(-(((z - 2.0 - 0.75 * runs) / 0.12) ** 2)) * (~inside) * 0.6)
    finish = (dipped[faces].mean(1) < 0.5).astype(np.int64)
    return Model(vertices, faces, (Finish(0.16), Finish(0.85)), finish, colors=colors)


_SPOUT = np.array([(4.2, 0, 3.6), (5.8, 0, 4.2), (6.9, 0, 5.5), (7.7, 0, 7.2), (8.6, 0, 8.3), (9.2, 0, 8.6)])
_SPOUT_R = np.array([1.55, 1.25, 0.95, 0.72, 0.6, 0.55])
_GRIP = smooth_curve(
    [(-4.2, 0, 7.5), (-6.0, 0, 8.7), (-8.0, 0, 8.1), (-8.7, 0, 6.0), (-7.6, 0, 3.7), (-5.0, 0, 2.7)], 14
)


def _lid(p: Where) -> Field:
    cap = ellipsoid(p, (0, 0, 8.45), (3.05, 3.05, 1.35))
    knob = blend(capsule(p, (0, 0, 9.6), (0, 0, 10.4), 0.42), ellipsoid(p, (0, 0, 10.75), (0.85, 0.85, 0.62)), 0.35)
    return blend(cap, knob, 0.4)


def _teapot_distance(p: Where) -> Field:
    body = ellipsoid(p, (0, 0, 4.7), (6.1, 6.1, 4.5))
    base = cylinder(p, 0.0, 1.3, 3.3, 0.35)
    pot = blend(body, base, 0.8)
    pot = blend(pot, chain(p, _SPOUT, _SPOUT_R), 0.9)
    pot = blend(pot, chain(p * np.array([1, 0.8, 1], p.dtype), _GRIP, np.linspace(0.5, 0.58, 14)), 0.7)
    # The gap that shows that the lid is another piece.
    pot = carve(pot, torus(p, (0, 0, 8.6), 3.16, 0.16), 0.12)
    pot = carve(pot, capsule(p, (8.3, 0, 8.3), (9.9, 0, 9.3), 0.34), 0.1)
    return blend(pot, _lid(p), 0.12)


def teapot(rng: np.random.Generator) -> Model:
    """A white teapot with painted blue bands and blossoms, crackled glaze; 19 cm from spout to handle."""
    vertices, faces, normals = mesh_of(_teapot_distance, (-9.6, -6.5, -0.3), (10.4, 6.5, 11.8), 0.13)
    noise = LatticeNoise(rng)
    x, y, z = vertices.T
    angle = np.arctan2(y, x)
    soft = noise(vertices, 1.2, 3)
    white = mix(flat("ece7da", z), "cfcab8", 0.35 + 0.4 * noise(vertices, 4.0, 3))
    crackle = np.exp(-np.abs(noise(vertices, 1.3, 2)) / 0.03)
    colors = mix(white, "a39a82", crackle * 0.45)
    body = (np.hypot(x, y) < 6.4) & (np.linalg.norm((vertices - [0, 0, 4.7]) / [6.1, 6.1, 4.5], axis=1) < 1.06)
    # Blossoms of five petals in a belt around the body.
    count = 9
    cell = np.mod(angle / (2 * np.pi) * count, 1.0) - 0.5
    dx, dz = cell * (2 * np.pi / count) * 5.9, (z - 4.9) + 0.12 * soft
    r, phi = np.hypot(dx, dz), np.arctan2(dz, dx)
    petal = 1.18 * (0.62 + 0.38 * np.abs(np.cos(2.5 * phi + 0.3)))
    flower = ramp((petal - r).astype(np.float32), -0.08, 0.12) * body
    stem = np.exp(-(((z - 4.9 - 0.9 * np.sin(angle * count)) / 0.16) ** 2)) * body
    lattice = np.maximum(
        ramp(np.cos(angle * 28 + z * 5).astype(np.float32), 0.45, 0.8),
        ramp(np.cos(angle * 28 - z * 5).astype(np.float32), 0.45, 0.8),
    )
    band = lattice * body * ramp((0.75 - np.abs(z - 7.6)).astype(np.float32), 0, 0.1)
    lines = np.maximum.reduce([np.exp(-(((z - at) / 0.09) ** 2)) for at in (2.2, 2.55, 6.75, 8.35)]) * body
    blue = np.clip(np.maximum.reduce([flower, stem * 0.7, band * 0.9, lines]), 0, 1)
    blue = np.maximum(blue, 0.9 * ramp((0.62 - np.abs(z - 10.9)).astype(np.float32), 0.0, 0.2) * (np.hypot(x, y) < 1.2))
    blue = np.maximum(blue, ramp(x.astype(np.float32), 8.5, 8.8) * 0.9)
    blue = np.maximum(blue, ramp(np.cos(z * 3.4).astype(np.float32), 0.35, 0.75) * (x < -6.9) * 0.85)
    ink = mix(flat("2a4a94", z), "16285f", 0.5 + 0.6 * soft)
    colors = mix(colors, ink, blue * (0.8 + 0.2 * soft))
    colors = mix(colors, "e9d9a0", (np.exp(-((r / 0.3) ** 2)) * flower))
    colors = mix(colors, "9b7a58", ramp(-z.astype(np.float32), -0.3, -0.1))
    free = openness(_teapot_distance, vertices, normals, 0.7)
    colors = mix(colors, "6b5a41", (1 - free) * 0.75)
    finish = np.zeros(len(faces), np.int64)
    return Model(vertices, faces, (Finish(0.12),), finish, colors=colors)
