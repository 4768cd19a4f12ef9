"""Maps as other tools read them back."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.dataset.records.map_files import depth_exr, depth_png, ids_png, normals_exr, normals_png, soft_masks_npz

H, W = 9, 14
RNG_SEED = 4


def decode(data: bytes) -> npt.NDArray[np.generic]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def some_depth() -> npt.NDArray[np.float32]:
    depth = np.random.default_rng(RNG_SEED).uniform(0.1, 60, (H, W)).astype(np.float32)
    depth[0, :3] = (np.inf, 65.6, 1e8)
    return depth


def test_depth_is_in_whole_millimetres() -> None:
    depth = some_depth()
    codes = decode(depth_png(depth))
    assert codes.dtype == np.uint16
    assert codes.shape == (H, W)
    assert codes[0, :3].tolist() == [0, 0, 0]
    there = np.ones((H, W), bool)
    there[0, :3] = False
    assert np.abs(codes[there] / 1000.0 - depth[there]).max() <= 0.0005 + 1e-5


def test_depth_in_metres_is_exact(tmp_path: Path) -> None:
    depth = some_depth()
    path = tmp_path / "d.exr"
    path.write_bytes(depth_exr(depth))
    with OpenEXR.File(str(path), separate_channels=True) as file:
        ((name, channel),) = file.parts[0].channels.items()
    assert name == "Y"
    np.testing.assert_array_equal(channel.pixels, np.where(np.isinf(depth), 0, depth))


def some_normals() -> npt.NDArray[np.float32]:
    normals = np.random.default_rng(RNG_SEED).normal(size=(H, W, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[2, 2] = 0
    return normals


@pytest.mark.skipif(
    re.search(r"OpenEXR: +NO", cv2.getBuildInformation()) is not None, reason="this OpenCV was built without OpenEXR"
)
def test_opencv_reads_both_kinds_of_exr(tmp_path: Path) -> None:
    """In a process of its own: OpenCV looks once, when it is loaded, whether it may read OpenEXR."""
    (tmp_path / "d.exr").write_bytes(depth_exr(some_depth()))
    (tmp_path / "n.exr").write_bytes(normals_exr(some_normals()))
    code = """
import sys, cv2, numpy as np
for name in ("d", "n"):
    np.save(f"{sys.argv[1]}/{name}.npy", cv2.imread(f"{sys.argv[1]}/{name}.exr", cv2.IMREAD_UNCHANGED))
"""
    environment = os.environ | {"OPENCV_IO_ENABLE_OPENEXR": "1"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, timeout=240)
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), np.where(np.isinf(some_depth()), 0, some_depth()))
    np.testing.assert_array_equal(np.load(tmp_path / "n.npy")[..., ::-1], some_normals())


def test_normals_can_be_looked_at() -> None:
    normals = some_normals()
    shown = decode(normals_png(normals))[..., ::-1].astype(float)
    assert shown[2, 2].tolist() == [0, 0, 0]
    there = np.any(normals != 0, axis=-1)
    assert np.abs(shown[there] / 255 * 2 - 1 - normals[there]).max() < 1.01 / 255


def test_ids_keep_all_their_bits() -> None:
    ids = np.array([[0, 1, 255], [256, 500, 65535]], np.uint16)
    np.testing.assert_array_equal(decode(ids_png(ids)), ids)


@given(st.integers(0, 5), st.integers(0, 10_000))
def test_soft_masks_come_back(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    masks = []
    for i in range(count):
        w, h = (int(v) for v in rng.integers(1, (W, H)))
        x, y = int(rng.integers(0, W - w + 1)), int(rng.integers(0, H - h + 1))
        coverage = np.clip(rng.uniform(-0.5, 1.5, (h, w)), 0, 1).astype(np.float32)
        masks.append((int(rng.integers(1, 300)) * 10 + i, (x, y, w, h), coverage))
    with np.load(io.BytesIO(soft_masks_npz(masks, (H, W)))) as file:
        ids, coverage = file["instance_ids"], file["coverage"]
    assert ids.shape == coverage.shape
    assert ids.shape[1:] == (H, W)
    assert ids.dtype == np.uint16
    assert coverage.dtype == np.uint8
    assert (np.diff(coverage.astype(int), axis=0) <= 0).all()
    assert ((ids > 0) == (coverage > 0)).all()
    for instance_id, (x, y, w, h), part in masks:
        expected = np.zeros((H, W))
        expected[y : y + h, x : x + w] = part
        found = np.where(ids == instance_id, coverage, 0).sum(axis=0) / 255
        assert np.abs(found - expected).max() <= 0.5 / 255 + 1e-6
    layers = sum((np.pad(p, ((y, H - y - h), (x, W - x - w))) * 255).round() > 0 for _, (x, y, w, h), p in masks)
    assert len(ids) == max(1, int(np.max(layers)))


@pytest.mark.parametrize("encode", [lambda: depth_exr(some_depth()), lambda: soft_masks_npz([], (H, W))])
def test_the_same_map_is_the_same_file(encode: object) -> None:
    assert callable(encode)
    assert encode() == encode()
