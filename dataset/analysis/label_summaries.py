"""A picture's labels as a few numbers, by which pictures of different datasets compare: of boxes, and masks if any.

Sizes, aspects and solidities are said relative to what is typical of the class, so that how near things are isn't mixed
up with which things they are. The same columns serve fitting, which asks what they tell about a camera, and comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints
from scanstage.dataset.analysis.measures import box_centers, box_share

AT_BORDER = 0.004
"""Share of the picture's edge from which on a box counts as reaching it: photos' boxes are drawn by hand."""
MASKLESS = 0.995
"""Where areas are all but those of boxes, there are no masks."""
SUMMARY_TITLES = {
    "labels": "number of labels",
    "kinds": "number of classes",
    "repeats": "share of labels that repeat a class",
    "size": "box size",
    "size_spread": "spread of box sizes",
    "size_least": "smallest box",
    "size_most": "largest box",
    "aspect": "box width / height",
    "aspect_spread": "spread of box width / height",
    "x": "mean place, from left to right",
    "y": "mean place, from top to bottom",
    "x_spread": "spread from left to right",
    "y_spread": "spread from top to bottom",
    "left": "leftmost edge of boxes",
    "right": "rightmost edge of boxes",
    "top": "topmost edge of boxes",
    "bottom": "lowest edge of boxes",
    "tilt": "slope of the row of boxes",
    "size_by_x": "box size from left to right",
    "size_by_y": "box size from top to bottom",
    "at_side": "share of boxes at the left or right border",
    "at_top": "share of boxes at the top border",
    "at_bottom": "share of boxes at the bottom border",
    "overlap": "how far boxes overlap",
    "overlapping": "share of boxes that overlap",
    "nearness": "distance to the nearest box",
    "covered": "share of the picture that boxes cover",
    "packed": "how much of the frame around all boxes they fill",
    "flatness": "height over width of the frame around all boxes",
    "solidity": "share of the box that the mask fills",
}
"""By name, what each is for people. ``size``, ``aspect``, ``solidity``: means of the logarithm, relative to the class;
``_by_x`` and ``_by_y``: slopes across the picture; ``left`` to ``bottom``: of all boxes together; ``at_``: share of
boxes that reach that border; ``nearness``: mean logarithm of the distance to the nearest other box in units of their
size; ``packed``: of the share of the frame around all boxes that their areas are; ``flatness``: of that frame's height
over its width."""
SUMMARIES = tuple(SUMMARY_TITLES)


@dataclass(frozen=True)
class TypicalLabels:
    """Of each class, means over labels. Classes that aren't in it are like the mean of all.

    Attributes:
        by_class: log size share, log aspect, log solidity.
        overall: the same of all labels.
    """

    by_class: Mapping[str, tuple[float, float, float]]
    overall: tuple[float, float, float]


def has_masks(table: DatasetTable) -> bool:
    """Whether labels have masks, and not boxes alone."""
    n = table.label_numbers
    boxes = n["width_px"] * n["height_px"]
    return bool(table.labels and np.median(n["area_px"] / np.maximum(boxes, 1e-9)) < MASKLESS)


def typical_labels(tables: Sequence[DatasetTable]) -> TypicalLabels:
    """What is typical of each class, over all labels of some datasets."""
    names = np.concatenate([np.array(t.classes, object)[t.label_class] for t in tables])
    numbers = np.concatenate([_numbers(t) for t in tables])
    if not len(numbers):
        return TypicalLabels({}, (0.0, 0.0, 0.0))
    found = {str(c): tuple(map(float, numbers[names == c].mean(axis=0))) for c in sorted(set(names.tolist()))}
    overall = tuple(map(float, numbers.mean(axis=0)))
    return TypicalLabels(found, overall)  # type: ignore[arg-type]


def label_summaries(table: DatasetTable, typical: TypicalLabels) -> Floats:
    """(P, len(SUMMARIES)) float64, without NaN: what a picture with too few labels can't say is 0.

    Args:
        table: of the dataset.
        typical: of classes; the same for all datasets that are to be compared.
    """
    offsets = np.array([typical.by_class.get(c, typical.overall) for c in table.classes], np.float64).reshape(-1, 3)
    relative = _numbers(table) - offsets[table.label_class]
    centers, sides = box_centers(table), _sides(table)
    first = np.searchsorted(table.label_picture, np.arange(len(table.pictures) + 1))
    found = np.zeros((len(table.pictures), len(SUMMARIES)))
    for row in range(len(table.pictures)):
        part = slice(first[row], first[row + 1])
        if part.stop > part.start:
            width, height = table.pictures[row].resolution_wh
            found[row] = _summary(relative[part], centers[part], sides[part], table.label_class[part], width / height)
    return found


def _numbers(table: DatasetTable) -> Floats:
    """(L, 3) logarithms of size share, aspect and solidity."""
    n = table.label_numbers
    boxes = n["width_px"] * n["height_px"]
    solidity = np.clip(n["area_px"] / np.maximum(boxes, 1e-9), 1e-3, 1.0)
    return np.log(np.stack([np.maximum(box_share(table), 1e-6), n["width_px"] / n["height_px"], solidity], axis=1))


def _sides(table: DatasetTable) -> Floats:
    """(L, 2) widths and heights, as shares of the picture's."""
    size = np.array([p.resolution_wh for p in table.pictures], np.float64).reshape(-1, 2)[table.label_picture]
    return np.stack([table.label_numbers["width_px"], table.label_numbers["height_px"]], axis=1) / size


def _summary(relative: Floats, centers: Floats, sides: Floats, classes: Ints, aspect: float) -> list[float]:
    count = len(relative)
    size, shape, solidity = relative.T
    x, y = centers.T
    low, high = centers - sides / 2, centers + sides / 2
    kinds = len(np.unique(classes))
    overlap, nearness = _neighbours(centers, sides, low, high, aspect)
    by_x, by_y = _slope(x, size), _slope(y, size)
    wide, tall = np.maximum(high.max(axis=0) - low.min(axis=0), 1e-3)
    covered = float(sides.prod(axis=1).sum())
    return [
        np.log1p(count),
        kinds,
        1 - kinds / count,
        size.mean(),
        size.std(),
        size.min(),
        size.max(),
        shape.mean(),
        shape.std(),
        x.mean(),
        y.mean(),
        x.std(),
        y.std(),
        low[:, 0].min(),
        high[:, 0].max(),
        low[:, 1].min(),
        high[:, 1].max(),
        _slope(x, y),
        by_x,
        by_y,
        ((low[:, 0] <= AT_BORDER) | (high[:, 0] >= 1 - AT_BORDER)).mean(),
        (low[:, 1] <= AT_BORDER).mean(),
        (high[:, 1] >= 1 - AT_BORDER).mean(),
        overlap.mean(),
        (overlap > 0).mean(),
        nearness,
        covered,
        np.log(max(covered, 1e-6) / (wide * tall)),
        np.log(tall / wide / aspect),
        solidity.mean(),
    ]


def _neighbours(centers: Floats, sides: Floats, low: Floats, high: Floats, aspect: float) -> tuple[Floats, float]:
    """(L,) share of each box that its most overlapping neighbour covers, and how near neighbours are."""
    count = len(centers)
    if count < 2:
        return np.zeros(count), 0.0
    shared = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    areas = np.clip(shared, 0, None).prod(axis=2)
    np.fill_diagonal(areas, 0)
    stretch = np.array([np.sqrt(aspect), 1 / np.sqrt(aspect)])
    apart = np.linalg.norm((centers[:, None] - centers[None]) * stretch, axis=2)
    np.fill_diagonal(apart, np.inf)
    typical = np.sqrt(sides.prod(axis=1))
    nearest = apart.argmin(axis=1)
    between = apart[np.arange(count), nearest] / np.sqrt(typical * typical[nearest])
    return areas.max(axis=1) / sides.prod(axis=1), float(np.log(np.maximum(between, 0.01)).mean())


def _slope(along: Floats, values: Floats) -> float:
    """Of a line through values; drawn towards 0 where they lie too near each other to tell."""
    centred = along - along.mean()
    return float(centred @ values / (centred @ centred + 0.01))
