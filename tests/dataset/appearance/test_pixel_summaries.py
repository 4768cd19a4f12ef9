"""Numbers of a camera: each moves with what it is to tell, and hardly with the rest."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from scanstage.dataset.appearance.backgrounds import background_measures, compare_backgrounds
from scanstage.dataset.appearance.pixel_summaries import APPEARANCE, appearance_summary
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import develop
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, NoisePlan, PostPlan, ProcessorPlan

W, H = 240, 180
EYE = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
CAMERA = CameraPlan((W, H), 200.0, 200.0, W / 2, H / 2, EYE)
PLAIN = PostPlan(exposure_ev=0.0)
BOX = (60.0, 40.0, 100.0, 100.0)
RNG = np.random.default_rng(5)
SHADES = 0.03 + 0.6 * RNG.random((6, 8, 1)) * (0.8 + 0.4 * RNG.random((6, 8, 3)))


def picture(post: PostPlan = PLAIN) -> np.ndarray:
    """Squares of several greys with hard edges, as a camera shows them."""
    light = np.kron(SHADES, np.ones((H // 6, W // 8, 1))).astype(np.float32)
    passes = Passes(light, np.ones((H, W), np.float32), np.zeros((H, W), np.uint16))
    return develop(passes, post, BackgroundPlan("hdri"), CAMERA)[0]


def told(post: PostPlan = PLAIN) -> dict[str, float]:
    return dict(zip(APPEARANCE, appearance_summary(picture(post), [BOX]).tolist(), strict=True))


def noisy(shot: float = 0.0, read: float = 0.0, grain: float = 0.0, chroma: float = 1.0) -> PostPlan:
    return replace(PLAIN, noise=NoisePlan(shot, read, 3, grain, chroma))


def processed(**changes: object) -> PostPlan:
    return replace(PLAIN, processor=replace(ProcessorPlan(), **changes))


def test_noise_is_measured_where_it_is() -> None:
    found = [told(noisy(shot=s))["noise"] for s in (0.0, 3e-4, 1e-3, 4e-3)]
    assert np.diff(found).min() > 0.3
    # Four times the variance is twice the deviation.
    assert found[3] - found[2] == pytest.approx(np.log(2), abs=0.15)


def test_the_dark_tells_reading_from_photons() -> None:
    photons, reading = (n["noise_dark"] - n["noise_bright"] for n in (told(noisy(shot=2e-3)), told(noisy(read=0.012))))
    assert reading > photons + 0.3


def test_grain_and_colour_of_noise() -> None:
    assert abs(told(noisy(shot=2e-3))["noise_near"]) < 0.15
    assert told(noisy(shot=2e-3, grain=0.9))["noise_near"] > 0.4
    assert told(noisy(shot=2e-3, chroma=0.2))["noise_colour"] < told(noisy(shot=2e-3))["noise_colour"] - 1


def test_blur_is_that_of_edges_with_noise_as_well() -> None:
    sharpness = [told(replace(PLAIN, blur_px=b))["edges_1"] for b in (0.0, 0.8, 1.4, 2.2)]
    assert np.diff(sharpness).max() < -0.08
    grainy = [told(replace(noisy(shot=3e-4), blur_px=b))["edges_2"] for b in (0.0, 1.0, 2.0)]
    assert np.diff(grainy).max() < -0.1


def test_sharpening_is_no_lack_of_blur() -> None:
    assert told(processed(sharpening=1.0))["edges_2"] > told()["edges_2"]


def test_exposure_in_stops() -> None:
    dark, plain = told(replace(PLAIN, bias_ev=-1.0)), told()
    assert plain["light_50"] - dark["light_50"] == pytest.approx(1.0, abs=0.35)  # the curve is not straight


def test_casts_and_colours() -> None:
    plain = told()
    warm, green = told(processed(white_balance=(1.2, 1.0, 0.8))), told(processed(white_balance=(0.9, 1.1, 0.9)))
    assert warm["warm"] > plain["warm"] + 0.15
    assert warm["green"] == pytest.approx(plain["green"], abs=0.1)
    assert green["green"] > plain["green"] + 0.1
    assert green["warm"] == pytest.approx(plain["warm"], abs=0.1)
    assert told(processed(saturation=1.5))["colourful"] > plain["colourful"] + 0.2
    assert told(processed(contrast=1.4))["contrast"] > plain["contrast"]


def test_tones_are_those_of_objects() -> None:
    """Of what boxes hold: a background of another brightness changes nothing."""
    pixels = picture()
    other = np.full_like(pixels, 250)
    x, y, w, h = (int(v) for v in BOX)
    other[y : y + h, x : x + w] = pixels[y : y + h, x : x + w]
    place = APPEARANCE.index("light_50")
    assert appearance_summary(other, [BOX])[place] == appearance_summary(pixels, [BOX])[place]
    assert appearance_summary(other)[place] > appearance_summary(pixels)[place]


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", [(16, 16, 3), (90, 120, 3)])
def test_of_nothing_it_says_something(value: int, shape: tuple[int, int, int]) -> None:
    assert np.isfinite(appearance_summary(np.full(shape, value, np.uint8), [(2, 2, 8, 8)])).all()


def test_backgrounds() -> None:
    rng = np.random.default_rng(0)
    busy = cv2.resize(rng.integers(0, 255, (45, 60, 3), np.uint8), (W, H), interpolation=cv2.INTER_NEAREST)
    plain = np.full_like(busy, 60)
    plain[40:140, 60:160] = busy[40:140, 60:160]  # which the box covers
    light, edges = background_measures(plain, [BOX])
    assert light == pytest.approx(60 / 255, abs=0.01)
    assert edges < 0.05 < 0.3 < background_measures(busy, [BOX])[1]
    assert np.isnan(background_measures(plain, [(0, 0, W, H)])).all()
    photos, pictures = np.array([[0.2, 0.5]] * 5), np.array([[0.4, 0.5], [0.5, 0.4], [0.6, 0.6], [np.nan, np.nan]])
    found = compare_backgrounds(photos, pictures)
    assert found["brightness"].differs
    assert found["brightness"].above == 0
    assert not found["busyness"].differs
    assert compare_backgrounds(photos, pictures[3:]) == {}
