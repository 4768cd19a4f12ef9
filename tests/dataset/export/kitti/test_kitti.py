"""KITTI's boxes, projected by its own matrix, are where the records' boxes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.kitti.kitti_folder import _types
from scanstage.dataset.export.kitti.kitti_lines import level_from_camera, upright_box
from scanstage.dataset.labels.poses import CameraInfo
from scanstage.dataset.records.finished_dataset import open_dataset


@pytest.fixture
def kitti(toy_dataset: Path, tmp_path: Path) -> Path:
    options = ExportOptions.parse({"split": "train=0.67,val=0.33"})
    export_dataset(open_dataset(toy_dataset), "kitti", tmp_path / "out", options)
    return tmp_path / "out"


def read_calib(path: Path) -> dict[str, np.ndarray]:
    pairs = (line.split(":") for line in path.read_text().splitlines() if line)
    return {key: np.array(numbers.split(), float) for key, numbers in pairs}


def corners(numbers: list[float]) -> np.ndarray:
    """Of KITTI's development kit (``computeBox3D.m``)."""
    h, w, length, x, y, z, turn = numbers
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    box = np.array(
        [
            [length / 2, length / 2, -length / 2, -length / 2, length / 2, length / 2, -length / 2, -length / 2],
            [0, 0, 0, 0, -h, -h, -h, -h],
            [w / 2, -w / 2, -w / 2, w / 2, w / 2, -w / 2, -w / 2, w / 2],
        ]
    )
    return (rotation @ box).T + np.array([x, y, z])


def test_labels_are_those_of_the_records(kitti: Path, toy_dataset: Path) -> None:
    standing = 0
    for record in open_dataset(toy_dataset).records():
        stem = f"{record.index:06d}"
        projection = read_calib(kitti / "training/calib" / f"{stem}.txt")["P2"].reshape(3, 4)
        lines = (kitti / "training/label_2" / f"{stem}.txt").read_text().splitlines()
        for line, instance in zip(lines, record.instances, strict=True):
            type_, *texts = line.split()
            numbers = [float(t) for t in texts]
            assert len(numbers) == 14
            x, y, w, h = instance.bbox_xywh
            assert numbers[3:7] == [x, y, x + w, y + h]
            assert type_ == ("DontCare" if instance.ignore else instance.class_name)
            if instance.ignore:
                continue
            assert numbers[0] == pytest.approx(instance.truncated_fraction, abs=0.006)
            found = corners(numbers[7:])
            pixels = np.column_stack([found, np.ones(8)]) @ projection.T
            pixels = pixels[:, :2] / pixels[:, 2:]
            assert instance.box_3d is not None
            theirs = np.array(instance.box_3d.corners_px)
            # The box holds the object's own; where that stands they are one.
            assert (pixels.min(axis=0) <= theirs.min(axis=0) + 0.5).all()
            assert (pixels.max(axis=0) >= theirs.max(axis=0) - 0.5).all()
            upright = np.sort(np.abs(np.array(instance.pose.object_to_world)[2, :3] / instance.pose.scale))
            if upright[-1] > 0.9999:
                standing += 1
                away = np.linalg.norm(pixels[:, None] - theirs[None], axis=2)
                assert away.min(axis=1).max() < 0.5
                assert sorted(away.argmin(axis=1)) == list(range(8))
            towards = np.arctan2(numbers[10], numbers[12])
            assert np.cos(numbers[13] - towards) == pytest.approx(np.cos(numbers[2]), abs=1e-3)
    assert standing > 3


def test_the_level_camera_looks_level() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        pose = np.eye(4)
        pose[:3, :3] = turn
        level = level_from_camera(CameraInfo("pinhole", tuple(map(tuple, np.eye(3))), (), tuple(map(tuple, pose))))
        np.testing.assert_allclose(level @ level.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(level) == pytest.approx(1)
        down = level @ turn.T @ (0, 0, -1)
        np.testing.assert_allclose(down, (0, 1, 0), atol=1e-9)
        ahead = level @ (0, 0, 1)
        assert ahead[0] == pytest.approx(0, abs=1e-9)
        assert ahead[2] >= 0


def test_a_camera_that_looks_down_has_a_level_one_too() -> None:
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]  # x right, y towards -Y, z down
    level = level_from_camera(CameraInfo("pinhole", tuple(map(tuple, np.eye(3))), (), tuple(map(tuple, pose))))
    np.testing.assert_allclose(level @ (0, 0, 1), (0, 1, 0), atol=1e-9)
    np.testing.assert_allclose(level @ (0, -1, 0), (0, 0, 1), atol=1e-9)


def test_a_box_without_lean_is_the_objects_own(toy_dataset: Path) -> None:
    for record in open_dataset(toy_dataset).records():
        level = level_from_camera(record.camera)
        for instance in record.instances:
            box = upright_box(instance, level)
            assert box is not None
            assert instance.box_3d is not None
            assert np.prod(box.size_hwl) >= np.prod(instance.box_3d.size_m) * 0.999
            lowest = (np.array(instance.box_3d.corners_m) @ level.T)[:, 1].max()
            assert box.bottom[1] == pytest.approx(lowest)


def test_what_kitti_cannot_hold_is_told(make_dataset, tmp_path: Path) -> None:
    bent = make_dataset("camera.distortion={k1: -0.1}", "images=1")
    with pytest.raises(InputError, match="its camera is distorted"):
        export_dataset(open_dataset(bent), "kitti", tmp_path / "out")
    assert _types(["traffic sign", "car"]) == {"traffic sign": "traffic_sign", "car": "car"}
    with pytest.raises(InputError, match="two classes 'traffic_sign'"):
        _types(["traffic sign", "traffic_sign"])
