"""Kinds of pictures: do values go along with each other in the photos, as far views with high cameras?

Independent values are one component of a mixture. A component is split in two where photos that weren't fitted are met
better: the split starts at one value, above and below the middle of what labels tell of it, as a decision tree's would,
and is searched from there. Twice at most, so that there are three kinds, which a person can still read. And only where
values do go along with each other: a mixture has so many shapes that without that test it would often meet photos
better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.dataset.fitting.matching.mixtures import Floats, MixtureShape, beta_of
from scanstage.dataset.fitting.matching.moment_match import Match, search
from scanstage.dataset.fitting.matching.usual_values import Usual
from scanstage.dataset.fitting.matching.weighed_bank import WeighedBank, effective_size, misfit_of_weights, weights_of
from scanstage.dataset.fitting.told_by_labels import Told

FOLDS = 4
SPLITS_AT_MOST = 2
FEWEST = 60
"""Photos, independent of each other, below which none are told apart."""
START_STEPS, STEPS = 8, 40
LEAST_SHARE = 0.1
SURE_GAIN = 8.0
"""By how much the misfit of photos that weren't fitted has to fall, in the mean of all folds."""
SAMPLES = 400
SURE = 0.01


def find_kinds(
    shape: MixtureShape,
    match: Match,
    bank: WeighedBank,
    told: Told,
    features: Floats,
    groups: Sequence[int],
    usual: Usual,
    seed: int = 0,
) -> tuple[MixtureShape, Match]:
    """Split what was found where it helps.

    Args:
        shape, match: of one component.
        bank: planned pictures, through a whitening.
        told: what labels tell of both.
        features: (n, F) of the photos, through the same.
        groups: (n,) which of them belong together.
        usual: see :class:`Usual`.
        seed: of the folds.
    """
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < FEWEST:
        return shape, match
    fold = np.random.default_rng(seed).permutation(np.arange(len(names)) % FOLDS)[members]
    for _ in range(SPLITS_AT_MOST):
        if go_along_by_chance(told, weights_of(shape, match.theta, bank), groups, seed) > SURE:
            break
        better = _best_split(shape, match, bank, told.real, features, usual)
        if better is None or not _holds(shape, match, *better, bank, features, fold, usual):
            break
        shape, match = better
    return shape, match


def go_along_by_chance(told: Told, weights: Floats, groups: Sequence[int], seed: int = 0) -> float:
    """How likely values of photos go along with each other as they do, or more, did what was found hold: a p-value.

    Of correlations between what labels tell of values: those of the photos against those of samples of the weighed
    bank. Samples are as large as photos that are independent, and smaller for what the weighed bank is itself off by.

    Args:
        told: what labels tell of both.
        weights: (N,) of planned pictures, which sum to 1.
        groups: (n,) which photos belong together.
        seed: of the samples.
    """
    if told.bank.shape[1] < 2:
        return 1.0
    rng = np.random.default_rng(seed)
    size = max(3, round(1 / (1 / len(set(groups)) + 1 / effective_size(weights))))
    drawn = rng.choice(len(weights), size=(SAMPLES, size), p=weights)
    samples = np.array([_correlations(told.bank[rows]) for rows in drawn])
    middle = samples.mean(axis=0)
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(samples.T)), hermitian=True)
    off = np.concatenate([samples, [_correlations(told.real)]]) - middle
    far = np.einsum("si,ij,sj->s", off, inverse, off)
    return float((far >= far[-1]).mean())


def _correlations(told: Floats) -> Floats:
    """Of each pair of (N, D) values."""
    scaled = (told - told.mean(axis=0)) / np.maximum(told.std(axis=0), 1e-9)
    found: Floats = (scaled.T @ scaled / len(told))[np.triu_indices(told.shape[1], 1)]
    return found


def _best_split(
    shape: MixtureShape, match: Match, bank: WeighedBank, told: Floats, features: Floats, usual: Usual
) -> tuple[MixtureShape, Match] | None:
    """Each component split at each value: the best of these after a search."""
    target = features.mean(axis=0)
    found: list[tuple[MixtureShape, Match]] = []
    belongs = shape.belonging(match.theta, np.clip(told, 1e-3, 1 - 1e-3)).argmax(axis=1)
    for k in range(shape.components):
        own = told[belongs == k]
        if len(own) < FEWEST / 2:
            continue
        for i, axis in enumerate(shape.axes):
            if axis.is_choice:
                continue
            above = own[:, i] > np.median(own[:, i])
            parted = replace(shape, components=shape.components + 1)
            start = _parted(shape, parted, match.theta, k, (own[~above], own[above]))
            found.append((parted, search(parted, bank, target, start, usual, START_STEPS)))
    if not found:
        return None
    parted, first = min(found, key=lambda pair: pair[1].cost)
    best = search(parted, bank, target, first.theta, usual, STEPS)
    return None if parted.shares(best.theta).min() < LEAST_SHARE else (parted, best)


def _parted(
    shape: MixtureShape, parted: MixtureShape, theta: Floats, component: int, halves: tuple[Floats, Floats]
) -> Floats:
    """Parameters with a component in two halves, which stand last."""
    shares = shape.shares(theta)
    order = [k for k in range(shape.components) if k != component]
    weights = [*(shares[k] for k in order), shares[component] / 2, shares[component] / 2]
    found = parted.even()
    found[: parted.components - 1] = np.log(np.array(weights[:-1]) / weights[-1])
    for new, k in enumerate([*order, component, component]):
        for i, axis in enumerate(shape.axes):
            place = theta[shape.place(k, i)]
            if new >= len(order) and not axis.is_choice:
                half = halves[new - len(order)][:, i]
                place = beta_of(float(half.mean()), float(half.std()))
            found[parted.place(new, i)] = place
    return found


def _holds(
    shape: MixtureShape,
    match: Match,
    parted: MixtureShape,
    split: Match,
    bank: WeighedBank,
    features: Floats,
    fold: npt.NDArray[np.int64],
    usual: Usual,
) -> bool:
    """Whether the split meets photos better that it wasn't fitted to, and not by its values' shapes alone.

    Two components can have a shape that one can't have; that is no dependence. So the split has to do better than its
    own values would if each were drawn by itself.
    """
    gained = 0.0
    for k in range(FOLDS):
        seen, unseen = features[fold != k].mean(axis=0), features[fold == k].mean(axis=0)
        before = search(shape, bank, seen, match.theta, usual, START_STEPS).theta
        after = search(parted, bank, seen, split.theta, usual, START_STEPS).theta
        densities = (
            shape.log_density(before, bank.units),
            independent(parted, after, bank.units),
            parted.log_density(after, bank.units),
        )
        misfits = [misfit_of_weights(bank, bank.weighed(d), unseen) for d in densities]
        gained += min(misfits[:2]) - misfits[2]
    return gained / FOLDS > SURE_GAIN


def independent(shape: MixtureShape, theta: Floats, units: Floats) -> Floats:
    """(N,) logarithm of the density in which values have the same distributions, and nothing to do with each other."""
    found = np.zeros(len(units))
    for i, axis in enumerate(shape.axes):
        grid, mass = shape.marginal(theta, i)
        cell = np.minimum((units[:, i] * len(grid)).astype(int), len(grid) - 1)
        found += np.log(np.maximum(mass[cell] * (1 if axis.cells else len(grid)), 1e-12))
    return found
