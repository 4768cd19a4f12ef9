"""How far points are from an asset's surface, and where on it they are nearest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import MeshArrays

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_SAMPLES = 30_000
_NEAREST = 6


class SampledSurface:
    """A mesh, sampled evenly: the nearest of its triangles are those that the nearest samples lie on.

    Args:
        mesh: the asset's arrays.

    The same mesh gives the same samples.

    Attributes:
        center_m: (3,) the centre of its surface, which each of its turns leaves in place.
        spread: (3, 3) second moments about that, square metres.
    """

    def __init__(self, mesh: MeshArrays) -> None:
        from scipy.spatial import cKDTree  # slow to import, and for few commands

        self._corners = mesh.vertices[mesh.faces].astype(np.float64)
        cross = np.cross(self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0])
        area = np.linalg.norm(cross, axis=1)
        weight = area / area.sum()
        self.center_m: Floats = weight @ self._corners.mean(axis=1)
        about = self._corners - self.center_m
        whole = about.sum(axis=1)
        self.spread: Floats = np.einsum("f,fki,fkj->ij", weight, about, about) / 12
        self.spread += np.einsum("f,fi,fj->ij", weight, whole, whole) / 12
        self._share = np.cumsum(area) / area.sum()
        self._sampled, weights = self.sample(_SAMPLES, seed=1)
        self._tree = cKDTree(self.points(self._sampled, weights))

    def sample(self, count: int, seed: int) -> tuple[Indices, Floats]:
        """Places spread evenly over the area: (N,) faces and (N, 3) barycentric weights."""
        rng = np.random.default_rng(seed)
        even = (np.arange(count) + rng.random(count)) / count  # one in each part of the area
        faces = np.minimum(np.searchsorted(self._share, even), len(self._corners) - 1)
        u, v = np.sqrt(rng.random(count)), rng.random(count)
        return faces.astype(np.int64), np.stack([1 - u, u * (1 - v), u * v], axis=1)

    def points(self, faces: Indices, weights: Floats) -> Floats:
        """(N, 3) positions of places, metres, asset frame."""
        return np.asarray(np.einsum("ij,ijk->ik", weights, self._corners[faces]))

    def nearest(self, points: Floats) -> tuple[Floats, Indices, Floats]:
        """For (N, 3) points: (N,) distances to the surface, and its nearest places as :meth:`sample` gives them."""
        _, near = self._tree.query(points, k=_NEAREST)
        faces = self._sampled[near]
        weights = np.stack([_nearest_weights(points, self._corners[f]) for f in faces.T], axis=1)
        at = np.einsum("nkj,nkjc->nkc", weights, self._corners[faces])
        distance = np.linalg.norm(at - points[:, None], axis=2)
        best, rows = distance.argmin(axis=1), np.arange(len(points))
        return distance[rows, best], faces[rows, best], weights[rows, best]


def _nearest_weights(points: Floats, triangles: Floats) -> Floats:
    """(N, 3) barycentric weights of the place on (N, 3, 3) triangles, one for each point, that is nearest to it."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(ap, ab), _dot(ap, ac)
    scale = d00 * d11 - d01 * d01
    flat = scale <= 1e-12 * d00 * d11
    scale = np.where(flat, 1.0, scale)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    inside = np.stack([1 - v - w, v, w], axis=1)
    best = np.where((inside.min(axis=1) >= 0) & ~flat, 0.0, np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        p, q = triangles[:, i], triangles[:, j]
        along = (_dot(points - p, q - p) / np.maximum(_dot(q - p, q - p), 1e-300)).clip(0, 1)
        away = np.linalg.norm(p + along[:, None] * (q - p) - points, axis=1)
        nearer = away < best
        edge = np.zeros_like(inside)
        edge[:, i], edge[:, j] = 1 - along, along
        inside = np.where(nearer[:, None], edge, inside)
        best = np.minimum(best, away)
    return inside


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("ij,ij->i", a, b))
