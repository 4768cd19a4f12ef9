"""Parts of an asset as faces, and as meshes of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetPart, MeshArrays


def part_of_faces(mesh: MeshArrays, parts: Sequence[AssetPart]) -> npt.NDArray[np.int32]:
    """(F,) the number of each face's part; -1: it has none."""
    of_material = np.full(int(mesh.face_material.max()) + 1, -1, np.int32)
    for number, part in enumerate(parts):
        for k in part.materials:
            if k < len(of_material):
                of_material[k] = number
    result: npt.NDArray[np.int32] = of_material[mesh.face_material]
    return result


def faces_alone(mesh: MeshArrays, kept: npt.NDArray[np.bool_]) -> MeshArrays:
    """The mesh with only these of its faces and their vertices, in the same frame. Its hull is not made anew."""
    faces = mesh.faces[kept]
    used = np.zeros(len(mesh.vertices), bool)
    used[faces] = True
    uv = mesh.corner_uv
    return MeshArrays(
        mesh.vertices[used],
        (np.cumsum(used, dtype=np.int32) - 1)[faces].astype(np.int32),
        mesh.face_material[kept],
        mesh.hull,
        None if uv is None else uv.reshape(-1, 3, 2)[kept].reshape(-1, 2),
        None if mesh.vertex_color is None else mesh.vertex_color[used],
    )
