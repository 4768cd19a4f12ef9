"""Which edges may collapse: anywhere from the open, along borders and seams, never from where they end or meet."""

from __future__ import annotations

import numpy as np
import trimesh

from scanstage.assets.meshes.half_edges import COMPLEX, OPEN, SEAM, SMOOTH, EdgeTable, HalfEdges
from scanstage.assets.meshes.wedge_mesh import WedgeMesh


def wedge_mesh(faces: object, position_of: object | None = None) -> WedgeMesh:
    """Only how things hang together counts here; places are made up."""
    wedges = np.array(faces, np.int32)
    at = np.arange(wedges.max() + 1, dtype=np.int32) if position_of is None else np.array(position_of, np.int32)
    n = int(at.max()) + 1
    return WedgeMesh(wedges, at, np.random.default_rng(0).uniform(size=(n, 3)), np.zeros((len(at), 0)))


def moves(mesh: WedgeMesh, source: int) -> set[int]:
    """Where a position may go."""
    half = HalfEdges.of(mesh, EdgeTable.of(mesh))
    return set(half.target[half.allowed & (half.source == source)].tolist())


def fan(middle: int, ring: list[int]) -> list[list[int]]:
    return [[middle, a, b] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)]


def test_a_fan_and_its_rim() -> None:
    mesh = wedge_mesh(fan(0, [1, 2, 3, 4]))
    assert moves(mesh, 0) == {1, 2, 3, 4}
    assert moves(mesh, 1) == {2, 4}  # along the border, not inward
    edges = EdgeTable.of(mesh)
    assert edges.kind[edges.low == 0].tolist() == [SMOOTH] * 4
    assert edges.kind[edges.low > 0].tolist() == [OPEN] * 4


def test_a_seam_that_runs_through() -> None:
    """0 lies on a seam from 1 to 3: wedges 0 and 5 are both there, and 1 and 6, 3 and 7 likewise."""
    mesh = wedge_mesh([[0, 1, 2], [0, 2, 3], [5, 7, 4], [5, 4, 6]], [0, 1, 2, 3, 4, 0, 1, 3])
    assert moves(mesh, 0) == {1, 3}
    half = HalfEdges.of(mesh, EdgeTable.of(mesh))
    source, target = half.wedges(np.flatnonzero((half.source == 0) & (half.target == 1)))
    assert {tuple(pair) for pair in np.stack([source[:, 0], target[:, 0]], axis=1).tolist()} == {(0, 1), (5, 6)}
    assert moves(mesh, 1) == set()  # where the seam meets the border


def test_a_seam_that_ends() -> None:
    """At 0, which has one wedge; the edge to 1 has two wedges at 1."""
    mesh = wedge_mesh([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5]], [0, 1, 2, 3, 4, 1])
    edges = EdgeTable.of(mesh)
    assert edges.kind[(edges.low == 0) & (edges.high == 1)].tolist() == [SEAM]
    assert moves(mesh, 0) == set()


def test_two_fans_that_touch_in_a_place() -> None:
    """Each closed, with a wedge of its own at 0: moving one of them alone would part them, and both can't follow."""
    first, second = fan(0, [1, 2, 3]), fan(7, [4, 5, 6])
    assert moves(wedge_mesh(first + second, [0, 1, 2, 3, 4, 5, 6, 0]), 0) == set()


def test_pages_on_a_spine() -> None:
    mesh = wedge_mesh([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    edges = EdgeTable.of(mesh)
    assert edges.kind[(edges.low == 0) & (edges.high == 1)].tolist() == [COMPLEX]
    assert moves(mesh, 0) == set()
    assert moves(mesh, 2) == {0, 1}


def test_where_a_border_turns_into_a_spine_stays() -> None:
    """Two lines end at 0, of different kinds: one can't take the other's course."""
    mesh = wedge_mesh([[0, 1, 2], [1, 0, 3], [0, 1, 4], [0, 2, 3]])
    edges = EdgeTable.of(mesh)
    assert sorted(edges.kind[edges.low == 0].tolist()) == [SMOOTH, SMOOTH, OPEN, COMPLEX]
    assert moves(mesh, 0) == set()


def test_more_pairs_than_fit_32_bits_are_in_order() -> None:
    ball = trimesh.creation.icosphere(subdivisions=7)
    n = len(ball.vertices)
    assert n > 46_340
    mesh = WedgeMesh(
        np.asarray(ball.faces, np.int32), np.arange(n, dtype=np.int32), np.asarray(ball.vertices), np.zeros((n, 0))
    )
    edges = EdgeTable.of(mesh)
    assert (edges.count == 2).all()
    assert (np.diff(edges.low.astype(np.int64) * n + edges.high) > 0).all()
    half = HalfEdges.of(mesh, edges)
    assert (np.diff(half.key) > 0).all()
    at, there = half.find(half.source[:1000], half.target[:1000])
    assert there.all()
    assert at.tolist() == list(range(1000))
