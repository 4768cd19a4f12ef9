"""From a clean model to what a scanner would have delivered: noise, holes, a frame and a unit of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.parametric import Indices, Points, vertex_normals
from scanstage.assets.samples.sample_model import Model
from scanstage.assets.textures.noise import LatticeNoise


@dataclass(frozen=True)
class Scanner:
    """How a sample was scanned.

    Attributes:
        unit: of the file: ``mm``, ``cm`` or ``m``.
        up: axis of the file that points up: ``y`` or ``z``.
        noise_cm: standard deviation of the surface's ripples, centimetres.
        holes: how many places the scanner didn't see; most of them are underneath.
    """

    unit: str
    up: str
    noise_cm: float = 0.008
    holes: int = 6


PER_CM = {"mm": 10.0, "cm": 1.0, "m": 0.01}


def scanned(model: Model, scanner: Scanner, rng: np.random.Generator) -> Model:
    """The model as delivered: rippled, with holes, turned, moved off the origin, in the file's unit and axes.

    Vertices of the returned model are in ``scanner.unit`` with ``scanner.up`` up, not in centimetres.
    """
    normals = vertex_normals(model.vertices, model.faces)
    noise = LatticeNoise(rng)
    ripples = noise(model.vertices, 0.45, 2) * 1.6 + rng.normal(0, 0.35, len(normals))
    vertices = model.vertices + normals * (scanner.noise_cm * ripples)[:, None]
    keep = ~_unseen(vertices, model.faces, normals, scanner.holes, rng)
    landmarks = np.zeros((0, 3)) if model.landmarks is None else model.landmarks
    placed, landmarks = np.split(_in_file_frame(np.concatenate([vertices, landmarks]), scanner, rng), [len(vertices)])
    used, faces = np.unique(model.faces[keep], return_inverse=True)
    colors = model.colors
    if colors is not None:
        # Sensor noise.
        colors = np.clip(colors[used] + rng.normal(0, 0.008, (len(used), 1)), 0, 1).astype(np.float32)
    return replace(
        model,
        vertices=placed[used],
        faces=faces.reshape(-1, 3),
        face_finish=model.face_finish[keep],
        colors=colors,
        skin=model.skin and replace(model.skin, face_uv=model.skin.face_uv[keep]),
        landmarks=None if model.landmarks is None else landmarks,
    )


def _unseen(
    vertices: Points, faces: Indices, normals: Points, holes: int, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which faces fall into ragged holes of a few millimetres, the larger ones where the surface looks down."""
    centres = vertices[faces].mean(1)
    ragged = rng.uniform(0.8, 1.2, len(faces))
    down = np.flatnonzero((normals[:, 2] < -0.8) & (vertices[:, 2] < vertices[:, 2].min() + 1.0))
    out = np.zeros(len(faces), bool)
    for k in range(holes):
        below = k < holes - 2 and len(down) > 0
        at = vertices[rng.choice(down) if below else rng.integers(len(vertices))]
        radius = rng.uniform(0.1, 0.18) if below else rng.uniform(0.06, 0.1)
        out |= np.linalg.norm(centres - at, axis=1) * ragged < radius
    return out


def _in_file_frame(vertices: Points, scanner: Scanner, rng: np.random.Generator) -> Points:
    """Turned about the vertical, moved off the origin, axes and unit of the file."""
    angle = rng.uniform(-0.35, 0.35)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    moved = vertices @ turn.T + rng.uniform(6.0, 30.0, 3) * rng.choice([-1.0, 1.0], 3)
    if scanner.up == "y":
        moved = np.stack([moved[:, 0], moved[:, 2], -moved[:, 1]], 1)
    return moved * PER_CM[scanner.unit]
