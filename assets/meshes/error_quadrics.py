"""How much is missed when a vertex moves: of the surface, of its texture, of its colours.

Garland and Heckbert, *Surface Simplification Using Quadric Error Metrics*, 1997: a vertex remembers the planes of all
triangles that ended in it as one quadratic form. Hoppe, *New Quadric Metric for Simplifying Meshes with Appearance
Attributes*, 1999: UVs and colours are linear on each triangle, and the distance of another value at another place from
that is a quadratic form as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int_] | npt.NDArray[np.int32]

_OPEN_EDGE_WEIGHT = 10.0  # what is seen of an open edge is its outline
_SEAM_WEIGHT = 0.5  # counts twice, once for each side
_COEFFICIENTS = 10
_LEAST_AT_ONCE = 1 << 18
_MOST_SLICES = 8


@dataclass(frozen=True)
class Quadrics:
    """Quadratic forms of N vertices, each the weighted sum of squared distances.

    Attributes:
        form: (10, N) coefficients of xx, yy, zz, 2xy, 2xz, 2yz, 2x, 2y, 2z, 1.
        linear: (4 K, N) for each of K attributes s the coefficients of -2sx, -2sy, -2sz, -2s.
        weight: (N,) sum of the weights; also the coefficient of each ss.
    """

    form: Floats
    linear: Floats
    weight: Floats

    def of(self, index: Index) -> Quadrics:
        """Those of some vertices."""
        return Quadrics(self.form[:, index], self.linear[:, index], self.weight[index])

    def merged(self, source: Index, target: Index, kept: npt.NDArray[np.bool_]) -> Quadrics:
        """Those of the vertices ``kept`` (N,), after the forms of ``source`` (M,) went to ``target`` (M,)."""

        def moved(rows: Floats) -> Floats:
            left = np.empty((len(rows), int(kept.sum())))
            for row, whole in zip(left, rows, strict=True):
                row[:] = (whole + np.bincount(target, whole[source], len(kept)))[kept]
            return left

        return Quadrics(moved(self.form), moved(self.linear), moved(self.weight[None])[0])

    def at(self, places: Floats, values: Floats) -> Floats:
        """(N,) mean squared distance of ``places`` (N, 3) with attributes ``values`` (N, K) from what was summed up."""
        x, y, z = places.T
        q = self.form
        error = (q[0] * x + 2 * (q[3] * y + q[4] * z + q[6])) * x
        error += (q[1] * y + 2 * (q[5] * z + q[7])) * y
        error += (q[2] * z + 2 * q[8]) * z + q[9]
        for k, s in enumerate(values.T):
            gx, gy, gz, d = self.linear[4 * k : 4 * k + 4]
            error += s * (self.weight * s - 2 * (gx * x + gy * y + gz * z + d))
        return np.abs(error) / np.maximum(self.weight, 1e-300)


def plane_quadrics(positions: Floats, faces: Index, walls: Index, is_open: npt.NDArray[np.bool_]) -> Quadrics:
    """Squared distances from the planes of triangles, and from walls that stand on open edges and seams.

    Args:
        positions: (P, 3).
        faces: (F, 3) indices into them.
        walls: (S,) sides (as :class:`topology.Edges` counts them) on which a wall stands.
        is_open: (S,) whether nothing is beyond that side.
    """
    total = np.zeros((_COEFFICIENTS + 1, len(positions)))
    for some in _slices(len(faces)):
        normal, offset, length = _planes_of(positions, faces[some])
        # With the root of the area as weight large triangles don't drown the silhouettes of small ones.
        _add(total, faces[some], _squares(normal, offset, np.sqrt(length / 2)))
    for some in _slices(len(walls)):
        face, corner = faces[walls[some] // 3], walls[some, None] % 3
        ends = np.take_along_axis(face, np.concatenate([corner, (corner + 1) % 3], axis=1), axis=1)
        at = positions[ends[:, 0]]
        along = positions[ends[:, 1]] - at
        size = np.linalg.norm(along, axis=1)
        wall = np.cross(along, _planes_of(positions, face)[0]) / np.maximum(size, 1e-300)[:, None]
        weight = size * np.where(is_open[some], _OPEN_EDGE_WEIGHT, _SEAM_WEIGHT)
        _add(total, ends, _squares(wall, -np.einsum("ij,ij->i", wall, at), weight))
    return Quadrics(total[:_COEFFICIENTS], total[:0], total[_COEFFICIENTS])


def attribute_quadrics(places: Floats, faces: Index, values: Floats) -> Quadrics:
    """Squared distances of attributes from what they are on each triangle, where they are linear.

    Args:
        places: (W, 3) of the vertices that have the attributes.
        faces: (F, 3) indices into them.
        values: (W, K) attributes, in a unit that makes them comparable with places.
    """
    total = np.zeros((_COEFFICIENTS + 1 + 4 * values.shape[1], len(places)))
    form, linear = total[: _COEFFICIENTS + 1], total[_COEFFICIENTS + 1 :]
    for some in _slices(len(faces)):
        corners = faces[some]
        towards_b, towards_c, weight = _gradients(places, corners)
        a = places[corners[:, 0]]
        sums = np.zeros((_COEFFICIENTS + 1, len(corners)))
        for k, s in enumerate(values.T):
            s0, s1, s2 = s[corners].T
            gradient = towards_b * (s1 - s0)[:, None] + towards_c * (s2 - s0)[:, None]
            offset = s0 - np.einsum("ij,ij->i", a, gradient)
            for row, more in zip(sums, _squares(gradient, offset, weight), strict=True):
                row += more
            _add(linear[4 * k : 4 * k + 4], corners, (weight * g for g in (*gradient.T, offset)))
        sums[_COEFFICIENTS] = weight  # of each attribute, not of all
        _add(form, corners, sums)
    return Quadrics(form[:_COEFFICIENTS], linear, form[_COEFFICIENTS])


def _planes_of(positions: Floats, faces: Index) -> tuple[Floats, Floats, Floats]:
    """Unit normals n (F, 3), offsets d (F,) of the planes n p + d = 0, and the triangles' doubled areas (F,)."""
    a, b, c = (positions[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(length, 1e-300)[:, None]
    return normal, -np.einsum("ij,ij->i", normal, a), length


def _gradients(places: Floats, faces: Index) -> tuple[Floats, Floats, Floats]:
    """Of what is 1 at corner b of each triangle and 0 at the others (F, 3), of the same for c, and the areas (F,)."""
    a, b, c = (places[faces[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    bb, bc, cc = (np.einsum("ij,ij->i", p, q) for p, q in ((ab, ab), (ab, ac), (ac, ac)))
    det = np.maximum(bb * cc - bc * bc, 0.0)
    scale = np.where(det > 0, 1.0 / np.maximum(det, 1e-300), 0.0)[:, None]
    towards_b = (cc[:, None] * ab - bc[:, None] * ac) * scale
    towards_c = (bb[:, None] * ac - bc[:, None] * ab) * scale
    return towards_b, towards_c, np.sqrt(det) / 2


def _squares(normal: Floats, offset: Floats, weight: Floats) -> Iterator[Floats]:
    """Coefficients of weight * (normal p + offset)², then the weight; one after the other, to save memory."""
    x, y, z = normal.T
    for p, q in ((x, x), (y, y), (z, z), (x, y), (x, z), (y, z), (x, offset), (y, offset), (z, offset)):
        yield weight * p * q
    yield weight * offset * offset
    yield weight


def _add(total: Floats, corners: Index, rows: Iterable[Floats]) -> None:
    """Add what each of (F,) has to the sums (., N) of all its ``corners`` (F, C)."""
    for sums, row in zip(total, rows, strict=True):
        for column in corners.T:
            sums += np.bincount(column, row, len(sums))


def _slices(n: int) -> Iterator[slice]:
    """Some at a time: intermediate results take less memory than what they are summed up to."""
    size = max(_LEAST_AT_ONCE, -(-n // _MOST_SLICES))
    return (slice(start, start + size) for start in range(0, n, size))
