"""How often classes are to be picked for labels to have the photos' mix: their counts there, by what a pick yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chisquare

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats
from scanstage.scenes.bank.planned_labels import PlannedLabels

UNSEEN = 0.5
"""Labels that a class has at least, though no photo shows it: it isn't known to be absent."""
LEAST_YIELD = 0.02
"""Labels of an object that is placed, below which no class is taken to come: it would be picked all the time."""
ALIKE = 0.01
FEW_REPEATS = 0.5


@dataclass(frozen=True)
class ClassMix:
    """Of the photos, and what makes it.

    Attributes:
        shares: of labels in the photos, by class.
        yields: labels that come of an object that is placed, by class.
        weights: how often each is to be picked, the largest 1; None: evenly, and none twice while there are others.
        unseen: classes that no photo shows.
    """

    shares: Mapping[str, float]
    yields: Mapping[str, float]
    weights: Mapping[str, float] | None
    unseen: tuple[str, ...]


def class_shares(photos: DatasetTable, classes: Sequence[str], independent: float = 1.0) -> dict[str, float]:
    """Shares of the photos' labels, those of classes that hardly any shows somewhat above 0.

    Args:
        photos: their labels.
        classes: of the config.
        independent: groups of photos that belong together, by photos: five of one scene say as much as one.
    """
    raised = {c: max(independent * n, UNSEEN) for c, n in _labels_of(photos, classes).items()}
    total = sum(raised.values())
    return {c: n / total for c, n in raised.items()}


def _labels_of(photos: DatasetTable, classes: Sequence[str]) -> dict[str, int]:
    """How many labels each of these classes has in the photos, in the order of ``classes``."""
    found = dict(zip(photos.classes, photos.counts.sum(axis=0).tolist(), strict=True))
    return {c: found.get(c, 0) for c in classes}


def class_mix(
    photos: DatasetTable,
    classes: Sequence[str],
    pictures: Sequence[PlannedLabels],
    weights: Floats,
    is_evenly: bool,
    independent: float = 1.0,
) -> ClassMix:
    """What classes are to be picked by.

    Args:
        photos: their labels.
        classes: of the config.
        pictures: planned ones.
        weights: (N,) how much each of them counts.
        is_evenly: whether the config picks classes evenly, none twice while there are others.
        independent: see :func:`class_shares`.
    """
    placed, labelled = (weights @ counts for counts in placed_and_labelled(pictures, classes))
    mean = labelled.sum() / max(placed.sum(), 1e-9)
    found = np.where(placed > 0, np.maximum(labelled / np.where(placed > 0, placed, 1), LEAST_YIELD), mean)
    yields = dict(zip(classes, found.tolist(), strict=True))
    shares = class_shares(photos, classes, independent)
    unseen = tuple(c for c, n in _labels_of(photos, classes).items() if not n)
    if is_evenly and _is_even(photos, classes, independent):
        return ClassMix(shares, yields, None, unseen)
    raw = {c: shares[c] / yields[c] for c in classes}
    most = max(raw.values())
    return ClassMix(shares, yields, {c: float(f"{r / most:.3g}") for c, r in raw.items()}, unseen)


def placed_and_labelled(pictures: Sequence[PlannedLabels], classes: Sequence[str]) -> tuple[Floats, Floats]:
    """(N, C) objects of each class that lie in each planned picture, and (N, C) labels that come of them."""
    number = {c: i for i, c in enumerate(classes)}
    placed, labelled = np.zeros((2, len(pictures), len(classes)))
    for row, picture in enumerate(pictures):
        for name, count in picture.placed.items():
            placed[row, number[name]] = count
        for name in picture.class_names:
            labelled[row, number[name]] += 1
    return placed, labelled


def _is_even(photos: DatasetTable, classes: Sequence[str], independent: float) -> bool:
    """Whether the photos' labels could be picked evenly with hardly a class twice in a photo."""
    counts = independent * np.array(list(_labels_of(photos, classes).values()), np.float64)
    if len(counts) > 1 and chisquare(counts).pvalue < ALIKE:
        return False
    labels = photos.counts.sum(axis=1)
    repeats = labels - (photos.counts > 0).sum(axis=1)
    # Of n labels picked evenly of K classes with no regard to each other, K (1 - (1 - 1/K)^n) differ.
    chance = labels - len(classes) * (1 - (1 - 1 / len(classes)) ** labels)
    return bool(repeats.sum() <= FEW_REPEATS * chance.sum())
