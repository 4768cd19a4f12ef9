"""The pupil that blurs the far background as its own pixels do, and its limit: the objects."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from scanstage.scenes.config.sections.camera_settings import DepthOfField
from scanstage.scenes.optics.geometry import look_at, to_matrix4
from scanstage.scenes.plan import CameraPlan
from scanstage.scenes.randomize.background_softness import MOST_AT_OBJECTS, SOFTNESS_PX, match_background
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

POSE = look_at(np.array([0.0, -1.2, 0.0]), np.zeros(3))
CAMERA = CameraPlan((640, 480), 870.0, 870.0, 320.0, 240.0, to_matrix4(POSE), focus_m=1.2)
IN_FOCUS = np.zeros(3)


def matched(panorama_px: int | None, *objects: np.ndarray, camera: CameraPlan = CAMERA, **keys: Any) -> CameraPlan:
    config = DepthOfField.model_validate({"f_number": "none", "match_background": 1.0, **keys})
    return match_background(config, camera, objects or (IN_FOCUS,), panorama_px, Draws(Streams(4, 0), {}))


def disc_px(camera: CameraPlan, depth_m: float) -> float:
    return camera.fx * camera.aperture_m * abs(1 / depth_m - 1 / camera.focus_m)


def test_the_far_background_is_blurred_by_as_many_of_its_own_pixels() -> None:
    pixel = 2 * np.pi / 1024 * CAMERA.fx  # in the picture, in its middle
    assert disc_px(matched(1024), 1e9) == pytest.approx(SOFTNESS_PX * pixel)
    assert disc_px(matched(4096), 1e9) == pytest.approx(SOFTNESS_PX * pixel / 4)
    assert disc_px(matched(1024, match_background=0.5), 1e9) == pytest.approx(SOFTNESS_PX * pixel / 2)


def test_such_a_disc_is_as_soft_as_an_enlarged_pixel() -> None:
    enlarged = 41
    box, taps = np.full(enlarged, 1 / enlarged), np.ones(1)
    for _ in range(5):  # a pixel's box and the cubic B-spline, which is four of them; the first is the pixel itself
        taps = np.convolve(taps, box)
    side = int(SOFTNESS_PX * enlarged)
    disc = cv2.circle(np.zeros((side + 4, side + 4)), (side // 2 + 2,) * 2, side // 2, 1.0, -1).sum(axis=0)

    def spread(weights: np.ndarray) -> float:
        at = np.arange(len(weights))
        return float(np.sqrt(np.average((at - np.average(at, weights=weights)) ** 2, weights=weights)))

    assert spread(disc) == pytest.approx(spread(taps), rel=0.02)


@pytest.mark.parametrize("depth", [0.7, 3.0])
def test_objects_stay_sharp(depth: float) -> None:
    camera = matched(512, IN_FOCUS, np.array([0.1, depth - 1.2, 0.0]))
    assert disc_px(camera, depth) == pytest.approx(MOST_AT_OBJECTS * 640)
    assert 0 < camera.aperture_m < matched(512).aperture_m


def test_what_is_behind_the_camera_does_not_count() -> None:
    assert matched(1024, IN_FOCUS, np.array([0.0, -2.0, 0.0])) == matched(1024)


def test_the_f_number_is_the_least() -> None:
    wide = CameraPlan((640, 480), 870.0, 870.0, 320.0, 240.0, to_matrix4(POSE), aperture_m=0.2, focus_m=1.2)
    assert matched(1024, camera=wide) == wide


def test_without_a_panorama_or_where_it_is_not_asked_for_nothing_changes() -> None:
    assert matched(None) == CAMERA
    assert matched(1024, match_background=0.0) == CAMERA
    assert match_background(None, CAMERA, (IN_FOCUS,), 1024, Draws(Streams(4, 0), {})) == CAMERA
