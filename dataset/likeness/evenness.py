"""Does every class meet the same circumstances, in the real set, in the synthetic one, and in both together?

Photos have no plan, so the circumstances are those that can be seen: how bright the picture is, how large a label is,
where it lies. Thirds of brightness and of size are those of the real set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints, units_of
from scanstage.dataset.analysis.measures import box_centers, box_share
from scanstage.dataset.likeness.null_bands import Bools, Gauge
from scanstage.dataset.report.parity import LEAST_LABELS, factor_parity, impact_ratio

MOST_SIZES = 12
"""Of pictures; of more no table can be made."""
TITLES = {
    "brightness_third": "brightness",
    "size_third": "label size",
    "across": "left to right",
    "down": "top to bottom",
    "picture_size": "picture size",
}


@dataclass(frozen=True)
class Circumstance:
    """What labels meet.

    Attributes:
        name: of it.
        values: in their order.
        codes: (L,) position in ``values`` that each label of both sets meets, the real ones first.
        by_picture: whether labels of a picture meet the same.
    """

    name: str
    values: tuple[str, ...]
    codes: Ints
    by_picture: bool


def circumstances(real: DatasetTable, synthetic: DatasetTable) -> tuple[Circumstance, ...]:
    """All that can be told; such of one value are left out.

    Args:
        real, synthetic: with the same classes.
    """
    tables, found = (real, synthetic), []
    brightness = [t.picture_numbers("brightness")[t.label_picture] for t in tables]
    known = real.picture_numbers("brightness")
    if all(np.isfinite(b).all() for b in brightness) and np.isfinite(known).any():
        thirds = np.quantile(known[np.isfinite(known)], (1 / 3, 2 / 3))
        found.append(_cut("brightness_third", ("dark", "middle", "bright"), thirds, brightness, True))
    sizes = [box_share(t) for t in tables]
    if real.labels:
        thirds = np.quantile(sizes[0], (1 / 3, 2 / 3))
        found.append(_cut("size_third", ("small", "middle", "large"), thirds, sizes, False))
    centers = [box_centers(t) for t in tables]
    edges = np.array([1 / 3, 2 / 3])
    found.append(_cut("across", ("left", "middle", "right"), edges, [c[:, 0] for c in centers], False))
    found.append(_cut("down", ("top", "middle", "bottom"), edges, [c[:, 1] for c in centers], False))
    shapes = [f"{w} x {h}" for t in tables for w, h in (p.resolution_wh for p in t.pictures)]
    names = tuple(sorted(set(shapes)))
    if len(names) <= MOST_SIZES:
        codes = np.array([names.index(s) for s in shapes], np.int64)[units_of(real, synthetic)]
        found.append(Circumstance("picture_size", names, codes, True))
    return tuple(c for c in found if len(set(c.codes.tolist())) > 1)


def _cut(
    name: str, values: tuple[str, ...], edges: Floats, numbers: Sequence[Floats], by_picture: bool
) -> Circumstance:
    return Circumstance(name, values, np.searchsorted(edges, np.concatenate(numbers), side="right"), by_picture)


def evenness_gauge(circumstance: Circumstance, real: DatasetTable, synthetic: DatasetTable) -> Gauge:
    """Impact ratio of the synthetic side (:func:`parity.impact_ratio`), tested by how far it is below the real one's.

    The ratio is the least over values of P(value | class), of the class that meets it least over the one that meets it
    most; classes with fewer than five labels on a side are left out.
    """
    classes, values = len(real.classes), len(circumstance.values)
    pictures = len(real.pictures) + len(synthetic.pictures)
    unit, labels = units_of(real, synthetic), np.concatenate([real.label_class, synthetic.label_class])
    flat = np.bincount((unit * classes + labels) * values + circumstance.codes, minlength=pictures * classes * values)
    counts = flat.reshape(pictures, classes * values).astype(np.float64)

    def ratio(_: Bools, side: Bools) -> Floats:
        sums = (side.astype(np.float64) @ counts).reshape(-1, classes, values)
        return np.array([_ratio(s) for s in sums])

    return Gauge(ratio, "low", lambda first, second: ratio(second, first) - ratio(first, second))


def _ratio(counts: Floats) -> float:
    rows = counts.sum(axis=1) >= LEAST_LABELS
    if rows.sum() < 2:
        return float("nan")
    return impact_ratio(counts[rows] / counts[rows].sum(axis=1, keepdims=True))


def parity_tables(circumstance: Circumstance, real: DatasetTable, synthetic: DatasetTable) -> dict[str, Any]:
    """Class x value, of ``real``, ``synthetic`` and ``both``: see :func:`parity.factor_parity`."""
    labels = np.concatenate([real.label_class, synthetic.label_class])
    unit = units_of(real, synthetic)
    parts = {"real": slice(0, real.labels), "synthetic": slice(real.labels, None), "both": slice(None)}
    found = {}
    for name, part in parts.items():
        codes, pictures = circumstance.codes[part], unit[part]
        if circumstance.by_picture:
            place, first, inverse = np.unique(pictures, return_index=True, return_inverse=True)
            units, of = [circumstance.values[c] for c in codes[first]], inverse.reshape(len(pictures))
            assert len(place) == len(units)
        else:
            units, of = [circumstance.values[c] for c in codes], np.arange(len(codes))
        found[name] = factor_parity(real.classes, labels[part], units, of)
    return found
