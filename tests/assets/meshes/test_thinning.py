"""Large scans lose four of five triangles at once, and neither their outline, nor a seam, nor where texture lies."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from scanstage.assets.asset import Material
from scanstage.assets.meshes import surface_mesh
from scanstage.assets.meshes.surface_mesh import census_findings, make_sound
from scanstage.assets.meshes.topology import Edges
from scanstage.assets.raw_scans.raw_scan import RawScan


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface_mesh, "THIN_FROM", 10_000)


def raw(mesh: trimesh.Trimesh, uv: np.ndarray | None = None, material: np.ndarray | None = None) -> RawScan:
    faces = np.asarray(mesh.faces, np.int64)
    numbers = np.zeros(len(faces), np.int64) if material is None else material
    corner_uv = None if uv is None else uv.astype(np.float32)
    return RawScan(np.asarray(mesh.vertices), faces, numbers, (Material(), Material()), corner_uv=corner_uv)


def rough_ball() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=6)
    return trimesh.Trimesh(
        ball.vertices * np.random.default_rng(0).normal(1, 0.002, (len(ball.vertices), 1)), ball.faces
    )


def test_a_closed_body_stays_closed_and_as_large() -> None:
    ball = rough_ball()
    mesh, census = make_sound(raw(ball))
    assert census.triangles == len(ball.faces) == 81920
    assert len(mesh.faces) == census.thinned_to < 0.3 * len(ball.faces)
    assert (Edges.of(mesh.faces).count == 2).all()
    after = trimesh.Trimesh(mesh.positions, mesh.faces, process=False)
    assert after.volume == pytest.approx(ball.volume, rel=0.01)
    assert np.isin(np.round(mesh.positions, 9), np.round(ball.vertices, 9)).all(), "no place is made up"
    assert "very large" in {f.topic for f in census_findings(census)}


def test_borders_seams_and_texture_stay_where_they_are() -> None:
    """A sheet in two charts, the right one elsewhere on the texture, and of two materials."""
    n = 101
    y, x = np.divmod(np.arange(n * n), n)
    places = np.stack([x, y, np.sin(x / 9) * 3], axis=1) / (n - 1)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + n + 1], axis=1), np.stack([a, a + n + 1, a + n], axis=1)])
    right = places[faces].mean(axis=1)[:, 0] > 0.5
    uv = places[faces][..., :2] + np.where(right, 5.0, 0.0)[:, None, None]
    scan = raw(trimesh.Trimesh(places, faces, process=False), uv, (places[faces].mean(axis=1)[:, 1] > 0.5).astype(int))
    mesh, census = make_sound(scan)
    assert len(mesh.faces) < 0.4 * len(faces)
    assert census.open_edges == 4 * (n - 1)
    assert (census.fan_edges, census.degenerate_faces) == (0, 0)
    assert mesh.corner_uv is not None
    at = mesh.positions[mesh.faces]
    middle = at.mean(axis=1)
    expected = at[..., :2] + np.where(middle[:, 0] > 0.5, 5.0, 0.0)[:, None, None]
    np.testing.assert_allclose(mesh.corner_uv, expected, atol=1e-6)
    assert (mesh.face_material == (middle[:, 1] > 0.5)).all()
    assert np.ptp(mesh.positions, axis=0)[:2].tolist() == pytest.approx([1, 1])


def test_what_has_a_seam_around_each_triangle_is_left_whole() -> None:
    ball = rough_ball()
    uv = np.random.default_rng(1).uniform(size=(len(ball.faces), 3, 2))
    mesh, census = make_sound(raw(ball, uv))
    assert len(mesh.faces) == len(ball.faces)
    assert census.thinned_to == 0
