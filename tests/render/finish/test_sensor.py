"""What lens and sensor do to light, measured on what comes out."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import camera_curve, decode_srgb, develop, inverse_camera_curve
from scanstage.render.finish.sensor import aberrate, add_noise, expose_sensor, falloff
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, NoisePlan, PostPlan

POSE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
CENTRED = CameraPlan((200, 150), 200.0, 200.0, 100.0, 75.0, POSE)
OFF_CENTRE = CameraPlan((200, 150), 200.0, 200.0, 80.0, 90.0, POSE)


def level(x: float, camera: CameraPlan = CENTRED) -> npt.NDArray[np.float32]:
    return np.full((camera.resolution_wh[1], camera.resolution_wh[0], 3), x, np.float32)


@pytest.mark.parametrize(("shot", "read"), [(0.002, 0.0), (0.0, 0.01), (0.001, 0.005), (0.05, 0.02)])
@pytest.mark.parametrize("x", [0.3, 0.8, 3.0])
def test_noise_has_the_mean_and_variance_of_the_formula(shot: float, read: float, x: float) -> None:
    noisy = add_noise(level(x), NoisePlan(shot, read, 7)).astype(np.float64)
    variance = shot * x + read**2
    count = noisy.size
    assert abs(noisy.mean() - x) < 5 * (variance / count) ** 0.5
    assert abs(noisy.var() / variance - 1) < 0.05
    channels = noisy.reshape(-1, 3).T
    assert np.abs(np.corrcoef(channels) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(noisy[:, :-1].ravel(), noisy[:, 1:].ravel())[0, 1]) < 0.03


def test_black_stays_above_nothing() -> None:
    noisy = add_noise(level(0.0), NoisePlan(0.01, 0.02, 3)).astype(np.float64)
    assert noisy.min() == 0.0
    assert abs(np.mean(noisy > 0) - 0.5) < 0.01  # the lower half of the Gaussian is cut
    assert abs(noisy.mean() / (0.02 / np.sqrt(2 * np.pi)) - 1) < 0.03


def test_the_seed_decides_the_noise() -> None:
    a, b, c = (add_noise(level(0.5), NoisePlan(0.001, 0.001, seed)) for seed in (1, 1, 2))
    assert a.tobytes() == b.tobytes()
    assert np.mean(a == c) < 0.1


@given(st.floats(0, 2.0**100, width=32), st.floats(0, 1), st.floats(0, 1))
def test_no_light_is_too_bright_for_noise(x: float, shot: float, read: float) -> None:
    noisy = add_noise(np.full((2, 2, 3), x, np.float32), NoisePlan(shot, read, 0))
    assert np.isfinite(noisy).all()
    assert noisy.min() >= 0


@pytest.mark.parametrize("camera", [CENTRED, OFF_CENTRE], ids=["centred", "off-centre"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_farthest_corner_loses_the_share(camera: CameraPlan, share: float) -> None:
    factors = falloff(share, camera)
    assert factors.shape == (150, 200)
    assert abs(factors.min() - (1 - share)) < 0.01  # half a pixel before the very corner
    row, column = np.unravel_index(factors.argmax(), factors.shape)
    assert abs(factors.max() - 1) < 1e-3
    assert abs(column + 0.5 - camera.cx) <= 1
    assert abs(row + 0.5 - camera.cy) <= 1
    outwards = factors[row, column:]
    assert (np.diff(outwards) <= 0).all()


def test_all_light_may_be_lost_in_the_corner() -> None:
    factors = falloff(1.0, CENTRED)
    assert np.isfinite(factors).all()
    assert factors.min() < 0.01


def position(spot: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    rows, columns = np.indices(spot.shape) + 0.5
    return np.array([(spot * columns).sum(), (spot * rows).sum()]) / spot.sum()


@pytest.mark.parametrize("camera", [CENTRED, OFF_CENTRE], ids=["centred", "off-centre"])
@pytest.mark.parametrize("shift", [0.8, 3.0, -2.0])
def test_red_moves_outwards_and_blue_inwards(camera: CameraPlan, shift: float) -> None:
    center = np.array([camera.cx, camera.cy])
    farthest = np.hypot(max(camera.cx, 200 - camera.cx), max(camera.cy, 150 - camera.cy))
    for at in ((20, 15), (180, 130), (150, 40), (60, 100)):
        light = np.zeros((150, 200, 3), np.float32)
        light[at[1] - 2 : at[1] + 3, at[0] - 2 : at[0] + 3] = 1.0
        shifted = aberrate(light, shift, camera)
        true = np.array(at) + 0.5
        expected = (true - center) * shift / farthest
        np.testing.assert_array_equal(shifted[..., 1], light[..., 1])
        assert np.abs(position(shifted[..., 0]) - true - expected).max() < 0.05
        assert np.abs(position(shifted[..., 2]) - true + expected).max() < 0.05


def test_grey_without_edges_stays_grey() -> None:
    np.testing.assert_allclose(aberrate(level(0.4), 5.0, OFF_CENTRE), level(0.4), rtol=1e-5)


def test_nothing_asked_for_changes_nothing() -> None:
    light = np.random.default_rng(0).uniform(0, 2, (150, 200, 3)).astype(np.float32)
    assert expose_sensor(light, PostPlan(), CENTRED) is light


@given(st.floats(0, 0.99))
def test_the_tone_curve_can_be_undone(display: float) -> None:
    again = camera_curve(inverse_camera_curve(np.array([display], np.float32)))
    assert abs(float(again[0]) - display) < 1e-4


def gradient(alpha: float) -> Passes:
    ramp = np.linspace(0.0, 2.0, 200, dtype=np.float32)[None, :, None].repeat(150, 0).repeat(3, 2)
    return Passes(ramp * np.float32(alpha), np.full((150, 200), alpha, np.float32), np.zeros((150, 200), np.uint16))


FAINT = PostPlan(0.0, noise=NoisePlan(0.0, 1e-7, 0))


@pytest.mark.parametrize("background", [BackgroundPlan("hdri"), BackgroundPlan("color", (0.1, 0.5, 0.95))])
@pytest.mark.parametrize("tone", ["filmic", "standard"])
def test_faint_effects_are_faint(background: BackgroundPlan, tone: str) -> None:
    """Also where a background is taken through the tone curve and back."""
    post = PostPlan(0.0, tone=tone)  # type: ignore[arg-type]
    faint = PostPlan(0.0, tone=tone, noise=FAINT.noise)  # type: ignore[arg-type]
    passes = gradient(1.0 if background.kind == "hdri" else 0.5)
    without, _ = develop(passes, post, background, CENTRED)
    with_faint, _ = develop(passes, faint, background, CENTRED)
    assert np.abs(without.astype(int) - with_faint).max() <= 1


def test_a_photo_behind_is_taken_by_the_same_camera(tmp_path: object) -> None:
    """Noise on photo and objects has the same strength where they are equally bright."""
    photo = np.full((150, 200, 3), 120, np.uint8)
    path = f"{tmp_path}/photo.png"
    cv2.imwrite(path, photo)
    same = inverse_camera_curve(decode_srgb(photo))
    alpha = np.zeros((150, 200), np.float32)
    alpha[:, 100:] = 1.0
    passes = Passes(same * alpha[..., None], alpha, alpha.astype(np.uint16))
    post = PostPlan(0.0, noise=NoisePlan(0.003, 0.002, 5))
    pixels, _ = develop(passes, post, BackgroundPlan("backplate", image=path), CENTRED)
    behind, rendered = pixels[:, :100].astype(float), pixels[:, 100:].astype(float)
    assert behind.std() > 4
    assert abs(behind.std() / rendered.std() - 1) < 0.05
    assert abs(behind.mean() - rendered.mean()) < 0.5


def test_the_picture_of_a_seed_is_always_the_same() -> None:
    post = PostPlan(0.0, vignetting=0.4, aberration_px=2.0, noise=NoisePlan(0.01, 0.01, 11))
    first, second = (develop(gradient(1.0), post, BackgroundPlan("hdri"), CENTRED)[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != develop(gradient(1.0), PostPlan(0.0), BackgroundPlan("hdri"), CENTRED)[0].tobytes()


def test_aberration_is_centred_on_the_principal_point() -> None:
    """What mirrors itself about that point still does: half a pixel beside it, colours would drift to one side."""
    camera = CameraPlan((64, 48), 60.0, 60.0, 32.0, 24.0, POSE)
    x, y = np.meshgrid(np.arange(64) + 0.5 - 32, np.arange(48) + 0.5 - 24)
    light = np.repeat((0.5 + 0.4 * np.cos(0.25 * x) * np.cos(0.25 * y))[..., None], 3, axis=-1).astype(np.float32)
    moved = aberrate(light, 16.0, camera)
    assert np.abs(moved[..., 0] - light[..., 0]).max() > 0.1
    for mirrored in (moved[:, ::-1], moved[::-1]):
        assert np.abs(moved - mirrored).max() < 0.01


@pytest.mark.parametrize("shift", [-50.0, -11.4, 11.3137085, 50.0])
def test_no_aberration_turns_a_tiny_picture_inside_out(shift: float) -> None:
    camera = CameraPlan((16, 16), 20.0, 20.0, 8.0, 8.0, POSE)
    light = np.zeros((16, 16, 3), np.float32)
    light[:, 12:] = 1.0  # bright on the right
    moved = aberrate(light, shift, camera)
    assert np.isfinite(moved).all()
    assert (moved[:, 15] >= moved[:, 0]).all()


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0, 2.5])
def test_blur_has_the_sigma_that_is_asked_for(sigma: float) -> None:
    """The derivative of an edge is the lens's line spread; the edge's own pixel adds nothing between two pixels."""
    light = level(0.1)
    light[:, 100:] = 0.9
    blurred = expose_sensor(light, PostPlan(blur_px=sigma), CENTRED)
    spread = np.diff(blurred[75, :, 1].astype(np.float64))
    at = np.arange(len(spread)) - 99
    assert (spread * at**2).sum() / spread.sum() == pytest.approx(sigma**2, rel=0.01)
    np.testing.assert_allclose(blurred[0], blurred[75], rtol=1e-5)  # nor do borders darken


GRAINY = (NoisePlan(0.001, 0.005, 7, 1.1), NoisePlan(0.001, 0.005, 7, 0.5, 1.0), NoisePlan(0.05, 0.0, 7, 0.8))


@pytest.mark.parametrize("noise", GRAINY)
def test_grain_leaves_mean_and_variance(noise: NoisePlan) -> None:
    camera = CameraPlan((640, 480), 600.0, 600.0, 320.0, 240.0, POSE)
    noisy = add_noise(level(0.4, camera), noise).astype(np.float64)
    variance = noise.shot * 0.4 + noise.read**2
    assert abs(noisy.mean() - 0.4) < 0.01 * 0.4
    assert abs(noisy.var() / variance - 1) < 0.05


@pytest.mark.parametrize("grain", [0.8, 1.1, 1.6])
def test_grain_makes_neighbours_alike(grain: float) -> None:
    """White noise through a Gaussian: neighbours correlate by exp(-1 / 4 s^2)."""
    noisy = add_noise(level(0.5), NoisePlan(0.001, 0.001, 5, grain, 0.0))[..., 1].astype(np.float64)
    found = np.corrcoef(noisy[:, :-1].ravel(), noisy[:, 1:].ravel())[0, 1]
    assert found == pytest.approx(np.exp(-1 / (4 * grain**2)), abs=0.04)


def test_denoised_noise_is_grey_and_its_colour_coarser() -> None:
    grey = add_noise(level(0.5), NoisePlan(0.001, 0.001, 5, 0.0, 0.0))
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-6)
    noisy = add_noise(level(0.5), NoisePlan(0.001, 0.001, 5, 0.8)).astype(np.float64)
    luma, color = noisy.mean(axis=-1), noisy[..., 0] - noisy[..., 2]
    alike = [np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1] for x in (luma, color)]
    assert alike[0] + 0.1 < alike[1]
