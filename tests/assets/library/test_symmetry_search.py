"""Turns are found where there are some, and print is told from shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.toy_runs import store_toy

from scanstage.assets.asset import Asset, Material, MeshArrays
from scanstage.assets.library.sampled_surface import SampledSurface
from scanstage.assets.library.stored_assets import store_asset
from scanstage.assets.library.symmetry_search import ANY, SymmetryCandidate, find_symmetries, symmetries_of
from scanstage.assets.symmetry import rotation_about

GREY = (0.4, 0.4, 0.4)


def pen(radius: float = 0.004) -> trimesh.Trimesh:
    return trimesh.creation.cylinder(radius=radius, height=0.15, sections=6)


def mug() -> trimesh.Trimesh:
    """With a handle that is nearer to the rim: else it could be turned upside down."""
    body = trimesh.creation.cylinder(radius=0.04, height=0.1, sections=48)
    handle = trimesh.creation.box((0.03, 0.01, 0.05))
    handle.apply_translation((0.05, 0, 0.01))
    return trimesh.util.concatenate([body, handle])


def told(candidates: list[SymmetryCandidate]) -> set[tuple[int, str]]:
    """Parts of a turn, and the axis where it is one of the frame."""
    named = dict(enumerate("xyz"))
    return {
        (c.turns, named[int(np.abs(c.axis).argmax())] if max(np.abs(c.axis)) > 1 - 1e-6 else "other")
        for c in candidates
    }


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (trimesh.creation.box((0.1, 0.08, 0.06)), {(2, "x"), (2, "y"), (2, "z")}),
        (trimesh.creation.box((0.1, 0.1, 0.06)), {(2, "x"), (2, "y"), (4, "z")}),
        (trimesh.creation.box((0.1, 0.1, 0.1)), {(4, "x"), (4, "y"), (4, "z")}),
        (pen(), {(2, "x"), (2, "y"), (6, "z")}),
        (trimesh.creation.cone(radius=0.03, height=0.08, sections=48), {(ANY, "z")}),
        (trimesh.creation.cylinder(radius=0.03, height=0.08, sections=48), {(ANY, "z"), (2, "x")}),
        (trimesh.creation.icosphere(subdivisions=4, radius=0.04), {(ANY, "x"), (ANY, "y"), (ANY, "z")}),
        (mug(), set()),
    ],
)
def test_shapes_have_the_turns_that_they_have(tmp_path: Path, shape: trimesh.Trimesh, expected: set) -> None:
    found = find_symmetries(store_toy(tmp_path, "thing", shape, GREY))
    assert told(found) == expected
    assert all(c.other_color is None and not c.shape_only for c in found), "it has one colour"


def test_axes_are_found_however_a_scan_lies(tmp_path: Path) -> None:
    shape = trimesh.creation.box((0.1, 0.08, 0.06))
    lies = np.eye(4)
    lies[:3, :3] = rotation_about((0.6, 0.0, 0.8), 0.7)
    shape.apply_transform(lies)
    asset = store_toy(tmp_path, "thing", shape, GREY)
    made = symmetries_of(find_symmetries(asset)).transforms()
    vertices = asset.mesh().vertices.astype(float)
    assert len(made) == 3
    for matrix in made:
        turned = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        assert np.linalg.norm(turned[:, None] - vertices[None], axis=2).min(axis=1).max() < 1e-4


def test_flips_across_an_axis_are_found_where_no_principal_axis_tells_them(tmp_path: Path) -> None:
    """All directions at right angles to the axis of a square block are principal ones."""
    shape = trimesh.creation.box((0.1, 0.1, 0.06))
    shape.apply_transform(trimesh.transformations.rotation_matrix(np.radians(23.4), (0, 0, 1)))
    found = find_symmetries(store_toy(tmp_path, "thing", shape, GREY))
    assert told(found) == {(4, "z"), (2, "other")}
    assert len(symmetries_of(found).transforms()) == 7


def painted_can(tmp_path: Path, blue: np.ndarray) -> Asset:
    """A can whose vertices are blue where told, of (V, 3) positions, and white elsewhere."""
    shape = trimesh.creation.cylinder(radius=0.03, height=0.08, sections=48).subdivide()
    plain = store_toy(tmp_path, "can", shape, GREY)
    mesh = plain.mesh()
    is_blue = blue(mesh.vertices)
    color = np.where(is_blue[:, None], (20, 30, 200, 255), (240, 240, 240, 255)).astype(np.uint8)
    material = Material(base_color=(1.0, 1.0, 1.0, 1.0), vertex_colors=True)
    painted: MeshArrays = replace(mesh, vertex_color=color)
    return store_asset(tmp_path, replace(plain.meta, materials=(material,)), painted, {})


def test_a_label_makes_it_shape_only(tmp_path: Path) -> None:
    found = find_symmetries(painted_can(tmp_path, lambda v: (v[:, 0] > 0.01) & (v[:, 2] > 0.02)))
    assert told(found) == {(ANY, "z"), (2, "x")}
    assert all(c.shape_only and c.other_color > 0.05 for c in found)


def test_print_that_repeats_is_told_beside_the_shape(tmp_path: Path) -> None:
    """Blue on two opposite sides: by any turn in shape, by halves in looks."""
    found = find_symmetries(painted_can(tmp_path, lambda v: np.abs(v[:, 0]) > 0.015))
    about_z = {c.turns: c.shape_only for c in found if c.axis[2] > 0.99}
    assert about_z == {ANY: True, 2: False}
    (across,) = (c for c in found if c.axis[2] < 0.01)
    assert not across.shape_only


def test_a_ring_of_print_leaves_it_round(tmp_path: Path) -> None:
    (about_z,) = (c for c in find_symmetries(painted_can(tmp_path, lambda v: v[:, 2] > 0.079)) if c.turns == ANY)
    assert not about_z.shape_only


def test_distances_are_exact() -> None:
    box = trimesh.creation.box((0.1, 0.08, 0.06))
    mesh = MeshArrays(
        box.vertices.astype(np.float32), box.faces.astype(np.int32), np.zeros(12, np.uint16), box.vertices[:4]
    )
    surface = SampledSurface(mesh)
    points = np.random.default_rng(3).uniform(-0.1, 0.1, (500, 3))
    half = np.array([0.05, 0.04, 0.03])
    beyond = np.abs(points) - half
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    expected = np.where(outside > 0, outside, -beyond.max(axis=1))
    distance, faces, weights = surface.nearest(points)
    np.testing.assert_allclose(distance, expected, atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(surface.points(faces, weights) - points, axis=1), distance, atol=1e-9)
