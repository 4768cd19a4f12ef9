"""YOLO's text files say what the records say, in all four tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.yolo.yolo_lines import ground_corners, mirrored, smallest_rectangle
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.rle_mask import RunMask
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import Record
from scanstage.render.cli.app import entrypoint


def exported(dataset: Path, out: Path, task: str, **options: str) -> tuple[Path, dict[str, Any]]:
    name = "yolo" if task == "detect" else f"yolo-{task}"
    _, figures = export_dataset(open_dataset(dataset), name, out, ExportOptions.parse(options))
    return out, figures


def lines(out: Path) -> dict[int, list[list[float]]]:
    """The numbers of each line by picture."""
    return {
        int(p.stem): [[float(v) for v in line.split()] for line in p.read_text().splitlines()]
        for p in out.glob("labels/*/*.txt")
    }


def labels(record: Record) -> list[Instance]:
    return [i for i in record.instances if not i.ignore]


def test_boxes_are_those_of_the_records(toy_dataset: Path, tmp_path: Path) -> None:
    out, figures = exported(toy_dataset, tmp_path / "out", "detect")
    dataset = open_dataset(toy_dataset)
    names = yaml.safe_load((out / "data.yaml").read_text())["names"]
    found = lines(out)
    assert figures["labels"] == sum(map(len, found.values()))
    assert figures["ignored regions left out"] == 1
    for record in dataset.records():
        width, height = record.image.resolution_wh
        for line, label in zip(found[record.index], labels(record), strict=True):
            assert names[int(line[0])] == label.class_name
            x, y, w, h = np.array(line[1:]) * (width, height, width, height)
            np.testing.assert_allclose((x - w / 2, y - h / 2, w, h), label.bbox_xywh, atol=1e-3)


def test_pictures_lie_beside_their_labels(toy_dataset: Path, tmp_path: Path) -> None:
    out, _ = exported(toy_dataset, tmp_path / "out", "detect", split="train=0.34,val=0.33,test=0.33")
    about = yaml.safe_load((out / "data.yaml").read_text())
    assert "path" not in about
    for part in ("train", "val", "test"):
        images = sorted(p.stem for p in (out / about[part]).iterdir())
        assert len(images) == 1
        assert images == sorted(p.stem for p in (out / "labels" / part).iterdir())


def test_outlines_are_those_of_the_masks(toy_dataset: Path, tmp_path: Path) -> None:
    out, _ = exported(toy_dataset, tmp_path / "out", "seg")
    found = lines(out)
    for record in open_dataset(toy_dataset).records():
        width, height = record.image.resolution_wh
        for line, label in zip(found[record.index], labels(record), strict=True):
            points = np.array(line[1:]).reshape(-1, 2) * (width, height)
            np.testing.assert_allclose(points, points.round(), atol=1e-3)
            low, high = points.min(axis=0), points.max(axis=0)
            np.testing.assert_allclose((*low, *(high - low)), label.bbox_xywh, atol=1e-3)
            x, y = points.T
            area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
            assert area == pytest.approx(label.area_px, abs=0.1)


def test_keypoints_are_those_of_the_records(toy_dataset: Path, tmp_path: Path) -> None:
    out, _ = exported(toy_dataset, tmp_path / "out", "pose")
    about = yaml.safe_load((out / "data.yaml").read_text())
    assert about["kpt_shape"] == [2, 3]
    assert "flip_idx" not in about, "low and high don't tell what a mirror does"
    dataset = open_dataset(toy_dataset)
    names = {c.name: c.keypoints for c in dataset.categories}
    found = lines(out)
    seen = 0
    for record in dataset.records():
        size = record.image.resolution_wh
        for line, label in zip(found[record.index], labels(record), strict=True):
            triples = np.array(line[5:]).reshape(2, 3)
            known = {k.name: k for k in label.keypoints}
            for name, (x, y, flag) in zip(names[label.class_name], triples, strict=True):
                assert flag == known[name].visibility
                if flag:
                    seen += 1
                    np.testing.assert_allclose(np.array((x, y)) * size, known[name].xy_px, atol=1e-3)
                else:
                    assert (x, y) == (0, 0)
    assert seen > 5


@pytest.mark.parametrize("way", ["mask", "ground"])
def test_oriented_boxes_are_in_the_picture(toy_dataset: Path, tmp_path: Path, way: str) -> None:
    out, _ = exported(toy_dataset, tmp_path / "out", "obb", obb=way)
    found = lines(out)
    for record in open_dataset(toy_dataset).records():
        size = record.image.resolution_wh
        for line, label in zip(found[record.index], labels(record), strict=True):
            corners = np.array(line[1:]).reshape(4, 2)
            assert corners.min() >= 0
            assert corners.max() <= 1
            expected = smallest_rectangle(RunMask.read(label.mask.size_hw, label.mask.counts))
            if way == "ground":
                projected = ground_corners(label)
                assert projected is not None
                expected = projected
            np.testing.assert_allclose(corners * size, expected.clip(0, size), atol=1e-3)


def test_the_smallest_rectangle_holds_every_pixel() -> None:
    mask = np.zeros((60, 80), np.uint8)
    box = cv2.boxPoints(((40, 30), (40, 12), 30)).astype(np.int32)
    cv2.fillPoly(mask, [box], 1)
    from scanstage.dataset.labels.instances import Rle

    code = Rle.encode(mask.astype(bool))
    corners = smallest_rectangle(RunMask.read(code.size_hw, code.counts))
    ys, xs = np.nonzero(mask)
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        assert cv2.pointPolygonTest(corners.astype(np.float32), (x + 0.5, y + 0.5), True) > 0.3
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    assert edges.max() == pytest.approx(41, abs=2)
    assert edges.min() == pytest.approx(13, abs=2)


def test_the_ground_side_is_the_lowest(toy_dataset: Path) -> None:
    for record in open_dataset(toy_dataset).records():
        to_world = np.array(record.camera.camera_to_world)
        k = np.array(record.camera.k)
        for label in record.instances:
            assert label.box_3d is not None
            corners = np.array(label.box_3d.corners_m)
            heights = (corners @ to_world[:3, :3].T + to_world[:3, 3])[:, 2]
            middle = heights.mean()
            projected = ground_corners(label)
            assert projected is not None
            pixels = corners @ k.T
            pixels = pixels[:, :2] / pixels[:, 2:]
            which = [int(np.linalg.norm(pixels - p, axis=1).argmin()) for p in projected]
            steep = [(heights[0] - heights[2**a]) / np.linalg.norm(corners[0] - corners[2**a]) for a in range(3)]
            down = middle - heights[which].mean()
            edge = np.linalg.norm(corners[which].mean(axis=0) - corners.mean(axis=0))
            assert down / edge == pytest.approx(np.abs(steep).max(), abs=1e-6), "no side faces down more"
            around = [(a ^ b).bit_count() for a, b in zip(which, which[1:] + which[:1], strict=True)]
            assert around == [1] * 4, "neighbours in the line are neighbours in the box"


def test_a_mirror_changes_left_and_right() -> None:
    face = ("nose", "left_eye", "right_eye")
    assert mirrored([Category("face", face)]) == [0, 2, 1]
    assert mirrored([Category("face", face), Category("ball")]) == [0, 2, 1]
    assert mirrored([Category("face", face), Category("hand", ("left", "right"))]) is None
    assert mirrored([Category("box", ("low", "high"))]) is None
    assert mirrored([Category("eye", ("left_eye", "nose"))]) is None


def test_what_yolo_cannot_hold_is_told(toy_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entrypoint(["export", str(toy_dataset), "--format", "yolo", "--split", "train=1"]) == 2
    assert "--split: Ultralytics needs train and val" in capsys.readouterr().err
    assert entrypoint(["export", str(toy_dataset), "--format", "yolo", "--split", "train=.5,val=.2,extra=.3"]) == 2
    assert "(extra)" in capsys.readouterr().err


def test_poses_without_keypoints_are_told(make_dataset, toy_library: Path, tmp_path: Path) -> None:
    plain = make_dataset(f"assets.library={toy_library}")
    with pytest.raises(InputError, match="yolo-pose: no scan of toys has keypoints"):
        exported(plain, tmp_path / "out", "pose")


def test_a_picture_without_labels_is_background(make_dataset, tmp_path: Path) -> None:
    empty = make_dataset("objects.count=0", "images=2")
    out, _ = exported(empty, tmp_path / "out", "detect")
    assert lines(out) == {0: [], 1: []}


def test_names_stay_what_they_are(tmp_path: Path, toy_dataset: Path) -> None:
    dataset = open_dataset(toy_dataset)
    from dataclasses import replace

    from scanstage.dataset.export.yolo.yolo_folder import _data_yaml

    names = ["traffic sign/stop", "杯子", "Été", "yes", "1", 'a "b": c', "# no comment"]
    named = replace(dataset, run=replace(dataset.run, categories=tuple(map(Category, names))))
    text = _data_yaml(named, {"train": 0.5, "val": 0.5}, "detect")
    assert yaml.safe_load(text)["names"] == dict(enumerate(names))
