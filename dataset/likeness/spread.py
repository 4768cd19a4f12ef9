"""How different pictures of a set are from each other, and whether they cover what the real ones do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.analysis.near_duplicates import ALIKE_BITS, alike_to
from scanstage.dataset.likeness.null_bands import Bools, Statistic

NEIGHBOURS = 5
"""The paper's k."""
DIRECTIONS = 64
"""Of features, the strongest, by which cosines are taken: hundreds of entropies are asked for."""


def density_and_coverage(
    squared: npt.NDArray[Any], first: Bools, second: Bools, neighbours: int = NEIGHBOURS
) -> Floats:
    """(2,) density and coverage of the second side's pictures (Naeem et al. 2020, equations 3 and 4).

    Every picture of the first side has a ball that reaches to its k-th neighbour there. Density: in how many of these
    balls a picture of the second side lies, in units of k; around 1 where both are alike, more where it keeps to where
    real ones are dense. Coverage: share of the balls that hold one at all. NaN where the first side is too small.

    Args:
        squared: (N, N) squared distances of features.
        first, second: (N,) which pictures stand there.
        neighbours: k.
    """
    if first.sum() <= neighbours or not second.any():
        return np.full(2, np.nan)
    within = squared[np.ix_(first, first)]
    radius = np.partition(within, neighbours, axis=1)[:, neighbours]  # the picture itself is the nearest, at 0
    inside = squared[np.ix_(first, second)] <= radius[:, None]
    return np.array([inside.sum(axis=0).mean() / neighbours, inside.any(axis=1).mean()])


def density_and_coverage_of(squared: Floats) -> tuple[Statistic, Statistic]:
    """Both as statistics, see :func:`density_and_coverage`; what is asked of the same sides is worked out once."""
    known: list[tuple[Bools, Bools, Floats]] = []
    single = squared.astype(np.float32)  # half the time

    def both(first: Bools, second: Bools) -> Floats:
        for a, b, found in known:
            if a is first and b is second:
                return found
        pairs = zip(first, second, strict=True)
        made = np.array([density_and_coverage(single, a, b) for a, b in pairs]).reshape(-1, 2)
        known.append((first, second, made))
        return made

    return lambda first, second: both(first, second)[:, 0], lambda first, second: both(first, second)[:, 1]


def unit_rows(features: Floats) -> Floats:
    """(N, D) features less their mean, each of length 1: their products are cosines. What is 0 stays so.

    Of more than :data:`DIRECTIONS` columns the principal directions are taken.
    """
    centred = features - features.mean(axis=0)
    if centred.shape[1] > DIRECTIONS:
        centred = centred @ np.linalg.svd(centred, full_matrices=False)[2][:DIRECTIONS].T
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)


def vendi_score(units: Floats) -> float:
    """Effective number of different pictures (Friedman and Dieng 2023): exp of the entropy of eigenvalues of K / n.

    1 where all are the same, n where no two have anything in common.

    Args:
        units: (n, D) rows of length 1; K is their products.
    """
    count, width = units.shape
    gram = units.T @ units if width < count else units @ units.T  # both have the same eigenvalues, but for zeros
    values = np.linalg.eigvalsh(gram / count)
    values = values[values > 1e-12]
    values = values / values.sum() if values.size else np.ones(1)
    return float(np.exp(-(values * np.log(values)).sum()))


def vendi_of(units: Floats) -> Statistic:
    """Vendi score of the second side."""
    return lambda _, second: np.array([vendi_score(units[side]) if side.any() else np.nan for side in second])


def less_varied(units: Floats) -> Statistic:
    """By what the Vendi score of the second side falls short of that of the first, as a logarithm."""
    of = vendi_of(units)
    return lambda first, second: np.log(of(second, first)) - np.log(of(first, second))


def spreads(columns: Floats, side: Bools) -> Floats:
    """(D,) how much the pictures of a side vary: the root of the mean variance of (N, C) columns; NaN of none."""
    if not columns.shape[1]:
        return np.full(len(side), np.nan)
    of_side = side.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_side /= of_side.sum(axis=1, keepdims=True)
    variances = of_side @ np.square(columns) - np.square(of_side @ columns)
    found: Floats = np.sqrt(np.maximum(variances, 0.0).mean(axis=1))
    return found


def spread_ratio(columns: Floats) -> Statistic:
    """Spread of the second side, by that of the first: 1 where both vary alike. NaN where one doesn't vary at all.

    A set that collapses onto its middle loses spread long before any number's distribution is another one.

    Args:
        columns: (N, C) of all pictures, standardised.
    """

    def of(first: Bools, second: Bools) -> Floats:
        a, b = spreads(columns, first), spreads(columns, second)
        return np.divide(b, a, out=np.full_like(a, np.nan), where=(a > 0) & (b > 0))

    return of


def less_spread(columns: Floats) -> Statistic:
    """By what the second side's spread falls short of the first's, as a logarithm."""
    of = spread_ratio(columns)
    return lambda first, second: -np.log(of(first, second))


def unequal_spread(columns: Floats) -> Statistic:
    """By what both sides' spreads differ, as a logarithm."""
    of = spread_ratio(columns)
    return lambda first, second: np.abs(np.log(of(first, second)))


def near_pairs(hashes: list[int | None], alike_bits: int = ALIKE_BITS) -> Bools:
    """(N, N) which pictures are nearly the same as which others, by their hashes; those without one as none."""
    there = np.array([h is not None for h in hashes], np.bool_)
    codes = np.array([h or 0 for h in hashes], np.uint64)
    found = np.zeros((len(codes), len(codes)), np.bool_)
    for row in np.flatnonzero(there):
        found[row] = alike_to(codes, int(row), alike_bits) & there
    np.fill_diagonal(found, False)
    return found


def duplicates_of(pairs: Bools) -> Statistic:
    """Share of the second side's pictures that are nearly the same as another one there."""
    near = pairs.astype(np.float32)

    def of(_: Bools, second: Bools) -> Floats:
        side = second.astype(np.float32)
        repeated = ((side @ near) > 0) & second
        found: Floats = repeated.sum(axis=1) / np.maximum(1, second.sum(axis=1))
        return found

    return of


def more_duplicates(pairs: Bools) -> Statistic:
    """The same less that share on the first side."""
    of = duplicates_of(pairs)
    return lambda first, second: of(first, second) - of(second, first)
