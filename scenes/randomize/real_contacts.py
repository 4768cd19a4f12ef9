"""How far apart real surfaces are where the convex parts that stand for them touch.

A contact is a point and a normal. Along the normal, rays tell where the surface of the body behind the point ends and
where that of the body before it begins; a small bundle of them, because a rib beside the point may be what touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from embreex.rtcore_scene import EmbreeScene

from scanstage.scenes.optics.geometry import Float

SEARCH = 0.08
"""How far from a contact a surface is looked for, in shares of its extent."""
BUNDLE = 0.015
"""Radius of the bundle, in shares of the smaller body's extent."""
_RING = 6
NOTHING = np.inf


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
        reached = found.astype(np.float64)
        return np.where(reached < 2 * search, search - reached, -NOTHING)


def bundles(points: Float, normals: Float, radii: Float) -> tuple[Float, Float]:
    """Points around each contact, in the plane of its normal, and their normals.

    Args:
        points, normals: (N, 3).
        radii: (N,) of the bundles, metres.

    Returns:
        two arrays of shape (N, 7, 3).
    """
    helper = np.where(np.abs(normals[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    across = np.cross(normals, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    angles = np.arange(_RING) * (2 * np.pi / _RING)
    ring = np.cos(angles)[:, None] * across[:, None] + np.sin(angles)[:, None] * along[:, None]
    around = points[:, None] + radii[:, None, None] * ring
    spots = np.concatenate([points[:, None], around], axis=1)
    return spots, np.repeat(normals[:, None], _RING + 1, axis=1)
