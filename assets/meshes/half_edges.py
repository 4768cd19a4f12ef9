"""Which edges of a mesh of wedges may collapse, and what moves where when they do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.topology import Edges
from scanstage.assets.meshes.wedge_mesh import Ints, WedgeMesh

Bools = npt.NDArray[np.bool_]

SMOOTH, OPEN, SEAM, COMPLEX = 0, 1, 2, 4
"""Kinds of edges: two triangles of the same wedges; one triangle; two of different wedges; more, or clashing ones.

The sum of any two tells which two.
"""


@dataclass(frozen=True)
class EdgeTable:
    """The edges of a mesh of wedges.

    Attributes:
        low, high: (E,) their positions, ``low < high``, sorted by both.
        sides: (2, E) two of their sides (see :class:`topology.Edges`), the same one twice where there is one.
        count: (E,) how many sides they have.
        low_wedge, high_wedge: (2, E) the wedges of these sides at either end.
        kind: (E,) one of SMOOTH, OPEN, SEAM, COMPLEX.
    """

    low: Ints
    high: Ints
    sides: Ints
    count: Ints
    low_wedge: Ints
    high_wedge: Ints
    kind: npt.NDArray[np.int8]

    @classmethod
    def of(cls, mesh: WedgeMesh) -> EdgeTable:
        """Find the edges."""
        found = Edges.of(mesh.position_of[mesh.faces].astype(np.int64))
        last = found.start + np.minimum(found.count, 2) - 1
        sides = np.stack([found.order[found.start], found.order[last]]).astype(np.int32)
        corner, following = mesh.faces.ravel(), np.roll(mesh.faces, -1, axis=1).ravel()
        forward = found.forward[sides]
        low_wedge = np.where(forward, corner[sides], following[sides])
        high_wedge = np.where(forward, following[sides], corner[sides])
        kind = np.full(len(last), SMOOTH, np.int8)
        kind[(low_wedge[0] != low_wedge[1]) | (high_wedge[0] != high_wedge[1])] = SEAM
        kind[(found.count > 2) | ((found.count == 2) & (forward[0] == forward[1]))] = COMPLEX
        kind[found.count == 1] = OPEN
        low, high = mesh.position_of[low_wedge[0]], mesh.position_of[high_wedge[0]]
        return cls(low, high, sides, found.count.astype(np.int32), low_wedge, high_wedge, kind)

    def walls(self) -> tuple[Ints, Bools]:
        """(S,) all sides of edges that aren't smooth, and whether each is open."""
        first = np.flatnonzero(self.kind != SMOOTH)
        second = first[self.kind[first] != OPEN]
        is_open = np.concatenate([self.kind[first] == OPEN, np.zeros(len(second), dtype=bool)])
        return np.concatenate([self.sides[0][first], self.sides[1][second]]), is_open


@dataclass(frozen=True)
class HalfEdges:
    """Every edge in both directions, as moves of ``source`` to ``target``; sorted by both.

    Attributes:
        source, target: (D,) positions.
        key: (D,) both as one ascending number, ``source * P + target``.
        edge: (D,) its edge.
        up: (D,) whether the source is the lower position.
        allowed: (D,) whether the move keeps seams and borders closed and where they are.
        start: (P,) where the half-edges of each source begin; every position has some.
        edges: what they were made of.
    """

    source: Ints
    target: Ints
    key: npt.NDArray[np.int64]
    edge: Ints
    up: Bools
    allowed: Bools
    start: npt.NDArray[np.int_]
    edges: EdgeTable

    @classmethod
    def of(cls, mesh: WedgeMesh, edges: EdgeTable) -> HalfEdges:
        """Turn edges into moves."""
        order = np.argsort(np.concatenate([edges.high, edges.low]), kind="stable").astype(np.int32)
        up = order >= len(edges.low)
        edge = np.where(up, order - np.int32(len(edges.low)), order)
        low, high = edges.low[edge], edges.high[edge]
        source, target = np.where(up, low, high), np.where(up, high, low)
        key = source.astype(np.int64) * len(mesh.positions) + target
        start = np.flatnonzero(np.diff(source, prepend=-1))
        return cls(source, target, key, edge, up, _allowed(mesh, edges)[order], start, edges)

    def find(self, source: Ints, target: Ints) -> tuple[npt.NDArray[np.int_], Bools]:
        """(N,) where half-edges are, and whether they are there at all."""
        wanted = source.astype(np.int64) * len(self.start) + target
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return at, self.key[at] == wanted

    def around(self, source: Ints) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
        """The half-edges of each of N positions: (M,) which of the N, (M,) which half-edge."""
        first = self.start[source]
        size = np.append(self.start, len(self.source))[source + 1] - first
        whose = np.repeat(np.arange(len(source)), size)
        within = np.arange(len(whose)) - (np.cumsum(size) - size)[whose]
        return whose, first[whose] + within

    def sides(self, chosen: npt.NDArray[np.int_]) -> Ints:
        """(N,) how many triangles vanish with each."""
        return self.edges.count[self.edge[chosen]]

    def wedges(self, chosen: npt.NDArray[np.int_]) -> tuple[Ints, Ints]:
        """(2, N) the wedges on the two sides of each that move, and (2, N) those onto which they move."""
        edge, up = self.edge[chosen], self.up[chosen]
        low, high = self.edges.low_wedge[:, edge], self.edges.high_wedge[:, edge]
        return np.where(up, low, high), np.where(up, high, low)


def _allowed(mesh: WedgeMesh, edges: EdgeTable) -> Bools:
    """(2 E,) whether edges may collapse onto their lower, and onto their higher end.

    They may where that keeps the lines (edges of any kind but SMOOTH) as they run: a position off all lines may go
    anywhere, one on a line only along it, one where lines end, meet or cross stays.
    """
    n = len(mesh.positions)
    drawn = edges.kind != SMOOTH
    ends, kinds = np.concatenate([edges.low[drawn], edges.high[drawn]]), np.tile(edges.kind[drawn], 2)
    lines = np.bincount(ends, minlength=n)
    sum_of_kinds = np.bincount(ends, kinds, n)
    off_lines, on_one = lines == 0, lines == 2
    wedges_at = np.bincount(mesh.position_of, minlength=n)
    low_one, high_one = edges.low_wedge[0] == edges.low_wedge[1], edges.high_wedge[0] == edges.high_wedge[1]
    allowed: list[Bools] = []
    for source, one, onto_one in ((edges.high, high_one, low_one), (edges.low, low_one, high_one)):
        along = on_one[source] & (sum_of_kinds[source] == 2 * edges.kind)
        # Every wedge has to know its new one: those on the edge must be all there are, and none must be torn apart.
        known = (wedges_at[source] == np.where(one, 1, 2)) & (~one | onto_one)
        allowed.append((off_lines[source] | along) & known)
    return np.concatenate(allowed)
