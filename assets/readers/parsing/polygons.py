"""Triangulation of the polygons that OBJ and PLY may hold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanstage.assets.raw_scans.scan_bounds import MAX_CLIPPED, check_room

_MOST_CORNERS = 2000  # of a polygon that is looked at closely
_CALL = 2000  # corners that could be looked at in the time that it takes to start


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
    check_room(int(np.maximum(counts - 2, 0).sum()), len(vertices))
    starts = np.cumsum(counts) - counts
    three, four, more = (np.flatnonzero(at) for at in (counts == 3, counts == 4, counts > 4))
    parts, owners = [starts[three, None] + np.arange(3)], [three]
    if len(four):
        parts.append(_split_quads(starts[four], corners, vertices).reshape(-1, 3))
        owners.append(np.repeat(four, 2))
    budget = MAX_CLIPPED
    more = more[np.argsort(counts[more], kind="stable")]
    sizes, first = np.unique(counts[more], return_index=True)
    for n, polygons in zip(sizes.tolist(), np.split(more, first[1:]), strict=True) if len(more) else ():
        local = np.repeat(_fan(n)[None], len(polygons), axis=0)
        if n <= _MOST_CORNERS:
            points = vertices[corners[starts[polygons, None] + np.arange(n)]]
            for k in np.flatnonzero(_has_notch(points)):
                clipped, budget = _clip_ears(points[k], budget)
                local[k] = local[k] if clipped is None else clipped
        parts.append((starts[polygons, None, None] + local).reshape(-1, 3))
        owners.append(np.repeat(polygons, n - 2))
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


def _fan(n: int) -> npt.NDArray[np.int64]:
    """(n - 2, 3) triangles of a polygon of n corners, around the first."""
    return np.stack([np.zeros(n - 2, np.int64), np.arange(1, n - 1), np.arange(2, n)], axis=1)


def _flattened(points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(P, n, 2) polygons in their mean planes, counter-clockwise, and (P,) which of them have an area."""
    with np.errstate(all="ignore"):
        centred = points - points.mean(axis=1, keepdims=True)
        normal = np.cross(centred, np.roll(centred, -1, axis=1)).sum(axis=1)  # Newell's method
        length = np.linalg.norm(normal, axis=1)
    axis = np.argmax(np.abs(normal), axis=1)
    row = np.arange(len(points))
    first, second = np.where(axis == 0, 1, 0), np.where(axis == 2, 1, 2)
    flat = np.stack([centred[row, :, first], centred[row, :, second]], axis=2)
    flip = (normal[row, axis] < 0) != (axis == 1)  # keep counter-clockwise after dropping an axis
    return np.where(flip[:, None, None], flat[..., ::-1], flat), np.isfinite(length) & (length > 0)


def _has_notch(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(P,) whether each of (P, n, 3) polygons isn't convex, so that a fan would reach beyond it."""
    flat, has_area = _flattened(points)
    with np.errstate(all="ignore"):
        turn = _turn(np.roll(flat, 1, axis=1), flat, np.roll(flat, -1, axis=1))
    return has_area & ~(turn >= 0).all(axis=1)


def _clip_ears(points: npt.NDArray[np.float64], budget: int) -> tuple[npt.NDArray[np.int64] | None, int]:
    """(n - 2, 3) triangles of one polygon of n corners, by ear clipping in its mean plane (Meisters 1975).

    ``budget`` is how many corners may be looked at; what is left of it is returned too, with None where it was too
    little.
    """
    flat = _flattened(points[None])[0][0]
    remaining = list(range(len(points)))
    triangles: list[tuple[int, int, int]] = []
    while len(remaining) > 3:
        ear, budget = _find_ear(flat, remaining, budget)
        if budget < 0:
            return None, 0
        k = len(remaining)
        triangles.append((remaining[ear - 1], remaining[ear], remaining[(ear + 1) % k]))
        del remaining[ear]
    triangles.append((remaining[0], remaining[1], remaining[2]))
    return np.array(triangles, dtype=np.int64), budget


def _find_ear(flat: npt.NDArray[np.float64], remaining: list[int], budget: int) -> tuple[int, int]:
    """Position in ``remaining`` of a corner whose triangle holds no other corner; the first convex one at a pinch."""
    ring = flat[remaining]
    a, c = np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0)
    convex = np.flatnonzero(_turn(a, ring, c) > 0)
    for i in convex:
        budget -= len(ring) + _CALL  # each corner is cheap, the call isn't
        if budget < 0:
            break
        others = np.delete(np.arange(len(ring)), [i - 1, i, (i + 1) % len(ring)])
        q = ring[others]
        inside = (_turn(a[i], ring[i], q) >= 0) & (_turn(ring[i], c[i], q) >= 0) & (_turn(c[i], a[i], q) >= 0)
        if not inside.any():
            return int(i), budget
    return (int(convex[0]) if len(convex) else 0), budget


def _turn(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], c: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Twice the signed area of the triangles a, b, c in the plane."""
    ab, ac = b - a, c - a
    result: npt.NDArray[np.float64] = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    return result
