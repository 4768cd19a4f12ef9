"""What a camera's processor does, each effect measured on what comes out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import develop
from scanstage.render.finish.signal_processor import balance_white, light_color, process, through_stream
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, NoisePlan, PostPlan, ProcessorPlan

POSE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
CAMERA = CameraPlan((200, 150), 200.0, 200.0, 100.0, 75.0, POSE)
Floats = npt.NDArray[np.float32]


def lit(color: tuple[float, float, float], seed: int = 0) -> Floats:
    """(150, 200, 3) patches of grey and of all colours under a light."""
    rng = np.random.default_rng(seed)
    patches = rng.uniform(0.05, 0.6, (15, 20, 3)) * rng.uniform(0.3, 1, (15, 20, 1))
    patches[::2] = patches[::2].mean(axis=-1, keepdims=True)
    return (np.kron(patches, np.ones((10, 10, 1))) * color).astype(np.float32)


def grey_edge() -> Floats:
    """(150, 200, 3) display values: 0.3 on the left, 0.6 on the right."""
    picture = np.full((150, 200, 3), 0.3, np.float32)
    picture[:, 100:] = 0.6
    return linear(picture)


def linear(display: Floats) -> Floats:
    return np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(np.float32)


def test_defaults_change_nothing() -> None:
    light = lit((1, 1, 1))
    assert balance_white(light, ProcessorPlan()) is light
    passes = Passes(light, np.ones((150, 200), np.float32), np.zeros((150, 200), np.uint16))
    plain, _ = develop(passes, PostPlan(0.0), BackgroundPlan("hdri"), CAMERA)
    processed, _ = develop(passes, PostPlan(0.0, processor=ProcessorPlan()), BackgroundPlan("hdri"), CAMERA)
    assert np.abs(plain.astype(int) - processed).max() <= 1


@pytest.mark.parametrize("light", [(1.5, 1.0, 0.6), (0.8, 1.0, 1.3)])
def test_automatic_white_balance_takes_the_lights_colour_out(light: tuple[float, float, float]) -> None:
    scene = lit(light)
    neutral = balance_white(scene, ProcessorPlan(auto_white_balance=1.0))
    np.testing.assert_allclose(light_color(neutral), 1.0, atol=0.01)
    grey = neutral[5, 5] / neutral[5, 5, 1]  # a grey patch
    assert np.abs(grey - 1).max() < 0.1
    half = balance_white(scene, ProcessorPlan(auto_white_balance=0.5))
    np.testing.assert_allclose(light_color(half), light_color(scene) ** 0.5, rtol=0.01)


def test_automatic_white_balance_stays_within_a_cameras_reach() -> None:
    red = balance_white(lit((1.0, 0.02, 0.01)), ProcessorPlan(auto_white_balance=1.0))
    assert np.isfinite(red).all()
    assert light_color(red)[0] > 10


def test_the_error_of_white_balance_is_on_a_grey_card() -> None:
    card = np.full((8, 8, 3), 0.2, np.float32)
    warm = balance_white(card, ProcessorPlan(white_balance=(1.2, 1.0, 0.7)))
    np.testing.assert_allclose(warm[0, 0], (0.24, 0.2, 0.14), rtol=1e-5)


def test_contrast_is_the_slope_in_the_middle() -> None:
    display = np.linspace(0, 1, 200, dtype=np.float32)
    ramp = linear(np.broadcast_to(display[None, :, None], (16, 200, 3)))
    steep = process(ramp, ProcessorPlan(contrast=1.4))[0, :, 1] / 255
    assert (steep[0], steep[-1]) == (0, 1)
    middle = slice(92, 108)
    slope = np.polyfit(display[middle], steep[middle], 1)[0]
    assert slope == pytest.approx(1.4, rel=0.03)
    assert abs(float(np.interp(0.5, display, steep)) - 0.5) < 0.01


@pytest.mark.parametrize(("black", "least", "dark"), [(0.1, 26, 0.28), (-0.1, 0, 0.12)])
def test_the_black_point_lifts_or_drowns(black: float, least: int, dark: float) -> None:
    display = np.array([[[0.0] * 3, [0.2] * 3, [1.0] * 3]], np.float32)
    shown = process(linear(display), ProcessorPlan(black_point=black))[0, :, 0]
    assert shown[0] == least
    assert shown[1] / 255 == pytest.approx(dark, abs=0.005)
    assert shown[2] == 255


def test_saturation_is_a_factor_on_the_distance_from_grey() -> None:
    display = np.full((4, 4, 3), (0.6, 0.4, 0.3), np.float32)
    luma = float(display[0, 0] @ (0.299, 0.587, 0.114))
    shown = process(linear(display), ProcessorPlan(saturation=0.5))[0, 0] / 255
    np.testing.assert_allclose(shown, luma + 0.5 * (display[0, 0] - luma), atol=0.003)
    assert np.ptp(process(linear(display), ProcessorPlan(saturation=0.0))[0, 0].astype(int)) <= 1


@pytest.mark.parametrize("amount", [0.5, 1.0])
def test_sharpening_gives_edges_a_seam_of_the_amount(amount: float) -> None:
    """Beside a step, an unsharp mask reaches half of amount times step beyond it, less half a pixel's worth."""
    sharp = process(grey_edge(), ProcessorPlan(sharpening=amount, sharpening_px=4.0))[75, :, 0] / 255
    over, under = sharp.max() - 0.6, 0.3 - sharp.min()
    # Half a pixel from the edge, a Gaussian of 4 px has covered Phi(1/8) = 0.55 of the step.
    assert over == pytest.approx(amount * 0.3 * 0.45, abs=0.006)
    assert under == pytest.approx(amount * 0.3 * 0.45, abs=0.006)
    assert abs(sharp[10] - 0.3) < 0.003


def test_sharpening_colours_nothing() -> None:
    """Brightness alone is sharpened: differences between the channels stay as they are."""
    picture = np.full((20, 40, 3), (0.5, 0.4, 0.3), np.float32)
    picture[:, 20:] = (0.6, 0.5, 0.4)
    sharp = process(linear(picture), ProcessorPlan(sharpening=1.0)).astype(int)
    assert np.abs(sharp[..., 0] - sharp[..., 2] - 51).max() <= 1


def blockiness(pixels: npt.NDArray[np.uint8]) -> float:
    """Steps across the borders of JPEG's blocks of 8, by those elsewhere."""
    steps = np.abs(np.diff(pixels[..., 1].astype(float), axis=1)).mean(axis=0)
    at_border = np.arange(len(steps)) % 8 == 7
    return float(steps[at_border].mean() / steps[~at_border].mean())


def textured() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (160, 240, 3)).astype(np.float32), (0, 0), 2.0)
    return np.clip((noise - 127) * 5 + 127, 0, 255).astype(np.uint8)


def test_a_stream_is_blocky_the_more_so_the_worse_it_is() -> None:
    picture = textured()
    found = [blockiness(through_stream(picture, 1.0, quality)) for quality in (95, 60, 15)]
    assert blockiness(picture) == pytest.approx(1, abs=0.05)
    assert found[0] < 1.05 < found[1] < found[2]
    errors = [np.abs(through_stream(picture, 1.0, q).astype(int) - picture).mean() for q in (95, 60, 15)]
    assert errors == sorted(errors)


def test_colour_comes_through_a_stream_at_half_the_resolution() -> None:
    stripes = np.full((64, 64, 3), 128, np.uint8)
    stripes[:, ::2, 0], stripes[:, 1::2, 0] = 200, 56
    through = through_stream(stripes, 1.0, 95).astype(int)
    assert np.abs(np.diff(through[..., 0] - through[..., 1], axis=1)).mean() < 20 < 144


def test_detail_is_what_the_scaled_down_picture_holds() -> None:
    columns = np.indices((96, 96))[1]
    fine = np.repeat(((columns % 2) * 200)[..., None], 3, axis=-1).astype(np.uint8)
    coarse = np.repeat(((columns // 12 % 2) * 200)[..., None], 3, axis=-1).astype(np.uint8)
    assert through_stream(fine, 0.5, None).shape == fine.shape
    assert through_stream(fine, 0.5, None).astype(float).std() < 5
    assert through_stream(coarse, 0.5, None).astype(float).std() > 80


def test_a_picture_of_one_pixel_goes_through() -> None:
    assert through_stream(np.full((1, 1, 3), 90, np.uint8), 0.05, 50).shape == (1, 1, 3)


def test_the_same_plan_gives_the_same_picture() -> None:
    processor = ProcessorPlan(0.5, (1.1, 1.0, 0.9), 0.02, 1.2, 1.1, 0.6, 1.2, 0.7, 60)
    post = PostPlan(0.0, noise=NoisePlan(0.001, 0.002, 3, 1.0, 0.5), blur_px=0.8, processor=processor)
    passes = Passes(lit((1, 0.9, 0.7)), np.ones((150, 200), np.float32), np.zeros((150, 200), np.uint16))
    first, second = (develop(passes, post, BackgroundPlan("hdri"), CAMERA)[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.shape == (150, 200, 3)


def test_a_photo_behind_goes_through_the_same_processor() -> None:
    """A colour behind the objects and the same colour on them come out alike."""
    color = (0.1, 0.3, 0.2)
    alpha = np.zeros((150, 200), np.float32)
    alpha[:, 100:] = 1.0
    passes = Passes(np.array(color, np.float32) * alpha[..., None], alpha, alpha.astype(np.uint16))
    post = PostPlan(0.0, tone="standard", processor=ProcessorPlan(white_balance=(1.3, 1.0, 0.8), contrast=1.3))
    pixels, _ = develop(passes, post, BackgroundPlan("color", color), CAMERA)
    assert np.abs(pixels[:, :100].astype(int) - pixels[0, 150]).max() <= 1
    assert pixels[0, 0, 0] > 90
