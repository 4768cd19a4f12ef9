"""One dataset against another: where they differ most, and by how much chance alone would make them differ.

How far a measure is from the other's is the largest difference of the two cumulative distributions (Kolmogorov and
Smirnov), of classes and factors the total variation distance; both are 0 where all is alike and 1 where nothing is
shared. Labels of one picture belong together, so chance is what remains when whole pictures are dealt out anew to two
datasets of these sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, units_of
from scanstage.dataset.analysis.histograms import Histogram, bin_edges, counts_by_picture, factor_names, histogram
from scanstage.dataset.analysis.measures import BINNED_FACTORS, MEASURES, Measure, factor_title

DEALS = 1000
SURE = 0.05
"""Chance that anything at all is told of two datasets that are alike."""
MOST_VALUES = 1000
"""A factor with more values, as of a photo for each picture, is left out."""
SAME_CLASSES = "classes"


@dataclass(frozen=True)
class Difference:
    """Of one measure, factor, or of the classes.

    Attributes:
        name, title: of it.
        kind: ``number`` or ``values``.
        distance: 0 to 1.
        by_chance: median of it where both are alike, and what none of all figures exceeds nineteen times in twenty.
        middle: medians of this and the other, of numbers.
        shares: by value, the shares in this and the other, of values; the most different first.
        histograms: of this and the other with the same bins, of numbers.
    """

    name: str
    title: str
    kind: Literal["number", "values"]
    distance: float
    by_chance: tuple[float, float]
    middle: tuple[float, float] | None = None
    shares: dict[str, tuple[float, float]] | None = None
    histograms: tuple[Histogram, Histogram] | None = None

    @property
    def beyond_chance(self) -> float:
        """By how much the distance is more than chance makes that of any figure, nineteen times in twenty."""
        return self.distance - self.by_chance[1]

    def to_json(self) -> dict[str, Any]:
        """As the report's JSON has it."""
        found: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "distance": round(self.distance, 4),
            "by_chance": [round(c, 4) for c in self.by_chance],
            "beyond_chance": self.beyond_chance > 0,
        }
        if self.middle is not None:
            found["medians"] = [float(f"{m:.6g}") for m in self.middle]
        if self.shares is not None:
            found["shares"] = [[value, *(round(s, 5) for s in pair)] for value, pair in self.shares.items()]
        if self.histograms is not None:
            ours, other = self.histograms
            found["edges"] = [float(f"{e:.9g}") for e in ours.edges]
            found["counts"] = [ours.counts.tolist(), other.counts.tolist()]
        return found


Counted = tuple[Floats, Floats, Callable[..., Difference]]
"""A figure that both have: (P, B) counts of each, and the difference that it becomes once its distance is known."""


def compare_tables(ours: DatasetTable, other: DatasetTable) -> tuple[Difference, ...]:
    """All differences, the most telling first: by how far they are beyond chance. What only one has is left out."""
    numbers = [c for measure in MEASURES if (c := _of_measure(measure, ours, other)) is not None]
    values = list(_of_values(ours, other))
    found = []
    for counted, of in ((numbers, _ks), (values, _total_variation)):
        for here, there, difference in counted:
            distance, chance = _distance(here, there, of, SURE / (len(numbers) + len(values)))
            found.append(difference(distance=distance, by_chance=chance))
    return tuple(sorted(found, key=lambda d: -d.beyond_chance))


def _of_measure(measure: Measure, ours: DatasetTable, other: DatasetTable) -> Counted | None:
    values = [measure.values(t) for t in (ours, other)]
    known = [v[np.isfinite(v)] for v in values]
    if not all(k.size for k in known) or np.ptp(np.concatenate(known)) == 0:
        return None
    first, pictures = len(ours.pictures), len(ours.pictures) + len(other.pictures)
    unit = units_of(ours, other) if measure.of == "label" else np.arange(pictures)
    counts, _ = counts_by_picture(np.concatenate(values), unit, pictures)
    shown = bin_edges(measure, np.concatenate(known))
    middle = (float(np.median(known[0])), float(np.median(known[1])))
    pair = (histogram(measure, ours, shown), histogram(measure, other, shown))
    known_so_far = partial(Difference, measure.name, measure.title, "number", middle=middle, histograms=pair)
    return counts[:first], counts[first:], known_so_far


def _of_values(ours: DatasetTable, other: DatasetTable) -> Iterator[Counted]:
    tables = (ours, other)
    names = [*dict.fromkeys((*ours.classes, *other.classes))]
    number = {c: i for i, c in enumerate(names)}
    parts = []
    for table in tables:
        counts = np.zeros((len(table.pictures), len(names)))
        counts[:, [number[c] for c in table.classes]] = table.counts
        parts.append(counts)
    if all(p.sum() for p in parts):
        yield _of_counts(SAME_CLASSES, "shares of classes among labels", names, parts[0], parts[1])
    for factor in factor_names(tables):
        if factor in BINNED_FACTORS:
            continue
        values = [[p.factors.get(factor) for p in t.pictures] for t in tables]
        if any(None in v for v in values):
            continue
        names = sorted({str(v) for each in values for v in each})
        number = {v: i for i, v in enumerate(names)}
        if 1 < len(names) <= MOST_VALUES and all(values):
            parts = [np.eye(len(names))[[number[str(v)] for v in each]] for each in values]
            yield _of_counts(factor, factor_title(factor), names, parts[0], parts[1])


def _of_counts(name: str, title: str, values: list[str], ours: Floats, other: Floats) -> Counted:
    shares = [p.sum(axis=0) / p.sum() for p in (ours, other)]
    order = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")
    pairs = {values[i]: (float(shares[0][i]), float(shares[1][i])) for i in order}
    return ours, other, partial(Difference, name, title, "values", shares=pairs)


def _distance(
    ours: Floats, other: Floats, of: Callable[[Floats, Floats], float], sure: float
) -> tuple[float, tuple[float, float]]:
    """Distance of two datasets, (P, B) counts each; of pictures dealt out anew its median and 1 - ``sure`` quantile."""
    together = np.concatenate([ours, other])
    total = together.sum(axis=0)
    rng = np.random.default_rng(0)
    dealt = []
    for _ in range(DEALS):
        chosen = np.zeros(len(together))
        chosen[rng.permutation(len(together))[: len(ours)]] = 1
        part = chosen @ together
        if part.sum() and (total - part).sum():
            dealt.append(of(part, total - part))
    chance = np.quantile(dealt or [0.0], (0.5, 1 - sure))
    return of(ours.sum(axis=0), other.sum(axis=0)), (float(chance[0]), float(chance[1]))


def _ks(ours: Floats, other: Floats) -> float:
    return float(np.abs(np.cumsum(ours) / ours.sum() - np.cumsum(other) / other.sum()).max())


def _total_variation(ours: Floats, other: Floats) -> float:
    return float(np.abs(ours / ours.sum() - other / other.sum()).sum() / 2)
