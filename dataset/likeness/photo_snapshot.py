"""What photos were like on a day: all that `scanstage drift` needs of them, without the photos, in one JSON file."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.outside_files import read_input
from scanstage.assets.files.plain_json import parse_json, placed_error
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import LABEL_COLUMNS, PictureLabels, PictureRow, make_table
from scanstage.dataset.analysis.picture_measures import MEASURED_EDGE_PX
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.likeness.compared_pictures import (
    FEWEST_PICTURES,
    MOST_PICTURES,
    OnCount,
    SeenPictures,
    of_photos,
    renamed,
    see,
    usual_edge_px,
)
from scanstage.dataset.likeness.picture_features import PLAIN, PlainExtractor
from scanstage.scenes.plan import MOST_PIXELS

FORMAT = 1
KIND = "scanstage reference"
FILE_NAME = "reference.json"
"""Of a snapshot in the folder of a fit."""
MOST_BYTES, MOST_STRUCTURE = 1 << 28, 1 << 27
_BOX = LABEL_COLUMNS[:5]
"""Columns of labels that photos have."""
_SNIFFED = 200
_BEGINS = re.compile(rb'\s*\{\s*"kind"\s*:\s*"scanstage reference"')
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


@dataclass(frozen=True)
class Snapshot:
    """Photos of a day.

    Attributes:
        date: ISO 8601, of the day that it was made.
        seen: the photos, with features of the extractor ``plain-1``.
    """

    date: str
    seen: SeenPictures

    def to_json(self) -> dict[str, Any]:
        """As the file has it. Numbers are rounded to four digits behind the point, what is known of a pixel to two."""
        table, features = self.seen.table, self.seen.features[PLAIN]
        columns = np.stack([table.label_numbers[c] for c in _BOX], axis=1)
        first = np.searchsorted(table.label_picture, np.arange(len(table.pictures) + 1))
        pictures = []
        for row, p in enumerate(table.pictures):
            part = slice(first[row], first[row + 1])
            labels = [
                [int(c), *(round(float(v), 2) for v in values)]
                for c, values in zip(table.label_class[part], columns[part], strict=True)
            ]
            pictures.append(
                {
                    "file_name": p.file_name,
                    "width": p.resolution_wh[0],
                    "height": p.resolution_wh[1],
                    "numbers": {n: round(v, 6) for n, v in p.numbers.items() if math.isfinite(v)},
                    "features": [round(float(v), 4) for v in features[row]],
                    "labels": labels,
                }
            )
        return {
            "kind": KIND,
            "format": FORMAT,
            "date": self.date,
            "name": self.seen.name,
            "total": self.seen.total,
            "extractor": PLAIN,
            "edge_px": self.seen.edge_px,
            "classes": list(table.classes),
            "cameras": dict(self.seen.cameras),
            "pictures": pictures,
        }

    def write(self, path: Path) -> None:
        """Write the file. Raises OSError."""
        write_atomically(path, (json.dumps(self.to_json(), separators=(",", ":")) + "\n").encode("utf-8"))


def make_snapshot(
    photos: PhotoSet, names: Mapping[str, str], date: str, on_count: OnCount = lambda done, total: None
) -> Snapshot:
    """What photos are like: of at most 1,000, evenly chosen.

    Args:
        photos: with their labels.
        names: classes that are to have another name.
        date: ISO 8601.
        on_count: called with how many photos have been read, and how many there are.

    Raises InputError for fewer than ten photos that can be read, for names of classes that there are none of, and for
    masks that can't be.
    """
    pictures = of_photos(photos)
    pictures = replace(pictures, table=renamed(pictures.table, names))
    edge = min(MEASURED_EDGE_PX, usual_edge_px(pictures.table))
    return Snapshot(date, see(pictures, [PlainExtractor()], edge, on_count))


class _Picture(BaseModel):
    model_config = ConfigDict(extra="ignore")
    file_name: Name
    width: int = Field(ge=1, le=MOST_PIXELS)
    height: int = Field(ge=1, le=MOST_PIXELS)
    numbers: dict[str, Number]
    features: list[Number]
    labels: list[tuple[int, Number, Number, Number, Number, Number]]


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    kind: Literal["scanstage reference"]
    format: Literal[1]
    date: str = Field(min_length=4, max_length=40)
    name: Name
    total: int = Field(ge=0)
    extractor: Literal["plain-1"]
    edge_px: int = Field(ge=1, le=MEASURED_EDGE_PX)
    classes: list[Name]
    cameras: dict[str, int]
    pictures: list[_Picture] = Field(min_length=FEWEST_PICTURES, max_length=MOST_PICTURES)

    @model_validator(mode="after")
    def _fits_together(self) -> _File:
        if len({len(p.features) for p in self.pictures}) > 1 or not self.pictures[0].features:
            raise ValueError("pictures have different numbers of features")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class is there twice")
        for picture in self.pictures:
            if any(not 0 <= label[0] < len(self.classes) for label in picture.labels):
                raise ValueError(f"{picture.file_name}: a label is of no class")
            if any(min(label[3:]) <= 0 for label in picture.labels):
                raise ValueError(f"{picture.file_name}: a label has no size")
        return self


def is_snapshot(path: Path) -> bool:
    """Whether a file begins as a snapshot does. Raises OSError."""
    with path.open("rb") as file:
        return _BEGINS.match(file.read(_SNIFFED)) is not None


def read_snapshot(path: Path) -> Snapshot:
    """Read a file. Raises InputError where it isn't a snapshot of this version."""
    data = read_input(path, MOST_BYTES, "a snapshot is what `scanstage fit` writes beside its config")
    try:
        found = _File.model_validate(parse_json(data, MOST_STRUCTURE))
    except ValidationError as e:
        raise InputError(f"{path}: not a snapshot: {placed_error(e)}", _AGAIN) from None
    except ValueError as e:
        raise InputError(f"{path}: not a snapshot: {e}", _AGAIN) from None
    rows = []
    for index, p in enumerate(found.pictures):
        numbers = np.full((len(p.labels), len(LABEL_COLUMNS)), np.nan)
        for row, label in enumerate(p.labels):
            numbers[row, : len(_BOX)] = label[1:]
        labels = PictureLabels(tuple(found.classes[label[0]] for label in p.labels), numbers)
        rows.append((PictureRow(index, p.file_name, (p.width, p.height), numbers=p.numbers), labels))
    table = make_table(found.name, found.classes, rows, {})
    features = np.array([p.features for p in found.pictures], np.float64)
    seen = SeenPictures(
        found.name,
        table,
        {PLAIN: features},
        cameras=Counter(found.cameras),
        edge_px=found.edge_px,
        total=found.total,
    )
    return Snapshot(found.date, seen)


_AGAIN = "make it again with this version: `scanstage fit` writes it"
