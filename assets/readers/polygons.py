"""Triangulation of the polygons that OBJ and PLY may hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def triangulate(
    counts: npt.NDArray[np.int64], corners: npt.NDArray[np.int64], vertices: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split polygons into triangles without adding vertices.

    Args:
        counts: (P,) corners of each polygon; those with fewer than 3 vanish.
        corners: (sum(counts),) vertex index of each corner.
        vertices: (V, 3) positions.

    Returns:
        ``(tri_corners, tri_polygon)``: (T, 3) positions in ``corners`` (so that anything stored per corner follows),
        and (T,) the polygon that each triangle came from. Order of polygons is kept.
    """
    starts = np.cumsum(counts) - counts
    parts: list[npt.NDArray[np.int64]] = []
    owners: list[npt.NDArray[np.int64]] = []
    three = np.flatnonzero(counts == 3)
    parts.append(starts[three, None] + np.arange(3))
    owners.append(three)
    four = np.flatnonzero(counts == 4)
    if len(four):
        parts.append(_split_quads(starts[four], corners, vertices).reshape(-1, 3))
        owners.append(np.repeat(four, 2))
    for p in np.flatnonzero(counts > 4):
        local = _clip_ears(vertices[corners[starts[p] : starts[p] + counts[p]]])
        parts.append(starts[p] + local)
        owners.append(np.full(len(local), p))
    tri_corners, tri_polygon = np.concatenate(parts), np.concatenate(owners)
    order = np.argsort(tri_polygon, kind="stable")
    return tri_corners[order], tri_polygon[order]


def _split_quads(
    starts: npt.NDArray[np.int64], corners: npt.NDArray[np.int64], vertices: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """(Q, 2, 3) corners of the two triangles of each quad, along the diagonal that doesn't fold a concave one."""
    p = vertices[corners[starts[:, None] + np.arange(4)]]

    def normal(a: int, b: int, c: int) -> npt.NDArray[np.float64]:
        return np.cross(p[:, b] - p[:, a], p[:, c] - p[:, a])

    with np.errstate(all="ignore"):
        folds_02 = np.einsum("ij,ij->i", normal(0, 1, 2), normal(0, 2, 3)) < 0
        folds_13 = np.einsum("ij,ij->i", normal(0, 1, 3), normal(1, 2, 3)) < 0
    swap = folds_02 & ~folds_13
    plain = np.array([[0, 1, 2], [0, 2, 3]])
    other = np.array([[0, 1, 3], [1, 2, 3]])
    return starts[:, None, None] + np.where(swap[:, None, None], other, plain)


def _clip_ears(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(n - 2, 3) triangles of one polygon of n corners, by ear clipping in its mean plane (Meisters 1975)."""
    n = len(points)
    fan = np.stack([np.zeros(n - 2, int), np.arange(1, n - 1), np.arange(2, n)], axis=1)
    centred = points - points.mean(axis=0)
    normal = np.cross(centred, np.roll(centred, -1, axis=0)).sum(axis=0)  # Newell's method
    length = np.linalg.norm(normal)
    if not np.isfinite(length) or length == 0 or n > 2000:  # a line, or more corners than O(n²) should see
        return fan
    axis = int(np.argmax(np.abs(normal)))
    flat = np.delete(centred, axis, axis=1)
    if (normal[axis] < 0) != (axis == 1):  # keep counter-clockwise after dropping an axis
        flat = flat[:, ::-1]
    before, after = np.roll(flat, 1, axis=0), np.roll(flat, -1, axis=0)
    if (_turn(before, flat, after) >= 0).all():
        return fan
    remaining = list(range(n))
    triangles: list[tuple[int, int, int]] = []
    while len(remaining) > 3:
        ear = _find_ear(flat, remaining)
        k = len(remaining)
        triangles.append((remaining[ear - 1], remaining[ear], remaining[(ear + 1) % k]))
        del remaining[ear]
    triangles.append((remaining[0], remaining[1], remaining[2]))
    return np.array(triangles, dtype=np.int64)


def _find_ear(flat: npt.NDArray[np.float64], remaining: list[int]) -> int:
    """Position in ``remaining`` of a corner whose triangle holds no other corner; the first convex one at a pinch."""
    ring = flat[remaining]
    a, c = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
    convex = np.flatnonzero(_turn(a, ring, c) > 0)
    for i in convex:
        others = np.delete(np.arange(len(ring)), [i - 1, i, (i + 1) % len(ring)])
        q = ring[others]
        inside = (_turn(a[i], ring[i], q) >= 0) & (_turn(ring[i], c[i], q) >= 0) & (_turn(c[i], a[i], q) >= 0)
        if not inside.any():
            return int(i)
    return int(convex[0]) if len(convex) else 0


def _turn(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], c: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Twice the signed area of the triangles a, b, c in the plane."""
    ab, ac = b - a, c - a
    result: npt.NDArray[np.float64] = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    return result
