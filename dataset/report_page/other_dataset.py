"""What a dataset is compared with: another one of scanstage, or photos with a COCO file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.picture_measures import Pixels, mapped, picture_measures
from scanstage.dataset.analysis.recorded_table import photo_table, recorded_table
from scanstage.dataset.join.photo_labels import PhotoFile, PhotoSet
from scanstage.dataset.records.decoding import BROKEN, decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.picture_files import read_image
from scanstage.dataset.records.record_store import read_records

MEASURED = 1000
"""So many evenly chosen pictures are measured by their pixels."""


class OtherDataset(Protocol):
    """What a dataset can be compared with."""

    @property
    def name(self) -> str:
        """Of it."""

    def table(self) -> DatasetTable:
        """Its columns, with measures of pixels. Raises InputError, OSError."""


@dataclass(frozen=True)
class OtherRecords:
    """Another dataset of scanstage."""

    dataset: FinishedDataset

    @property
    def name(self) -> str:
        """Of it."""
        return self.dataset.name

    def table(self) -> DatasetTable:
        """Its columns, with measures of pixels."""
        folder = self.dataset.folder
        table = recorded_table(self.name, [c.name for c in self.dataset.categories], self.dataset.records())
        records = {r.index: r for r in read_records(folder, _evenly([p.index for p in table.pictures]))}
        return table.with_numbers(
            _measured(records, lambda i: decode_rgb(read_image(folder, records[i]), records[i].image.resolution_wh))
        )


@dataclass(frozen=True)
class OtherPhotos:
    """Photos with a COCO file."""

    photos: PhotoSet

    @property
    def name(self) -> str:
        """Of it."""
        return self.photos.name

    def table(self) -> DatasetTable:
        """Its columns, with measures of pixels."""
        table = photo_table(self.photos)
        rows = {p.index: p for p in table.pictures}

        def read(index: int) -> Pixels:
            data = PhotoFile(self.photos.folder, rows[index].file_name).read()
            return decode_rgb(data, rows[index].resolution_wh)

        return table.with_numbers(_measured(_evenly(list(rows)), read))


def open_other(place: Location, photos: Path | None = None) -> OtherDataset:
    """What is at a place: a dataset's folder, or a COCO file.

    Args:
        place: of it.
        photos: folder of the photos of a COCO file; None looks for them.

    Raises InputError where it is neither.
    """
    if isinstance(place, Path) and place.is_file():
        return OtherPhotos(PhotoSet.open(place, photos))
    return OtherRecords(open_dataset(place))


def _evenly(indices: list[int]) -> list[int]:
    if len(indices) <= MEASURED:
        return indices
    return [indices[i] for i in np.linspace(0, len(indices) - 1, MEASURED).round().astype(int)]


def _measured(indices: Iterable[int], read: Callable[[int], Pixels]) -> dict[int, dict[str, float]]:
    """Measures of pictures by index; what can't be read has none."""

    def measure(index: int) -> tuple[int, dict[str, float]]:
        try:
            return index, picture_measures(read(index))
        except (*BROKEN, OSError, InputError):
            return index, {}

    return dict(mapped(measure, indices))
