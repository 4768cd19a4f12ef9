"""A sculpted thing before it is scanned: clean geometry in centimetres, Z up, standing on z = 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.parametric import Indices, Patch, Points

Colors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Finish:
    """How a part of a model reflects light, in glTF's terms."""

    roughness: float
    metallic: float = 0.0


@dataclass(frozen=True)
class Skin:
    """A texture and how it lies on the triangles.

    Attributes:
        uv: (T, 2) float64, V up.
        face_uv: (F, 3) int64 into ``uv``.
        image: (H, W, 3) uint8 sRGB, first row on top.
    """

    uv: Points
    face_uv: Indices
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Model:
    """Triangles with either vertex colours or a texture.

    Attributes:
        vertices: (V, 3) float64, centimetres, Z up.
        faces: (F, 3) int64.
        finishes: one or more materials.
        face_finish: (F,) index into ``finishes``.
        colors: (V, 3) float32, sRGB 0..1, or None.
        skin: the texture, or None.
        landmarks: (K, 3) float64, points that go wherever the vertices go.
    """

    vertices: Points
    faces: Indices
    finishes: tuple[Finish, ...]
    face_finish: Indices
    colors: Colors | None = None
    skin: Skin | None = None
    landmarks: Points | None = None


def textured(parts: list[tuple[Patch, int]], finishes: tuple[Finish, ...], image: npt.NDArray[np.uint8]) -> Model:
    """Weld patches, each with the index of its finish, under one texture."""
    at = np.cumsum([0, *(len(p.vertices) for p, _ in parts)])
    uv_at = np.cumsum([0, *(len(p.uv) for p, _ in parts)])
    vertices = np.concatenate([p.vertices for p, _ in parts])
    # Patches that meet share their border points, up to rounding; the shift keeps round numbers off the rounding edge.
    _, first, index = np.unique(np.round(vertices + 3.14159e-6, 4), axis=0, return_index=True, return_inverse=True)
    faces = np.concatenate([p.faces + a for (p, _), a in zip(parts, at, strict=False)])
    return Model(
        vertices=vertices[first],
        faces=index.reshape(-1)[faces],
        finishes=finishes,
        face_finish=np.concatenate([np.full(len(p.faces), f, np.int64) for p, f in parts]),
        skin=Skin(
            uv=np.concatenate([p.uv for p, _ in parts]),
            face_uv=np.concatenate([p.face_uv + a for (p, _), a in zip(parts, uv_at, strict=False)]),
            image=image,
        ),
    )
