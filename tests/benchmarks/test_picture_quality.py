"""The measure of fine detail tells smearing and grain from the truth, region by region."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from picture_quality import fine_detail

H, W = 160, 120
TRUTH = np.repeat(np.random.default_rng(0).integers(60, 140, (H, W, 1)), 3, axis=-1).astype(np.uint8)
TRUTH[:40] = 100  # no texture
IDS = np.zeros((H, W), np.uint16)
IDS[60:100, 40:80] = 3


def with_object(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The truth, but for the object, which is as in the image."""
    return np.where(IDS[..., None] == 3, image, TRUTH).astype(np.uint8)


def test_the_truth_has_its_own_detail_where_there_is_texture() -> None:
    found = fine_detail(TRUTH, TRUTH, IDS)
    assert set(found) == {"object 3", *(f"band {i}" for i in range(2, 8))}
    assert set(found.values()) == {1.0}


@pytest.mark.parametrize(
    ("image", "least", "most"),
    [
        (cv2.GaussianBlur(TRUTH, (0, 0), 2.0), 0.0, 0.3),
        (np.clip(TRUTH + np.random.default_rng(1).normal(0, 30, TRUTH.shape), 0, 255), 1.15, 2.0),
        (np.clip(TRUTH * 0.5 + 50, 0, 255), 0.45, 0.55),
    ],
    ids=["smeared", "grainy", "of half the contrast"],
)
def test_only_the_region_that_is_wrong_is_told(image: npt.NDArray[np.uint8], least: float, most: float) -> None:
    found = fine_detail(TRUTH, with_object(image.astype(np.uint8)), IDS)
    assert least < found.pop("object 3") < most
    assert list(found.values()) == pytest.approx([1.0] * len(found), abs=0.01)
