"""Do all classes meet the same circumstances? Tables of P(value | class), and how far apart they are.

A detector that meets a class in one light only learns the light.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.balance.factors import SIDE_BANDS, SIDE_SECTORS
from scanstage.scenes.picture_order import Entry

FOUR_FIFTHS = 0.8
LEAST_LABELS = 5
"""A class with fewer labels can't meet much; it is left out."""
SHUFFLES, FEWEST_SHUFFLES = 200, 40
SHUFFLED_LABELS = 10_000_000
"""No more labels than these are shuffled for a factor: the more there are, the less chance alone varies."""
HEIGHTS = ("from below", "from slightly below", "from slightly above", "from above")
VIEW_FACTORS = ("viewing_height", "viewing_sector")
"""The 24 viewing directions are too many for tables: the four bands of height, and the six sectors around the object's
own vertical, each by itself."""

Ints = npt.NDArray[np.int64]


def parity(entries: Sequence[Entry], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of every factor, how alike classes meet its values.

    Args:
        entries: of the planned pictures; only labels that are kept count.
        classes: of the tables.

    Returns:
        By factor: ``values``; ``counts`` and ``share`` (labels, and P(value | class)) by class and value;
        ``demographic_parity_difference``, ``disparate_impact_ratio``, ``flagged`` (below four fifths), see
        :func:`parity_difference` and :func:`impact_ratio`; ``by_chance`` and ``by_chance_low``, the median and the
        5 % quantile of that ratio where values have nothing to do with classes (values shuffled between pictures, or
        between labels for the directions that they are seen from); ``beyond_chance``: flagged, and below that
        quantile; ``left_out``: classes with too few labels. Difference, ratio and chance are None where fewer than two
        classes are left.
    """
    pictures = [e for e in entries if e.attempt is not None]
    shown = [(i, o.class_name, o.side) for i, e in enumerate(pictures) for o in e.objects if o.lost_by is None]
    shown = [s for s in shown if s[1] in set(classes)]
    number = {c: k for k, c in enumerate(classes)}
    labels = np.array([number[c] for _, c, _ in shown], np.int64)
    picture_of = np.array([i for i, _, _ in shown], np.int64)
    names = list(dict.fromkeys(name for e in pictures for name in e.factors))
    found = {}
    for name in names:
        by_picture = [e.factors.get(name, "–") for e in pictures]
        found[name] = factor_parity(classes, labels, by_picture, picture_of)
    each = np.arange(len(shown))
    heights = [HEIGHTS[s // SIDE_SECTORS] for _, _, s in shown]
    sectors = [_sector(s % SIDE_SECTORS) for _, _, s in shown]
    for name, values in zip(VIEW_FACTORS, (heights, sectors), strict=True):
        found[name] = factor_parity(classes, labels, values, each)
    return found


def parity_difference(shares: npt.NDArray[np.float64]) -> float:
    """Demographic-parity difference: max over values of (max_c - min_c) P(value | class).

    Of the values' independence of the class, as Calders et al. (2009) and Dwork et al. (2012, statistical parity) ask
    of outcomes and groups.

    Args:
        shares: (C, V), rows sum to 1.
    """
    return float((shares.max(axis=0) - shares.min(axis=0)).max())


def impact_ratio(shares: npt.NDArray[np.float64]) -> float:
    """Disparate-impact ratio: min over values of min_c / max_c of P(value | class).

    Feldman et al. (2015, definition 1.1); below 0.8 it breaks the four-fifths rule of the US EEOC (1978). Values that
    no class meets are passed over.

    Args:
        shares: (C, V), rows sum to 1.
    """
    most = shares.max(axis=0)
    return float((shares.min(axis=0)[most > 0] / most[most > 0]).min())


def _sector(number: int) -> str:
    width = 360 // SIDE_SECTORS
    return f"{number * width} to {(number + 1) * width} degrees"


def factor_parity(classes: Sequence[str], labels: Ints, by_unit: Sequence[str], unit_of: Ints) -> dict[str, Any]:
    """Figures of one factor, see :func:`parity`.

    Args:
        classes: of the table.
        labels: (L,) position in ``classes`` of each label.
        by_unit: value of each unit: a picture, or a label.
        unit_of: (L,) unit of each label.
    """
    values = sorted(set(by_unit), key=_natural)
    number = {v: k for k, v in enumerate(values)}
    codes = np.array([number[v] for v in by_unit], np.int64)
    counts = _count(labels, codes[unit_of], len(classes), len(values))
    rows = counts.sum(axis=1) >= LEAST_LABELS
    figures: dict[str, Any] = {
        "values": values,
        "counts": {c: dict(zip(values, map(int, n), strict=True)) for c, n in zip(classes, counts, strict=True)},
        "share": {
            c: dict(zip(values, map(float, n / n.sum()), strict=True))
            for c, n in zip(classes, counts, strict=True)
            if n.sum()
        },
        "left_out": [c for c, enough in zip(classes, rows, strict=True) if not enough],
    }
    if rows.sum() < 2:
        nothing = dict.fromkeys(("demographic_parity_difference", "disparate_impact_ratio", "by_chance"))
        return figures | nothing | {"by_chance_low": None, "flagged": False, "beyond_chance": False}
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    ratio = impact_ratio(shares)
    median, low = _by_chance(labels, codes, unit_of, rows, len(values))
    return figures | {
        "demographic_parity_difference": parity_difference(shares),
        "disparate_impact_ratio": ratio,
        "by_chance": median,
        "by_chance_low": low,
        "flagged": ratio < FOUR_FIFTHS,
        "beyond_chance": ratio < FOUR_FIFTHS and ratio < low,
    }


def _by_chance(
    labels: Ints, codes: Ints, unit_of: Ints, rows: npt.NDArray[np.bool_], values: int
) -> tuple[float, float]:
    """Median and 5 % quantile of the impact ratio after shuffling values: pictures keep what they hold together."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(min(SHUFFLES, max(FEWEST_SHUFFLES, SHUFFLED_LABELS // max(1, len(labels))))):
        counts = _count(labels, rng.permutation(codes)[unit_of], len(rows), values)[rows]
        ratios.append(impact_ratio(counts / counts.sum(axis=1, keepdims=True)))
    return float(np.median(ratios)), float(np.quantile(ratios, 0.05))


def _count(labels: Ints, codes: Ints, classes: int, values: int) -> Ints:
    """(classes, values): how often they come together."""
    return np.bincount(labels * values + codes, minlength=classes * values).reshape(classes, values)


def _natural(value: str) -> tuple[float, str]:
    """Bins by their lower edge, names by their letters."""
    try:
        return float(value.split(" ")[0]), value
    except ValueError:
        return (HEIGHTS.index(value), value) if value in HEIGHTS else (float("inf"), value)


assert len(HEIGHTS) == SIDE_BANDS
