"""What is cut out by alpha: rays go through it, and masks, depth and coverage with them."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from PIL import Image

from scanstage.assets.asset import Asset, AssetMeta, Material, MeshArrays, write_asset
from scanstage.assets.library.openings import openings_of
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.sight.cut_scene import MOST_LAYERS, CutScene

FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def sheets(folder: Path, alpha: np.ndarray, depths: list[float], **material: object) -> Asset:
    """Squares of 1 m over (0, 0) to (1, 1), one behind the other, all with the same (h, w) alpha."""
    picture = np.full((*alpha.shape, 4), 255, np.uint8)
    picture[..., 3] = alpha
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    vertices = np.concatenate([np.column_stack([corner, np.full(4, -d)]) for d in depths]).astype(np.float32)
    faces = np.concatenate([FACES + 4 * k for k in range(len(depths))])
    uv = np.tile(corner[FACES].reshape(-1, 2), (len(depths), 1)).astype(np.float32)
    mesh = MeshArrays(vertices, faces, np.zeros(len(faces), np.uint16), vertices[:4], uv)
    own = Material(**{"base_color": (1, 1, 1, 1), "base_color_texture": "t.png", "alpha_mode": "MASK", **material})
    folder.mkdir(exist_ok=True)
    return write_asset(folder, AssetMeta("a/b", "a", (1, 1, 1), len(faces), (own,)), mesh, {"t.png": data.getvalue()})


def cut_scene(asset: Asset) -> CutScene:
    mesh = asset.mesh()
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices, mesh.faces)
    openings = openings_of(asset, mesh)
    assert openings is not None
    return CutScene(scene, {0: openings})


def down(places: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Rays from a metre above, downwards."""
    origins = np.array([[x, y, 1.0] for x, y in places], np.float32)
    return origins, np.tile(np.array([0, 0, -1], np.float32), (len(places), 1))


def test_rays_go_through_what_is_cut_out(tmp_path: Path) -> None:
    """The left half of each sheet is gone, the right one is there; the picture's first row is the upper edge."""
    alpha = np.array([[0, 255], [0, 255]], np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    scene = cut_scene(sheets(tmp_path / "a", alpha, [0.0, 0.5]))
    origins, directions = down([(0.25, 0.5), (0.75, 0.5), (2.0, 0.5)])
    assert scene.run(origins, directions, query="DISTANCE")[1] == pytest.approx(1.0)
    assert scene.run(origins, directions, query="DISTANCE")[[0, 2]].min() > 1e30
    assert (scene.run(origins, directions) >= 0).tolist() == [False, True, False]
    assert (scene.run(origins, directions, query="OCCLUDED") == 0).tolist() == [False, True, False]
    found = scene.run(origins, directions, query="INTERSECT", output=True)
    assert (found["primID"].astype(np.int64) >= 0).tolist() == [False, True, False]


def test_what_lies_behind_is_met_at_its_own_distance(tmp_path: Path) -> None:
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:4] = 255  # only the upper half, y > 0.5, is there
    asset = sheets(tmp_path / "a", alpha, [0.0, 0.5])
    mesh = asset.mesh()
    uv = mesh.corner_uv.copy()
    uv[6:, 1] = 1 - uv[6:, 1]  # of the second sheet the lower
    turned = replace(mesh, corner_uv=uv)
    scene = EmbreeScene()
    TriangleMesh(scene, turned.vertices, turned.faces)
    openings = openings_of(asset, turned)
    assert openings is not None
    distance = CutScene(scene, {0: openings}).run(*down([(0.3, 0.75), (0.3, 0.25)]), query="DISTANCE")
    np.testing.assert_allclose(distance, [1.0, 1.5], atol=2e-5)


def test_of_several_meshes_each_has_its_own_openings(tmp_path: Path) -> None:
    """A cut sheet over a whole one: what passes the upper meets the lower, of which nothing is cut."""
    asset = sheets(tmp_path / "a", np.zeros((4, 4), np.uint8), [0.0])
    mesh = asset.mesh()
    openings = openings_of(asset, mesh)
    assert openings is not None
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices - np.array([0, 0, 0.5], np.float32), mesh.faces)
    TriangleMesh(scene, mesh.vertices, mesh.faces)
    found = CutScene(scene, {1: openings}).run(*down([(0.4, 0.6)]), query="INTERSECT", output=True)
    assert found["geomID"].tolist() == [0]
    np.testing.assert_allclose(found["tfar"], 1.5, atol=2e-5)


@pytest.mark.parametrize(
    ("mode", "cutoff", "factor", "texel", "there"),
    [
        ("MASK", 0.5, 1.0, 128, True),  # 128 / 255 = 0.502
        ("MASK", 0.5, 1.0, 127, False),
        ("MASK", 0.5, 0.5, 254, False),  # times the material's own
        ("MASK", 0.2, 0.5, 254, True),
        ("BLEND", 0.5, 1.0, 1, True),  # an engine's pass shows it from 1 / 255 on
        ("BLEND", 0.5, 1.0, 0, False),
        ("BLEND", 0.5, 0.5, 1, False),
    ],
)
def test_the_alpha_from_which_on_a_surface_is_there(
    tmp_path: Path, mode: str, cutoff: float, factor: float, texel: int, there: bool
) -> None:
    material = {"alpha_mode": mode, "alpha_cutoff": cutoff, "base_color": (1.0, 1.0, 1.0, factor)}
    scene = cut_scene(sheets(tmp_path / "a", np.full((4, 4), texel, np.uint8), [0.0], **material))
    assert (scene.run(*down([(0.4, 0.6)]))[0] >= 0) == there


def test_alpha_is_linear_between_texels(tmp_path: Path) -> None:
    """Of 4 texels their middles lie at 0.125, 0.375 …: from 0 at 0.375 to 255 at 0.625 the half is at 0.5."""
    alpha = np.tile(np.array([0, 0, 255, 255], np.uint8), (4, 1))
    scene = cut_scene(sheets(tmp_path / "a", alpha, [0.0], alpha_cutoff=0.6))
    hit = scene.run(*down([(0.51, 0.5), (0.52, 0.5), (0.53, 0.5), (0.54, 0.5), (0.98, 0.5), (0.95, 0.5)])) >= 0
    # 0.6 is reached at 0.375 + 0.25 * 0.6 = 0.525; it repeats, so that from 0.875 on it falls to 0.5 at 1
    assert hit.tolist() == [False, False, True, True, False, True]


def test_alpha_of_vertices_counts_too(tmp_path: Path) -> None:
    asset = sheets(tmp_path / "a", np.full((4, 4), 255, np.uint8), [0.0], vertex_colors=True)
    mesh = asset.mesh()
    color = np.full((4, 4), 255, np.uint8)
    color[[0, 3], 3] = 0  # clear at x = 0, whole at x = 1
    scene = EmbreeScene()
    TriangleMesh(scene, mesh.vertices, mesh.faces)
    openings = openings_of(asset, replace(mesh, vertex_color=color))
    assert openings is not None
    hit = CutScene(scene, {0: openings}).run(*down([(0.45, 0.3), (0.55, 0.3), (0.45, 0.8), (0.55, 0.8)])) >= 0
    assert hit.tolist() == [False, True, False, True]


def test_layers_are_bounded(tmp_path: Path) -> None:
    scene = cut_scene(sheets(tmp_path / "a", np.zeros((4, 4), np.uint8), [0.01 * k for k in range(2 * MOST_LAYERS)]))
    assert scene.run(*down([(0.4, 0.6)]), query="DISTANCE")[0] <= 1.0 + 0.01 * MOST_LAYERS + 1e-3


def test_most_scans_have_none_and_a_lost_texture_is_told(tmp_path: Path) -> None:
    asset = sheets(tmp_path / "a", np.zeros((4, 4), np.uint8), [0.0], alpha_mode="OPAQUE")
    assert openings_of(asset, asset.mesh()) is None
    asset = sheets(tmp_path / "b", np.zeros((4, 4), np.uint8), [0.0])
    (asset.folder / "t.png").unlink()
    with pytest.raises(InputError, match=r"t\.png"):
        openings_of(asset, asset.mesh())
