"""Fewer triangles by moving vertices onto their neighbours, the least missed ones first.

Garland and Heckbert's method with their subset placement: a vertex moves onto a neighbour, with the two triangles
between them, and nothing new is made up, so every corner left has the UV and the colour that the scan gave it. Instead
of one collapse at a time from a queue each pass makes very many that don't touch each other (Luby, *A Simple Parallel
Algorithm for the Maximal Independent Set Problem*, 1986), which arrays can do. The result is the same on every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.error_quadrics import Floats, Quadrics, attribute_quadrics, plane_quadrics
from scanstage.assets.meshes.half_edges import Bools, EdgeTable, HalfEdges
from scanstage.assets.meshes.wedge_mesh import Ints, WedgeMesh

_SPARE = 1.5  # a pass considers so many times the collapses still needed: dear ones wait for the last passes
_DEAR = 16.0  # times its neighbours' least cost: a place as much missed as that waits for them
_LEAST_SHARE = 0.1  # … but at least these of the vertices that can go
_ROUNDS = 4  # of picking in a pass: a fifth would add 1 %, the next pass a quarter
_STEPS_PER_OCTAVE = 4.0  # costs closer than that count as equal: a slope of costs would give one collapse at a time
_LEAST_COST = 1e-14  # of the squared extent: what rounding leaves of a cost of nothing
_LARGEST_TURN_COS = 0.25  # a triangle may turn by 75 degrees
_AT_ONCE = 1 << 18  # half-edges whose costs are worked out together: bounds memory

Positions = npt.NDArray[np.int_]


@dataclass(frozen=True)
class _Barred:
    """Half-edges that can't collapse as long as nothing around them changes."""

    source: Ints
    target: Ints

    def and_more(self, half: HalfEdges, refused: Positions) -> _Barred:
        return _Barred(
            np.concatenate([self.source, half.source[refused]]), np.concatenate([self.target, half.target[refused]])
        )

    def after(self, changed: Bools, held: Bools) -> _Barred:
        same = held & ~changed
        kept = same[self.source] & same[self.target]
        number = np.cumsum(held, dtype=np.int32) - 1
        return _Barred(number[self.source[kept]], number[self.target[kept]])


def collapse(mesh: WedgeMesh, max_triangles: int) -> npt.NDArray[np.int64]:
    """Collapse edges until at most ``max_triangles`` are left, or no edge is left that may.

    Borders, seams and edges with more than two triangles keep their course and collapse only along it; places where
    they end or meet stay. Both sides of a seam move together. No triangle folds over and no hole is torn.

    Returns:
        (T, 3) wedges of the triangles left.
    """
    nothing = np.zeros(0, np.int32)
    mesh, kept, _ = mesh.merged(nothing, nothing)
    original = np.flatnonzero(kept)
    edges = EdgeTable.of(mesh)
    at = mesh.position_of[mesh.faces]
    planes = plane_quadrics(mesh.positions, at, *edges.walls())
    attributes = None
    if mesh.values.shape[1]:
        attributes = attribute_quadrics(mesh.positions[mesh.position_of], mesh.faces, mesh.values)
    barred = _Barred(nothing, nothing)
    while len(mesh.faces) > max_triangles:
        half = HalfEdges.of(mesh, edges)
        possible = half.allowed.copy()
        possible[half.find(barred.source, barred.target)[0]] = False
        cost = _costs(mesh, half, possible, planes, attributes)
        if not np.isfinite(cost).any():
            break
        surplus = len(mesh.faces) - max_triangles
        chosen, refused = _choose(mesh, half, cost, surplus)
        chosen = chosen[: int(np.searchsorted(np.cumsum(half.sides(chosen)), surplus)) + 1]
        source, target = _wedge_moves(half, chosen)
        changed = _changed(half, chosen)
        barred = barred.and_more(half, refused)
        moved_from, moved_to = half.source[chosen], half.target[chosen]
        del half, cost, edges
        mesh, kept, held = mesh.merged(source, target)
        original = original[kept]
        planes = planes.merged(moved_from, moved_to, held)
        attributes = attributes and attributes.merged(source, target, kept)
        barred = barred.after(changed, held)
        edges = EdgeTable.of(mesh)
    return original[mesh.faces]


def _costs(mesh: WedgeMesh, half: HalfEdges, possible: Bools, planes: Quadrics, attributes: Quadrics | None) -> Floats:
    """(D,) what each half-edge's collapse would cost; infinite where it isn't possible, or has to wait."""
    cost = np.full(len(half.source), np.inf)
    moves = np.flatnonzero(possible)
    nothing = mesh.values[:, :0]
    for d in _in_pieces(moves):
        cost[d] = planes.of(half.source[d]).at(mesh.positions[half.target[d]], nothing)
    # Where its neighbours may not go because theirs did a corner would be next: it waits until they are as dear. That
    # holds for the shape alone; colours are better off thinned evenly than kept at one edge and given up elsewhere.
    least = np.maximum(np.minimum.reduceat(cost, half.start), _LEAST_COST)
    patience = _DEAR * np.minimum.reduceat(least[half.target], half.start)
    waits = cost > patience[half.source]
    cost[waits] = np.inf
    if attributes is None:
        return cost
    for d in _in_pieces(moves[~waits[moves]]):
        place = mesh.positions[half.target[d]]
        (near, far), (near_to, far_to) = half.wedges(d)
        cost[d] += attributes.of(near).at(place, mesh.values[near_to])
        two = np.flatnonzero(near != far)
        cost[d[two]] += attributes.of(far[two]).at(place[two], mesh.values[far_to[two]])
    cost[np.isnan(cost)] = np.inf  # UVs of nan: nothing may be built on them
    return cost


def _in_pieces(d: Positions) -> Iterator[Positions]:
    return (d[start : start + _AT_ONCE] for start in range(0, len(d), _AT_ONCE))


def _choose(mesh: WedgeMesh, half: HalfEdges, cost: Floats, surplus: int) -> tuple[Positions, Positions]:
    """Half-edges to collapse at once, the cheapest first, and those found to fold the surface or to tear it.

    No two of them start at neighbours, so that each triangle changes once, as it was examined.
    """
    best = np.minimum.reduceat(cost, half.start)
    limit = _limit(best, surplus)
    free = np.ones(len(best), dtype=bool)
    chosen: list[Positions] = []
    made: list[npt.NDArray[np.int64]] = []
    refused: list[Positions] = []
    for _ in range(_ROUNDS):
        picked = _cheapest_around(half, cost, best, free & (best <= limit))
        if not len(picked):
            break
        whole, maker, edge_made = _new_edges(half, picked)
        good = whole & _no_flips(mesh, half, picked)
        free[half.source[picked]] = False  # those refused rest, so that their neighbours have a chance
        refused.append(picked[~good])
        free[half.target[half.around(half.source[picked[good]])[1]]] = False
        number = np.cumsum(good) - 1 + sum(map(len, chosen))
        made.append(np.stack([number[maker], edge_made])[:, good[maker]])
        chosen.append(picked[good])
    return _cheapest_first(cost, np.concatenate(chosen), np.concatenate(made, axis=1)), np.concatenate(refused)


def _limit(best: Floats, surplus: int) -> float:
    """Up to which cost collapses are considered in this pass."""
    finite = best[np.isfinite(best)]
    wanted = max(_LEAST_SHARE * len(finite), _SPARE * surplus / 2)  # mostly two triangles go with a vertex
    nth = min(int(wanted), len(finite) - 1)
    return float(np.partition(finite, nth)[nth])


def _cheapest_around(half: HalfEdges, cost: Floats, best: Floats, candidate: Bools) -> Positions:
    """(M,) the best half-edge of each candidate that is cheaper than its neighbours, by steps; a hash decides ties."""
    step = np.floor(_STEPS_PER_OCTAVE * np.log2(np.maximum(best[candidate], _LEAST_COST))).astype(np.int64)
    last = np.iinfo(np.int64).max
    rank = np.full(len(best), last)
    # Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4): no two are equal.
    rank[candidate] = (step << 32) + (np.flatnonzero(candidate) * 2654435761 & 0xFFFFFFFF)
    first = candidate & (rank < np.minimum.reduceat(rank[half.target], half.start))
    found = np.flatnonzero(first[half.source] & (cost == best[half.source]))
    return found[np.diff(half.source[found], prepend=-1) != 0]


def _new_edges(half: HalfEdges, picked: Positions) -> tuple[Bools, Positions, npt.NDArray[np.int64]]:
    """The edges that the collapses make, and whether each keeps the surface a surface.

    It does where both ends have no more neighbours in common than there are triangles between them (the link condition:
    Dey, Edelsbrunner, Guha, Nekhayev, *Topology Preserving Edge Contraction*, 1999); they have fewer where two
    triangles lie back to back, the last that is left of a small body, which may go.

    Returns:
        ``(whole, maker, edge)``: (M,) whether it does; (N,) which of the M makes an edge, (N,) that edge as a number.
    """
    whose, neighbours = half.around(half.source[picked])
    other, onto = half.target[neighbours], half.target[picked][whose]
    _, common = half.find(onto, other)
    whole = np.bincount(whose[common], minlength=len(picked)) <= half.sides(picked)
    new = ~common & (other != onto)
    low, high = np.minimum(onto[new], other[new]), np.maximum(onto[new], other[new])
    return whole, whose[new], low.astype(np.int64) * len(half.start) + high


def _no_flips(mesh: WedgeMesh, half: HalfEdges, picked: Positions) -> Bools:
    """(M,) whether no triangle turns by more than 75 degrees or loses its area."""
    number = np.full(len(mesh.positions), -1, np.int32)
    number[half.source[picked]] = np.arange(len(picked))
    at = mesh.position_of[mesh.faces].ravel()
    corner = np.flatnonzero(number[at] >= 0)
    triangle, turn = corner // 3 * 3, corner % 3
    after, before = at[triangle + (turn + 1) % 3], at[triangle + (turn + 2) % 3]
    whose = number[at[corner]]
    onto = half.target[picked][whose]
    stays = np.flatnonzero((after != onto) & (before != onto))
    places = mesh.positions
    root = places[after[stays]]
    base = places[before[stays]] - root
    old = np.cross(base, places[at[corner[stays]]] - root)
    new = np.cross(base, places[onto[stays]] - root)
    along, a, b = (np.einsum("ij,ij->i", p, q) for p, q in ((old, new), (old, old), (new, new)))
    flips = along <= _LARGEST_TURN_COS * np.sqrt(a * b)
    good = np.ones(len(picked), dtype=bool)
    good[whose[stays[flips]]] = False
    return good


def _cheapest_first(cost: Floats, chosen: Positions, made: npt.NDArray[np.int64]) -> Positions:
    """``chosen`` (M,) by cost, without those that make an edge which a cheaper one makes too.

    Args:
        cost: (D,) of half-edges.
        chosen: (M,) half-edges.
        made: (2, N) which of the M makes an edge, and that edge.
    """
    order = np.argsort(cost[chosen], kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    by_edge = np.lexsort((rank[made[0]], made[1]))
    again = by_edge[1:][np.diff(made[1][by_edge]) == 0]
    single = np.ones(len(chosen), dtype=bool)
    single[made[0][again]] = False
    return chosen[order[single[order]]]


def _wedge_moves(half: HalfEdges, chosen: Positions) -> tuple[Ints, Ints]:
    """Wedges that move, and onto which: one of each half-edge, two where it lies on a seam."""
    (near, far), (near_to, far_to) = half.wedges(chosen)
    two = near != far
    return np.concatenate([near, far[two]]), np.concatenate([near_to, far_to[two]])


def _changed(half: HalfEdges, chosen: Positions) -> Bools:
    """(P,) which positions have another neighbourhood afterwards."""
    changed = np.zeros(len(half.start), dtype=bool)
    changed[half.target[half.around(half.source[chosen])[1]]] = True
    return changed
