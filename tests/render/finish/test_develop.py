from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.assets.messages.errors import InputError
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import (
    decode_srgb,
    develop,
    encode_srgb,
    meter,
)
from scanstage.scenes.backplates.tone_curve import camera_curve, inverse_camera_curve
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, PostPlan

HDRI = BackgroundPlan("hdri")
CAMERA = CameraPlan((16, 12), 16.0, 16.0, 8.0, 6.0, ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)))


def flat(level: float, alpha: float = 1.0, ids: int = 0) -> Passes:
    return Passes(
        np.full((12, 16, 3), level * alpha, np.float32),
        np.full((12, 16), alpha, np.float32),
        np.full((12, 16), ids, np.uint16),
    )


@given(st.floats(1e-4, 1e4))
def test_automatic_exposure_forgets_the_light_level(level: float) -> None:
    pixels, _ = develop(flat(level), PostPlan(), HDRI, CAMERA)
    assert abs(int(pixels[0, 0, 0]) - 115) < 6


def test_fixed_exposure_keeps_the_light_level() -> None:
    dark, _ = develop(flat(0.05), PostPlan(exposure_ev=0.0), HDRI, CAMERA)
    light, _ = develop(flat(0.2), PostPlan(exposure_ev=0.0), HDRI, CAMERA)
    brighter, ev = develop(flat(0.05), PostPlan(exposure_ev=0.0, bias_ev=2.0), HDRI, CAMERA)
    assert dark.mean() < light.mean()
    assert np.array_equal(brighter, light)
    assert ev == 2


def test_highlights_are_guarded_within_a_bound() -> None:
    passes = flat(0.1)
    without = meter(passes)
    passes.radiance[0, :4] = 50
    assert without - 1.2 < meter(passes) < without


def test_shadows_on_a_backplate_are_not_metered() -> None:
    """Opaque and black where the film is transparent otherwise: they say nothing about the light."""
    passes = flat(0.2, ids=1)
    plain = meter(passes)
    passes.radiance[6:] = 0
    passes.instance_ids[6:] = 0
    assert abs(meter(passes) - plain) < 0.01


def test_a_black_picture_is_no_error() -> None:
    pixels, ev = develop(flat(0.0), PostPlan(), HDRI, CAMERA)
    assert np.isfinite(ev)
    assert pixels.max() <= 1 or pixels.dtype == np.uint8


@given(st.floats(0, 100), st.floats(0, 100))
def test_the_curve_rises_and_stays_below_white(a: float, b: float) -> None:
    low, high = camera_curve(np.array(sorted([a, b]), np.float32))
    assert 0 <= low <= high <= 1


def test_the_curve_is_smooth_where_its_parts_meet() -> None:
    x = np.linspace(0.3, 0.4, 1001, dtype=np.float32)
    slope = np.diff(camera_curve(x)) / np.diff(x)
    assert np.abs(np.diff(slope)).max() < 0.05


def test_srgb_round_trip() -> None:
    codes = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert np.array_equal(encode_srgb(decode_srgb(codes)), codes)


def test_a_flat_background_is_exactly_its_colour() -> None:
    pixels, _ = develop(flat(1.0, alpha=0.0), PostPlan(), BackgroundPlan("color", (0.2, 0.4, 0.6)), CAMERA)
    assert np.array_equal(pixels[0, 0], encode_srgb(np.array([0.2, 0.4, 0.6], np.float32)))


@pytest.mark.parametrize("size", [(64, 48), (20, 90), (8, 6)])
def test_a_backplate_covers_the_frame(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = np.full((size[1], size[0], 3), 77, np.uint8)
    path = tmp_path / f"{size}.png"
    cv2.imwrite(str(path), photo)
    pixels, _ = develop(flat(1.0, alpha=0.0), PostPlan(), BackgroundPlan("backplate", image=str(path)), CAMERA)
    assert (pixels == 77).all()


def test_half_covered_pixels_mix_linearly() -> None:
    pixels, _ = develop(
        flat(1.0, alpha=0.5), PostPlan(0.0, 0.0, "standard"), BackgroundPlan("color", (0.0, 0.0, 0.0)), CAMERA
    )
    assert np.array_equal(pixels[0, 0], encode_srgb(np.full(3, 0.5, np.float32)))


def test_objects_before_the_dark_are_not_burnt_out() -> None:
    """Of a lit object half lies in light and half in shade, 6 stops apart; about it is darkness."""
    passes = flat(0.003)
    passes.radiance[3:9, 4:8] = 1.0 / 64
    passes.radiance[3:9, 8:12] = 1.0
    passes.instance_ids[3:9, 4:12] = 1
    pixels, _ = develop(passes, PostPlan(), HDRI, CAMERA)
    assert 200 < pixels[5, 10].max() < 253
    assert pixels[5, 5].max() > 15, "nor does the shade drown"


@pytest.mark.parametrize("size", [(1, 30_000), (30_000, 1), (3, 4000)])
def test_a_backplate_of_odd_proportions_is_scaled_in_bounded_memory(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled as a whole to cover the frame, a row of pixels would be 40 million high."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((size[1], size[0], 3), 77, np.uint8))
    largest = []
    resize = cv2.resize

    def watched(photo: np.ndarray, to: tuple[int, int], **more: int) -> np.ndarray:
        largest.append(to[0] * to[1])
        return resize(photo, to, **more)

    monkeypatch.setattr(cv2, "resize", watched)
    pixels, _ = develop(
        flat(1.0, alpha=0.0), PostPlan(), BackgroundPlan("backplate", image=str(tmp_path / "a.png")), CAMERA
    )
    assert (pixels == 77).all()
    assert max(largest) < 20 * 16 * 12


def test_a_backplate_that_became_a_pipe_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="pipe, not a file"):
        develop(flat(1.0, alpha=0.0), PostPlan(), BackgroundPlan("backplate", image=str(tmp_path / "a.png")), CAMERA)


@pytest.mark.parametrize("tone", ["filmic", "standard"])
def test_half_of_an_object_that_looks_like_the_photo_is_not_seen(tmp_path: Path, tone: str) -> None:
    """Light of both mixes before the tone curve does; mixed after it, the seam would be darker."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((12, 16, 3), 150, np.uint8))
    behind = BackgroundPlan("backplate", image=str(tmp_path / "a.png"))
    photo = decode_srgb(np.full((1, 1), 150, np.uint8))
    light = float((inverse_camera_curve(photo) if tone == "filmic" else photo)[0, 0])
    passes = flat(light)
    passes.radiance[:, :8] *= 0.5
    passes.alpha[:, :8] = 0.5
    pixels, _ = develop(passes, PostPlan(0.0, 0.0, tone), behind, CAMERA)
    assert np.abs(pixels.astype(int) - 150).max() <= 1
