"""A dataset as columns of numbers: one row a picture, one row a label. Of scanstage's own datasets and of photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LABEL_COLUMNS = (
    "x_px",
    "y_px",
    "width_px",
    "height_px",
    "area_px",
    "visible_fraction",
    "truncated_fraction",
    "distance_m",
    "view_azimuth_deg",
    "view_elevation_deg",
)
"""Numbers of a label. ``x_px`` and ``y_px`` are of its box's upper left corner; the view is the direction, in the
object's own frame, that the camera sees it from. NaN where it isn't known, as of photos."""


@dataclass(frozen=True)
class PictureRow:
    """What is known of a picture beside its labels.

    Attributes:
        index: of the picture.
        file_name: below the folder of pictures.
        resolution_wh: pixels.
        factors: see :func:`factors.picture_factors`; empty of photos.
        numbers: further ones by name: ``elevation_deg``, ``brightness`` … A name may be missing.
        placed: objects of labelled classes that lie in it, by class; of photos those that are labelled.
        ignored: labels that are regions to be ignored.
    """

    index: int
    file_name: str
    resolution_wh: tuple[int, int]
    factors: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    placed: Counter[str] = field(default_factory=Counter)
    ignored: int = 0


@dataclass(frozen=True)
class PictureLabels:
    """Labels of a picture. Ignored ones are none.

    Attributes:
        class_names: (L,) what they are.
        numbers: (L, len(LABEL_COLUMNS)) float64.
    """

    class_names: tuple[str, ...]
    numbers: Floats


@dataclass(frozen=True)
class DatasetTable:
    """All of a dataset.

    Attributes:
        name: of the dataset.
        classes: labelled ones, in the order of their category ids.
        pictures: by index.
        label_picture: (L,) position in ``pictures`` of each label.
        label_class: (L,) position in ``classes`` of each label.
        label_numbers: (L,) float64 each, by the names of LABEL_COLUMNS.
        lost: objects without a label, by class and by the rule that says so.
    """

    name: str
    classes: tuple[str, ...]
    pictures: tuple[PictureRow, ...]
    label_picture: Ints
    label_class: Ints
    label_numbers: Mapping[str, Floats]
    lost: Mapping[str, Counter[str]] = field(default_factory=dict)

    @property
    def labels(self) -> int:
        """How many there are."""
        return len(self.label_picture)

    @cached_property
    def counts(self) -> Ints:
        """(P, C) labels of each class in each picture."""
        size = (len(self.pictures), len(self.classes))
        flat = np.bincount(self.label_picture * size[1] + self.label_class, minlength=size[0] * size[1])
        return flat.reshape(size)

    def picture_numbers(self, name: str) -> Floats:
        """(P,) a number of each picture, NaN where it isn't known."""
        return np.array([p.numbers.get(name, np.nan) for p in self.pictures], np.float64)

    def with_numbers(self, found: Mapping[int, Mapping[str, float]]) -> DatasetTable:
        """With further numbers of pictures, by their index."""
        pictures = tuple(replace(p, numbers={**p.numbers, **found.get(p.index, {})}) for p in self.pictures)
        return replace(self, pictures=pictures)


def make_table(
    name: str,
    classes: Sequence[str],
    pictures: Iterable[tuple[PictureRow, PictureLabels]],
    lost: Mapping[str, Counter[str]],
) -> DatasetTable:
    """Put pictures together, sorted by their index. ``lost`` may be filled while they are drawn.

    Labels of classes that aren't among ``classes``, as a changed record may have, are left out.
    """
    number = {c: i for i, c in enumerate(classes)}
    found = sorted(((row, _of(labels, number)) for row, labels in pictures), key=lambda pair: pair[0].index)
    per_picture = [len(labels.class_names) for _, labels in found]
    numbers = np.concatenate([labels.numbers for _, labels in found] or [np.empty((0, len(LABEL_COLUMNS)))])
    return DatasetTable(
        name,
        tuple(classes),
        tuple(row for row, _ in found),
        np.repeat(np.arange(len(found)), per_picture),
        np.array([number[c] for _, labels in found for c in labels.class_names], np.int64),
        {column: numbers[:, i] for i, column in enumerate(LABEL_COLUMNS)},
        lost,
    )


def _of(labels: PictureLabels, classes: Collection[str]) -> PictureLabels:
    """Those of some classes."""
    kept = [k for k, name in enumerate(labels.class_names) if name in classes]
    if len(kept) == len(labels.class_names):
        return labels
    return PictureLabels(tuple(labels.class_names[k] for k in kept), labels.numbers[kept])


def units_of(first: DatasetTable, second: DatasetTable) -> Ints:
    """(L,) picture of each label of both, the first one's first."""
    return np.concatenate([first.label_picture, second.label_picture + len(first.pictures)])
