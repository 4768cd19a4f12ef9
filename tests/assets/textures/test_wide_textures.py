"""Widened textures look like what they were made of, and go on across their edges."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.assets.textures.surface_textures import SURFACES, paint_surface, times_wide
from scanstage.assets.textures.wide_textures import Variation, widened

pytestmark = pytest.mark.unit
GREY = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)


def _widened(variation: Variation, grey: np.ndarray = GREY, times: int = 3) -> np.ndarray:
    return widened(grey, variation, times, np.random.default_rng(1))


def test_parts_change_places_and_stay_whole() -> None:
    parts = {part.tobytes() for row in GREY.reshape(4, 16, 2, 32).transpose(0, 2, 1, 3) for part in row}
    wide = _widened(Variation(True, (2, 4))).reshape(12, 16, 6, 32).transpose(0, 2, 1, 3).reshape(72, 16, 32)
    found = [part.tobytes() for part in wide]
    assert set(found) == parts
    assert sum(a == b for a, b in zip(found, found[24:], strict=False)) < 24, "nothing was exchanged"


def test_rows_without_end_slide() -> None:
    rows = np.repeat(np.arange(4, dtype=np.uint8) * 60, 16)[:, None] + np.arange(64, dtype=np.uint8)[None, :] // 8
    wide = _widened(Variation(True, (0, 4)), rows.astype(np.uint8)).reshape(12, 16, 192)
    assert (wide == wide[:, :1]).all(), "a row's pixels belong together"
    assert (np.ptp(wide.astype(int) // 60 * 60, axis=(1, 2)) == 0).all(), "no joint runs across a row"
    assert len({int(np.argmax(np.diff(row[0].astype(int)) < 0)) for row in wide}) > 4


def test_shifts_keep_an_order() -> None:
    """Stripes of 8 pixels, in steps of whole stripes: the same stripes everywhere."""
    stripes = np.tile(np.repeat(np.array([0, 200], np.uint8), 4), (64, 8))
    np.testing.assert_allclose(_widened(Variation(False, (8, 0)), stripes), np.tile(stripes, (3, 3)), atol=1)


@pytest.mark.parametrize("name", ["marble", "concrete", "linen"])
def test_looks_the_same_and_repeats_nowhere(name: str) -> None:
    narrow, wide = (paint_surface(name, w).astype(np.float32) for w in (False, True))
    size, times = len(narrow), times_wide(name)
    assert wide.shape == (size * times,) * 2
    assert wide.mean() == pytest.approx(narrow.mean(), abs=4)
    assert wide.std() == pytest.approx(narrow.std(), rel=0.1)
    fine_narrow, fine_wide = (np.abs(np.diff(image)).mean() for image in (narrow, wide))
    assert fine_wide == pytest.approx(fine_narrow, rel=0.1)
    for image in (wide, wide.T):
        steps = np.abs(np.diff(image)).mean(axis=0)
        assert np.abs(image[:, -1] - image[:, 0]).mean() < 1.05 * np.percentile(steps, 99)
    pieces = wide.reshape(times, size, times, size).transpose(0, 2, 1, 3).reshape(times**2, -1)
    likeness = np.corrcoef(pieces)
    assert likeness[~np.eye(times**2, dtype=bool)].max() < 0.9
    np.testing.assert_array_equal(wide, paint_surface(name, wide=True))


def test_every_surface_can_be_wide() -> None:
    assert all(times_wide(name) >= 2 for name in SURFACES)
