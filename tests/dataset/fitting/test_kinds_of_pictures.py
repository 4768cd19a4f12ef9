"""Whether values go along with each other: told where they do, and hardly where they don't."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.fitting.kinds_of_pictures import go_along_by_chance
from scanstage.dataset.fitting.told_by_labels import Told


def told(rng: np.random.Generator, together: float, photos: int = 150) -> Told:
    """Three values; in photos, two go along with each other."""
    bank, real = rng.normal(size=(2000, 3)), rng.normal(size=(photos, 3))
    real[:, 1] = together * real[:, 0] + np.sqrt(1 - together**2) * real[:, 1]
    return Told(bank, real * [1, 3, 0.5] + [0, 2, 1], np.ones(3))  # scale and place don't matter


def chances(together: float, repeats: int, weights: np.ndarray | None = None) -> np.ndarray:
    rng = np.random.default_rng(0)
    even = np.full(2000, 1 / 2000) if weights is None else weights
    return np.array([go_along_by_chance(told(rng, together), even, range(150), i) for i in range(repeats)])


@pytest.mark.parametrize("uneven", [False, True])
def test_hardly_told_where_they_dont(uneven: bool) -> None:
    weights = np.random.default_rng(1).exponential(size=2000) ** (2 if uneven else 0)
    found = chances(0.0, 60, weights / weights.sum())
    assert (found <= 0.05).sum() <= 8
    assert 0.3 < np.median(found) < 0.85


def test_told_where_they_do() -> None:
    assert (chances(0.6, 10) <= 0.01).all()


def test_photos_of_few_scenes_tell_less() -> None:
    given = told(np.random.default_rng(0), 0.4)
    even = np.full(2000, 1 / 2000)
    many, few = (go_along_by_chance(given, even, groups) for groups in (range(150), [i // 30 for i in range(150)]))
    assert many < 0.01 < few


def test_one_value_goes_along_with_none() -> None:
    one = Told(np.zeros((5, 1)), np.zeros((3, 1)), np.ones(1))
    assert go_along_by_chance(one, np.full(5, 0.2), range(3)) == 1.0
