from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.painted_photos import discs

from scanstage.scenes.backplates.photo_character import measure_character

SIZE = (640, 480)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_noise_is_found(noise: float) -> None:
    found = measure_character(discs(noise=noise, size_wh=SIZE))
    assert found.noise == pytest.approx(noise, rel=0.15, abs=1e-3)
    assert found.grain_px < 0.3


@pytest.mark.parametrize("blur", [0.9, 1.3, 2.0])
def test_softness_is_found_with_and_without_noise(blur: float) -> None:
    for noise in (0.0, 0.01):
        assert measure_character(discs(blur, noise, SIZE)).blur_px == pytest.approx(blur, rel=0.2)


def test_sharp_edges_ask_for_no_blur() -> None:
    assert measure_character(discs(size_wh=SIZE)).blur_px < 0.35


def test_noise_that_neighbours_share_is_coarse() -> None:
    drawn = np.random.default_rng(1).normal(0, 1, (480, 640)).astype(np.float32)
    smooth = cv2.GaussianBlur(drawn, (0, 0), 1.0)
    photo = np.clip(128 + 255 * 0.02 * smooth / smooth.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    found = measure_character(photo)
    assert found.noise == pytest.approx(0.02, rel=0.35), "less, since its waves pass for shading"
    assert found.grain_px == pytest.approx(1.0, abs=0.25)


def test_texture_in_most_of_a_photo_is_no_noise() -> None:
    photo = discs(noise=0.005, size_wh=SIZE).astype(int)
    woven = np.random.default_rng(2).normal(0, 20, (400, 640, 1))
    photo[80:] = np.clip(photo[80:] + woven, 0, 255)
    assert measure_character(photo.astype(np.uint8)).noise < 0.01


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (20, 16)])
def test_tiny_and_empty_photos_have_no_character(size: tuple[int, int]) -> None:
    found = measure_character(np.zeros((size[1], size[0], 3), np.uint8))
    assert (found.blur_px, found.noise) == (0.0, 0.0)
