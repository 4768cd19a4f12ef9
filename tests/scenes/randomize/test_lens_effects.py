"""From f-numbers, streaks in pixels and the like to what a plan holds, by the formulas that define them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.projection import project

from scanstage.render.finish.sensor import add_noise
from scanstage.scenes.config.camera_looks import with_look
from scanstage.scenes.config.sections.camera_settings import CameraConfig
from scanstage.scenes.config.sections.run_config import OutputConfig
from scanstage.scenes.optics.geometry import blackbody_rgb, look_at, to_matrix4, transform
from scanstage.scenes.plan import CameraPlan, NoisePlan, ObjectPlan, PostPlan
from scanstage.scenes.randomize.lens_effects import draw_motion, draw_optics, draw_post, scaled_down
from scanstage.scenes.values.draws import Draws
from scanstage.scenes.values.seeding import Streams

EYE = np.array([0.3, -1.0, 0.8])
CAMERA = CameraPlan((640, 480), 620.0, 620.0, 320.0, 240.0, to_matrix4(look_at(EYE, np.zeros(3))))


def draws(index: int = 0) -> Draws:
    return Draws(Streams(4, index), {})


def config(**keys: Any) -> CameraConfig:
    return with_look(CameraConfig.model_validate(keys), None)


def test_nothing_is_added_by_default() -> None:
    assert draw_optics(config(), CAMERA, np.zeros(3), draws()) == CAMERA
    assert draw_post(config(), config(), OutputConfig(), draws()) == PostPlan()
    assert draw_motion(config().motion_blur, CAMERA, (), draws()) == ()


@pytest.mark.parametrize("sensor_mm", [6.0, 36.0])
def test_the_pupil_follows_from_the_f_number(sensor_mm: float) -> None:
    """A small sensor has a short lens, so a small pupil and much in focus, as in a phone."""
    asked = config(depth_of_field={"f_number": 2.0}, sensor_mm=sensor_mm)
    camera = draw_optics(asked, CAMERA, np.zeros(3), draws())
    focal_m = 620 / 640 * sensor_mm / 1000
    assert camera.aperture_m == pytest.approx(focal_m / 2)
    assert camera.focus_m == pytest.approx(np.linalg.norm(EYE))  # the objects' centre, on the axis here
    near = draw_optics(config(depth_of_field={"f_number": 2.0, "focus_m": 0.4}), CAMERA, np.zeros(3), draws())
    assert near.focus_m == 0.4


def objects() -> tuple[ObjectPlan, ...]:
    places = [(0.0, 0.0, 0.0), (0.2, 0.1, 0.0), (-0.1, 0.3, 0.1)]
    return tuple(
        ObjectPlan(i + 1, "box/toy", "box", to_matrix4(transform(np.eye(3), np.array(p), 1.0)))
        for i, p in enumerate(places)
    )


def test_objects_move_by_themselves_and_their_streaks_are_as_long_as_asked() -> None:
    blur = config(motion_blur={"of": "objects", "length_px": 12.0, "rotation_deg": 20.0}).motion_blur
    moving = draw_motion(blur, CAMERA, objects(), draws())
    headings = []
    for item in moving:
        assert item.motion is not None
        place = np.array(item.object_to_world)[:3, 3]
        step = np.array(item.motion.translation_m)
        (start, end) = project(CAMERA, np.stack([place - step / 2, place + step / 2]))
        assert np.hypot(*(end - start)[:2]) == pytest.approx(12.0, rel=1e-6)
        assert end[2] == pytest.approx(start[2])  # in the image plane
        assert np.linalg.norm(item.motion.rotation) == pytest.approx(math.radians(20))
        headings.append(round(math.atan2(*(end - start)[:2]), 3))
    assert len(set(headings)) == 3


def test_a_moving_camera_draws_streaks_at_the_objects_distance() -> None:
    camera = draw_optics(config(motion_blur={"length_px": 9.0}), CAMERA, np.zeros(3), draws())
    assert camera.motion is not None
    step = np.array(camera.motion.translation_m)

    def seen(t: float) -> np.ndarray:
        pose = np.array(CAMERA.camera_to_world)
        pose[:3, 3] += t * step
        return project(replace(CAMERA, camera_to_world=to_matrix4(pose)), np.zeros((1, 3)))[0, :2]

    assert np.hypot(*(seen(0.5) - seen(-0.5))) == pytest.approx(9.0, rel=1e-6)
    assert camera.motion.rotation == (0.0, 0.0, 0.0)
    assert draw_motion(config(motion_blur={"length_px": 9.0}).motion_blur, CAMERA, objects(), draws()) == objects()


def test_what_does_not_move_has_no_motion() -> None:
    still = config(motion_blur={"of": "objects", "length_px": 0, "rotation_deg": 0})
    assert draw_motion(still.motion_blur, CAMERA, objects(), draws()) == objects()
    assert draw_optics(config(motion_blur={}), CAMERA, np.zeros(3), draws()).motion is None


def test_every_picture_has_noise_of_its_own() -> None:
    asked = config(noise={"shot": 0.001, "read": 0.002}, vignetting=0.3, chromatic_aberration_px=-1.5)
    first, again, other = (draw_post(asked, asked, OutputConfig(quality=70), draws(i)) for i in (0, 0, 1))
    assert first == again
    assert first.noise is not None
    assert other.noise is not None
    assert first.noise.seed != other.noise.seed
    assert replace(first, noise=None) == PostPlan(vignetting=0.3, aberration_px=-1.5, jpeg_quality=70)
    assert first.noise == NoisePlan(0.001, 0.002, first.noise.seed)


def test_a_looks_lens_is_ideal_where_its_blur_would_hardly_be_seen() -> None:
    small, large = (config(depth_of_field={"f_number": 2.0, "sensor_mm": width}) for width in (4.0, 36.0))
    for asked, expected in ((small, 0.0), (large, 620 / 640 * 0.036 / 2)):
        camera = draw_optics(asked, CAMERA, np.zeros(3), draws(), by_look=True)
        assert camera.aperture_m == pytest.approx(expected)
    assert draw_optics(small, CAMERA, np.zeros(3), draws()).aperture_m > 0


def test_an_f_number_is_that_of_the_sensor_it_is_said_of() -> None:
    phone = config(depth_of_field={"f_number": 2.0, "sensor_mm": 7.6}, sensor_mm=36.0)
    assert draw_optics(phone, CAMERA, np.zeros(3), draws()).aperture_m == pytest.approx(620 / 640 * 0.0076 / 2)
    assert draw_optics(config(depth_of_field={"f_number": "none"}), CAMERA, np.zeros(3), draws()).aperture_m == 0


@pytest.mark.parametrize(("mired", "kelvin"), [(0.0, 6504.0), (100.0, 3940.8), (-50.0, 9639.0)])
def test_a_grey_card_looks_as_under_a_light_that_the_camera_takes_for_white(mired: float, kelvin: float) -> None:
    post = draw_post(
        config(white_balance={"shift_mired": mired, "tint": 0.0001}),
        config(white_balance={"shift_mired": mired, "tint": 0.0001}),
        OutputConfig(),
        draws(),
    )
    assert post.processor is not None
    gains = np.array(post.processor.white_balance)
    expected = np.array(blackbody_rgb(kelvin)) / np.array(blackbody_rgb(6504.0))
    np.testing.assert_allclose(gains / gains[1], expected / expected[1], rtol=1e-3)
    assert (gains[0] > gains[2]) == (mired > 0) or mired == 0


def test_tint_takes_green_by_stops() -> None:
    asked = config(white_balance={"tint": 0.5})
    post = draw_post(asked, asked, OutputConfig(), draws())
    assert post.processor is not None
    red, green, blue = post.processor.white_balance
    assert green / red == pytest.approx(2**-0.5)
    assert blue == pytest.approx(red)


def test_a_picture_that_was_scaled_down_keeps_the_noise_that_means_of_blocks_have() -> None:
    signal = np.full((1024, 1024, 3), 0.3, np.float32)
    for grain, chroma in ((0.0, 1.0), (1.0, 0.0)):
        native = PostPlan(noise=NoisePlan(2e-3, 4e-3, 5, grain, chroma), blur_px=1.2, aberration_px=-0.8)
        small = scaled_down(native, 0.25)
        assert native.noise is not None
        assert small.noise is not None
        means = add_noise(signal, native.noise).reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
        assert add_noise(signal[:256, :256], small.noise).std() == pytest.approx(means.std(), rel=0.06)
        assert (small.blur_px, small.aberration_px) == (pytest.approx(0.3), pytest.approx(-0.2))


def test_looks_shrink_with_the_picture_and_own_keys_do_not() -> None:
    keys = {"look": "webcam", "native_width_px": 1280, "blur_px": 0.9, "resolution": (640, 480)}
    look = CameraConfig.model_validate(keys)
    whole, half = (
        draw_post(with_look(c, "webcam"), c, OutputConfig(), draws())
        for c in (look.model_copy(update={"native_width_px": "none"}), look)
    )
    assert whole.processor is not None
    assert half.processor is not None
    assert half.blur_px == whole.blur_px == 0.9
    assert half.aberration_px == pytest.approx(whole.aberration_px / 2)
    assert half.processor.detail == pytest.approx(min(1, 2 * whole.processor.detail))
    assert (whole.processor.stream_quality is None, half.processor.stream_quality) == (False, None)
    assert half.bias_ev == whole.bias_ev
