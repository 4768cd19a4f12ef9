"""How far apart real surfaces are where the convex parts that stand for them touch.

A contact is a point and a normal. Along the normal, rays tell where the surface of the body behind the point ends and
where that of the body before it begins; a bundle of them, because a rib beside the point may be what touches. Each ray
measures what is really there, so that a wider bundle finds more and nothing wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.rtcore_scene import EmbreeScene

from scanstage.scenes.optics.geometry import Float

SEARCH = 0.08
"""How far from a contact a surface is looked for, in shares of its extent."""
_BUNDLE = (0.015, 0.035)  # radii of the bundle's rings, in shares of the smaller body's extent
_RING = 6
_GRID = 1e-5  # of the extent: digits beyond it differ from one processor to the next


@dataclass(frozen=True)
class RealSurface:
    """A scan as it is seen.

    Attributes:
        scene: its acceleration structure, in the asset's frame.
        scale: metres in the world by one of the asset's.
        extent: of its largest side in the world, metres.
    """

    scene: EmbreeScene
    scale: float
    extent: float

    def ends(self, rotation: Float, position: Float, points: Float, directions: Float) -> Float:
        """(N,) metres from points to where the surface ends along directions; -inf where there is none nearby.

        Args:
            rotation, position: (3, 3) and (3,) of the body in the world.
            points, directions: (N, 3); directions are of length 1 and point out of the body.
        """
        search = SEARCH * self.extent
        starts = (points + search * directions - position) @ rotation / self.scale
        inward = -directions @ rotation / self.scale
        found: npt.NDArray[np.float32] = self.scene.run(
            np.ascontiguousarray(starts, np.float32), np.ascontiguousarray(inward, np.float32), query="DISTANCE"
        )
        grid = _GRID * self.extent
        reached = np.round(found.astype(np.float64) / grid) * grid
        return np.where(reached < 2 * search, search - reached, -np.inf)


@dataclass(frozen=True)
class Contacts:
    """Where N pairs touch, or their parts do; metres.

    Attributes:
        bodies: (N, 2) numbers of bodies, negative for what is fixed.
        points: (N, 3), in the world.
        normals: (N, 3), from the first to the second.
        supposed: (N,) distances between parts, negative where they overlap.
    """

    bodies: npt.NDArray[np.int64]
    points: Float
    normals: Float
    supposed: Float

    def gaps(self, surfaces: Sequence[RealSurface | None], poses: Sequence[tuple[Float, Float]]) -> Float:
        """(N,) real distances, negative where surfaces penetrate, inf where one is not there.

        Args:
            surfaces: of the bodies; one of None ends where its parts do.
            poses: their rotations (3, 3) and positions (3,).
        """
        extents = np.array([np.inf if s is None else s.extent for s in surfaces] + [np.inf])
        sizes = extents[np.maximum(self.bodies, -1)].min(axis=1)
        spots = bundles(self.points, self.normals, np.where(np.isfinite(sizes), sizes, 0.0))
        rays = spots.shape[1]
        ends = [np.repeat(-self.supposed[:, None] / 2, rays, axis=1) for _ in range(2)]
        for index in np.unique(self.bodies[self.bodies >= 0]):
            surface = surfaces[index]
            if surface is None:
                continue
            for side, sign in ((0, 1.0), (1, -1.0)):
                if (mine := self.bodies[:, side] == index).any():
                    towards = np.repeat(sign * self.normals[mine], rays, axis=0)
                    found = surface.ends(*poses[index], spots[mine].reshape(-1, 3), towards)
                    ends[side][mine] = found.reshape(-1, rays)
        real: Float = -(ends[0] + ends[1]).max(axis=1)
        return real


def bundles(points: Float, normals: Float, extents: Float) -> Float:
    """(N, 13, 3): each contact's point and two rings of six around it, in the plane of its normal.

    Args:
        points, normals: (N, 3).
        extents: (N,) of the smaller body, metres.
    """
    helper = np.where(np.abs(normals[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    across = np.cross(normals, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    angles = np.arange(_RING) * (2 * np.pi / _RING)
    ring = np.cos(angles)[:, None] * across[:, None] + np.sin(angles)[:, None] * along[:, None]
    rings = [points[:, None] + radius * extents[:, None, None] * ring for radius in _BUNDLE]
    return np.concatenate([points[:, None], *rings], axis=1)
