"""Surfaces made from a grid of points: revolved profiles, swept tubes and flat patches, with UV."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Patch:
    """Triangles of one smooth surface.

    Attributes:
        vertices: (V, 3) float64.
        faces: (F, 3) int64 into ``vertices``, counter-clockwise seen from outside.
        uv: (T, 2) float64, V up.
        face_uv: (F, 3) int64 into ``uv``; apart from ``faces``, so that a seam needs no second vertex.
    """

    vertices: Points
    faces: Indices
    uv: Points
    face_uv: Indices


def grid_patch(
    points: Points, wrap: bool, closed: bool = False, uv: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
) -> Patch:
    """Triangulate a grid of points.

    Args:
        points: (R, C, 3). Outside is where (along columns) x (along rows) points. A first or last row whose points all
            coincide becomes a single vertex.
        wrap: the last column joins the first.
        closed: the last row joins the first (a torus).
        uv: (u0, v0, u1, v1) of the first and the last row and column.
    """
    rows, columns = points.shape[:2]
    ids = np.arange(rows * columns).reshape(rows, columns)
    for row in (0, -1):
        if not closed and np.ptp(points[row], axis=0).max() < 1e-12:
            ids[row] = ids[row, 0]
    used, flat = np.unique(ids, return_inverse=True)
    ids = flat.reshape(rows, columns)
    if wrap:
        ids = np.concatenate([ids, ids[:, :1]], axis=1)
    if closed:
        ids = np.concatenate([ids, ids[:1]], axis=0)
    u0, v0, u1, v1 = uv
    u, v = np.meshgrid(np.linspace(u0, u1, ids.shape[1]), np.linspace(v0, v1, ids.shape[0]))
    corners = np.arange(ids.size).reshape(ids.shape)

    def triangles(a: Indices) -> Indices:
        p, q, r, s = a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]
        return np.stack([np.stack([p, q, r], -1), np.stack([p, r, s], -1)], 2).reshape(-1, 3)

    faces = triangles(ids)
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return Patch(
        points.reshape(-1, 3)[used], faces[proper], np.stack([u, v], -1).reshape(-1, 2), triangles(corners)[proper]
    )


def ring(columns: int) -> tuple[Points, Points]:
    """Cosine and sine of ``columns`` angles around the Z axis, counter-clockwise from +X; (columns,) each."""
    angle = np.arange(columns) * (2 * np.pi / columns)
    return np.cos(angle), np.sin(angle)


def revolve(profile: Points, columns: int) -> Points:
    """Points (R, columns, 3) of a ``profile`` (R, 2) of (radius, height) turned around Z; ascending is outside."""
    cosine, sine = ring(columns)
    radius, height = profile[:, :1], profile[:, 1:]
    return np.stack([radius * cosine, radius * sine, np.broadcast_to(height, (len(profile), columns))], -1)


def smooth_curve(points: list[tuple[float, ...]], count: int) -> Points:
    """``count`` points evenly spaced along a smooth curve through ``points``; (count, D) float64.

    Akima interpolation over the chord length: smooth, and without the overshoot of a cubic spline.
    """
    from scipy.interpolate import Akima1DInterpolator  # slow to import, and not needed for what is in the cache

    given = np.asarray(points, np.float64)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(given, axis=0), axis=1))])
    curve = Akima1DInterpolator(chord, given)
    dense = curve(np.linspace(0.0, chord[-1], count * 8))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    even = np.linspace(0.0, length[-1], count)
    return np.stack([np.interp(even, length, dense[:, k]) for k in range(given.shape[1])], 1)


def sweep(path: Points, sections: Points) -> Points:
    """Points (R, C, 3) of cross-sections carried along a ``path``, poles closed at both ends.

    Args:
        path: (R, 3), bending smoothly; a frame of least rotation is carried along it.
        sections: (R, C, 2), counter-clockwise outlines in the plane across the path; the first axis starts nearest +X.
    """
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    axis = np.empty_like(path)
    start = np.array([1.0, 0.0, 0.0]) if abs(tangent[0, 0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    for i, along in enumerate(tangent):
        start = start - along * (start @ along)
        start = start / np.linalg.norm(start)
        axis[i] = start
    other = np.cross(tangent, axis)
    out: Points = path[:, None] + sections[..., :1] * axis[:, None] + sections[..., 1:] * other[:, None]
    out[0], out[-1] = path[0], path[-1]
    return out


def vertex_normals(vertices: Points, faces: Indices) -> Points:
    """Unit normals at the vertices, weighted by area; (V, 3). A vertex without faces gets a zero vector."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    index = faces.ravel()
    spread = np.repeat(cross, 3, axis=0)
    total = np.stack([np.bincount(index, spread[:, k], len(vertices)) for k in range(3)], 1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    out: Points = total / np.maximum(length, 1e-30)
    return out
