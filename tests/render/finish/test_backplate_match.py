"""Rendered objects before a photo become as soft, noisy and compressed as it is; the photo stays as it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scanstage.render.engine.passes import Passes
from scanstage.render.finish.develop import develop
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, PostPlan

SIZE = (96, 64)
CAMERA = CameraPlan(SIZE, 96.0, 96.0, 48.0, 32.0, ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)))
OBJECT = (slice(None), slice(56, None))
PHOTO = (slice(None), slice(0, 40))


def developed(folder: Path, tone: str = "filmic", **character: object) -> np.ndarray:
    path = folder / "photo.png"
    cv2.imwrite(str(path), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    alpha = np.zeros(SIZE[::-1], np.float32)
    alpha[:, 48:] = 1
    passes = Passes(0.4 * alpha[..., None].repeat(3, axis=2), alpha, alpha.astype(np.uint16))
    background = BackgroundPlan("backplate", image=str(path), **character)  # type: ignore[arg-type]
    return develop(passes, PostPlan(exposure_ev=0.0, tone=tone), background, CAMERA)[0].astype(float)  # type: ignore[arg-type]


@pytest.mark.parametrize("tone", ["filmic", "standard"])
@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_objects_get_noise_of_the_photos_strength(tmp_path: Path, noise: float, tone: str) -> None:
    pixels = developed(tmp_path, tone, noise=noise, noise_seed=3)
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    assert luma[OBJECT].std() / 255 == pytest.approx(noise, rel=0.2)
    assert (pixels[PHOTO] == 90).all()
    assert luma[OBJECT].mean() == pytest.approx(developed(tmp_path, tone)[OBJECT].mean(), abs=1.5)


def test_the_same_seed_gives_the_same_noise(tmp_path: Path) -> None:
    first, again, other = (developed(tmp_path, noise=0.02, noise_seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_outlines_get_as_soft_as_the_photo(tmp_path: Path) -> None:
    row = developed(tmp_path, "standard", blur_px=2.0)[32, :, 0]
    sharp = developed(tmp_path, "standard")[32, :, 0]
    between = (row > row.min() + 5) & (row < row.max() - 5)
    assert np.count_nonzero(between) in range(5, 9)
    assert np.unique(sharp).size == 2
    assert (np.diff(row) >= 0).all(), "and no seam"


def test_only_what_is_rendered_is_compressed(tmp_path: Path) -> None:
    noisy = {"noise": 0.03, "noise_seed": 1}
    before, after = developed(tmp_path, **noisy), developed(tmp_path, jpeg_quality=30, **noisy)
    assert (after[PHOTO] == 90).all()
    assert np.abs(after - before)[OBJECT].mean() > 2
    assert after[OBJECT].std() < before[OBJECT].std()


def test_a_bias_of_the_exposure_is_the_whole_pictures(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    empty = Passes(
        np.zeros((*SIZE[::-1], 3), np.float32), np.zeros(SIZE[::-1], np.float32), np.zeros(SIZE[::-1], np.uint16)
    )
    pixels, _ = develop(
        empty, PostPlan(exposure_ev=0.0, bias_ev=0.5), BackgroundPlan("backplate", image=str(path)), CAMERA
    )
    assert pixels.min() > 100
