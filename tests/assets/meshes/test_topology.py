"""Welding, edges and winding on shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from scanstage.assets.meshes.topology import Edges, bodies, fix_winding, repeated, weld

SHAPES = [trimesh.creation.icosphere(subdivisions=2), trimesh.creation.torus(1, 0.3), trimesh.creation.box()]


def faces_of(mesh: trimesh.Trimesh) -> np.ndarray:
    return np.asarray(mesh.faces, dtype=np.int64)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-4, 1e4), shift=st.floats(-100, 100), shape=st.sampled_from(SHAPES))
def test_a_soup_is_welded_back(scale: float, shift: float, shape: trimesh.Trimesh) -> None:
    """Whatever the unit and place: as many positions as before, and the same triangles."""
    soup = np.asarray(shape.triangles).reshape(-1, 3) * scale + shift * scale
    positions, faces = weld(soup, np.arange(len(soup)).reshape(-1, 3))
    assert len(positions) == len(shape.vertices)
    np.testing.assert_array_equal(positions[faces].reshape(-1, 3), soup)


def test_welding_drops_what_no_face_uses() -> None:
    vertices = np.array([[np.nan] * 3, [0, 0, 0], [1, 0, 0], [9, 9, 9], [0, 1, 0]])
    positions, faces = weld(vertices, np.array([[1, 2, 4]]))
    np.testing.assert_array_equal(positions, vertices[[1, 2, 4]])
    assert faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_agree_with_trimesh(shape: trimesh.Trimesh) -> None:
    faces = faces_of(shape)[3:]
    edges = Edges.of(faces)
    reference = trimesh.Trimesh(shape.vertices, faces, process=False)
    assert len(edges.count) == len(reference.edges_unique)
    first, second = edges.pairs()
    pairs = {frozenset(p) for p in zip((first // 3).tolist(), (second // 3).tolist(), strict=True)}
    assert pairs == {frozenset(p) for p in reference.face_adjacency.tolist()}
    assert len(edges.open_sides()) == 3 * len(faces) - 2 * len(first)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from(SHAPES), share=st.floats(0, 1))
def test_any_flipping_is_undone(seed: int, shape: trimesh.Trimesh, share: float) -> None:
    rng = np.random.default_rng(seed)
    faces = faces_of(shape).copy()
    flipped = rng.random(len(faces)) < share
    faces[flipped] = faces[flipped][:, ::-1]
    fixed = fix_winding(np.asarray(shape.vertices), faces, Edges.of(faces)).faces
    rolled = [tuple(np.roll(f, -int(f.argmin()))) for f in fixed]
    assert rolled == [tuple(np.roll(f, -int(f.argmin()))) for f in faces_of(shape)]


def test_a_shell_with_holes_still_faces_outward() -> None:
    ball = SHAPES[0]
    faces = faces_of(ball)[20:, ::-1].copy()
    fixed = fix_winding(np.asarray(ball.vertices), faces, Edges.of(faces))
    assert fixed.inward == len(faces)
    assert trimesh.Trimesh(ball.vertices, fixed.faces, process=False).volume > 0


def test_a_sheet_and_a_moebius_strip_are_left_alone() -> None:
    sheet = np.array([[0, 1, 2], [0, 2, 3]])
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    assert fix_winding(corners, sheet, Edges.of(sheet)).faces.tolist() == sheet.tolist()
    n = 20
    angle = np.arange(n) * 2 * np.pi / n
    centre = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    half = 0.3 * np.stack(
        [np.cos(angle / 2) * np.cos(angle), np.cos(angle / 2) * np.sin(angle), np.sin(angle / 2)], axis=1
    )
    vertices = np.concatenate([centre + half, centre - half])
    quads = []
    for i in range(n):
        a, b = i, i + n
        c, d = ((i + 1), (i + 1) + n) if i + 1 < n else (n, 0)  # the strip closes with a half turn
        quads += [[a, c, d], [a, d, b]]
    strip = np.array(quads)
    assert np.array_equal(fix_winding(vertices, strip, Edges.of(strip)).faces, strip)


def test_bodies_and_repeats() -> None:
    two = trimesh.util.concatenate([SHAPES[2], SHAPES[2].copy().apply_translation([5, 0, 0])])
    count, of_face = bodies(faces_of(two), len(two.vertices))
    assert count == 2
    assert np.bincount(of_face).tolist() == [12, 12]
    faces = np.array([[0, 1, 2], [2, 1, 0], [1, 2, 3], [2, 0, 1]])
    assert repeated(faces).tolist() == [False, True, False, True]
    large = faces + (1 << 22)  # beyond what packs into one integer
    assert repeated(large).tolist() == [False, True, False, True]
