"""Fewer triangles, the same thing: bounded, closed where it was closed, near the original, with its UVs and colours."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from scanstage.assets.asset import Material
from scanstage.assets.meshes.simplification import bounded, simplify
from scanstage.assets.meshes.surface_mesh import SurfaceMesh, make_sound
from scanstage.assets.meshes.topology import Edges, weld
from scanstage.assets.raw_scans.raw_scan import RawScan


def bumpy_ball(subdivisions: int = 5) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    v = ball.vertices
    return trimesh.Trimesh(v * (1 + 0.08 * np.sin(5 * v[:, :1]) * np.cos(4 * v[:, 1:2])), ball.faces, process=False)


def surface(mesh: trimesh.Trimesh, uv: np.ndarray | None = None, color: np.ndarray | None = None) -> SurfaceMesh:
    faces = np.asarray(mesh.faces, dtype=np.int64)
    return SurfaceMesh(np.asarray(mesh.vertices), faces, np.zeros(len(faces), np.int64), uv, color)


def box_uv(mesh: trimesh.Trimesh) -> np.ndarray:
    """Six charts: each face is projected along its normal's main axis and set apart, so there are seams."""
    axis = np.abs(mesh.face_normals).argmax(axis=1)
    side = np.take_along_axis(mesh.face_normals, axis[:, None], axis=1)[:, 0] > 0
    others = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    corners = mesh.vertices[mesh.faces]
    flat = np.take_along_axis(corners, np.repeat(others[:, None], 3, axis=1), axis=2)
    return (0.5 + 0.4 * flat + 2 * (axis * 2 + side)[:, None, None]).astype(np.float32)


def open_edges(mesh: SurfaceMesh) -> int:
    return int((Edges.of(mesh.faces).count != 2).sum())


@pytest.mark.parametrize("target", [300, 2000, 9000])
@pytest.mark.parametrize("dressed", [False, True])
def test_bounded_closed_and_near(target: int, dressed: bool) -> None:
    mesh = bumpy_ball()
    color = np.zeros((len(mesh.faces), 3, 4), np.uint8) if dressed else None
    result = simplify(surface(mesh, box_uv(mesh) if dressed else None, color), target)
    assert 0.9 * target < len(result.faces) <= target
    assert open_edges(result) == 0  # no crack along the seams either
    inside = trimesh.Trimesh(result.positions, result.faces, process=False)
    assert inside.is_winding_consistent
    assert inside.volume == pytest.approx(mesh.volume, rel=0.05 if target < 1000 else 0.01)
    # vertices are a subset of the scan's
    known = {tuple(row) for row in np.asarray(mesh.vertices).tolist()}
    assert all(tuple(row) in known for row in result.positions.tolist())


def test_uv_stay_with_their_places() -> None:
    mesh = bumpy_ball()
    uv = box_uv(mesh)
    result = simplify(surface(mesh, uv), 3000)
    assert result.corner_uv is not None
    at: dict[tuple[float, ...], set[tuple[float, ...]]] = {}
    for place, pair in zip(np.asarray(mesh.vertices)[mesh.faces].reshape(-1, 3), uv.reshape(-1, 2), strict=True):
        at.setdefault(tuple(place.tolist()), set()).add(tuple(pair.tolist()))
    for place, pair in zip(result.positions[result.faces].reshape(-1, 3), result.corner_uv.reshape(-1, 2), strict=True):
        assert tuple(pair.tolist()) in at[tuple(place.tolist())]
    # no triangle spans two charts, which lie two units apart
    assert (np.ptp(result.corner_uv, axis=1) < 1.0).all()


def test_borders_of_materials_stay() -> None:
    mesh = bumpy_ball()
    top = (mesh.vertices[mesh.faces].mean(axis=1)[:, 2] > 0).astype(np.int64)
    whole = surface(mesh)
    result = simplify(SurfaceMesh(whole.positions, whole.faces, top, None, None), 2000)
    assert open_edges(result) == 0
    middle = result.positions[result.faces].mean(axis=1)[:, 2]
    clear = np.abs(middle) > 0.1
    assert ((middle > 0) == result.face_material)[clear].all()


def test_colors_stay_with_their_places() -> None:
    """Half red, half blue: no vertex changes sides, and the border stays where it was."""
    mesh = bumpy_ball()
    red = np.asarray(mesh.vertices)[:, 0] > 0.02
    rgba = np.where(red[:, None], [255, 0, 0, 255], [0, 0, 255, 255]).astype(np.uint8)
    result = simplify(surface(mesh, None, rgba[mesh.faces]), 2000)
    assert result.corner_color is not None
    x = result.positions[result.faces][..., 0]
    assert ((result.corner_color[..., 0] == 255) == (x > 0.02)).all()


def per_triangle_atlas(mesh: trimesh.Trimesh) -> tuple[RawScan, np.ndarray]:
    n = len(mesh.faces)
    uv = (np.arange(n)[:, None, None] / n + np.array([[0, 0], [0.1, 0], [0, 0.1]]) / n).astype(np.float32)
    faces = np.asarray(mesh.faces, dtype=np.int64)
    return RawScan(np.asarray(mesh.vertices), faces, np.zeros(n, np.int64), (Material(),), corner_uv=uv), uv


def test_atlases_of_single_triangles_are_bounded_too() -> None:
    scan, _ = per_triangle_atlas(bumpy_ball(4))
    mesh, _ = make_sound(scan)
    assert len(simplify(mesh, 1000).faces) > 2000  # every vertex lies on a seam
    result, plain, findings = bounded(mesh, scan, 1000)
    assert len(result.faces) <= 1000
    assert result.corner_uv is None
    assert result.corner_color is not None
    assert plain.materials[0].vertex_colors
    assert len(findings) == 1
    assert open_edges(result) == 0


def test_soups_of_loose_triangles_are_bounded_too(rng: np.random.Generator) -> None:
    places = rng.uniform(-1, 1, (4000, 1, 3)) + rng.uniform(-0.01, 0.01, (4000, 3, 3))
    positions, faces = weld(places.reshape(-1, 3), np.arange(12000).reshape(-1, 3))
    scan = RawScan(positions, faces, np.zeros(4000, np.int64), (Material(),))
    mesh, _ = make_sound(scan)
    result, _, _ = bounded(mesh, scan, 1000)
    assert 900 < len(result.faces) <= 1250


def test_books_of_pages_are_bounded_too(rng: np.random.Generator) -> None:
    """Six pages on each spine: nothing manifold to collapse along."""
    spine = np.array([[0, 0, 0], [0, 0, 0.02]])
    angle = np.arange(6) * np.pi / 3
    pages = np.stack([0.02 * np.cos(angle), 0.02 * np.sin(angle), np.full(6, 0.01)], axis=1)
    book = np.concatenate([spine, pages])
    places = rng.uniform(-1, 1, (500, 1, 3)) + book
    leaf = np.stack([np.zeros(6, int), np.ones(6, int), np.arange(2, 8)], axis=1)
    faces = (np.arange(500)[:, None, None] * 8 + leaf).reshape(-1, 3)
    scan = RawScan(places.reshape(-1, 3), faces, np.zeros(len(faces), np.int64), (Material(),))
    mesh, _ = make_sound(scan)
    result, _, _ = bounded(mesh, scan, 1000)
    assert 900 < len(result.faces) <= 1250


def test_a_color_for_each_triangle_is_bounded_too(rng: np.random.Generator) -> None:
    mesh = bumpy_ball(4)
    rgba = np.repeat(rng.integers(0, 256, (len(mesh.faces), 1, 4), dtype=np.uint8), 3, axis=1)
    scan = RawScan(
        np.asarray(mesh.vertices), np.asarray(mesh.faces), np.zeros(len(mesh.faces), np.int64), (Material(),)
    )
    whole = surface(mesh, None, rgba)
    result, _, findings = bounded(whole, scan, 1000)
    assert len(result.faces) <= 1000
    assert findings[0].topic == "color"


def sheet(n: int) -> SurfaceMesh:
    """A flat square of (n - 1)² · 2 triangles, facing up."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    i = np.arange(n * n).reshape(n, n)
    q = np.stack([i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]])
    positions = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1)
    return SurfaceMesh(positions, faces, np.zeros(len(faces), np.int64), None, None)


def doubled_areas(mesh: SurfaceMesh) -> np.ndarray:
    a, b, c = (mesh.positions[mesh.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


@pytest.mark.parametrize("target", [100, 1000])
def test_flat_sheets_keep_their_outline_and_never_fold(target: int) -> None:
    """All collapses inside cost the same, nothing: what decides is that no triangle may turn over."""
    whole = sheet(60)
    hole = (np.abs(whole.positions[whole.faces].mean(axis=1)[:, :2] - 0.5) > 0.2).any(axis=1)
    whole = whole.keep_faces(hole)
    result = simplify(whole, target)
    assert len(result.faces) <= target
    up = doubled_areas(result)[:, 2]
    assert (up > 0).all()
    assert up.sum() == pytest.approx(doubled_areas(whole)[:, 2].sum(), rel=1e-6)


@pytest.mark.parametrize("target", [100, 1000])
def test_crumpled_surfaces_stay_closed(target: int, rng: np.random.Generator) -> None:
    """Very many collapses would pinch tunnels, or make an edge that another makes as well."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    mesh = trimesh.Trimesh(ball.vertices * rng.uniform(0.5, 1.5, (len(ball.vertices), 1)), ball.faces, process=False)
    result = simplify(surface(mesh), target)
    assert len(result.faces) <= target
    assert open_edges(result) == 0
    assert trimesh.Trimesh(result.positions, result.faces, process=False).euler_number == 2


def test_hubs_of_very_many_triangles_stay_closed() -> None:
    """Two fans back to back: every collapse on the rim has the two hubs as its neighbours."""
    n = 20_000
    angle = np.arange(n) * 2 * np.pi / n
    rim = np.stack([np.cos(angle), np.sin(angle), 0.01 * np.sin(5 * angle)], axis=1)
    i = np.arange(n)
    fan = np.stack([np.zeros(n, int), 2 + i, 2 + (i + 1) % n], axis=1)
    faces = np.concatenate([fan, np.stack([fan[:, 0] + 1, fan[:, 2], fan[:, 1]], axis=1)])
    positions = np.concatenate([[[0, 0, 0.5], [0, 0, -0.5]], rim])
    result = simplify(SurfaceMesh(positions, faces, np.zeros(2 * n, np.int64), None, None), 1000)
    assert 900 < len(result.faces) <= 1000
    assert open_edges(result) == 0


def test_dust_of_small_closed_bodies_goes(rng: np.random.Generator) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    places = (rng.uniform(-1, 1, (2000, 1, 3)) + 0.002 * corners).reshape(-1, 3)
    sides = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    faces = (4 * np.arange(2000)[:, None, None] + sides).reshape(-1, 3)
    ball = bumpy_ball(4)
    whole = SurfaceMesh(
        np.concatenate([ball.vertices, places]),
        np.concatenate([ball.faces, faces + len(ball.vertices)]).astype(np.int64),
        np.zeros(len(ball.faces) + len(faces), np.int64),
        None,
        None,
    )
    result = simplify(whole, 1000)
    assert len(result.faces) <= 1000
    assert (np.linalg.norm(result.positions, axis=1) > 0.9).sum() > 100  # the ball is still there


def test_the_same_on_every_run() -> None:
    mesh = bumpy_ball()
    dressed = surface(mesh, box_uv(mesh))
    one, two = simplify(dressed, 2000), simplify(dressed, 2000)
    assert np.array_equal(one.positions, two.positions)
    assert np.array_equal(one.faces, two.faces)


def test_small_meshes_are_left_alone() -> None:
    mesh = surface(bumpy_ball(1))
    assert simplify(mesh, 1000) is mesh


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)
