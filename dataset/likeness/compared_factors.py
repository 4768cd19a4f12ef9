"""What two sets are compared by: each number of labels and pictures by itself, and a picture's numbers as a vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, units_of
from scanstage.dataset.analysis.histograms import counts_by_picture
from scanstage.dataset.analysis.label_summaries import (
    SUMMARIES,
    SUMMARY_TITLES,
    has_masks,
    label_summaries,
    typical_labels,
)
from scanstage.dataset.analysis.measures import MEASURES, Measure
from scanstage.dataset.likeness.null_bands import Statistic
from scanstage.dataset.likeness.two_sample import (
    kolmogorov_smirnov,
    total_variation,
    wasserstein,
)

OF_MAKING = ("agreement", "attempts")
"""Measures of how a picture was made, not of what it shows."""
OF_LABELS, IN_PIXELS = ("labels", "kinds"), ("box_size_px",)
CLASSES = "classes"
SIZES_ALIKE = 1.1
"""Sets whose pictures' usual sizes differ by a larger factor aren't compared by pixels of boxes."""


@dataclass(frozen=True)
class Factor:
    """One number of labels or pictures, or their classes.

    Attributes:
        name, title, unit: of it.
        distance: by which it is tested: Kolmogorov and Smirnov's, of classes total variation.
        moved: Wasserstein-1 distance in its own unit; None of classes.
        middles: medians of both sets, of numbers.
        shares: in both sets by value, of classes, the most different first.
    """

    name: str
    title: str
    unit: str
    distance: Statistic
    moved: Statistic | None = None
    middles: tuple[float, float] | None = None
    shares: dict[str, tuple[float, float]] | None = None


@dataclass(frozen=True)
class Columns:
    """A vector of each picture, named.

    Attributes:
        titles: (C,) of its numbers, for people.
        values: (N, C), of both sets, the first one's pictures first; without NaN.
    """

    titles: tuple[str, ...]
    values: Floats


def factors_of(first: DatasetTable, second: DatasetTable) -> tuple[Factor, ...]:
    """All that both have and that isn't the same everywhere; classes come first.

    Args:
        first, second: with the same classes.
    """
    has_labels = bool(first.labels and second.labels)
    found = [_classes(first, second)] if has_labels and len(first.classes) > 1 else []
    skipped = {*OF_MAKING, *(() if has_labels else OF_LABELS), *(() if sizes_alike(first, second) else IN_PIXELS)}
    return (*found, *(f for m in MEASURES if m.name not in skipped for f in _of_measure(m, first, second)))


def sizes_alike(first: DatasetTable, second: DatasetTable) -> bool:
    """Whether pictures of both are about as large."""
    areas = [float(np.median([np.prod(p.resolution_wh) for p in t.pictures])) for t in (first, second)]
    return bool(max(areas) <= min(areas) * SIZES_ALIKE**2)


def _of_measure(measure: Measure, first: DatasetTable, second: DatasetTable) -> Iterator[Factor]:
    values = [measure.values(t) for t in (first, second)]
    known = [v[np.isfinite(v)] for v in values]
    if not all(len(k) for k in known) or np.ptp(np.concatenate(known)) == 0:
        return
    pictures = _pictures(first, second)
    unit = units_of(first, second) if measure.of == "label" else np.arange(pictures)
    counts, edges = counts_by_picture(np.concatenate(values), unit, pictures)
    yield Factor(
        measure.name,
        measure.title,
        measure.unit,
        kolmogorov_smirnov(counts),
        wasserstein(counts, edges),
        (float(np.median(known[0])), float(np.median(known[1]))),
    )


def _classes(first: DatasetTable, second: DatasetTable) -> Factor:
    counts = np.concatenate([first.counts, second.counts]).astype(np.float64)
    shares = [t.counts.sum(axis=0) / t.labels for t in (first, second)]
    order = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")
    pairs = {first.classes[i]: (float(shares[0][i]), float(shares[1][i])) for i in order}
    return Factor(CLASSES, "shares of classes among labels", "", total_variation(counts), shares=pairs)


def label_columns(first: DatasetTable, second: DatasetTable) -> Columns:
    """Summaries of the labels of each picture, and how many there are of each class, as log(1 + n).

    How far masks fill their boxes is left out where either has boxes alone.
    """
    typical = typical_labels([first, second])
    summaries = np.concatenate([label_summaries(t, typical) for t in (first, second)])
    kept = [k for k, name in enumerate(SUMMARIES) if name != "solidity" or (has_masks(first) and has_masks(second))]
    counts = np.log1p(np.concatenate([first.counts, second.counts]))
    titles = (*(SUMMARY_TITLES[SUMMARIES[k]] for k in kept), *(f"labels of class {c}" for c in first.classes))
    return Columns(titles, np.hstack([summaries[:, kept], counts]))


def picture_columns(first: DatasetTable, second: DatasetTable) -> Columns:
    """Measures of the pixels of each picture; what one doesn't say is the mean of the others."""
    titles, values = [], []
    for measure in MEASURES:
        if measure.of != "picture" or measure.needs_plan or measure.name in OF_LABELS:
            continue
        column = np.concatenate([measure.values(t) for t in (first, second)])
        there = np.isfinite(column)
        if there.any():
            titles.append(measure.title)
            values.append(np.where(there, column, column[there].mean()))
    return Columns(tuple(titles), np.stack(values, axis=1) if values else np.zeros((_pictures(first, second), 0)))


def _pictures(first: DatasetTable, second: DatasetTable) -> int:
    return len(first.pictures) + len(second.pictures)


def joined(parts: tuple[Columns, ...]) -> Columns:
    """Side by side."""
    return Columns(tuple(t for p in parts for t in p.titles), np.hstack([p.values for p in parts]))
