"""Vertices as a graphics card has them: one for each position, UV, colour and material that meet there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.surface_mesh import SurfaceMesh

_UV_WEIGHT = 0.5
_COLOR_WEIGHT = 0.25

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class WedgeMesh:
    """Triangles of wedges. A wedge is what all corners share that have the same position, UV, colour and material.

    Attributes:
        faces: (F, 3) wedges.
        position_of: (W,) position of each wedge.
        positions: (P, 3) in units of the largest extent.
        values: (W, K) UV and colour, weighted so that they compare with positions.
    """

    faces: Ints
    position_of: Ints
    positions: Floats
    values: Floats

    @classmethod
    def of(cls, mesh: SurfaceMesh) -> tuple[WedgeMesh, npt.NDArray[np.int64]]:
        """The wedges of a mesh, and (W,) one corner (0..3F) of each."""
        corner_of_wedge, faces = wedges(mesh)
        columns = [np.zeros((len(corner_of_wedge), 0))]
        if mesh.corner_uv is not None:
            columns.append(_UV_WEIGHT * mesh.corner_uv.reshape(-1, 2)[corner_of_wedge].astype(np.float64))
        if mesh.corner_color is not None:
            rgb = mesh.corner_color.reshape(-1, 4)[corner_of_wedge, :3]
            columns.append(_COLOR_WEIGHT / 255.0 * rgb.astype(np.float64))
        low = mesh.positions.min(axis=0)
        extent = float((mesh.positions.max(axis=0) - low).max())
        position_of = mesh.faces.ravel()[corner_of_wedge].astype(np.int32)
        unit = (mesh.positions - low) / extent
        return cls(faces.astype(np.int32), position_of, unit, np.concatenate(columns, axis=1)), corner_of_wedge

    def merged(self, source: Ints, target: Ints) -> tuple[WedgeMesh, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """What is left once each wedge of ``source`` (M,) has become the one in ``target`` (M,).

        Returns ``(mesh, wedges, positions)``: the mesh without the triangles that have collapsed, and (W,) and (P,)
        which wedges and positions are still in it.
        """
        becomes = np.arange(len(self.position_of), dtype=np.int32)
        becomes[source] = target
        faces = becomes[self.faces]
        at = self.position_of[faces]
        faces = faces[(at[:, 0] != at[:, 1]) & (at[:, 1] != at[:, 2]) & (at[:, 2] != at[:, 0])]
        kept = np.zeros(len(self.position_of), dtype=bool)
        kept[faces] = True
        held = np.zeros(len(self.positions), dtype=bool)
        held[self.position_of[kept]] = True
        left = WedgeMesh(
            (np.cumsum(kept, dtype=np.int32) - 1)[faces],
            (np.cumsum(held, dtype=np.int32) - 1)[self.position_of[kept]],
            self.positions[held],
            self.values[kept],
        )
        return left, kept, held


def wedges(mesh: SurfaceMesh) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Corners that share position, UV, colour and material as one.

    Returns ``(corner_of_wedge, faces)``: (W,) one corner (0..3F) of each, and (F, 3) indices into them.
    """
    key = mesh.faces.ravel().astype(np.int64)
    extra: list[npt.NDArray[np.int64]] = []
    if mesh.corner_uv is not None:
        extra.append(np.ascontiguousarray(mesh.corner_uv).reshape(-1, 2).view(np.int64).ravel())
    if mesh.corner_color is not None:
        extra.append(np.ascontiguousarray(mesh.corner_color).reshape(-1, 4).view(np.int32).ravel().astype(np.int64))
    if mesh.face_material.any():
        extra.append(np.repeat(mesh.face_material, 3))
    for values in extra:
        _, rank = np.unique(values, return_inverse=True)
        key = key * (int(rank.max()) + 1) + rank
        _, key = np.unique(key, return_inverse=True)
    _, first, index = np.unique(key, return_index=True, return_inverse=True)
    return first, index.reshape(-1, 3)
