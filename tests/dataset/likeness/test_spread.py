from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.likeness.spread import (
    density_and_coverage,
    density_and_coverage_of,
    duplicates_of,
    less_spread,
    less_varied,
    more_duplicates,
    near_pairs,
    spread_ratio,
    spreads,
    unequal_spread,
    unit_rows,
    vendi_of,
    vendi_score,
)
from scanstage.dataset.likeness.two_sample import squared_distances


def brute(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float]:
    """Naeem et al. 2020, equations 3 and 4, picture by picture."""
    radii = [sorted(np.linalg.norm(real - r, axis=1))[k] for r in real]
    inside = [[np.linalg.norm(r - m) <= radius for m in made] for r, radius in zip(real, radii, strict=True)]
    density = sum(sum(row) for row in inside) / (k * len(made))
    return density, sum(any(row) for row in inside) / len(real)


def test_density_and_coverage_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3))
    points[30:] *= 0.5
    first = np.arange(50) < 30
    for k in (1, 5):
        found = density_and_coverage(squared_distances(points), first, ~first, k)
        assert found == pytest.approx(brute(points[:30], points[30:], k))
    density, coverage = density_and_coverage_of(squared_distances(points))
    both = first[None], ~first[None]
    assert (density(*both)[0], coverage(*both)[0]) == pytest.approx(brute(points[:30], points[30:], 5))


def test_few_and_far() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    points[10:] += 100
    first = np.arange(20) < 10
    assert density_and_coverage(squared_distances(points), first, ~first) == pytest.approx((0, 0))
    assert np.isnan(density_and_coverage(squared_distances(points), np.arange(20) < 4, ~first)).all()


def test_spread_is_that_of_all_columns() -> None:
    columns = np.random.default_rng(4).normal(size=(50, 3)) * [1, 2, 3] + 7
    columns[30:] *= [1, 0.5, 2]
    first = (np.arange(50) < 30)[None]
    sides = first, ~first
    expected = [np.sqrt(part.var(axis=0).mean()) for part in (columns[:30], columns[30:])]
    assert [spreads(columns, side)[0] for side in sides] == pytest.approx(expected)
    ratio = expected[1] / expected[0]
    assert spread_ratio(columns)(*sides) == pytest.approx([ratio])
    assert less_spread(columns)(*sides) == pytest.approx([-np.log(ratio)])
    assert unequal_spread(columns)(*sides) == pytest.approx([abs(np.log(ratio))])
    assert unequal_spread(columns)(*sides[::-1]) == pytest.approx([abs(np.log(ratio))])


def test_a_side_that_does_not_vary_has_no_ratio() -> None:
    columns = np.random.default_rng(4).normal(size=(10, 3))
    first = (np.arange(10) < 1)[None]
    assert np.isnan(spread_ratio(columns)(first, ~first)).all()
    assert np.isnan(spread_ratio(columns)(~first, first)).all()
    assert np.isnan(spread_ratio(columns[:, :0])(first, ~first)).all(), "without columns"
    assert np.isnan(spread_ratio(columns)(first & False, ~first)).all(), "without pictures"


def test_vendi_counts_what_is_different() -> None:
    assert vendi_score(np.tile([[0.6, 0.8]], (7, 1))) == pytest.approx(1)
    assert vendi_score(np.eye(9)) == pytest.approx(9)
    assert vendi_score(np.repeat(np.eye(4), 5, axis=0)) == pytest.approx(4)
    units = np.random.default_rng(0).normal(size=(12, 5))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(units @ units.T / 12)
    values = values[values > 1e-12]
    assert vendi_score(units) == pytest.approx(np.exp(-(values * np.log(values)).sum()))


def test_a_set_that_repeats_itself_is_less_varied() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 8))
    features[30:] = features[30:34].repeat(8, axis=0)[:30]
    units = unit_rows(features)
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1)
    first = (np.arange(60) < 30)[None]
    assert vendi_of(units)(first, ~first)[0] < 4.5
    assert less_varied(units)(first, ~first)[0] > 0.2
    assert less_varied(units)(first, ~first) == pytest.approx(-less_varied(units)(~first, first))
    assert not unit_rows(np.ones((4, 3))).any(), "what has no direction has none"
    assert unit_rows(rng.normal(size=(30, 500))).shape == (30, 30)


def test_near_duplicates_by_side() -> None:
    alike = 0b1011
    pairs = near_pairs([None, 0, alike, (1 << 63) - 1, None])  # 0 and 0b1011 differ by three bits
    assert np.argwhere(pairs).tolist() == [[1, 2], [2, 1]]
    first = np.array([[True, True, False, False, False], [True, False, False, False, False]])
    second = ~first
    np.testing.assert_allclose(duplicates_of(pairs)(first, second), [0, 0.5])
    np.testing.assert_allclose(more_duplicates(pairs)(first, second), [0, 0.5])
