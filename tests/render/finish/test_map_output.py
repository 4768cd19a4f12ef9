"""From passes to maps: frames, categories, agreement with the label, files beside the picture."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import analytic
from support.analytic_engine import AnalyticEngine, AnalyticEngines
from support.toy_runs import generated

from scanstage.dataset.labels.categories import category_ids
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.soft_masks import SoftMask
from scanstage.render.finish.map_output import mended, pixels_amiss, to_camera_frame
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import CameraPlan, FramePlan


class MappingEngine(AnalyticEngine):
    """The analytic engine with all passes: normals straight up, and masks without soft edges."""

    def render(self, plan: FramePlan, asset_folders, timeout_s) -> Passes:
        passes, wanted = super().render(plan, asset_folders, timeout_s), self.settings.passes
        up = np.zeros((*passes.instance_ids.shape, 3), np.float32)
        up[np.isfinite(passes.depth_m)] = (0, 0, 1)
        masks = []
        for i in np.unique(passes.instance_ids[passes.instance_ids > 0]):
            x, y, w, h = pixel_box(passes.instance_ids == i)
            here = passes.instance_ids[y : y + h, x : x + w] == i
            masks.append(SoftMask(int(i), (x, y, w, h), here.astype(np.float32)))
        return dataclasses.replace(
            passes,
            depth_m=passes.depth_m if "depth" in wanted else None,
            normals=up if "normals" in wanted else None,
            soft_masks=tuple(masks) if "soft_masks" in wanted else None,
        )


ENGINES = AnalyticEngines(MappingEngine)
ALL = "output: {depth: true, normals: true, instances: true, semantic: true, soft_masks: true}"
CONFIG = """
images: 2
assets: {library: %s, classes: [box]}
objects: {count: 4}
distractors: {count: 2, source: [ball]}
camera: {resolution: [160, 120]}
%s
"""


@pytest.fixture
def config(tmp_path: Path, toy_library: Path) -> Path:
    path = tmp_path / "toys.yaml"
    path.write_text(CONFIG % (toy_library, ALL))
    return path


def run(config: Path, **options):
    return generated(config, GenerateOptions(out=config.parent / "out", **options), ENGINES)


def read(folder: DatasetFolder, index: int) -> tuple[Record, dict[str, np.ndarray]]:
    record = Record.from_json(folder.record(index).read_text())
    maps = {}
    for name, info in record.maps.items():
        path = folder.root / info.path
        assert hashlib.sha256(path.read_bytes()).hexdigest() == info.sha256
        if path.suffix == ".png":
            maps[name] = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        elif path.suffix == ".npz":
            maps[name] = dict(np.load(path))
    return record, maps


def test_maps_agree_with_the_labels(config: Path) -> None:
    summary = run(config)
    assert summary.failed == []
    record, maps = read(summary.folder, 1)
    assert set(record.maps) == {"depth", "depth_m", "normals", "normals_png", "instances", "semantic", "soft_masks"}
    for instance in record.instances:
        mask = instance.mask.decode()
        np.testing.assert_array_equal(maps["instances"] == instance.instance_id, mask)
        assert (maps["semantic"][mask] == 1).all()
        soft = maps["soft_masks"]
        np.testing.assert_array_equal((soft["instance_ids"] == instance.instance_id).any(axis=0), mask)
    distractors = [o.instance_id for o in record.plan.objects if o.class_name is None]
    assert len(distractors) == 2
    assert (maps["semantic"][np.isin(maps["instances"], [0, *distractors])] == 0).all()
    assert np.isin(maps["instances"], distractors).any()
    ids, depth = analytic.trace(record.plan)
    same = ids == maps["instances"]
    assert np.abs(maps["depth"] / 1000 - np.where(np.isinf(depth), 0, depth))[same].max() <= 0.00051


def test_nothing_is_written_that_is_not_asked_for(config: Path, toy_library: Path) -> None:
    config.write_text(CONFIG % (toy_library, "output: {semantic: true}"))
    folder = run(config).folder
    assert {p.name for p in folder.root.iterdir() if p.is_dir() and p.name[:2] != "__"} == {
        "images",
        "records",
        "annotations",
        "semantic",
    }
    assert len(list((folder.root / "semantic").iterdir())) == 2
    config.write_text(CONFIG % (toy_library, ""))
    run(config, fresh=True)
    assert not (folder.root / "semantic").exists()


def test_a_picture_whose_map_is_lost_is_made_again(config: Path) -> None:
    folder = run(config).folder
    lost, broken = folder.root / "depth/000000.exr", folder.root / "soft_masks/000001.npz"
    kept = lost.read_bytes(), broken.read_bytes()
    lost.unlink()
    broken.write_bytes(b"")
    assert not image_is_whole(folder, Record.from_json(folder.record(0).read_text()))
    summary = run(config)
    assert summary.done == 2
    assert (lost.read_bytes(), broken.read_bytes()) == kept
    assert run(config).kept == 2


def test_normals_turn_into_the_cameras_frame() -> None:
    """What faces the camera points along -z; the world's up is the picture's up, along -y."""
    looks_north = ((1.0, 0, 0, 5.0), (0, 0, 1.0, 6.0), (0, -1.0, 0, 7.0), (0, 0, 0, 1.0))
    camera = CameraPlan((200, 150), 200.0, 200.0, 100.0, 75.0, looks_north)
    world = np.array([[(0, -1, 0), (0, 0, 0.4), (0, 0, 0), (0.3, 0, 0)]], np.float32)
    expected = [[(0, 0, -1), (0, -1, 0), (0, 0, 0), (1, 0, 0)]]
    np.testing.assert_allclose(to_camera_frame(world, camera), expected, atol=1e-6)


def test_categories_count_from_one_in_the_order_of_classes(config: Path) -> None:
    record, _ = read(run(config).folder, 0)
    first, *others = record.plan.objects
    ball = dataclasses.replace(first, class_name="ball")
    plan = dataclasses.replace(record.plan, objects=(ball, *others))
    label_ids = np.array([[o.instance_id for o in plan.objects] + [0]], np.uint16)
    expected = [1, *(0 if o.class_name is None else 2 for o in others), 0]
    names = {o.instance_id: o.class_name for o in plan.objects if o.class_name is not None}
    assert category_ids(names, label_ids, ["ball", "box"]).tolist() == [expected]
    with pytest.raises(KeyError):
        category_ids(names, label_ids, ["box"])


def test_depth_belongs_to_what_the_label_says() -> None:
    rng = np.random.default_rng(0)
    label = np.zeros((20, 30), np.uint16)
    label[5:15, 5:15], label[5:15, 15:25] = 1, 2
    engine = label.copy()
    engine[5:15, 15] = 1  # the engine's outline lies one pixel beside
    engine[5, 5:15] = 0
    depth = np.select([engine == 1, engine == 2], [1.0, 2.0], 9.0) + rng.uniform(0, 0.1, label.shape)
    fitted = mended(depth.astype(np.float32), pixels_amiss(label, engine))
    np.testing.assert_array_equal(np.floor(fitted), np.select([label == 1, label == 2], [1, 2], 9))
    same = label == engine
    np.testing.assert_array_equal(fitted[same], depth.astype(np.float32)[same])
    none = mended(depth.astype(np.float32), pixels_amiss(label, label))
    assert none.tobytes() == depth.astype(np.float32).tobytes()
    normals = np.stack([depth, -depth, depth], axis=-1).astype(np.float32)
    np.testing.assert_array_equal(mended(normals, pixels_amiss(label, engine))[..., 0], fitted)


def test_what_the_engine_does_not_show_keeps_its_depth() -> None:
    label = np.zeros((6, 8), np.uint16)
    label[2:4, 3:6] = 7
    depth = np.arange(48, dtype=np.float32).reshape(6, 8)
    np.testing.assert_array_equal(mended(depth, pixels_amiss(label, np.zeros_like(label))), depth)
