"""Tables of made-up datasets, for figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scanstage.dataset.analysis.dataset_table import (
    LABEL_COLUMNS,
    DatasetTable,
    PictureLabels,
    PictureRow,
    make_table,
)

WH = (100, 80)


def table(
    pictures: Sequence[Sequence[tuple[str, tuple[float, float, float, float]]]],
    classes: Sequence[str] = ("owl", "mouse"),
    factors: Sequence[Mapping[str, str]] | None = None,
    numbers: Sequence[Mapping[str, float]] | None = None,
    name: str = "made up",
    **columns: Any,
) -> DatasetTable:
    """A dataset of pictures of WH, each a list of (class, box); factors and numbers of each picture; columns of all."""
    rows = []
    for index, labels in enumerate(pictures):
        values = np.full((len(labels), len(LABEL_COLUMNS)), np.nan)
        for k, (_, (x, y, w, h)) in enumerate(labels):
            values[k, :5] = x, y, w, h, w * h
        row = PictureRow(
            index,
            f"{index:06d}.jpg",
            WH,
            factors[index] if factors else {},
            numbers[index] if numbers else {},
            Counter(c for c, _ in labels),
        )
        rows.append((row, PictureLabels(tuple(c for c, _ in labels), values)))
    made = make_table(name, classes, rows, {})
    for column, given in columns.items():
        made.label_numbers[column][:] = given
    return made
