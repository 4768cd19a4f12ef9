"""What casting needs of a scan, kept for later pictures: its acceleration structure and its outermost points."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from scanstage.assets.asset import MeshArrays
from scanstage.assets.library.openings import OpeningsSource, whole
from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.sight.cut_scene import CutScene

MeshSource = Callable[[str], MeshArrays]

CACHED_TRIANGLES = 20_000_000
HULL_FROM_USE = 48
"""A convex hull costs as much as fifty windows by all vertices save: scans that are seldom shown do without."""


@dataclass
class Shape:
    """A scan in its own frame, metres.

    Attributes:
        scene: its acceleration structure, whose rays go through what is cut out by alpha.
        mesh: its arrays.
        uses: how often its points were asked for.
    """

    scene: EmbreeScene | CutScene
    mesh: MeshArrays
    uses: int = 0
    _hull: Float | None = None

    def points(self) -> Float:
        """(3, N) vertices whose convex hull is that of all: where they project to, the whole scan does."""
        self.uses += 1
        if self._hull is None and self.uses >= HULL_FROM_USE:
            self._hull = outermost(self.mesh.vertices)
        return self.mesh.vertices.T.astype(np.float64) if self._hull is None else self._hull


class Shapes:
    """Shapes by asset id, within a bound on triangles.

    Args:
        meshes: gives the arrays of an asset id.
        openings: gives what is cut out of it.
    """

    def __init__(self, meshes: MeshSource, openings: OpeningsSource = whole) -> None:
        self._meshes, self._openings = meshes, openings
        self._kept: OrderedDict[str, Shape] = OrderedDict()

    def __getitem__(self, asset_id: str) -> Shape:
        """The shape of an asset, made where it isn't there."""
        if asset_id in self._kept:
            self._kept.move_to_end(asset_id)
            return self._kept[asset_id]
        # Slow to import, so not before Blender is starting; but 20 MB that a run needs later it takes at its beginning.
        import scipy.spatial  # noqa: F401

        mesh = self._meshes(asset_id)
        scene = EmbreeScene()
        TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
        # The structure is built at the first query, not when the mesh is added.
        scene.run(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))
        openings = self._openings(asset_id, mesh)
        shape = self._kept[asset_id] = Shape(scene if openings is None else CutScene(scene, {0: openings}), mesh)
        while len(self._kept) > 1 and sum(len(s.mesh.faces) for s in self._kept.values()) > CACHED_TRIANGLES:
            self._kept.popitem(last=False)
        return shape


def outermost(vertices: npt.NDArray[np.float32]) -> Float:
    """(3, H) those of (N, 3) vertices that are corners of their convex hull; all of them where they lie in a plane."""
    from scipy.spatial import ConvexHull, QhullError  # slow to import

    with contextlib.suppress(QhullError):
        vertices = vertices[ConvexHull(vertices.astype(np.float64)).vertices]
    return np.ascontiguousarray(vertices.T, np.float64)
