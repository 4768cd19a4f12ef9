"""Is a class tied to a circumstance? A detector that meets a class in one light only learns the light.

How far classes and the values of a factor go together is told by Cramér's V (1946, §21.9): 0 where every class meets
all values alike, 1 where the value follows from the class. Small datasets have ties by chance alone; how strong these
are is found by shuffling: each picture keeps what it holds, and gets another picture's value. The single pair of class
and value that deviates most is judged by its standardised residual (n - e) / sqrt(e), against the largest such residual
of each shuffled dataset, which accounts for there being many pairs.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints
from scanstage.dataset.analysis.histograms import factor_names

SHUFFLES, FEWEST_SHUFFLES = 1000, 400
SHUFFLED = 20_000_000
"""No more labels than these are shuffled for a factor: the more there are, the less chance alone varies."""
SURE = 0.01
"""Chance that anything at all is told of a dataset without ties."""
WORTH_TELLING = 1.25
"""A pair is told from so many times as often, or as seldom, as evenly: the four-fifths rule."""
MOST_VALUES = 100
"""A factor with more values, as of a photo for each picture, is left out."""
LEAST_LABELS = 5
"""A class with fewer labels can't meet much; it is left out."""
HEIGHTS = ("from below", "from slightly below", "from slightly above", "from above")
SECTORS = 6


@dataclass(frozen=True)
class Pair:
    """A class and a value that go together more, or less, than evenly.

    Attributes:
        labels: of the class that meet the value.
        times_even: so many times as often as if the class met all values as the others do.
    """

    class_name: str
    value: str
    labels: int
    times_even: float


@dataclass(frozen=True)
class Tie:
    """How a factor and the classes go together.

    Attributes:
        factor: its name.
        values: of the factor, in the order of the columns.
        classes: with enough labels, in the order of the rows.
        counts: (C, V) labels.
        strength: Cramér's V; None where there is one class or one value only.
        by_chance: median and 95 % quantile of it where classes and values have nothing to do with each other.
        chance: of a pair as far from even as the one that deviates most, somewhere in a dataset without ties.
        pairs: beyond chance and worth telling, the most surprising first.
    """

    factor: str
    values: tuple[str, ...]
    classes: tuple[str, ...]
    counts: Ints
    strength: float | None = None
    by_chance: tuple[float, float] | None = None
    chance: float = 1.0
    pairs: tuple[Pair, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the report's JSON has it."""
        return asdict(self) | {"counts": self.counts.tolist(), "pairs": [asdict(p) for p in self.pairs]}


def find_ties(table: DatasetTable) -> tuple[Tie, ...]:
    """Ties of all factors of pictures, and of the heights and sectors that labels are seen from."""
    factors = [name for name in factor_names([table]) if len({p.factors.get(name) for p in table.pictures}) > 1]
    units: list[tuple[str, list[str], Ints | None]] = [
        (name, [p.factors.get(name, "–") for p in table.pictures], table.label_picture) for name in factors
    ]
    azimuth, elevation = table.label_numbers["view_azimuth_deg"], table.label_numbers["view_elevation_deg"]
    if table.labels and np.isfinite(azimuth).all() and np.isfinite(elevation).all():
        band = np.clip(((np.sin(np.radians(elevation)) + 1) * len(HEIGHTS) / 2).astype(int), 0, len(HEIGHTS) - 1)
        width = 360 // SECTORS
        sector = (azimuth % 360 // width).astype(int) % SECTORS
        units.append(("viewing_height", [HEIGHTS[b] for b in band], None))
        units.append(("viewing_sector", [f"{s * width} to {(s + 1) * width} degrees" for s in sector], None))
    return tuple(_tie(table, name, values, unit_of, SURE / max(1, len(units))) for name, values, unit_of in units)


def _tie(table: DatasetTable, factor: str, by_unit: list[str], unit_of: Ints | None, sure: float) -> Tie:
    """One of them.

    Args:
        by_unit: value of each picture, or of each label.
        unit_of: (L,) picture of each label; None where values are the labels' own.
        sure: chance of an error that is taken for this factor.
    """
    values = sorted(set(by_unit), key=_natural)
    if len(values) > MOST_VALUES:
        return Tie(factor, (), (), np.zeros((0, 0), np.int64))
    number = {v: k for k, v in enumerate(values)}
    codes = np.array([number[v] for v in by_unit], np.int64)
    rows = np.flatnonzero(table.counts.sum(axis=0) >= LEAST_LABELS)
    classes = tuple(table.classes[r] for r in rows)
    place = np.full(len(table.classes), -1)
    place[rows] = np.arange(len(rows))
    kept = place[table.label_class] >= 0
    labels, picture_of = place[table.label_class[kept]], table.label_picture[kept]
    values_of = codes[kept] if unit_of is None else codes[unit_of[kept]]
    shape = (len(classes), len(values))
    counts = _count(labels, values_of, shape)
    plain = Tie(factor, tuple(values), classes, counts)
    if min(shape) < 2 or (counts.sum(axis=0) > 0).sum() < 2:
        return plain
    rng = np.random.default_rng(0)
    strengths, largest = [], []
    for _ in range(min(SHUFFLES, max(FEWEST_SHUFFLES, SHUFFLED // max(1, len(labels))))):
        if unit_of is None:  # what lies in one picture is seen from like sides: its classes stay together
            shuffled = _count(labels[_dealt(picture_of, len(table.pictures), rng)], values_of, shape)
        else:
            shuffled = _count(labels, rng.permutation(codes)[picture_of], shape)
        strengths.append(_strength(shuffled))
        largest.append(np.abs(_residuals(shuffled)).max())
    residuals, expected = _residuals(counts), expected_counts(counts)
    bound = float(np.quantile(largest, 1 - sure))
    pairs = []
    for r, v in zip(*np.nonzero(np.abs(residuals) > bound), strict=True):
        times = float(counts[r, v] / expected[r, v])
        if times >= WORTH_TELLING or times <= 1 / WORTH_TELLING:
            pairs.append((abs(residuals[r, v]), Pair(classes[r], values[v], int(counts[r, v]), times)))
    beyond = 1 + sum(n >= np.abs(residuals).max() for n in largest)
    return Tie(
        factor,
        tuple(values),
        classes,
        counts,
        _strength(counts),
        (float(np.median(strengths)), float(np.quantile(strengths, 0.95))),
        beyond / (len(largest) + 1),
        tuple(pair for _, pair in sorted(pairs, key=lambda found: -found[0])),
    )


def _dealt(picture_of: Ints, pictures: int, rng: np.random.Generator) -> Ints:
    """(L,) positions of labels with their pictures in a drawn order, and in any order within a picture."""
    rank = np.empty(pictures, np.int64)
    rank[rng.permutation(pictures)] = np.arange(pictures)
    return np.lexsort((rng.random(len(picture_of)), rank[picture_of]))


def _count(labels: Ints, codes: Ints, shape: tuple[int, int]) -> Ints:
    return np.bincount(labels * shape[1] + codes, minlength=shape[0] * shape[1]).reshape(shape)


def expected_counts(counts: Ints | Floats) -> Floats:
    """(C, V) labels if every class met all values as the rest does."""
    even: Floats = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / max(1, counts.sum())
    return even


def _residuals(counts: Ints) -> Floats:
    expected = expected_counts(counts)
    found: Floats = (counts - expected) / np.sqrt(np.maximum(expected, 1.0))  # rare pairs aren't blown up
    return found


def _strength(counts: Ints) -> float:
    """Cramér's V."""
    used: npt.NDArray[np.int64] = counts[:, counts.sum(axis=0) > 0]
    expected = expected_counts(used)
    degrees = min(used.shape) - 1
    if degrees < 1 or not used.sum():
        return 0.0
    return float(np.sqrt((np.square(used - expected) / expected).sum() / used.sum() / degrees))


def _natural(value: str) -> tuple[float, str]:
    """Bins by their lower edge, names by their letters."""
    try:
        number = float(value.split(" ")[0])
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number, value
    return (HEIGHTS.index(value), value) if value in HEIGHTS else (math.inf, value)
