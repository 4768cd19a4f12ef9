"""Figures and a mushroom of the sample library: signed-distance sculptures with painted vertices."""

from __future__ import annotations

import numpy as np

from scanstage.assets.samples.distance import (
    Field,
    Where,
    blend,
    capsule,
    chain,
    cylinder,
    ellipsoid,
    mesh_of,
    openness,
    sphere,
    torus,
)
from scanstage.assets.samples.paint import flat, mix, srgb
from scanstage.assets.samples.sample_model import Colors, Finish, Model
from scanstage.assets.textures.noise import LatticeNoise
from scanstage.assets.textures.texture_patterns import ramp


def _mirrored(p: Where) -> Where:
    return np.concatenate([p[:, :1], np.abs(p[:, 1:2]), p[:, 2:]], 1)


def _duck_beak(p: Where) -> Field:
    upper = ellipsoid(p, (4.15, 0, 6.35), (1.15, 0.95, 0.26))
    lower = ellipsoid(p, (3.9, 0, 5.98), (0.95, 0.75, 0.2))
    bridge = ellipsoid(p, (3.3, 0, 6.45), (0.8, 0.62, 0.55))
    return blend(blend(upper, bridge, 0.5), lower, 0.12)


def _duck_body(p: Where) -> Field:
    q = _mirrored(p)
    trunk = ellipsoid(p, (-0.4, 0, 2.55), (4.3, 3.3, 2.65))
    breast = sphere(p, (1.9, 0, 2.9), 2.15)
    tail = capsule(p, (-3.4, 0, 3.2), (-5.1, 0, 5.0), 1.25, 0.28)
    wing = ellipsoid(q, (-0.8, 3.0, 3.1), (2.3, 0.62, 1.35))
    tip = capsule(q, (-2.0, 3.1, 3.4), (-3.3, 2.9, 4.1), 0.7, 0.2)
    head = ellipsoid(p, (1.9, 0, 6.35), (2.05, 1.95, 1.95))
    body = blend(blend(trunk, breast, 1.2), tail, 1.4)
    body = blend(body, blend(wing, tip, 0.6), 0.25)
    body = blend(body, head, 0.9)
    # Stands flat.
    return np.maximum(body, 0.35 - p[:, 2])


def _duck_distance(p: Where) -> Field:
    return blend(_duck_body(p), _duck_beak(p), 0.15)


def _eye(p: Where) -> tuple[Field, Field]:
    """Distance over the head from the centre of the nearer eye and from its glint, centimetres."""
    q = _mirrored(p)
    centre, glint = np.array([3.15, 1.38, 6.95]), np.array([3.32, 1.28, 7.16])
    return np.linalg.norm(q - centre, axis=1).astype(np.float32), np.linalg.norm(q - glint, axis=1).astype(np.float32)


def _duck(rng: np.random.Generator, mallard: bool) -> Model:
    vertices, faces, normals = mesh_of(_duck_distance, (-5.9, -4.2, 0.2), (5.6, 4.2, 8.6), 0.105)
    noise = LatticeNoise(rng)
    p = vertices.astype(np.float32)
    x, z = p[:, 0], p[:, 2]
    cloud, fine = noise(p, 2.2, 4), noise(p, 0.5, 3)
    if mallard:
        colors = _mallard(p, noise)
    else:
        colors = mix(flat("efc21f", z), "d99a12", 0.45 + 0.45 * cloud)
        colors = mix(colors, "f6dc6a", ramp(fine, 0.4, 1.4) * 0.35)
    beak = ramp(_duck_body(p) - _duck_beak(p), -0.05, 0.08)
    colors = mix(colors, mix(flat("dd6a17", z), "b84a0e", 0.5 + 0.5 * fine), beak)
    colors = mix(colors, "7a2a08", np.exp(-(((z - 6.13) / 0.05) ** 2)) * (x > 3.75) * beak)
    eye, glint = _eye(p)
    colors = mix(colors, "f4f0e6", ramp(-eye, -0.62, -0.54))
    colors = mix(colors, "14110f", ramp(-eye, -0.46, -0.38))
    colors = mix(colors, "ffffff", ramp(-glint, -0.17, -0.11))
    free = openness(_duck_distance, vertices, normals, 0.5)
    colors = mix(colors, "5a3a0c", (1 - free) * 0.6)
    colors = mix(colors, "4a4038", ramp(noise(p, 1.1, 4) - 0.25 * z, -0.25, 0.55) * 0.35)
    scuffs = ramp(noise(p * [0.25, 1, 1], 0.35, 2), 0.95, 1.3) * ramp(cloud, -0.2, 0.6)
    colors = mix(colors, "8d8272" if mallard else "a8821f", scuffs * 0.55)
    return Model(vertices, faces, (Finish(0.33),), np.zeros(len(faces), np.int64), colors=colors)


def _mallard(p: Where, noise: LatticeNoise) -> Colors:
    x, y, z = p.T
    cloud = noise(p, 1.6, 3)
    feather = np.cos(x * 6.5 + 2.2 * np.cos(np.abs(y) * 2.6 + z * 2.2)) * 0.5
    colors = mix(flat("9a8b78", z), "6b5a48", 0.5 + 0.5 * feather + 0.35 * cloud)
    colors = mix(colors, "6a3520", ramp(x + 0.3 * cloud, 1.6, 2.6) * ramp(-z, -5.0, -4.4))
    wing = ramp(np.abs(y) - 2.55, 0, 0.2) * ramp(z, 1.9, 2.3)
    colors = mix(colors, mix(flat("5f4c3a", z), "3a2c22", 0.5 + feather), wing)
    colors = mix(
        colors, "24508f", wing * ramp(-x, 0.7, 1.0) * ramp(x, -2.3, -2.0) * ramp(-np.abs(z - 3.0), -0.6, -0.45)
    )
    colors = mix(colors, "26221f", ramp(-x, 3.9, 4.6))
    neck = z + 0.3 * (x - 1.9)
    colors = mix(
        colors, mix(flat("16503a", z), "0d2f2c", 0.5 + 0.6 * cloud), ramp(neck, 4.9, 5.05) * ramp(x, -1.0, -0.6)
    )
    return mix(colors, "e9e4d6", np.exp(-(((neck - 4.78) / 0.2) ** 4)) * (x > -0.6))


def duck(rng: np.random.Generator) -> Model:
    """A yellow rubber duck that has seen some baths; 10 cm long."""
    return _duck(rng, mallard=False)


def mallard(rng: np.random.Generator) -> Model:
    """The duck's painted cousin, a drake."""
    return _duck(rng, mallard=True)


def _gnome_parts(p: Where) -> dict[str, Field]:
    q = _mirrored(p)
    lean = p.copy()
    lean[:, 0] += 0.028 * np.maximum(p[:, 2] - 11.5, 0) ** 2
    coat = blend(ellipsoid(p, (0, 0, 4.9), (3.5, 3.7, 4.3)), cylinder(p, 1.3, 5.0, 3.7, 0.8), 0.8)
    strands = 0.10 * np.cos(p[:, 1] * 6.5 + 1.5 * np.sin(p[:, 2] * 0.9))
    beard = blend(
        ellipsoid(p, (2.35, 0, 7.6), (1.7, 2.5, 2.9)), capsule(p, (3.2, 0, 6.5), (3.5, 0.2, 3.9), 1.3, 0.3), 0.9
    )
    moustache = capsule(q, (3.35, 0.3, 9.6), (3.1, 1.9, 9.0), 0.62, 0.22)
    hat = blend(capsule(lean, (0.1, 0, 11.6), (0.0, 0, 18.6), 2.75, 0.35), torus(p, (0.1, 0, 11.45), 2.45, 0.45), 0.5)
    hat = np.maximum(hat, 11.1 - p[:, 2])  # flat below, not over the eyes
    arm = chain(q, np.array([(0.3, 3.3, 7.0), (1.2, 4.0, 5.4), (2.9, 2.7, 4.9)]), np.array([1.05, 0.95, 0.8]))
    return {
        "coat": blend(coat, arm, 0.35),
        "boots": blend(
            ellipsoid(q, (1.3, 1.65, 0.85), (2.4, 1.45, 1.05)), capsule(q, (0.2, 1.6, 0.8), (0.2, 1.6, 2), 1.2), 0.4
        ),
        "skin": np.minimum(sphere(p, (0.9, 0, 9.9), 2.35), sphere(q, (3.55, 2.2, 4.95), 0.82)),
        "nose": ellipsoid(p, (3.5, 0, 9.85), (0.8, 0.72, 0.68)),
        "beard": blend(beard, moustache, 0.25) + strands.astype(p.dtype),
        "hat": hat,
        "belt": torus(p * np.array([1, 1, 0.7], p.dtype), (0, 0, 2.9), 3.72, 0.36),
    }


def _gnome_distance(p: Where) -> Field:
    parts = _gnome_parts(p)
    out = parts["coat"]
    for name, width in (("boots", 0.1), ("belt", 0.08), ("skin", 0.12), ("beard", 0.15), ("nose", 0.1), ("hat", 0.12)):
        out = blend(out, parts[name], width)
    return np.maximum(out, -p[:, 2])


# Two tones of each part, mixed by noise.
_GNOME_TONES = {
    "coat": ("2f5c8f", "1f3f66"),
    "boots": ("3a281c", "1f1510"),
    "skin": ("dba283", "c07f62"),
    "nose": ("d07a5f", "b85f48"),
    "beard": ("e9e4d8", "bdb6a6"),
    "hat": ("b3221d", "7f1412"),
    "belt": ("2b1d14", "17100b"),
}


def gnome(rng: np.random.Generator) -> Model:
    """A weathered garden gnome, 19 cm, of painted plaster."""
    vertices, faces, normals = mesh_of(_gnome_distance, (-4.6, -5.6, -0.3), (5.4, 5.6, 19.5), 0.125)
    noise = LatticeNoise(rng)
    p = vertices.astype(np.float32)
    parts = _gnome_parts(p)
    names = list(parts)
    nearest = np.argmin(np.stack([parts[n] for n in names], 1), 1)
    cloud, fine = noise(p, 2.5, 4), noise(p, 0.6, 3)
    first = np.stack([srgb(_GNOME_TONES[n][0]) for n in names])[nearest]
    second = np.stack([srgb(_GNOME_TONES[n][1]) for n in names])[nearest]
    colors = mix(first, second, 0.45 + 0.45 * cloud)
    strands = 0.5 + 0.5 * np.cos(p[:, 1] * 6.5 + 1.5 * np.sin(p[:, 2] * 0.9))
    colors = mix(colors, "8f8877", (nearest == names.index("beard")) * strands**4 * 0.7)
    front = (p[:, 0] > 3) & (nearest == names.index("belt"))
    buckle = np.maximum(np.abs(p[:, 1]), np.abs(p[:, 2] - 4.15) * 1.3)
    colors = mix(
        colors, "c99a35", front * ramp(-np.abs(np.abs(p[:, 1]) - 0.55), -0.3, -0.2) * ramp(-buckle, -1.1, -0.9)
    )
    q = _mirrored(p)
    eye = np.linalg.norm(q - np.array([2.95, 0.85, 10.55], np.float32), axis=1)
    colors = mix(colors, "f2efe6", ramp(-eye, -0.46, -0.38))
    colors = mix(
        colors, "2a3a4a", ramp(-np.linalg.norm(q - np.array([3.12, 0.80, 10.52], np.float32), axis=1), -0.26, -0.2)
    )
    colors = mix(
        colors, "d9685a", ramp(-np.linalg.norm(q - np.array([2.7, 1.45, 9.95], np.float32), axis=1), -0.8, -0.2) * 0.4
    )
    free = openness(_gnome_distance, vertices, normals, 0.7)
    colors = mix(colors, "3a3226", (1 - free) * 0.8)
    chipped = ramp(noise(p, 0.9, 3) + 0.3 * cloud, 1.0, 1.12)
    colors = mix(colors, "d8cfbd", chipped * 0.9)
    moss = ramp(noise(p, 1.7, 4) - 0.22 * p[:, 2], -0.35, 0.5)
    colors = mix(colors, mix(flat("5f6b3a", cloud), "8a8460", 0.5 + 0.6 * fine), moss * 0.6)
    return Model(vertices, faces, (Finish(0.6),), np.zeros(len(faces), np.int64), colors=colors)


_STALK = np.array([(0.25, 0.1, 0.9), (0.1, 0, 2.5), (0, 0, 4.5), (0, 0, 6.2)])


def _mushroom_parts(p: Where) -> dict[str, Field]:
    stalk = chain(p, _STALK, np.array([1.25, 1.0, 0.85, 0.85]))
    bulb = ellipsoid(p, (0.25, 0.1, 0.75), (1.55, 1.5, 0.95))
    angle = np.arctan2(p[:, 1], p[:, 0])
    radius = np.hypot(p[:, 0], p[:, 1])
    frill = 0.12 * np.cos(18 * angle) * np.clip(radius - 0.8, 0, 1)
    skirt = np.abs(p[:, 2] - 4.9 + 0.28 * np.maximum(radius - 0.8, 0) ** 1.5 + frill) - 0.11
    skirt = np.maximum(skirt, radius - 1.75)
    dome = ellipsoid(p, (0, 0, 6.0), (4.1, 4.1, 3.2))
    gills = 0.14 * np.cos(70 * angle) * np.clip(radius / 2, 0, 1) * np.clip((3.95 - radius) * 2, 0, 1)
    under = (
        6.05
        - p[:, 2]
        + 0.35 * np.clip(radius / 4 - 0.35, 0, 1) * -1
        + 0.6 * (1 - np.clip(radius / 4, 0, 1)) * -1
        + gills
    )
    return {
        "stalk": np.maximum(blend(stalk, bulb, 0.6), 0.15 - p[:, 2]),
        "skirt": skirt.astype(p.dtype),
        "cap": np.maximum(dome, under).astype(p.dtype),
    }


def _mushroom_warts(p: Where) -> Field:
    """Height of the white warts on the cap, 0..1: jittered spots on a spherical spiral."""
    k = np.arange(40) + 0.5
    z = 1 - 0.98 * k / len(k)
    angle = np.pi * (1 + 5**0.5) * k + 0.16 * np.sin(k * 7.1)
    spots = np.stack([np.cos(angle) * np.sqrt(1 - z**2), np.sin(angle) * np.sqrt(1 - z**2), z], 1) * [4.1, 4.1, 3.2] + [
        0,
        0,
        6.0,
    ]
    size = 0.24 + 0.18 * (0.5 + 0.5 * np.sin(k * 3.7))
    out = np.zeros(len(p), p.dtype)
    for centre, r in zip(spots, size, strict=True):
        near = np.abs(p[:, 2] - centre[2]) < 0.9
        out[near] = np.maximum(
            out[near], ramp(r * 1.3 - np.linalg.norm(p[near] - centre, axis=1).astype(np.float32), 0.0, 0.2)
        )
    return out


def _mushroom_distance(p: Where) -> Field:
    parts = _mushroom_parts(p)
    cap = parts["cap"] - 0.16 * _mushroom_warts(p)
    return blend(blend(parts["stalk"], parts["skirt"], 0.25), cap, 0.2)


def mushroom(rng: np.random.Generator) -> Model:
    """A fly agaric, 9 cm, with earth still on its foot."""
    vertices, faces, normals = mesh_of(_mushroom_distance, (-4.5, -4.5, 0.0), (4.5, 4.5, 9.8), 0.108)
    noise = LatticeNoise(rng)
    p = vertices.astype(np.float32)
    parts = _mushroom_parts(p)
    cloud, fine = noise(p, 1.8, 4), noise(p, 0.35, 3)
    stalk = mix(flat("e6ddc6", cloud), "b9a988", 0.35 + 0.4 * noise(p * [1, 1, 0.25], 0.5, 3))
    stalk = mix(stalk, "5a4630", ramp(noise(p, 0.8, 4) - 0.9 * p[:, 2], -1.3, 0.1))
    top = normals[:, 2] > -0.25
    cap = mix(flat("c22a17", cloud), "d95a1f", ramp(cloud + 0.25 * (np.hypot(p[:, 0], p[:, 1]) - 2.6), -0.2, 1.3) * 0.8)
    cap = mix(cap, "8f160e", ramp(-cloud + 0.3 * fine, 0.25, 1.1) * 0.7)
    cap = mix(cap, "efe6d0", ramp(_mushroom_warts(p) + 0.12 * fine, 0.3, 0.5))
    below = mix(flat("ece2c4", cloud), "a89870", 0.5 - 0.5 * np.cos(70 * np.arctan2(p[:, 1], p[:, 0])))
    is_cap = ramp(np.minimum(parts["stalk"], parts["skirt"]) - parts["cap"], -0.05, 0.05)
    colors = mix(stalk, np.where(top[:, None], cap, below), is_cap)
    free = openness(_mushroom_distance, vertices, normals, 0.45)
    colors = mix(colors, "4a3a26", (1 - free) * 0.65)
    return Model(vertices, faces, (Finish(0.55),), np.zeros(len(faces), np.int64), colors=colors)
