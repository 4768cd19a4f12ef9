from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from scanstage.dataset.analysis.histograms import FINE_BINS, counts_by_picture
from scanstage.dataset.likeness.two_sample import (
    cubic_kernel,
    gaussian_kernels,
    kolmogorov_smirnov,
    squared_distances,
    total_variation,
    unbiased_mmd,
    wasserstein,
)


def sides(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    first = (np.arange(n + m) < n)[None]
    return first, ~first


def naive_mmd(kernel: np.ndarray, n: int) -> float:
    """Gretton et al. 2012, lemma 6, term by term."""
    m = len(kernel) - n
    xx = sum(kernel[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel[n + i, n + j] for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(kernel[i, n + j] for i in range(n) for j in range(m)) / (n * m)
    return xx + yy - 2 * xy


def test_mmd_and_kid_are_their_sums() -> None:
    points = np.random.default_rng(0).normal(size=(17, 5))
    points[9:] += 0.7
    for kernel in (gaussian_kernels(points), cubic_kernel(points)):
        assert unbiased_mmd(kernel)(*sides(9, 8)) == pytest.approx(naive_mmd(kernel, 9), rel=1e-9)
    x, y = points[2], points[11]
    assert cubic_kernel(points)[2, 11] == pytest.approx((x @ y / 5 + 1) ** 3)
    squared = np.array([[np.square(a - b).sum() for b in points] for a in points])
    np.testing.assert_allclose(squared_distances(points), squared, atol=1e-12)
    median = np.median(squared[np.triu_indices(17, 1)])
    expected = np.mean([np.exp(-squared[2, 11] / (2 * median * s * s)) for s in (0.5, 1, 2)])
    assert gaussian_kernels(points)[2, 11] == pytest.approx(expected)


def test_mmd_is_around_0_where_nothing_differs() -> None:
    rng = np.random.default_rng(1)
    found = [unbiased_mmd(gaussian_kernels(rng.normal(size=(60, 4))))(*sides(30, 30))[0] for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)
    assert min(found) < 0, "unbiased: as often below"


def test_a_side_of_one_says_nothing() -> None:
    kernel = np.ones((3, 3))
    assert np.isnan(unbiased_mmd(kernel)(*sides(1, 2))).all()


def test_distances_are_those_of_scipy() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.gamma(2, 2, 80), rng.gamma(2.5, 2, 60)
    counts, edges = counts_by_picture(np.concatenate([a, b]), np.arange(140), 140)
    assert counts.shape == (140, 140)
    assert kolmogorov_smirnov(counts)(*sides(80, 60)) == pytest.approx(ks_2samp(a, b).statistic)
    assert wasserstein(counts, edges)(*sides(80, 60)) == pytest.approx(wasserstein_distance(a, b))


def test_many_values_are_binned_without_losing_much() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 2000), rng.normal(0.3, 1, 2000)
    counts, edges = counts_by_picture(np.concatenate([a, b]), np.arange(4000), 4000)
    assert counts.shape == (4000, FINE_BINS)
    assert wasserstein(counts, edges)(*sides(2000, 2000)) == pytest.approx(wasserstein_distance(a, b), abs=0.02)


def test_total_variation_by_hand_and_nothing_on_a_side() -> None:
    counts = np.array([[3.0, 1.0], [1.0, 3.0], [0.0, 0.0]])
    first, second = np.array([[True, False, False]] * 2), np.array([[False, True, False], [False, False, True]])
    found = total_variation(counts)(first, second)
    assert found[0] == pytest.approx(0.5)
    assert np.isnan(found[1])


def test_values_that_are_missing_count_nowhere() -> None:
    counts, edges = counts_by_picture(np.array([np.nan, 2.0, 2.0, 5.0]), np.array([0, 0, 1, 1]), 3)
    np.testing.assert_array_equal(counts, [[1, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(edges, [2, 5])
    assert counts_by_picture(np.array([np.nan]), np.array([0]), 1)[0].shape == (1, 0)
