"""Can a simple classifier tell the sets apart? The classifier two-sample test (Lopez-Paz and Oquab 2017).

A logistic regression with an L2 penalty is fitted to four fifths of the pictures and tried on the rest, five times;
the figure is the area under its ROC curve (.5: it guesses; 1: it is always right), the mean of the five. It is fitted
with the fixed bound on its curvature, X'X / 4 (Böhning and Lindsay 1988), which doesn't depend on who is real: so
hundreds of deals are fitted at once, by products of matrices, where a solver would take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import Floats, Ints
from scanstage.dataset.likeness.null_bands import Bools, Statistic

FOLDS = 5
PENALTY = 1.0
STEPS = 60
COMPONENTS = 32
"""Principal components of features that are told apart: with more of them than pictures, anything can be."""


@dataclass(frozen=True)
class ToldApart:
    """What a classifier of one pair of sets says.

    Attributes:
        auc: see above.
        probability: (N,) out of fold, that a picture is of the second side.
        importance: (C,) by how much the area falls where a column is shuffled among the pictures that it is tried on.
    """

    auc: float
    probability: Floats
    importance: Floats


def standardised(values: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """(N, C) columns less their mean, over their standard deviation, and which these are: not constant ones."""
    spread = values.std(axis=0)
    kept = np.flatnonzero(spread > 1e-9 * np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0)))
    return (values[:, kept] - values[:, kept].mean(axis=0)) / spread[kept], kept


def components(features: Floats, most: int = COMPONENTS) -> Floats:
    """(N, C) principal components of standardised features, each of variance 1."""
    scaled, _ = standardised(features)
    if not scaled.shape[1]:
        return np.zeros((len(features), 0))
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = min(most, int((values > 1e-6 * values[0]).sum()), max(1, len(features) // 4))
    found: Floats = left[:, :kept] * np.sqrt(len(features))
    return found


def fitted(columns: Floats, is_second: Floats, weights: Floats | None = None) -> Floats:
    """(C + 1, D) coefficients of D logistic regressions, the last one the constant, which has no penalty.

    Args:
        columns: (N, C), standardised.
        is_second: (N, D) 0 or 1.
        weights: (N,) of pictures; None is 1 each.
    """
    x = np.hstack([columns, np.ones((len(columns), 1))])
    weighted = x if weights is None else x * weights[:, None]
    penalty = np.full((x.shape[1], 1), PENALTY)
    penalty[-1] = 0.0
    bound = np.linalg.inv(weighted.T @ x / 4 + np.diag(penalty[:, 0] + 1e-9))
    found = np.zeros((x.shape[1], is_second.shape[1]))
    for _ in range(STEPS):
        step = bound @ (weighted.T @ (is_second - _logistic(x @ found)) - penalty * found)
        found += step
        if np.abs(step).max() < 1e-4:
            break
    return found


def _logistic(values: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return found


def areas(scores: Floats, is_second: Bools) -> Floats:
    """(D,) area under the ROC curve of (N, D) scores: by the ranks, ties shared (Mann and Whitney 1947).

    NaN where one side is empty.
    """
    ranks = np.empty(scores.shape)
    for row in range(scores.shape[1]):
        _, inverse, counts = np.unique(scores[:, row], return_inverse=True, return_counts=True)
        ranks[:, row] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = is_second.sum(axis=0)
    m = len(scores) - n
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = ((ranks * is_second).sum(axis=0) - n * (n + 1) / 2) / (n * m)
    return np.where((n > 0) & (m > 0), found, np.nan)


def folds_of(count: int) -> Ints:
    """(N,) fold of each picture: the same whoever is real, or a deal could be told by its folds."""
    found: Ints = np.random.default_rng(4).permutation(count) % FOLDS
    return found


def auc_of(columns: Floats) -> Statistic:
    """Cross-validated area, of (N, C) standardised columns."""
    folds = folds_of(len(columns))

    def of(first: Bools, second: Bools) -> Floats:
        found = np.full(len(first), np.nan)
        if not columns.shape[1]:
            return found
        used = first | second
        packed = np.packbits(used, axis=1)
        _, group = np.unique(packed, axis=0, return_inverse=True)
        for number in range(int(group.max()) + 1):  # deals of the same pictures are fitted at once
            rows = np.flatnonzero(group.ravel() == number)
            there = np.flatnonzero(used[rows[0]])
            found[rows] = _cross_validated(columns[there], second[np.ix_(rows, there)].T, folds[there])
        return found

    return of


def _cross_validated(columns: Floats, is_second: Bools, folds: Ints) -> Floats:
    """(D,) mean area over folds."""
    found = []
    for fold in range(FOLDS):
        held = folds == fold
        beta = fitted(columns[~held], is_second[~held].astype(np.float64))
        found.append(areas(columns[held] @ beta[:-1], is_second[held]))
    known = np.array(found)
    there = np.isfinite(known)
    sums = np.where(there, known, 0).sum(axis=0)
    return np.where(there.any(axis=0), sums / np.maximum(1, there.sum(axis=0)), np.nan)


def tell_apart(columns: Floats, second: Bools) -> ToldApart:
    """What the classifier of all pictures says of each, and which columns it goes by.

    Args:
        columns: (N, C) standardised.
        second: (N,) which pictures are of the second side.
    """
    folds, rng = folds_of(len(columns)), np.random.default_rng(5)
    # Sides of different sizes count alike, so that a probability of .5 is where both are equally likely.
    share = np.where(second, second.mean(), (~second).mean())
    weights: Floats = 0.5 / np.maximum(share, 1e-9)
    probability = np.full(len(columns), 0.5)
    lost = np.zeros((FOLDS, columns.shape[1]))
    area = np.full(FOLDS, np.nan)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold)
        if not columns.shape[1] or not len(held):
            continue
        beta = fitted(columns[rest], second[rest, None].astype(np.float64), weights[rest])
        probability[held] = _logistic(columns[held] @ beta[:-1] + beta[-1])[:, 0]
        area[fold] = areas(columns[held] @ beta[:-1], second[held, None])[0]
        for column in range(columns.shape[1]):
            mixed = columns[held].copy()
            mixed[:, column] = mixed[rng.permutation(len(held)), column]
            lost[fold, column] = area[fold] - areas(mixed @ beta[:-1], second[held, None])[0]
    known = np.isfinite(area)
    if not known.any():
        return ToldApart(float("nan"), probability, np.zeros(columns.shape[1]))
    return ToldApart(float(area[known].mean()), probability, lost[known].mean(axis=0))
