"""scanstage from Python: objects in, objects out, no console, messages for a caller."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.analytic_engine import AnalyticEngine, AnalyticEngines

import scanstage
from scanstage.render.engine.passes import Passes
from scanstage.scenes.plan import FramePlan

KEYS = {
    "images": 3,
    "assets": {"classes": ["box", "ball"]},
    "objects": {"count": 3},
    "camera": {"resolution": [160, 120]},
    "output": {"depth": True, "normals": True, "instances": True},
}


class SkyEngine(AnalyticEngine):
    """With normals: whatever is seen faces up."""

    def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
        passes = super().render(plan, asset_folders, timeout_s)
        assert passes.depth_m is not None
        up = np.zeros((*passes.instance_ids.shape, 3), np.float32)
        up[np.isfinite(passes.depth_m)] = (0, 0, 1)
        return replace(passes, normals=up)


ENGINES = AnalyticEngines(SkyEngine)


@pytest.fixture
def config(toy_library: Path) -> scanstage.Config:
    return scanstage.load_config(KEYS, {"assets.library": str(toy_library)})


@pytest.fixture
def dataset(config: scanstage.Config, tmp_path: Path) -> scanstage.Dataset:
    scanstage.generate(config, tmp_path / "d", engines=ENGINES)
    return scanstage.open_dataset(tmp_path / "d")


def test_importing_it_loads_next_to_nothing() -> None:
    code = "import scanstage, sys; assert not {'numpy', 'pydantic', 'typer', 'cv2'} & {*sys.modules}, [*sys.modules]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_is_there() -> None:
    for name in scanstage.__all__:
        assert getattr(scanstage, name).__name__ == name
    assert set(scanstage.__all__) <= set(dir(scanstage))
    with pytest.raises(AttributeError, match="no attribute 'generated'"):
        _ = scanstage.generated


def test_a_run_tells_how_far_it_is_and_prints_nothing(
    config: scanstage.Config, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[scanstage.Progress] = []
    with caplog.at_level(logging.INFO, "scanstage"):
        summary = scanstage.generate(config, tmp_path / "d", told.append, engines=ENGINES)
    assert (summary.done, summary.failed) == (3, [])
    rendering = [p for p in told if p.stage == "rendering"]
    assert [(p.there, p.total) for p in rendering] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert sum(rendering[-1].labels.values()) == sum(summary.labels.values()) > 0
    assert told[0].stage == "reading scans"
    assert capfd.readouterr() == ("", "")
    assert any("workers: " in record.message for record in caplog.records)


def test_a_dataset_gives_arrays(dataset: scanstage.Dataset, config: scanstage.Config) -> None:
    assert (len(dataset), dataset.classes, dataset.name) == (3, ("box", "ball"), "dataset")
    assert [p.index for p in dataset] == [0, 1, 2]
    picture = dataset[1]
    assert picture.image().shape == (120, 160, 3)
    assert picture.map("depth_m").shape == (120, 160)
    normals, ids = picture.map("normals"), picture.map("instances")
    assert picture.labels
    for label in picture.labels:
        x, y, w, h = label.bbox_xywh
        assert label.mask[y : y + h, x : x + w].sum() == label.area_px == label.mask.sum()
        assert (ids[label.mask] == label.instance_id).all()
        assert not (label.mask & ~label.mask_amodal).any()
        assert np.allclose(normals[label.mask] @ picture.camera_to_world[:3, :3].T, (0, 0, 1), atol=1e-3)
        world = picture.camera_to_world @ label.object_to_camera
        assert np.allclose(world, label.object_to_world, atol=1e-6)
        seen = picture.camera_matrix @ label.object_to_camera[:3, 3]
        assert np.allclose(label.corners_px.mean(axis=0), seen[:2] / seen[2], atol=60)
    with pytest.raises(IndexError, match="no picture 7"):
        dataset[7]
    with pytest.raises(KeyError, match="no map 'soft_masks'; it has depth"):
        picture.map("soft_masks")


def test_a_plan_is_what_is_rendered(dataset: scanstage.Dataset, config: scanstage.Config) -> None:
    planned = scanstage.plan(config, 2)
    assert planned.plan == dataset[2].record.plan
    assert [label.instance for label in planned.labels] == [label.instance for label in dataset[2].labels]
    assert planned.instance_ids.shape == (120, 160)


def test_a_forecast_is_what_comes(dataset: scanstage.Dataset, config: scanstage.Config) -> None:
    found = scanstage.forecast(config)
    assert found["pictures"] == 3
    labels = sum(not label.ignore for picture in dataset for label in picture.labels)
    assert sum(row["labelled"] for row in found["classes"].values()) == labels


def test_check_and_export(dataset: scanstage.Dataset, tmp_path: Path) -> None:
    assert scanstage.check(dataset.path).findings == ()
    written = scanstage.export(dataset.path, "bop", tmp_path / "bop")
    assert written.path == tmp_path / "bop"
    assert (tmp_path / "bop" / "models").is_dir()


def test_join(dataset: scanstage.Dataset, config: scanstage.Config, tmp_path: Path) -> None:
    picture = next(iter(dataset))
    shutil.copy(dataset.path / "images" / picture.record.image.file_name, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        size = image.size
        image.convert("L").save(tmp_path / "photo.png")
    photo = {"id": 1, "file_name": "photo.png", "width": size[0], "height": size[1]}
    label = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3.5, 4]}
    document = {"images": [photo], "annotations": [label], "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "real.json").write_text(json.dumps(document))
    name = picture.labels[0].class_name
    written = scanstage.join(
        [dataset.path], tmp_path / "all", "yolo", real=[tmp_path / "real.json"], classes={"thing": name}, only=[name],
        split={"train": 0.5, "val": 0.5},
    )  # fmt: skip
    of_class = sum(label.class_name == name for p in dataset for label in p.labels)
    assert written.figures["labels"] == of_class + 1
    with pytest.raises(scanstage.InputError, match="colour: no such option"):
        scanstage.join([dataset.path], tmp_path / "all", real=[tmp_path / "real.json"], colour="red")


def test_errors_are_worded_for_a_caller(dataset: scanstage.Dataset, config: scanstage.Config, tmp_path: Path) -> None:
    def text_of(call: object, *args: object, **options: object) -> str:
        with pytest.raises(scanstage.InputError) as e:
            call(*args, **options)  # type: ignore[operator]
        text = f"{e.value}"
        assert text == "\n".join([*e.value.problems, *([e.value.hint] if e.value.hint else [])])
        assert text.isprintable() or "\n" in text
        assert "--" not in text
        return text

    assert "`frames` 5-9: pictures are 0 to 2" in text_of(scanstage.generate, config, tmp_path / "d", frames=(5, 9))
    assert text_of(scanstage.generate, config, tmp_path / "d", fresh=True, extend=True).startswith(
        "`fresh` and `extend`: "
    )
    assert "`shard` 9/3: there is no shard 9" in text_of(scanstage.generate, config, tmp_path / "d", shard="9/3")
    assert "`format` png: unknown; there are coco" in text_of(scanstage.export, dataset.path, "png")
    assert "no such folder" in text_of(scanstage.open_dataset, tmp_path / "nowhere")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    assert "choose another folder with `out`" in text_of(scanstage.generate, config, tmp_path / "mine")
    assert "config.images" not in text_of(scanstage.load_config, {"images": "many"})
    assert "overrides x: expected" not in text_of(scanstage.load_config, {"imagse": 3})
    assert "config: int is no config" in text_of(scanstage.plan, 3)


def test_a_config_of_keys_keeps_its_own(toy_library: Path) -> None:
    keys = {"images": 2, "assets": {"library": str(toy_library)}}
    config = scanstage.load_config(keys, {"seed": 5, "objects.count": {"integer": [1, 2]}})
    assert (config.run.seed, config.run.images, config.run.name) == (5, 2, "dataset")
    assert keys == {"images": 2, "assets": {"library": str(toy_library)}}
    assert (
        scanstage.plan(keys | {"seed": 5, "objects": {"count": {"integer": [1, 2]}}}).plan
        == scanstage.plan(config).plan
    )


def test_what_is_given_is_looked_at(config: scanstage.Config, toy_library: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    for call, text in (
        (lambda: scanstage.plan(config, -1), "picture -1: the run has 3 pictures"),
        (lambda: scanstage.generate(config, out, frames=(-2, 0)), "`frames` -2-0: pictures are counted from 0"),
        (lambda: scanstage.forecast(config, (-1, 0)), "`frames` -1-0: pictures are counted from 0"),
        (lambda: scanstage.generate(config, out, executor="cloud"), "`executor` cloud: expected local or ray"),  # type: ignore[arg-type]
        (lambda: scanstage.generate(config, out, address="x:1"), "`address` x:1: is of a Ray cluster"),
        (lambda: scanstage.generate(config, "http://host/x"), "can't be written to"),
        (lambda: scanstage.load_config(KEYS, {"seed": object()}), "`overrides` seed: object is no value of a config"),
    ):
        with pytest.raises(scanstage.InputError) as e:
            call()  # type: ignore[no-untyped-call]
        assert text in str(e.value)
    assert not out.exists()
    loaded = scanstage.load_config(KEYS, {"assets.library": toy_library, "seed": np.int64(4), "camera.fov_deg": 50})
    assert (loaded.run.seed, str(loaded.run.assets.library)) == (4, str(toy_library))


def test_the_blender_of_a_run_is_noted_for_whoever_goes_on(config: scanstage.Config, tmp_path: Path) -> None:
    scanstage.generate(config, tmp_path / "d", blender="some/blender", engines=ENGINES)
    told = scanstage.open_dataset(tmp_path / "d").finished.run.command
    assert (told.blender, told.config, told.base) == (str(Path("some/blender").absolute()), "", str(Path().resolve()))
