"""Numbers in bins, over all and by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints
from scanstage.dataset.analysis.measures import Measure, box_centers

Quantiles = tuple[float, float, float]

BINS = 24
MOST_WHOLE = 30
FINE_BINS = 256
"""Of values that distances of two distributions are taken by: quantiles of both together."""
GRID_WH = (24, 18)
DIRECTIONS_WH = (24, 12)
"""Cells of equal area on the sphere: azimuth in equal steps, elevation in equal steps of its sine (Archimedes)."""


@dataclass(frozen=True)
class Histogram:
    """Counts of a measure.

    Attributes:
        measure: what is counted.
        edges: (B + 1,) of the bins; the last one is closed.
        counts: (B,) over all classes.
        by_class: (B,) of each class, of a measure of labels.
        known: values that there are.
        quantiles: p5, p50, p95 over all; None where there are no values.
        is_always: whether all values are the same.
        by_class_quantiles: the same of each class that has any.
    """

    measure: Measure
    edges: Floats
    counts: Ints
    by_class: Mapping[str, Ints]
    known: int
    quantiles: Quantiles | None
    is_always: bool = False
    by_class_quantiles: Mapping[str, Quantiles] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the report's JSON has it."""
        return {
            "title": self.measure.title,
            "unit": self.measure.unit,
            "of": self.measure.of,
            "edges": [float(f"{e:.9g}") for e in self.edges],
            "always": self.is_always,
            "counts": self.counts.tolist(),
            "by_class": {c: n.tolist() for c, n in self.by_class.items()},
            "p5_p50_p95": None if self.quantiles is None else [float(f"{q:.6g}") for q in self.quantiles],
            "by_class_p5_p50_p95": {c: [float(f"{v:.6g}") for v in q] for c, q in self.by_class_quantiles.items()},
        }


def bin_edges(measure: Measure, values: Floats) -> Floats:
    """Edges of the bins of a measure: from the least to the most of its known values, or where it begins and ends."""
    known = values[np.isfinite(values)]
    if measure.is_log:
        known = known[known > 0]
    low, high = (known.min(), known.max()) if known.size else (0.1, 1.0)
    if measure.is_whole:
        low = low if measure.low is None else measure.low
        step = max(1, math.ceil((high - low + 1) / MOST_WHOLE))
        return np.arange(low, high + step + 1, step) - 0.5
    if measure.is_log:
        low, high = (low, high) if high > low * 1.001 else (low / 1.1, high * 1.1)
        edges: Floats = np.geomspace(low, high, BINS + 1)
        edges[[0, -1]] = low, high  # geomspace may end a little below the most
        return edges
    low = low if measure.low is None else measure.low
    high = high if measure.high is None else measure.high
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def binned(values: Floats, edges: Floats) -> Ints:
    """(V,) bin of each value; what lies outside goes to the first and the last one. -1 where there is no value."""
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isfinite(values), place, -1)


def histogram(measure: Measure, table: DatasetTable, edges: Floats | None = None) -> Histogram:
    """Count a measure.

    Args:
        measure: what is counted.
        table: of a dataset.
        edges: of the bins; None takes those of :func:`bin_edges`.
    """
    values = measure.values(table)
    edges = bin_edges(measure, values) if edges is None else edges
    place, bins = binned(values, edges), len(edges) - 1
    there = place >= 0
    counts = np.bincount(place[there], minlength=bins)
    by_class = {}
    if measure.of == "label":
        flat = np.bincount(table.label_class[there] * bins + place[there], minlength=len(table.classes) * bins)
        by_class = dict(zip(table.classes, flat.reshape(-1, bins), strict=True))
    known = values[there]
    of_class = {}
    if measure.of == "label":
        each = ((c, values[there & (table.label_class == k)]) for k, c in enumerate(table.classes))
        of_class = {c: q for c, v in each if (q := _quantiles(measure, v)) is not None}
    is_always = bool(known.size and np.ptp(known) == 0)
    return Histogram(measure, edges, counts, by_class, len(known), _quantiles(measure, known), is_always, of_class)


def _quantiles(measure: Measure, known: Floats) -> Quantiles | None:
    """p5, p50 and p95: of whole numbers such that occur."""
    if not known.size:
        return None
    low, middle, high = np.quantile(known, (0.05, 0.5, 0.95), method="nearest" if measure.is_whole else "linear")
    return float(low), float(middle), float(high)


def center_grids(table: DatasetTable) -> dict[str, Ints]:
    """(rows, columns) labels whose box's centre lies in each cell of GRID_WH, by class, and under "" over all."""
    centers = box_centers(table)
    columns, rows = (np.clip((centers[:, i] * n).astype(np.int64), 0, n - 1) for i, n in enumerate(GRID_WH))
    return _grids(table, rows * GRID_WH[0] + columns, np.ones(table.labels, np.bool_), GRID_WH)


def direction_grids(table: DatasetTable) -> dict[str, Ints]:
    """(bands, sectors) labels that are seen from each cell of DIRECTIONS_WH, likewise; bands from below to above.

    The first sector begins behind the object: at an azimuth of -180 degrees in its own frame.
    """
    azimuth, elevation = table.label_numbers["view_azimuth_deg"], table.label_numbers["view_elevation_deg"]
    known = np.isfinite(azimuth) & np.isfinite(elevation)
    sectors, bands = DIRECTIONS_WH
    sector = np.clip(((np.nan_to_num(azimuth) + 180) / 360 * sectors).astype(np.int64), 0, sectors - 1)
    height = np.sin(np.radians(np.nan_to_num(elevation)))
    band = np.clip(((height + 1) / 2 * bands).astype(np.int64), 0, bands - 1)
    return _grids(table, band * sectors + sector, known, DIRECTIONS_WH)


def _grids(table: DatasetTable, cell: Ints, known: Any, grid_wh: tuple[int, int]) -> dict[str, Ints]:
    cells = grid_wh[0] * grid_wh[1]
    flat = np.bincount(table.label_class[known] * cells + cell[known], minlength=len(table.classes) * cells)
    by_class = flat.reshape(-1, grid_wh[1], grid_wh[0])
    return {"": by_class.sum(axis=0)} | dict(zip(table.classes, by_class, strict=True))


def together(table: DatasetTable) -> Ints:
    """(C, C) pictures that hold labels of both classes; on the diagonal those with two or more labels of the class."""
    there = (table.counts > 0).astype(np.int64)
    both = there.T @ there
    np.fill_diagonal(both, (table.counts > 1).sum(axis=0))
    return both


def value_counts(table: DatasetTable, factor: str) -> dict[str, int]:
    """Pictures of each value of a factor, the most frequent first."""
    values: dict[str, int] = {}
    for picture in table.pictures:
        if (value := picture.factors.get(factor)) is not None:
            values[value] = values.get(value, 0) + 1
    return dict(sorted(values.items(), key=lambda pair: (-pair[1], pair[0])))


def factor_names(tables: Sequence[DatasetTable]) -> tuple[str, ...]:
    """Names of all factors of pictures, in their order."""
    return tuple(dict.fromkeys(name for table in tables for p in table.pictures for name in p.factors))


def counts_by_picture(values: Floats, unit: Ints, pictures: int) -> tuple[Floats, Floats]:
    """(P, B) how many values of each picture lie in each bin, and (B,) the bins' lower edges, which are values.

    Args:
        values: (V,) float64; NaN where there is none.
        unit: (V,) picture of each.
        pictures: how many there are.
    """
    both = np.unique(values[np.isfinite(values)])
    if len(both) > FINE_BINS:
        both = np.unique(np.quantile(both, np.linspace(0, 1, FINE_BINS), method="nearest"))
    if not len(both):
        return np.zeros((pictures, 0)), both
    place = binned(values, np.append(both, np.inf))
    there = place >= 0
    flat = np.bincount(unit[there] * len(both) + place[there], minlength=pictures * len(both))
    return flat.reshape(pictures, len(both)).astype(np.float64), both
