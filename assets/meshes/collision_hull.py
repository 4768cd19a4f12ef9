"""Collision hulls: convex, at most 200 vertices, standing on the same base as the scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from scanstage.assets.asset import MAX_HULL_VERTICES

_BASE_VERTICES = 32
_LEAST_THICKNESS = 0.006  # of the extent; MuJoCo needs a volume, and the planner to see that two sheets overlap

Floats = npt.NDArray[np.float64]


def collision_hull(vertices: Floats) -> npt.NDArray[np.float32]:
    """Vertices of a convex hull of a scan.

    Args:
        vertices: (V, 3) positions in the asset's frame (base at z = 0; a flat scan :func:`lift_of_flat` above it).

    Returns:
        (H, 3) float32, 4 <= H <= 200, a subset of the scan's positions
        (so the hull lies within the scan's exact hull, touches its six extremes and keeps its base polygon), or, for a
        flat scan, its positions thickened to 0.6 % of its extent, to both sides.
    """
    points = thickened(vertices)
    exact = points[ConvexHull(points).vertices]
    if len(exact) > MAX_HULL_VERTICES:
        exact = exact[_support_points(exact)]
    return exact.astype(np.float32)


def lift_of_flat(points: Floats) -> float:
    """How far above its base a (nearly) flat scan must lie to be in the middle of its plate; 0 for other scans.

    Without it a sheet on a table is in the table's own plane, where neither a cast nor a renderer can tell which of
    them is in front.

    Args:
        points: (P, 3) positions, metres, Z up.
    """
    return float(abs(_plate_offset(points)[2]))


def _plate_offset(points: Floats) -> Floats:
    """(3,) from a flat scan to either face of the plate that stands for it in physics; zeros where it is not flat."""
    extent = float(np.ptp(points, axis=0).max())
    centred = points - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    normal = axes[:, 0]
    missing = _LEAST_THICKNESS * extent - float(np.ptp(centred @ normal))
    offset: Floats = normal * max(missing, 0.0) / 2
    return offset


def thickened(points: Floats) -> Floats:
    """The points themselves, or, where they (nearly) lie in a plane, a plate of them; never below the ground."""
    offset = _plate_offset(points)
    if not offset.any():
        return points
    both = np.concatenate([points - offset, points + offset])
    both[:, 2] = np.maximum(both[:, 2], 0.0)
    try:
        ConvexHull(both)
    except QhullError:  # a sliver: give it a box
        half = np.maximum(np.ptp(points, axis=0), _LEAST_THICKNESS * float(np.ptp(points, axis=0).max())) / 2
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        middle[2] = max(middle[2], half[2])
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        return middle + signs * half
    return both


def _support_points(hull: Floats) -> npt.NDArray[np.int64]:
    """Indices of at most 200 hull vertices: extremes, the base polygon, and supports all around."""
    chosen = list(dict.fromkeys([*hull.argmin(axis=0), *hull.argmax(axis=0), *_base_polygon(hull)]))
    sphere = even_directions(MAX_HULL_VERTICES - len(chosen))
    support = (hull @ sphere.T).argmax(axis=0)
    return np.array(list(dict.fromkeys([*chosen, *support])), dtype=np.int64)


def _base_polygon(hull: Floats) -> list[int]:
    """Corners of what the scan stands on: hull vertices within 0.5 % of the height above the lowest."""
    height = hull[:, 2] - hull[:, 2].min()
    low = np.flatnonzero(height <= 0.005 * height.max())
    if len(low) < 3:
        return [int(i) for i in low]
    angles = np.arange(_BASE_VERTICES) * (2 * np.pi / _BASE_VERTICES)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    return [int(low[i]) for i in (hull[low, :2] @ directions).argmax(axis=0)]


def even_directions(n: int) -> Floats:
    """(n, 3) unit vectors, the Fibonacci lattice on the sphere (González 2010)."""
    k = np.arange(n) + 0.5
    z = 1 - 2 * k / n
    angle = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)
