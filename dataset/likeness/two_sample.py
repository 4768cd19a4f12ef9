"""Distances of two samples: by one number, by many, and by features.

All of them are functions of which pictures stand on each side (:data:`null_bands.Statistic`), so that what is costly,
kernels and counts of all pictures together, is made once.
"""

from __future__ import annotations

import numpy as np

from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.likeness.null_bands import Bools, Statistic

BANDWIDTHS = (0.5, 1.0, 2.0)
"""Of the Gaussian kernels, in units of the median distance of two pictures."""


def _shares(counts: Floats, side: Bools) -> Floats:
    """(D, B) shares of bins on a side; NaN where it holds nothing."""
    of_side = side.astype(np.float64) @ counts
    total = of_side.sum(axis=1, keepdims=True)
    return np.divide(of_side, total, out=np.full_like(of_side, np.nan), where=total > 0)


def kolmogorov_smirnov(counts: Floats) -> Statistic:
    """Largest difference of the cumulative distributions (Kolmogorov 1933, Smirnov 1948); 0 to 1."""

    def of(first: Bools, second: Bools) -> Floats:
        different = np.cumsum(_shares(counts, first) - _shares(counts, second), axis=1)
        found: Floats = np.abs(different).max(axis=1)
        return found

    return of


def total_variation(counts: Floats) -> Statistic:
    """Half the sum of differences of shares; 0 to 1."""

    def of(first: Bools, second: Bools) -> Floats:
        found: Floats = np.abs(_shares(counts, first) - _shares(counts, second)).sum(axis=1) / 2
        return found

    return of


def wasserstein(counts: Floats, edges: Floats) -> Statistic:
    """Wasserstein-1 distance in the number's own unit: the area between the cumulative distributions.

    (Vallender 1974.) To within the width of a bin where there are more than :data:`histograms.FINE_BINS` values.
    """
    widths = np.diff(edges)

    def of(first: Bools, second: Bools) -> Floats:
        different = np.cumsum(_shares(counts, first) - _shares(counts, second), axis=1)
        found: Floats = np.abs(different[:, :-1]) @ widths
        return found

    return of


def squared_distances(points: Floats) -> Floats:
    """(N, N) squared Euclidean distances of (N, D) points, 0 on the diagonal."""
    norms = np.square(points).sum(axis=1)
    found: Floats = np.maximum(norms[:, None] + norms[None] - 2 * points @ points.T, 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def gaussian_kernels(points: Floats) -> Floats:
    """(N, N) mean of Gaussian kernels exp(-d^2 / 2 s^2) of several widths s around the median distance."""
    squared = squared_distances(points)
    median = float(np.median(squared[np.triu_indices(len(points), 1)])) if len(points) > 1 else 0.0
    if median <= 0:  # more than half of all pairs are the same point
        median = float(squared.mean()) or 1.0
    return np.mean([np.exp(-squared / (2 * median * width**2)) for width in BANDWIDTHS], axis=0)


def cubic_kernel(features: Floats) -> Floats:
    """(N, N) kernel (x·y / D + 1)^3 of (N, D) features: that of KID (Bińkowski et al. 2018, §3)."""
    found: Floats = (features @ features.T / features.shape[1] + 1) ** 3
    return found


def unbiased_mmd(kernel: Floats) -> Statistic:
    """Unbiased squared maximum mean discrepancy (Gretton et al. 2012, lemma 6); with the cubic kernel it is KID.

    Around 0 where both sides are alike, and then as often below 0. NaN for sides of fewer than two pictures.

    Args:
        kernel: (N, N) of all pictures.
    """
    apart = kernel.copy()
    np.fill_diagonal(apart, 0.0)

    def of(first: Bools, second: Bools) -> Floats:
        a, b = first.astype(np.float64), second.astype(np.float64)
        m, n = a.sum(axis=1), b.sum(axis=1)
        towards_a = a @ apart
        within_a, between = (towards_a * a).sum(axis=1), (towards_a * b).sum(axis=1)
        within_b = ((b @ apart) * b).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = within_a / (m * (m - 1)) + within_b / (n * (n - 1)) - 2 * between / (m * n)
        return np.where((m > 1) & (n > 1), found, np.nan)

    return of
