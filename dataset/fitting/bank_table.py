"""Planned pictures as columns of numbers, like datasets that were rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scanstage.dataset.analysis.dataset_table import (
    LABEL_COLUMNS,
    DatasetTable,
    Floats,
    PictureLabels,
    PictureRow,
    make_table,
)
from scanstage.dataset.analysis.label_summaries import TypicalLabels, has_masks, label_summaries, typical_labels
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


@dataclass(frozen=True)
class ComparedLabels:
    """Labels of planned pictures and of photos in the same few numbers; see :data:`fit_values.Summarise`.

    Attributes:
        classes: of the config.
        photos: labels of real pictures, none without any.
    """

    classes: Sequence[str]
    photos: DatasetTable

    def __call__(self, pictures: Sequence[PlannedLabels], first: int) -> tuple[Floats, Floats]:
        """Summaries of both, relative to what is typical of classes in the first of the planned ones."""
        typical = self.typical(pictures[:first])
        return label_summaries(self._table(pictures), typical), label_summaries(self.photos, typical)

    def typical(self, pictures: Sequence[PlannedLabels]) -> TypicalLabels:
        """Of classes, in planned pictures."""
        return typical_labels([self._table(pictures)])

    def _table(self, pictures: Sequence[PlannedLabels]) -> DatasetTable:
        return bank_table("planned", self.classes, pictures, not has_masks(self.photos))
