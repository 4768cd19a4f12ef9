"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scanstage.dataset.analysis.comparison import Difference
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.fitting.fit_record import FitRecord
from scanstage.dataset.likeness.four_properties import Likeness
from scanstage.dataset.records.run_file import RunFile

TOLERANCE = 0.02


@dataclass(frozen=True)
class Against:
    """Another dataset.

    Attributes:
        name: of it.
        pictures, labels: how many it has.
        differences: the most telling first.
        left_out: what only one of both has, in words.
        likeness: how alike both are, with the other one as the real one; None where that can't be said.
    """

    name: str
    pictures: int
    labels: int
    differences: tuple[Difference, ...]
    left_out: tuple[str, ...] = ()
    likeness: Likeness | None = None


@dataclass(frozen=True)
class Targeted:
    """What was asked for.

    Attributes:
        of: ``labels``, or ``pictures`` that show the class.
        by_class: so many of them.
        tolerance: share of these that may be missing.
    """

    of: Literal["labels", "pictures"]
    by_class: Mapping[str, float]
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class ReportParts:
    """What a report is made of.

    Attributes:
        folder: of the dataset, as it was named.
        run: of it.
        table: of all its pictures, with measures of pixels of those that are shown.
        targets: what each class was to have; None where nothing was asked for.
        shown: indices of the pictures in the gallery.
        chosen: how they were chosen; None where they are all.
        findings: names of findings by picture.
        duplicates: see :func:`near_duplicates.near_duplicates`.
        problems: why pictures can't be shown.
        against: the other dataset; None without one.
        fit: that its config came of; None without one.
    """

    folder: str
    run: RunFile
    table: DatasetTable
    targets: Targeted | None = None
    shown: Sequence[int] = ()
    chosen: str | None = None
    findings: Mapping[int, Sequence[str]] = field(default_factory=dict)
    duplicates: Mapping[int, Sequence[int]] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    against: Against | None = None
    fit: FitRecord | None = None
