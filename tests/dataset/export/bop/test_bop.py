"""BOP exports, read back with nothing of scanstage: models, poses and masks must fit each other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image
from support.dataset_files import edit_record

from scanstage.assets.asset import Asset, AssetMeta, Material, MeshArrays
from scanstage.assets.intake.asset_edits import set_symmetries
from scanstage.assets.messages.errors import InputError
from scanstage.assets.symmetry import Symmetries, SymmetryAxis, turn
from scanstage.dataset.export.bop import bop_dataset as bop_export
from scanstage.dataset.export.bop.model_files import diameter, model_files
from scanstage.dataset.export.bop.model_symmetries import model_symmetries
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.placing.export_folder import MARK
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.record import Record
from scanstage.render.cli.app import entrypoint


@pytest.fixture(scope="module")
def bop(toy_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out, figures = export_dataset(open_dataset(toy_dataset), "bop", tmp_path_factory.mktemp("bop") / "toys")
    assert figures == {"pictures": 3, "instances": 9, "models": 2}
    return out


def read(path: Path) -> dict[int, Any]:
    return {int(k): v for k, v in json.loads(path.read_text()).items()}


def rasterise(vertices: np.ndarray, faces: np.ndarray, k: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixel centres, at +0.5, that lie in a projected triangle. Vertices in the camera's frame."""
    width, height = size_wh
    projected = vertices @ k.T
    xy = projected[:, :2] / projected[:, 2:]
    mask = np.zeros((height, width), bool)
    for a, b, c in xy[faces]:
        low = np.floor(np.minimum(np.minimum(a, b), c)).astype(int).clip(0)
        high = np.ceil(np.maximum(np.maximum(a, b), c)).astype(int).clip(0, (width, height))
        if (high <= low).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        inside = np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
        mask[low[1] : high[1], low[0] : high[0]] |= inside
    return mask


def placed(bop: Path) -> Iterator[tuple[Path, int, int, dict[str, Any], np.ndarray, dict[str, Any]]]:
    scene = bop / "train_pbr" / "000000"
    cameras, infos = read(scene / "scene_camera.json"), read(scene / "scene_gt_info.json")
    for im_id, poses in read(scene / "scene_gt.json").items():
        for gt_id, gt in enumerate(poses):
            k = np.array(cameras[im_id]["cam_K"]).reshape(3, 3)
            yield scene, im_id, gt_id, gt, k, infos[im_id][gt_id]


def grey(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_models_projected_by_poses_are_the_masks(bop: Path) -> None:
    assert compare_projections(bop) >= 7


def test_one_size_for_all_is_baked_into_the_models(make_dataset: Any, tmp_path: Path) -> None:
    root = make_dataset("objects.scale=1.5", "images=2")
    out, _ = export_dataset(open_dataset(root), "bop", tmp_path / "out")
    info = json.loads((out / "models" / "models_info.json").read_text())["1"]
    assert np.allclose([info[f"size_{a}"] for a in "xyz"], [150, 120, 90], atol=1e-3)
    assert compare_projections(out) >= 3


def compare_projections(bop: Path) -> int:
    """Compare the masks of larger instances with their models; returns how many there were."""
    compared = 0
    for scene, im_id, gt_id, gt, k, _ in placed(bop):
        model = trimesh.load(bop / "models" / f"obj_{gt['obj_id']:06d}.ply", process=False)
        rotation = np.array(gt["cam_R_m2c"]).reshape(3, 3)
        assert np.allclose(rotation @ rotation.T, np.eye(3))
        vertices = np.asarray(model.vertices) @ rotation.T + gt["cam_t_m2c"]
        mask = grey(scene / "mask" / f"{im_id:06d}_{gt_id:06d}.png") > 0
        projected = rasterise(vertices, np.asarray(model.faces), k, mask.shape[::-1])
        if mask.sum() > 300:
            compared += 1
            assert (mask & projected).sum() / (mask | projected).sum() >= 0.99
    return compared


def test_masks_counts_and_boxes_agree(bop: Path) -> None:
    for scene, im_id, gt_id, _, _, info in placed(bop):
        name = f"{im_id:06d}_{gt_id:06d}.png"
        mask, visible = (grey(scene / folder / name) for folder in ("mask", "mask_visib"))
        assert set(np.unique(mask)) == set(np.unique(visible)) == {0, 255}
        assert not ((visible > 0) & (mask == 0)).any()
        assert info["px_count_visib"] == (visible > 0).sum()
        assert info["px_count_all"] >= info["px_count_valid"]
        assert np.isclose(info["visib_fract"], info["px_count_visib"] / info["px_count_all"])
        rows, columns = np.nonzero(visible)
        assert info["bbox_visib"] == [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
        if info["px_count_all"] == (mask > 0).sum():
            rows, columns = np.nonzero(mask)
            assert info["bbox_obj"] == [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]


def test_depth_in_millimetres_is_that_of_the_models(bop: Path) -> None:
    scene = bop / "train_pbr" / "000000"
    cameras = read(scene / "scene_camera.json")
    for scene, im_id, gt_id, gt, _, _ in placed(bop):
        depth = grey(scene / "depth" / f"{im_id:06d}.png") * cameras[im_id]["depth_scale"]
        visible = grey(scene / "mask_visib" / f"{im_id:06d}_{gt_id:06d}.png") > 0
        radius = json.loads((bop / "models" / "models_info.json").read_text())[str(gt["obj_id"])]["diameter"] / 2
        assert (np.abs(depth[visible] - gt["cam_t_m2c"][2]) <= radius + 1).all()


def test_world_and_camera_agree(bop: Path, toy_dataset: Path) -> None:
    scene = bop / "train_pbr" / "000000"
    for im_id, camera in read(scene / "scene_camera.json").items():
        record = Record.from_json((toy_dataset / "records" / f"{im_id:06d}.json").read_text())
        rotation = np.array(camera["cam_R_w2c"]).reshape(3, 3)
        position_mm = -rotation.T @ camera["cam_t_w2c"]
        assert np.allclose(position_mm, 1000 * np.array(record.plan.camera.camera_to_world)[:3, 3])


def test_the_layout_is_complete(bop: Path, toy_dataset: Path) -> None:
    camera = json.loads((bop / "camera.json").read_text())
    assert {"width", "height", "fx", "fy", "cx", "cy", "depth_scale"} == set(camera)
    scene = bop / "train_pbr" / "000000"
    for im_id in range(3):
        source = toy_dataset / "images" / f"{im_id:06d}.jpg"
        assert (scene / "rgb" / source.name).read_bytes() == source.read_bytes()
    assert "box/toy" in (bop / "dataset_info.md").read_text()
    named = json.loads((bop / "objects.json").read_text())
    assert [o["class"] for o in named.values()] == ["box", "ball"]
    assert sorted(p.name for p in bop.parent.iterdir()) == ["toys"]


def test_model_info_is_of_the_model(bop: Path) -> None:
    info = json.loads((bop / "models" / "models_info.json").read_text())["1"]
    assert np.allclose([info[f"size_{a}"] for a in "xyz"], [100, 80, 60], atol=1e-3)
    assert np.allclose([info[f"min_{a}"] for a in "xyz"], [-50, -40, -30], atol=1e-3)
    assert np.isclose(info["diameter"], np.linalg.norm([100, 80, 60]), atol=1e-3)


def test_diameter_is_the_largest_distance() -> None:
    points = np.random.default_rng(5).normal(size=(400, 3))
    assert np.isclose(diameter(points), np.linalg.norm(points[:, None] - points[None], axis=2).max())
    flat = points * [1, 1, 0]
    assert np.isclose(diameter(flat), np.linalg.norm(flat[:, None] - flat[None], axis=2).max())


def quad(tmp_path: Path, **material: Any) -> Asset:
    """A square of two triangles, its texture's four quarters red, green, blue and white."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4, :4], pixels[:4, 4:] = (255, 0, 0), (0, 255, 0)
    pixels[4:, :4], pixels[4:, 4:] = (0, 0, 255), (255, 255, 255)
    Image.fromarray(pixels).save(tmp_path / "t.png")
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    vertices = np.column_stack([corners, np.zeros(4)]).astype(np.float32)
    mesh = MeshArrays(vertices, faces, np.zeros(2, np.uint16), vertices, corners[faces.ravel()] * 0.9 + 0.05)
    mesh.save(tmp_path / "mesh.npz")
    look = Material(**{"base_color": (1.0, 1.0, 1.0, 1.0), "base_color_texture": "t.png", **material})
    meta = AssetMeta("quad/toy", "quad", (1.0, 1.0, 0.0), 2, (look,))
    return Asset(meta, tmp_path)


def test_a_texture_goes_with_its_model(tmp_path: Path) -> None:
    files = model_files(quad(tmp_path), 0.5, "obj_000001.png")
    assert files.texture is not None
    (tmp_path / "obj_000001.ply").write_bytes(files.ply)
    (tmp_path / "obj_000001.png").write_bytes(files.texture)
    assert np.array_equal(grey(tmp_path / "obj_000001.png"), grey(tmp_path / "t.png"))
    header = files.ply[: files.ply.index(b"end_header")].decode().splitlines()
    assert "comment TextureFile obj_000001.png" in header
    assert {line.split()[1] for line in header if line.startswith("property") and "list" not in line} == {"float"}
    model = trimesh.load(tmp_path / "obj_000001.ply", process=False)
    uv = np.asarray(model.visual.uv)
    # Half a metre wide, about its middle, v up.
    assert np.allclose(np.asarray(model.vertices)[:, :2], (uv - 0.05) / 0.9 * 500 - 250, atol=1e-3)
    assert np.allclose(model.vertex_normals, [0, 0, 1])


@pytest.mark.parametrize("stands_there", ["link", "pipe", "folder"])
def test_a_texture_is_a_file_of_its_asset(tmp_path: Path, stands_there: str) -> None:
    """A dataset names its library: it may come with one whose texture leads to a picture of this machine."""
    (folder := tmp_path / "asset").mkdir()
    asset = quad(folder)
    texture = folder / "t.png"
    texture.rename(tmp_path / "private.png")
    make = {"link": lambda: texture.symlink_to(tmp_path / "private.png"), "pipe": lambda: os.mkfifo(texture)}
    make.get(stands_there, texture.mkdir)()
    with pytest.raises(InputError, match=f"t.png: can't be read .*{stands_there}"):
        model_files(asset, 0.5, "obj_000001.png")


def test_where_one_texture_does_not_do_vertices_are_coloured(tmp_path: Path) -> None:
    asset = quad(tmp_path)
    mesh = asset.mesh()
    both = (*asset.meta.materials, Material(base_color=(0.0, 0.0, 0.0, 1.0)))
    meta = AssetMeta("quad/two", "quad", (1.0, 1.0, 0.0), 2, both)
    second = np.array([0, 1], np.uint16)
    MeshArrays(mesh.vertices, mesh.faces, second, mesh.hull, mesh.corner_uv).save(tmp_path / "mesh.npz")
    files = model_files(Asset(meta, tmp_path), 1.0, "x.png")
    assert files.texture is None
    (tmp_path / "m.ply").write_bytes(files.ply)
    model = trimesh.load(tmp_path / "m.ply", process=False)
    colors = {tuple(c[:3]) for c in np.asarray(model.visual.vertex_colors)}
    assert colors == {(0, 0, 255), (255, 255, 255), (0, 255, 0), (0, 0, 0)}
    assert len(model.vertices) == 6


def test_a_tinted_texture_is_written_tinted(tmp_path: Path) -> None:
    files = model_files(quad(tmp_path, base_color=(0.0, 1.0, 1.0, 1.0)), 1.0, "x.png")
    (tmp_path / "x.png").write_bytes(files.texture or b"")
    assert not grey(tmp_path / "x.png")[..., 2].any()  # red, which cv2 has last
    assert grey(tmp_path / "x.png")[..., 1].any()


@pytest.fixture
def copy(toy_dataset: Path, tmp_path: Path) -> Path:
    shutil.copytree(toy_dataset, tmp_path / "toys")
    return tmp_path / "toys"


def test_what_bop_cannot_hold_is_refused(copy: Path, tmp_path: Path) -> None:
    edit_record(copy, 1, lambda r: r["camera"].update(model="fisheye", distortion=[0.1, 0, 0, 0]))
    with pytest.raises(InputError, match="1 pictures were taken through a distorting lens"):
        export_dataset(open_dataset(copy), "bop", tmp_path / "out")
    edit_record(copy, 1, lambda r: r["camera"].update(model="pinhole", distortion=[]))
    edit_record(copy, 2, lambda r: r["instances"][0]["pose"].update(scale=1.5))
    with pytest.raises(InputError, match=r"occurs 1 to 1\.5 times its size"):
        export_dataset(open_dataset(copy), "bop", tmp_path / "out")
    assert not list(tmp_path.glob(".out*"))
    assert not (tmp_path / "out").exists()


def test_scans_that_are_gone_or_changed_are_named(copy: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    shutil.copytree(str(open_dataset(copy).run.library), library)
    export_dataset(open_dataset(copy, library), "bop", tmp_path / "fine")
    with (library / "box/toy/asset.json").open("a") as f:
        f.write("\n")
    shutil.rmtree(library / "ball")
    with pytest.raises(InputError) as error:
        export_dataset(open_dataset(copy, library), "bop", tmp_path / "out")
    assert "ball/toy: is not in" in error.value.problems[0]
    assert "box/toy: is not the asset that was rendered" in error.value.problems[1]
    shutil.rmtree(library)
    library.mkdir()
    with pytest.raises(InputError, match="gone or empty"):
        export_dataset(open_dataset(copy, library), "bop", tmp_path / "out")


def transformations(info: dict[str, Any]) -> list[np.ndarray]:
    """(4, 4), millimetres: as the toolkit's ``get_symmetry_transformations`` makes them, in steps of a hexagon."""
    discrete = [np.eye(4), *(np.reshape(m, (4, 4)) for m in info.get("symmetries_discrete", []))]
    continuous = []
    for symmetry in info.get("symmetries_continuous", []):
        offset = np.array(symmetry["offset"])
        for angle in np.arange(1, 6) * np.pi / 3:
            turned = trimesh.transformations.rotation_matrix(angle, symmetry["axis"])
            turned[:3, 3] = offset - turned[:3, :3] @ offset
            continuous.append(turned)
    return [c @ d for d in discrete for c in continuous] if continuous else discrete


def with_symmetries(dataset: Path, library: Path, **known: Symmetries) -> FinishedDataset:
    """The dataset with a copy of its library, whose assets of these classes have these symmetries."""
    shutil.copytree(str(open_dataset(dataset).run.library), library)
    for name, symmetries in known.items():
        set_symmetries(Asset.open(library / name / "toy"), symmetries)
    return open_dataset(dataset, library)


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_symmetries_are_those_of_the_model_that_is_written(make_dataset: Any, tmp_path: Path, scale: float) -> None:
    """They are known since after the pictures were made, on which they have no bearing.

    In the asset's frame its middle is 30 mm above the origin; in the model's it is the origin.
    """
    half = Symmetries((), (turn((1.0, 0.0, 0.0), (0.0, 0.0, 0.03), 2), turn((0.0, 0.0, 1.0), (0.0, 0.0, 0.0), 2)))
    dataset = with_symmetries(make_dataset(f"objects.scale={scale}"), tmp_path / "library", box=half)
    out, _ = export_dataset(dataset, "bop", tmp_path / "out")
    info = json.loads((out / "models" / "models_info.json").read_text())
    assert {"symmetries_discrete", "symmetries_continuous"} & set(info["1"]) == {"symmetries_discrete"}
    assert all(len(m) == 16 for m in info["1"]["symmetries_discrete"])
    made = transformations(info["1"])
    assert len(made) == 4, "a half turn about y follows, and the toolkit makes none of two"
    vertices = np.asarray(trimesh.load(out / "models" / "obj_000001.ply", process=False).vertices)
    for matrix in made:
        turned = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        assert np.linalg.norm(turned[:, None] - vertices[None], axis=2).min(axis=1).max() < 1e-4
    assert not {"symmetries_discrete", "symmetries_continuous"} & set(info["2"])


def test_an_axis_off_the_middle_is_moved_with_the_model(tmp_path: Path) -> None:
    """A box of 100 mm on a stalk at its corner: the axis stands where the stalk is, at any height."""
    known = Symmetries((SymmetryAxis((0.0, 0.0, 1.0), (0.05, 0.02, 0.7)),), (turn((0.0, 1.0, 0.0), (0, 0, 0.04), 2),))
    entry = model_symmetries(known, 2.0, np.array([0.01, 0.0, 0.09]))
    assert entry["symmetries_continuous"] == [{"axis": [0.0, 0.0, 1.0], "offset": [90.0, 40.0, 0.0]}]
    (matrix,) = np.reshape(entry["symmetries_discrete"], (1, 4, 4))
    # The asset's point (0, 0, 40 mm) stays where it is: at twice the size, less the model's centre.
    assert np.allclose(matrix @ [-10, 0, -10, 1], [-10, 0, -10, 1])
    assert np.allclose(matrix[:3, :3], np.diag([-1, 1, -1]))
    assert len(transformations(entry)) == 10
    assert model_symmetries(Symmetries(), 2.0, np.zeros(3)) == {}


def test_targets_are_what_is_visible_by_a_tenth(copy: Path, tmp_path: Path) -> None:
    edit_record(copy, 1, lambda r: r["instances"][0].update(truncated_fraction=0.99))
    out, _ = export_dataset(open_dataset(copy), "bop", tmp_path / "out")
    targets = json.loads((out / "test_targets_bop19.json").read_text())
    expected = []
    for im_id, gts in read(out / "train_pbr/000000/scene_gt.json").items():
        infos = read(out / "train_pbr/000000/scene_gt_info.json")[im_id]
        ids = [gt["obj_id"] for gt, info in zip(gts, infos, strict=True) if info["visib_fract"] >= 0.1]
        expected += [
            {"im_id": im_id, "inst_count": ids.count(o), "obj_id": o, "scene_id": 0} for o in dict.fromkeys(ids)
        ]
    assert targets == expected
    assert sum(t["inst_count"] for t in targets) == 9 - 1, "of one a hundredth is inside the picture"
    assert any(t["inst_count"] > 1 for t in targets)


def test_exports_replace_exports_and_nothing_else(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for _ in range(2):  # an empty folder, then an earlier export
        export_dataset(open_dataset(copy), "coco", out)
        assert sorted(p.name for p in out.iterdir()) == ["README.md", "annotations", "images", MARK, "splits.json"]
    (out / MARK).unlink()
    for where in (out, out / "splits.json", copy, tmp_path):
        with pytest.raises(InputError):
            export_dataset(open_dataset(copy), "coco", where)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "toys"]


def test_the_command(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (copy / "annotations/instances.json").read_bytes()
    (copy / "annotations/instances.json").unlink()
    assert entrypoint(["export", str(copy)]) == 0
    assert (copy / "annotations/instances.json").read_bytes() == before
    assert entrypoint(["export", str(copy), "--format", "bop"]) == 0
    assert (copy.parent / "toys_bop" / "models" / "obj_000001.ply").is_file()
    assert entrypoint(["check", str(copy)]) == 0
    assert entrypoint(["export", str(copy), "--format", "nonsense"]) == 2
    assert entrypoint(["export", str(copy / "nowhere")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_pictures_of_png_datasets_become_jpeg(make_dataset: Any, tmp_path: Path) -> None:
    root = make_dataset("output.format=png", "images=1")
    out, _ = export_dataset(open_dataset(root), "bop", tmp_path / "out")
    written = grey(out / "train_pbr/000000/rgb/000000.jpg").astype(int)
    assert np.abs(written - grey(root / "images/000000.png")).mean() < 3


def test_counts_and_boxes_reach_beyond_the_image(make_dataset: Any, tmp_path: Path) -> None:
    root = make_dataset("camera.fill=1.6", "labels={}", "objects.count=6")
    out, _ = export_dataset(open_dataset(root), "bop", tmp_path / "out")
    cut = 0
    for scene, im_id, gt_id, gt, k, info in placed(out):
        height, width = grey(scene / "mask" / f"{im_id:06d}_{gt_id:06d}.png").shape
        wider = k + np.array([[0, 0, width], [0, 0, height], [0, 0, 0]])
        model = trimesh.load(out / "models" / f"obj_{gt['obj_id']:06d}.ply", process=False)
        vertices = np.asarray(model.vertices) @ np.array(gt["cam_R_m2c"]).reshape(3, 3).T + gt["cam_t_m2c"]
        rows, columns = np.nonzero(rasterise(vertices, np.asarray(model.faces), wider, (3 * width, 3 * height)))
        assert np.isclose(info["px_count_all"], len(rows), rtol=0.01, atol=2)
        box = [columns.min() - width, rows.min() - height, np.ptp(columns), np.ptp(rows)]
        assert np.allclose(info["bbox_obj"], box, atol=1)
        x, y, w, h = box
        cut += x < 0 or y < 0 or x + w >= width or y + h >= height
    assert cut >= 3


def test_what_sixteen_bits_cannot_hold_is_no_depth() -> None:
    depth = np.array([[0.0, 1.0, 6.5535, 6.5536, 1e30, np.inf, np.nan]])
    assert bop_export._depth_codes(depth, 0.1).tolist() == [[0, 10000, 65535, 0, 0, 0, 0]]


def test_depth_is_cast_where_none_was_recorded(bop: Path, make_dataset: Any, tmp_path: Path) -> None:
    out, _ = export_dataset(open_dataset(make_dataset("output.depth=false")), "bop", tmp_path / "out")
    for im_id in range(3):
        recorded, cast = (
            grey(root / "train_pbr/000000/depth" / f"{im_id:06d}.png")
            * read(root / "train_pbr/000000/scene_camera.json")[im_id]["depth_scale"]
            for root in (bop, out)
        )
        assert (cast > 0).any()
        assert (np.abs(recorded - cast)[(recorded < 6500) & (cast > 0)] <= 1).mean() > 0.98
