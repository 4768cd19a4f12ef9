from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.scenes.optics.geometry import (
    aim_lamp,
    blackbody_rgb,
    direction,
    look_at,
    random_rotation,
    rotation_z,
    srgb_to_linear,
)

angles = st.floats(-math.pi, math.pi)


@given(angles, st.floats(-1.5, 1.5), angles)
def test_cameras_are_rigid_and_look_at_their_target(azimuth: float, elevation: float, roll: float) -> None:
    eye = 3 * direction(azimuth, elevation)
    pose = look_at(eye, np.zeros(3), roll)
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3))
    assert np.isclose(np.linalg.det(pose[:3, :3]), 1)
    assert np.allclose(np.linalg.inv(pose) @ [0, 0, 0, 1], [0, 0, 3, 1])


def test_without_roll_up_is_up() -> None:
    pose = look_at(np.array([0.0, -2.0, 0.0]), np.zeros(3))
    above = np.linalg.inv(pose) @ [0, 0, 1, 1]
    right = np.linalg.inv(pose) @ [1, 0, 0, 1]
    assert above[1] < 0  # y grows downwards
    assert right[0] > 0


def test_straight_down_is_defined() -> None:
    assert np.isfinite(look_at(np.array([0.0, 0.0, 2.0]), np.zeros(3))).all()


def test_coinciding_eye_and_target_is_an_error() -> None:
    with pytest.raises(ValueError, match="coincide"):
        look_at(np.ones(3), np.ones(3))


def test_lamps_shine_along_minus_z() -> None:
    pose = aim_lamp(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    towards = -pose[:3, 2]
    assert np.allclose(towards, -np.array([1.0, 2.0, 3.0]) / math.sqrt(14))


def test_azimuth_grows_counter_clockwise() -> None:
    assert np.allclose(direction(0, 0), [0, -1, 0])
    assert np.allclose(direction(math.pi / 2, 0), [1, 0, 0])
    assert np.allclose(rotation_z(math.pi / 2) @ direction(0, 0), direction(math.pi / 2, 0))


def test_rotations_are_uniform() -> None:
    rng = np.random.default_rng(0)
    up = np.array([random_rotation(rng)[:, 2] for _ in range(4000)])
    assert np.abs(up.mean(axis=0)).max() < 0.05
    assert np.histogram(up[:, 2], bins=4, range=(-1, 1))[0].min() > 850  # Archimedes: heights are uniform


def test_blackbody_runs_from_red_to_blue() -> None:
    warm, neutral, cold = (np.array(blackbody_rgb(k)) for k in (2000, 6500, 12000))
    assert warm[0] == 1
    assert warm[2] < 0.05
    assert neutral.min() > 0.9
    assert cold[2] == 1
    assert cold[0] < 0.7


def test_srgb() -> None:
    assert srgb_to_linear("#000000") == (0, 0, 0)
    assert np.allclose(srgb_to_linear("#ffffff"), 1)
    assert np.isclose(srgb_to_linear("#bcbcbc")[0], 0.5029, atol=1e-3)
