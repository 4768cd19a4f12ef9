"""Which classes come in which kind of pictures, and how far that is to be evened out.

Photos may show one class in one kind of picture alone, as from above, which a detector would learn for the class. That
is kept where the photos have it, as far as ``fit.parity`` leaves it: with a slack s, every class's shares of kinds may
be off those of all labels by a total variation of s. Shares are drawn towards those of all labels, all classes by the
same part, no farther than that asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanstage.dataset.analysis.class_ties import expected_counts
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.fitting.class_mix import LEAST_YIELD, placed_and_labelled
from scanstage.dataset.fitting.matching.mixtures import Floats
from scanstage.dataset.report.parity import impact_ratio
from scanstage.scenes.bank.planned_labels import PlannedLabels

SHUFFLES = 200
SURE = 0.01
LEAST_PICKED = 1e-4


@dataclass(frozen=True)
class KindMix:
    """Of several kinds of pictures.

    Attributes:
        chance: of classes that are as different in kinds where they have nothing to do with each other.
        impact: disparate-impact ratio of the photos, see :func:`parity.impact_ratio`, and what is left of it.
        evened: by how much classes were drawn towards what all labels meet; 0: as in the photos, 1: alike.
        weights: how often each class is picked, by kind; None where classes are alike in all kinds.
    """

    chance: float
    impact: tuple[float, float]
    evened: float
    weights: Mapping[str, tuple[float, ...]] | None


def kind_mix(
    photos: DatasetTable,
    belongs: Floats,
    classes: Sequence[str],
    yields: Floats,
    parity: tuple[float, float],
    seed: int = 0,
) -> KindMix:
    """What classes are to be picked by in each kind.

    Args:
        photos: their labels, in the order of ``classes``.
        belongs: (n, K) of which kind each photo is; rows sum to 1.
        classes: of the config.
        yields: (K, C) labels that come of an object that is placed.
        parity: weight and slack of ``fit.parity``.
        seed: of the shuffles.
    """
    counts = photos.counts.astype(np.float64)
    together = belongs.T @ counts
    rng = np.random.default_rng(seed)
    apart = _apart(together)
    by_chance = [_apart(belongs[rng.permutation(len(belongs))].T @ counts) for _ in range(SHUFFLES)]
    chance = (1 + sum(b >= apart for b in by_chance)) / (1 + SHUFFLES)
    there = together.sum(axis=0) > 0
    shares = _given_class(together)[there]
    before = impact_ratio(shares)
    if chance >= SURE:
        return KindMix(chance, (before, before), 0.0, None)
    weight, slack = parity
    even = together.sum(axis=1) / together.sum()
    worst = float(np.abs(shares - even).sum(axis=1).max() / 2)
    evened = weight * max(0.0, 1 - slack / worst) if worst > 0 else 0.0
    mixed = (1 - evened) * together + evened * expected_counts(together)
    after = impact_ratio(_given_class(mixed)[there])
    picked = (mixed / mixed.sum(axis=1, keepdims=True) + LEAST_PICKED) / np.maximum(yields, LEAST_YIELD)
    picked /= picked.max(axis=1, keepdims=True)
    weights = {c: tuple(float(f"{w:.3g}") for w in picked[:, i]) for i, c in enumerate(classes)}
    return KindMix(chance, (before, after), evened, weights)


def yields_by_kind(
    pictures: Sequence[PlannedLabels], weights: Floats, belongs: Floats, classes: Sequence[str]
) -> Floats:
    """(K, C) labels that come of an object that is placed.

    Args:
        pictures: planned ones.
        weights: (N,) how much each counts.
        belongs: (N, K) of which kind each is.
        classes: of the columns.
    """
    placed, labelled = placed_and_labelled(pictures, classes)
    of_kind = belongs * weights[:, None]
    found: Floats = (of_kind.T @ labelled) / np.maximum(of_kind.T @ placed, 1e-12)
    return found


def _given_class(together: Floats) -> Floats:
    """(C, K) shares of kinds of each class, of (K, C) counts."""
    found: Floats = (together / np.maximum(together.sum(axis=0, keepdims=True), 1e-12)).T
    return found


def _apart(together: Floats) -> float:
    """How different classes are in kinds: chi-squared of (K, C) counts."""
    expected = expected_counts(together)
    return float((np.square(together - expected) / np.maximum(expected, 1e-9)).sum())
