from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trimesh
from scipy.spatial import ConvexHull

from scanstage.assets.asset import MeshArrays
from scanstage.assets.library.primitives import PRIMITIVE_VERSION, PRIMITIVES, build_primitive, primitive_assets

SOLIDS = [name for name in PRIMITIVES if name != "plane"]
FLAT_FACED = ["plane", "box", "wedge", "pyramid", "tetrahedron", "icosahedron"]


def welded(mesh: MeshArrays) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)


def face_normals(mesh: MeshArrays) -> npt.NDArray[np.float64]:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    normals = np.cross(b - a, c - a)
    unit: npt.NDArray[np.float64] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("name", PRIMITIVES)
def test_fits_the_unit_cube_and_stands_on_the_ground(name: str) -> None:
    vertices = build_primitive(name).vertices
    assert np.abs(vertices[:, :2]).max() <= 0.5
    assert vertices[:, 2].min() == 0
    assert vertices[:, 2].max() <= 1
    # As large as the cube allows in at least one direction.
    assert np.ptp(vertices, axis=0).max() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose((vertices.min(0) + vertices.max(0))[:2], 0, atol=1e-6)


@pytest.mark.parametrize("name", SOLIDS)
def test_is_closed_and_faces_outwards(name: str) -> None:
    mesh = welded(build_primitive(name))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0.1


@pytest.mark.parametrize(
    ("name", "volume"),
    [("box", 1.0), ("wedge", 0.5), ("pyramid", 1 / 3), ("tetrahedron", 1 / (6 * 2**0.5)), ("sphere", np.pi / 6),
     ("cylinder", np.pi / 4), ("cone", np.pi / 12), ("capsule", np.pi / 48 + np.pi / 32),
     ("torus", 2 * np.pi**2 * 0.35 * 0.15**2)],
)  # fmt: skip
def test_volume_is_that_of_the_ideal_shape(name: str, volume: float) -> None:
    assert welded(build_primitive(name)).volume == pytest.approx(volume, rel=0.005)


def test_box_is_the_unit_cube_with_split_edges() -> None:
    box = build_primitive("box")
    assert box.vertices.shape == (24, 3)
    assert box.faces.shape == (12, 3)
    assert set(np.unique(box.vertices[:, :2])) == {-0.5, 0.5}
    assert set(np.unique(box.vertices[:, 2])) == {0.0, 1.0}


def test_plane_looks_up() -> None:
    np.testing.assert_array_equal(face_normals(build_primitive("plane")), [[0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize("name", PRIMITIVES)
def test_smooth_shading_bends_no_vertex_across_a_hard_edge(name: str) -> None:
    mesh = build_primitive(name)
    normals, index = face_normals(mesh), mesh.faces.ravel()
    spread = np.repeat(normals, 3, axis=0)
    total = np.stack([np.bincount(index, spread[:, k]) for k in range(3)], 1)
    mean = total / np.linalg.norm(total, axis=1, keepdims=True)
    # A cone's tip is round about: its normals are opposed by nature.
    at_tip = (mesh.vertices[index, 2] == 1) if name == "cone" else np.zeros(len(index), bool)
    cosine = np.einsum("ij,ij->i", mean[index], spread)[~at_tip]
    assert cosine.min() > (1 - 1e-6 if name in FLAT_FACED else np.cos(np.radians(20)))


@pytest.mark.parametrize("name", ["sphere", "cylinder", "cone", "torus", "capsule"])
def test_outline_from_above_is_round_at_400_pixels(name: str) -> None:
    mesh = build_primitive(name)
    edge = mesh.vertices[np.hypot(*mesh.vertices[:, :2].T) > np.hypot(*mesh.vertices[:, :2].T).max() - 1e-5][:, :2]
    angles = np.unique(np.round(np.arctan2(edge[:, 1], edge[:, 0]), 4))
    radius_px = 200 * np.hypot(*edge[0]) / 0.5
    assert radius_px * (1 - np.cos(np.pi / len(angles))) < 0.25


@pytest.mark.parametrize("name", PRIMITIVES)
def test_hull_encloses_the_mesh_tightly(name: str) -> None:
    mesh = build_primitive(name)
    assert 4 <= len(mesh.hull) <= 200
    hull = ConvexHull(mesh.hull)
    outside = (hull.equations[:, :3] @ mesh.vertices.T + hull.equations[:, 3:]).max()
    assert outside < 0.012  # what 200 vertices leave of a ball
    assert mesh.hull[:, 2].max() == pytest.approx(mesh.vertices[:, 2].max(), abs=1e-6)
    if name != "plane":
        assert mesh.hull[:, 2].min() == 0  # the base stays a base
        assert hull.volume <= ConvexHull(mesh.vertices).volume + 1e-6


def test_assets_are_written_once_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSTAGE_CACHE", str(tmp_path))
    assets = primitive_assets()
    assert list(assets) == [f"primitive/{name}" for name in PRIMITIVES]
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    again = primitive_assets()
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == written
    for key, asset in again.items():
        assert asset.meta == assets[key].meta
        assert asset.meta.asset_id == key
        assert asset.meta.class_name == "primitive"
        mesh, built = asset.mesh(), build_primitive(key.removeprefix("primitive/"))
        np.testing.assert_array_equal(mesh.vertices, built.vertices)
        np.testing.assert_array_equal(mesh.faces, built.faces)
        np.testing.assert_allclose(asset.meta.extents_m, np.ptp(mesh.vertices, axis=0), atol=1e-6)


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    code = "from scanstage.assets.library.primitives import primitive_assets as p; [a.mesh() for a in p().values()]"
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=root, env={"SCANSTAGE_CACHE": str(tmp_path), "PATH": ""})
        for _ in range(2)
    ]
    assert [p.wait(60) for p in started] == [0, 0]
    folder = tmp_path / f"primitives-v{PRIMITIVE_VERSION}" / "primitive"
    assert sorted(p.name for p in folder.iterdir()) == sorted(PRIMITIVES)  # and nothing half-written
