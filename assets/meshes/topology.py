"""How the triangles of a scan hang together: shared positions, edges, bodies, winding.

Everything here is vectorised; a scan of two million triangles takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def weld(vertices: Floats, faces: Ints) -> tuple[Floats, Ints]:
    """Make one vertex of all that lie at the same place, and drop those that no face uses.

    Positions count as the same within one millionth of the largest extent: formats that repeat vertices at UV seams
    repeat them exactly or to float32.

    Args:
        vertices: (V, 3), any unit; rows that no face uses may be anything.
        faces: (F, 3), F >= 1.

    Returns:
        ``(positions, faces)``: (P, 3) and (F, 3) indices into them, in order of first appearance among the vertices.
    """
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    kept = vertices[used]
    low = kept.min(axis=0)
    extent = float((kept.max(axis=0) - low).max())
    step = extent / ((1 << 20) - 1) if extent > 0 else 1.0
    grid = np.rint((kept - low) / step).astype(np.int64)
    key = (grid[:, 0] << 40) | (grid[:, 1] << 20) | grid[:, 2]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    renumbered = np.full(len(vertices), -1, dtype=np.int64)
    renumbered[used] = rank[group]
    return kept[first[order]], renumbered[faces]


def groups(number: npt.NDArray[np.integer[Any]]) -> dict[int, Ints]:
    """The positions of each value of (N,) numbers, ascending: in one go, however many values there are."""
    if len(number) and (number == number[0]).all():
        return {int(number[0]): np.arange(len(number))}
    order = np.argsort(number, kind="stable")
    values, first = np.unique(number[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, first[1:]), strict=True)) if len(values) else {}


def face_normals_and_areas(vertices: Floats, faces: Ints) -> tuple[Floats, Floats]:
    """(F, 3) unit normals (0 for a degenerate face) and (F,) areas."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.where(length > 0, length, 1.0)[:, None], length / 2


def degenerate(vertices: Floats, faces: Ints) -> npt.NDArray[np.bool_]:
    """(F,) whether a face has two equal corners or no area (below 1e-13 of the squared extent)."""
    twice = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
    extent = float(np.ptp(vertices, axis=0).max())
    _, area = face_normals_and_areas(vertices, faces)
    none: npt.NDArray[np.bool_] = twice | (area <= 1e-13 * extent * extent)
    return none


def repeated(faces: Ints) -> npt.NDArray[np.bool_]:
    """(F,) whether an earlier face has the same three corners, whatever their order and winding."""
    ordered = np.sort(faces, axis=1)
    n = int(ordered.max(initial=0)) + 1
    if n < 1 << 21:
        key = (ordered[:, 0] << 42) | (ordered[:, 1] << 21) | ordered[:, 2]
        _, first = np.unique(key, return_index=True)
    else:
        _, first = np.unique(ordered, axis=0, return_index=True)
    again = np.ones(len(faces), dtype=bool)
    again[first] = False
    return again


@dataclass(frozen=True)
class Edges:
    """Edges of a mesh and the half-edges (face sides) on them. Side ``3 f + k`` runs from corner k to k + 1 of face f.

    Attributes:
        order: (3F,) sides, those of one edge next to each other.
        start: (E,) where each edge's sides begin in ``order``.
        count: (E,) how many sides it has: 1 is an open edge, 2 a manifold one, more a fan.
        forward: (3F,) whether the side runs from its lower to its higher vertex.
    """

    order: Ints
    start: Ints
    count: Ints
    forward: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, faces: Ints) -> Edges:
        """Find the edges of (F, 3) faces without repeated corners."""
        a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
        n = int(faces.max(initial=0)) + 1
        key = np.minimum(a, b) * n + np.maximum(a, b)
        order = np.argsort(key, kind="stable")
        new = np.flatnonzero(np.diff(key[order], prepend=-1))
        count = np.diff(np.append(new, len(order)))
        return cls(order, new, count, a < b)

    def pairs(self) -> tuple[Ints, Ints]:
        """The two sides of each manifold edge, (M,) and (M,)."""
        at = self.start[self.count == 2]
        return self.order[at], self.order[at + 1]

    def open_sides(self) -> Ints:
        """Sides without a neighbour."""
        return self.order[self.start[self.count == 1]]


def bodies(faces: Ints, n_vertices: int) -> tuple[int, Ints]:
    """Number of parts that share no vertex, and (F,) the part of each face."""
    i = np.concatenate([faces[:, 0], faces[:, 1]])
    j = np.concatenate([faces[:, 1], faces[:, 2]])
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n_vertices, n_vertices))
    _, label = connected_components(graph, directed=False)
    _, of_face = np.unique(label[faces[:, 0]], return_inverse=True)
    return int(of_face.max(initial=-1)) + 1, of_face.astype(np.int64)


@dataclass(frozen=True)
class Winding:
    """What :func:`fix_winding` found and did.

    Attributes:
        faces: (F, 3) with consistent winding, outward where a body encloses a volume.
        inconsistent: faces turned because they disagreed with their neighbours.
        inward: faces turned because their whole body was inside out.
    """

    faces: Ints
    inconsistent: int
    inward: int


def fix_winding(vertices: Floats, faces: Ints, edges: Edges) -> Winding:
    """Turn faces so that neighbours agree and closed bodies face outward.

    Sheets joined by manifold edges are oriented as wholes: each face is a node with two states, an edge ties the states
    that agree, and the connected components of that doubled graph are the two orientations of each sheet. The one that
    turns the smaller area is taken. A Möbius-like sheet has one component only and is left as it is.
    """
    n = len(faces)
    first, second = edges.pairs()
    f, g = first // 3, second // 3
    clash = edges.forward[first] == edges.forward[second]
    turned = np.zeros(n, dtype=bool)
    _, areas = face_normals_and_areas(vertices, faces)
    if clash.any():
        rows = np.concatenate([f, f + n])
        columns = np.concatenate([np.where(clash, g + n, g), np.where(clash, g, g + n)])
        graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(2 * n, 2 * n))
        count, label = connected_components(graph, directed=False)
        as_is = np.bincount(label[:n], weights=areas, minlength=count)
        turned = as_is[label[:n]] < as_is[label[n:]]
        # of two orientations with equal area keep the one of the sheet's first face
        tied = (as_is[label[:n]] == as_is[label[n:]]) & (label[:n] != label[n:])
        turned |= tied & (label[:n] > label[n:])
    fixed = np.where(turned[:, None], faces[:, ::-1], faces)
    inside_out = _inside_out(vertices, fixed, f, g, edges, areas)
    fixed = np.where(inside_out[:, None], fixed[:, ::-1], fixed)
    return Winding(fixed, int(turned.sum()), int(inside_out.sum()))


def _inside_out(vertices: Floats, faces: Ints, f: Ints, g: Ints, edges: Edges, areas: Floats) -> npt.NDArray[np.bool_]:
    """(F,) whether a face belongs to a nearly closed sheet that encloses a negative volume and lies in no other.

    A closed sheet within another one is the wall of a cavity, whose outside is inside.
    """
    n = len(faces)
    graph = coo_array((np.ones(len(f), np.int8), (f, g)), shape=(n, n))
    count, sheet = connected_components(graph, directed=False)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    middle: Floats = np.stack([np.bincount(sheet, areas * (a + b + c)[:, k] / 3, count) for k in range(3)], axis=1)
    middle /= np.maximum(np.bincount(sheet, areas, count), 1e-300)[:, None]
    origin = middle[sheet]
    volume = np.bincount(sheet, np.einsum("ij,ij->i", a - origin, np.cross(b - origin, c - origin)) / 6, count)
    area = np.bincount(sheet, areas, count)
    sides = np.bincount(sheet[edges.open_sides() // 3], minlength=count)
    # A sheet with some holes still encloses a volume about its centre; an open, flat one doesn't. 36 pi V² / A³ is 1
    # for a sphere and 0 for a sheet (isoperimetric quotient).
    plump = 36 * np.pi * volume**2 / np.maximum(area, 1e-300) ** 3
    closed = (sides == 0) | ((sides < 0.15 * np.bincount(sheet, minlength=count)) & (plump > 0.01))
    negative = closed & (volume < 0) & (plump > 1e-9)
    if negative.any() and count > 1:
        negative &= ~_within_another(vertices, faces, sheet, count, negative, closed)
    result: npt.NDArray[np.bool_] = negative[sheet]
    return result


def _within_another(
    vertices: Floats,
    faces: Ints,
    sheet: npt.NDArray[np.int32],
    count: int,
    asked: npt.NDArray[np.bool_],
    closed: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """(count,) whether the box of a sheet lies within the box of another closed one (only for those asked)."""
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for k in range(3):
        np.minimum.at(low, sheet, vertices[faces[:, k]])
        np.maximum.at(high, sheet, vertices[faces[:, k]])
    within = np.zeros(count, dtype=bool)
    outer = np.flatnonzero(closed)
    outer = outer[np.argsort(-(high - low)[outer].prod(axis=1))][:100]  # the largest can hold the others
    for s in np.flatnonzero(asked):
        within[s] = bool(((low[outer] < low[s]) & (high[outer] > high[s])).all(axis=1).any())
    return within
