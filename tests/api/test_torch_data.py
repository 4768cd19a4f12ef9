"""Pictures for PyTorch are those of the dataset, in the form of torchvision; runs in the lane of readers."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.analytic_engine import AnalyticEngines

import scanstage
from scanstage.render.engine.engine_protocol import EngineError

KEYS = {
    "images": 6,
    "seed": 4,
    "assets": {"classes": ["box", "ball"]},
    "objects": {"count": 3},
    "camera": {"resolution": [160, 120]},
}


@pytest.fixture(scope="module")
def config(toy_library: Path) -> scanstage.Config:
    return scanstage.load_config({**KEYS, "assets": {"library": str(toy_library), "classes": ["box", "ball"]}})


@pytest.fixture(scope="module")
def dataset(config: scanstage.Config, tmp_path_factory: pytest.TempPathFactory) -> scanstage.Dataset:
    folder = tmp_path_factory.mktemp("torch") / "toys"
    scanstage.generate(config, folder, engines=AnalyticEngines())
    return scanstage.open_dataset(folder)


def test_without_pytorch_one_is_told_what_to_install(
    dataset: scanstage.Dataset, config: scanstage.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (dataset.torch, lambda: scanstage.live(config)):
        with pytest.raises(scanstage.InputError, match=r"scanstage\[torch\]"):
            call()


class TestFinished:
    """Of a finished dataset."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def test_items_are_what_was_recorded(self, dataset: scanstage.Dataset) -> None:
        found = dataset.torch()
        assert len(found) == len(dataset) == 6
        for place, picture in enumerate(dataset):
            image, target = found[place]
            pixels = (image.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
            np.testing.assert_array_equal(pixels, picture.image())
            labels = [label for label in picture.labels if not label.ignore]
            assert target["image_id"] == picture.index
            assert [dataset.classes[i - 1] for i in target["labels"].tolist()] == [i.class_name for i in labels]
            for label, (x, y, right, bottom), mask in zip(
                labels, target["boxes"].tolist(), target["masks"].numpy(), strict=True
            ):
                assert (x, y, right - x, bottom - y) == label.bbox_xywh
                np.testing.assert_array_equal(mask.astype(bool), label.mask)

    def test_parts_are_those_of_an_export(self, dataset: scanstage.Dataset, tmp_path: Path) -> None:
        shares = {"train": 0.5, "val": 0.5}
        scanstage.export(dataset.path, "coco", tmp_path / "out", split=shares)
        told = json.loads((tmp_path / "out/splits.json").read_text())["pictures"]
        for part in shares:
            found = dataset.torch(part, shares=shares, masks=False)
            assert [target["image_id"] for _, target in (found[i] for i in range(len(found)))] == told[part]
            assert "masks" not in found[0][1]
        with pytest.raises(scanstage.InputError, match="no part 'test'"):
            dataset.torch("test")

    def test_what_is_damaged_is_told_and_no_end(self, dataset: scanstage.Dataset, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(dataset.path, tmp_path / "copy"))
        found = scanstage.open_dataset(copy).torch()
        (copy / "records/000003.json").write_text("{")
        with pytest.raises(ValueError, match="picture 3 is gone, or damaged"):
            list(found)
        assert [target["image_id"] for _, target in scanstage.open_dataset(copy).torch()] == [0, 1, 2, 4, 5]

    def test_wrong_parts_are_told(self, dataset: scanstage.Dataset) -> None:
        for options in (
            {"hold_out": "assets"},
            {"shares": {"train": 0.5, "val": 0.9}},
            {"shares": {"train": 1, "val": 0}},
        ):
            with pytest.raises(scanstage.InputError):
                dataset.torch("train", **options)  # type: ignore[arg-type]

    def test_a_loader_with_workers_takes_them(self, dataset: scanstage.Dataset) -> None:
        from torch.utils.data import DataLoader

        loader: Any = DataLoader(dataset.torch(transforms=_index), batch_size=4, num_workers=2)  # type: ignore[arg-type]
        assert np.concatenate([batch.numpy() for batch in loader]).tolist() == list(range(6))

    def test_a_detector_of_torchvision_takes_them(self, dataset: scanstage.Dataset) -> None:
        detection = pytest.importorskip("torchvision.models.detection")
        samples = dataset.torch()
        model = detection.maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None, num_classes=len(dataset.classes) + 1, min_size=120, max_size=160
        )
        images, targets = zip(*(samples[i] for i in range(2)), strict=True)
        losses = model(list(images), list(targets))
        assert all(np.isfinite(float(v.detach())) for v in losses.values())


def _index(image: Any, target: dict[str, Any]) -> int:
    return int(target["image_id"])


def _both(image: Any, target: dict[str, Any]) -> tuple[int, Any]:
    return int(target["image_id"]), image


class TestLive:
    """Made while they are drawn."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def test_a_pass_is_the_dataset_and_the_next_another(
        self, config: scanstage.Config, dataset: scanstage.Dataset
    ) -> None:
        live = scanstage.live(config, engines=AnalyticEngines())
        first = {target["image_id"]: image for image, target in live}
        assert set(first) == set(range(6))
        for place, picture in enumerate(dataset):
            pixels = (first[place].numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
            np.testing.assert_array_equal(pixels, picture.image())
        second = {target["image_id"]: image for image, target in live}
        assert set(second) == set(range(6))
        assert not any((first[i] == second[i]).all() for i in first)

    def test_who_stops_drawing_stops_the_making(
        self, config: scanstage.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        drawing = iter(scanstage.live(config, ahead=1, engines=AnalyticEngines()))
        next(drawing)
        drawing.close()
        assert not list(tmp_path.glob("scanstage-*"))
        assert not [t for t in threading.enumerate() if t.name == "scanstage-live"]

    def test_a_pass_tells_which_pictures_are_missing(self, config: scanstage.Config) -> None:
        trouble = {1: [EngineError("smoke")] * 20}
        with pytest.warns(UserWarning, match="1 of this pass could not be made: picture 1: smoke"):
            found = {
                target["image_id"] for _, target in scanstage.live(config, engines=AnalyticEngines(troubles=trouble))
            }
        assert found == set(range(6)) - {1}

    def test_workers_share_a_pass_and_see_other_seeds_each_time(self, config: scanstage.Config) -> None:
        import torch
        from torch.utils.data import DataLoader

        # Which seeds workers get follows from this. The engine of tests draws balls round, whose scan has facets: of
        # a thousand pictures one or two differ by a few pixels at a small ball's rim, and are refused.
        torch.manual_seed(0)
        live = scanstage.live(config, engines=AnalyticEngines(), transforms=_both)
        for persistent in (False, True):
            loader: Any = DataLoader(live, batch_size=None, num_workers=2, persistent_workers=persistent)
            passes = [dict(loader) for _ in range(2)]
            assert all(set(found) == set(range(6)) for found in passes)
            assert not any((passes[0][i] == passes[1][i]).all() for i in range(6))

    def test_a_later_pass_is_no_set_of_a_near_seed(self, config: scanstage.Config) -> None:
        from scanstage.torch_data import pass_seed

        seeds = [pass_seed(s, n) for s in range(20) for n in range(1, 20)]
        assert len(set(seeds)) == len(seeds)
        assert min(seeds) > 1000

    def test_nothing_is_kept(self, config: scanstage.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        maps = scanstage.load_config(
            config.run.model_dump(mode="json", exclude_unset=True) | {"output": {"depth": True}}
        )
        drawn = 0
        for _ in scanstage.live(maps, ahead=1, engines=AnalyticEngines()):
            drawn += 1
            kept = [p for name in ("images", "records", "depth") for p in tmp_path.glob(f"*/pictures/{name}/*")]
            assert len(kept) <= 4 * 5, "of those ahead alone"
        assert drawn == 6

    def test_what_goes_wrong_reaches_who_draws(self, config: scanstage.Config) -> None:
        """A picture that fails is left out; a pass without any is no pass."""
        always: list[Exception] = [scanstage.EngineError("no more")] * 9
        live = scanstage.live(config, engines=AnalyticEngines(troubles={2: list(always)}))
        assert {target["image_id"] for _, target in live} == {0, 1, 3, 4, 5}
        with pytest.raises(scanstage.EngineError, match="no more"):
            list(scanstage.live(config, engines=AnalyticEngines(troubles={i: list(always) for i in range(6)})))
