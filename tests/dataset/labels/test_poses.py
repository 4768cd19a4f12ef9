"""Poses and 3D boxes against the geometry that they describe, computed another way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanstage.dataset.labels.instances import make_labels
from scanstage.dataset.labels.poses import box_3d, object_pose
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.optics.geometry import apply, look_at, random_rotation, to_matrix4, transform
from scanstage.scenes.plan import CameraPlan
from scanstage.scenes.planning.planner import Planner

BOUNDS = np.array([[-0.05, -0.04, 0.0], [0.05, 0.04, 0.06]])


def camera(rng: np.random.Generator) -> CameraPlan:
    pose = look_at(rng.normal(size=3) * 2, rng.normal(size=3) * 0.1, float(rng.uniform(-3, 3)))
    return CameraPlan((160, 120), 150.0, 140.0, 83.0, 57.0, to_matrix4(pose))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_pose_maps_points_as_the_matrices_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view, scale = camera(rng), float(np.exp(rng.uniform(-4, 4)))
    matrix = transform(random_rotation(rng), rng.normal(size=3), scale)
    pose = object_pose(view, to_matrix4(matrix))
    rotation = np.array(pose.rotation)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert pose.scale == pytest.approx(scale)
    points = rng.normal(size=(5, 3))
    there = apply(np.linalg.inv(np.array(view.camera_to_world)), apply(matrix, points))
    assert np.allclose(pose.scale * points @ rotation.T + pose.translation_m, there, atol=1e-9)


@pytest.mark.parametrize("matrix", [np.diag([1, 1, 2, 1.0]), np.diag([1, 1, -1, 1.0]), np.eye(4) + np.eye(4, k=1)])
def test_uneven_mirrored_and_sheared_matrices_have_no_pose(matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="even scale"):
        object_pose(camera(np.random.default_rng(0)), to_matrix4(matrix))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_corners_are_numbered_by_their_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    view = camera(rng)
    pose = object_pose(view, to_matrix4(transform(random_rotation(rng), rng.normal(size=3) * 0.1, 1.5)))
    box = box_3d(view, pose, BOUNDS)
    corners = np.array(box.corners_m)
    assert box.size_m == pytest.approx(1.5 * (BOUNDS[1] - BOUNDS[0]))
    back = (corners - pose.translation_m) @ np.array(pose.rotation) / pose.scale
    for i, corner in enumerate(back):
        assert corner == pytest.approx([BOUNDS[i >> axis & 1][axis] for axis in range(3)])
    for corner, pixel in zip(corners, box.corners_px, strict=True):
        if corner[2] > 0:
            assert pixel == pytest.approx((150 * corner[0] / corner[2] + 83, 140 * corner[1] / corner[2] + 57))
        else:
            assert pixel is None


def test_labels_carry_pose_and_box(tmp_path: Path, toy_library: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"assets: {{library: {toy_library}}}\nobjects: {{count: 5, scale: {{uniform: [0.5, 2]}}}}")
    config = load_config(path)
    planner = Planner(config, open_catalogue(config, tmp_path), tmp_path)
    for index in range(3):
        planned = planner.plan(index)
        placed = {o.instance_id: o for o in planned.plan.objects}
        for label in make_labels(planned, config.labels)[0]:
            item = placed[label.instance_id]
            assert label.pose is not None
            assert label.box_3d is not None
            assert label.pose.object_to_world == item.object_to_world
            vertices = planner.catalogue.mesh(item.asset_id).vertices.astype(float)
            there = vertices * label.pose.scale @ np.array(label.pose.rotation).T + label.pose.translation_m
            inverse = np.linalg.inv(np.array(planned.plan.camera.camera_to_world))
            assert np.allclose(there, apply(inverse @ np.array(item.object_to_world), vertices), atol=1e-9)
            if label.truncated_fraction == 0:  # what is seen lies within the box's corners
                pixels = np.array(label.box_3d.corners_px)
                x, y, w, h = label.bbox_amodal_xywh
                assert (pixels.min(axis=0) <= [x + 0.5, y + 0.5]).all()
                assert (pixels.max(axis=0) >= [x + w - 0.5, y + h - 0.5]).all()
