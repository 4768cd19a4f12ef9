"""Planned pictures as columns of numbers, like datasets that were rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scanstage.dataset.analysis.dataset_table import LABEL_COLUMNS, DatasetTable, PictureLabels, PictureRow, make_table
from scanstage.scenes.bank.planned_labels import BOX_COLUMNS, PlannedLabels

_PLACES = [LABEL_COLUMNS.index(name) for name in BOX_COLUMNS]
_AREA = LABEL_COLUMNS.index("area_px")


def bank_table(
    name: str, classes: Sequence[str], pictures: Iterable[PlannedLabels], boxes_alone: bool = False
) -> DatasetTable:
    """The columns of planned pictures, in their order: pictures have no file and no factors.

    Args:
        name: of the set.
        classes: labelled ones.
        pictures: of it.
        boxes_alone: leave masks out of account, as where photos have none: an area is that of the box.
    """

    def rows() -> Iterable[tuple[PictureRow, PictureLabels]]:
        for index, picture in enumerate(pictures):
            numbers = np.full((len(picture.boxes), len(LABEL_COLUMNS)), np.nan)
            numbers[:, _PLACES] = picture.boxes
            if boxes_alone:
                numbers[:, _AREA] = picture.boxes[:, 2] * picture.boxes[:, 3]
            row = PictureRow(index, "", picture.resolution_wh, placed=picture.placed)
            yield row, PictureLabels(picture.class_names, numbers)

    return make_table(name, classes, rows(), {})
