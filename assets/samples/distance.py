"""Signed-distance shapes and the mesh of their zero set. Negative inside; units are the caller's.

Formulas of the primitives follow Inigo Quilez, "Distance functions" (iquilezles.org/articles/distfunctions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from scanstage.assets.meshes.parametric import Indices, Points, vertex_normals
from scanstage.assets.textures.noise import AnyFloats

Field = npt.NDArray[np.float32]
Where = AnyFloats
Vector = Sequence[float]


def _length(q: Where) -> Field:
    """Norms of rows; several times faster than numpy.linalg.norm on three columns."""
    return np.sqrt(np.einsum("ij,ij->i", q, q))


def sphere(p: Where, centre: Vector, radius: float) -> Field:
    """Ball."""
    return _length(p - np.asarray(centre, p.dtype)) - np.float32(radius)


def ellipsoid(p: Where, centre: Vector, radii: Vector) -> Field:
    """Ellipsoid; a bound of the distance that is exact on the surface."""
    q, r = p - np.asarray(centre, p.dtype), np.asarray(radii, p.dtype)
    k0 = _length(q / r)
    k1 = _length(q / (r * r))
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def capsule(p: Where, start: Vector, end: Vector, radius: float, end_radius: float | None = None) -> Field:
    """Rounded stick from ``start`` to ``end``, its radius changing linearly."""
    a = np.asarray(start, p.dtype)
    along = np.asarray(end, p.dtype) - a
    q = p - a
    t = np.clip(q @ along / (along @ along), 0, 1)
    last = radius if end_radius is None else end_radius
    return _length(q - t[:, None] * along) - (radius + t * (last - radius)).astype(p.dtype)


def chain(p: Where, path: AnyFloats, radii: AnyFloats) -> Field:
    """Capsules through the points of ``path`` (K, 3), each with its radius; from afar, their bounding ball."""
    centre = (path.min(0) + path.max(0)) / 2
    out = sphere(p, centre, float((np.linalg.norm(path - centre, axis=1) + radii).max()))
    near = out < _CHAIN_MARGIN
    if near.any():
        some = p[near]
        links = [capsule(some, path[k], path[k + 1], radii[k], radii[k + 1]) for k in range(len(path) - 1)]
        out[near] = np.minimum.reduce(links)
    return out


# Wider than any blending, so that a chain's bounding ball never shapes what is seen.
_CHAIN_MARGIN = 1.5


def cylinder(p: Where, bottom: float, top: float, radius: float, rounding: float) -> Field:
    """Upright cylinder around the Z axis with rounded rims."""
    r = np.hypot(p[:, 0], p[:, 1]) - (radius - rounding)
    h = np.abs(p[:, 2] - (bottom + top) / 2) - ((top - bottom) / 2 - rounding)
    return np.hypot(np.maximum(r, 0), np.maximum(h, 0)) + np.minimum(np.maximum(r, h), 0) - np.float32(rounding)


def torus(p: Where, centre: Vector, major: float, minor: float) -> Field:
    """Torus around the vertical axis through ``centre``."""
    q = p - np.asarray(centre, p.dtype)
    return np.hypot(np.hypot(q[:, 0], q[:, 1]) - major, q[:, 2]) - np.float32(minor)


def blend(a: Field, b: Field, width: float) -> Field:
    """Union whose crease is rounded over ``width`` (polynomial smooth minimum)."""
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.minimum(a, b) - h * h * np.float32(width / 4)


def carve(a: Field, b: Field, width: float) -> Field:
    """``a`` without ``b``, the edge rounded over ``width``."""
    return -blend(-a, b, width)


_BLOCK = 8


def _sampled(
    distance: Callable[[Where], Field], low: npt.NDArray[np.float32], high: npt.NDArray[np.float32], cell: float
) -> npt.NDArray[np.float32]:
    """Distances on a grid, exact near the surface; blocks far from it hold the distance of their centre."""
    counts = np.ceil((high - low) / (cell * _BLOCK)).astype(int)
    corners = np.stack(np.meshgrid(*(np.arange(n) for n in counts), indexing="ij"), -1).reshape(-1, 3)
    centres = (low + (corners + 0.5) * (cell * _BLOCK)).astype(np.float32)
    coarse = distance(centres)
    # Half a block's diagonal, and as much again because blended and scaled shapes only bound the distance.
    near = np.abs(coarse) < cell * _BLOCK * 3**0.5
    blocks = np.repeat(coarse[:, None], _BLOCK**3, 1)
    inner = np.stack(np.meshgrid(*[np.arange(_BLOCK)] * 3, indexing="ij"), -1).reshape(-1, 3) * cell
    at = np.flatnonzero(near)
    for some in np.array_split(at, max(1, len(at) // 64)):  # pieces that fit the processor's cache
        points = (low + corners[some, None] * (cell * _BLOCK) + inner).astype(np.float32)
        blocks[some] = distance(points.reshape(-1, 3)).reshape(len(some), -1)
    cube = blocks.reshape(*counts, _BLOCK, _BLOCK, _BLOCK).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(cube).reshape(tuple(counts * _BLOCK))


def mesh_of(
    distance: Callable[[Where], Field], low: Vector, high: Vector, cell: float
) -> tuple[Points, Indices, Points]:
    """Triangles of the zero set within a box.

    Args:
        distance: (N, 3) float32 points to (N,) distances.
        low, high: corners of a box that holds all of it.
        cell: edge of a grid cell.

    Returns:
        vertices (V, 3), faces (F, 3) counter-clockwise seen from outside, normals (V, 3).
    """
    volume = _sampled(distance, np.asarray(low, np.float32), np.asarray(high, np.float32), cell)
    vertices, faces, _, _ = marching_cubes(volume, 0.0, spacing=(cell,) * 3, gradient_direction="descent")
    vertices, faces = _largest_body(vertices + np.asarray(low), faces.astype(np.int64))
    normals = vertex_normals(vertices, faces)
    # One Newton step takes the vertices off the grid's chords onto the surface.
    step = distance(vertices.astype(np.float32))[:, None]
    vertices = vertices - normals * np.clip(step, -cell / 2, cell / 2)
    return vertices, faces, vertex_normals(vertices, faces)


def _largest_body(vertices: Points, faces: Indices) -> tuple[Points, Indices]:
    """Without the voids that a blend may trap inside: no scanner would see them."""
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    links = coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(len(vertices),) * 2)
    _, body = connected_components(links, directed=False)
    kept = faces[body[faces[:, 0]] == np.bincount(body).argmax()]
    used, index = np.unique(kept, return_inverse=True)
    return vertices[used], index.reshape(-1, 3)


def openness(distance: Callable[[Where], Field], points: Points, normals: Points, reach: float) -> Field:
    """How free the space above a surface is: 1 in the open, 0 in a crevice narrower than ``reach``; (N,)."""
    above = distance((points + normals * reach).astype(np.float32))
    return np.clip(above / np.float32(reach), 0, 1)
