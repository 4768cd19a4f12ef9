"""From a dataset to its report."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scanstage.dataset.analysis.comparison import compare_tables
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.near_duplicates import near_duplicates
from scanstage.dataset.analysis.picture_findings import picture_findings
from scanstage.dataset.analysis.recorded_table import recorded_table
from scanstage.dataset.fitting.fit_record import FitRecord
from scanstage.dataset.likeness.four_properties import Likeness
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.record_store import read_records
from scanstage.dataset.report_page.fit_section import fit_of_run
from scanstage.dataset.report_page.other_dataset import MEASURED, OtherDataset
from scanstage.dataset.report_page.page import render_page
from scanstage.dataset.report_page.picture_detail import skeletons_by_class
from scanstage.dataset.report_page.report_facts import asked, report_facts
from scanstage.dataset.report_page.report_parts import Against, ReportParts
from scanstage.dataset.report_page.shown_pictures import (
    ReadPicture,
    choose_pictures,
    embed_pictures,
    expected_size,
    read_pictures,
    text_of,
    trial_pictures,
)

MEGABYTE = 1_000_000
FEWEST = 8
SPARE = 0.01
"""Of the page's size, left for what isn't counted one by one: names and quotes around pictures."""


@dataclass(frozen=True)
class ReportOptions:
    """How large a report may get.

    Attributes:
        pictures: so many are shown at most.
        megabytes: that the page may have; what is beyond goes out of the pictures' sizes, then of their number.
    """

    pictures: int = 1000
    megabytes: float = 15.0


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        facts: see :func:`report_facts.report_facts`.
        html: the page.
    """

    facts: dict[str, Any]
    html: bytes

    def to_json(self) -> bytes:
        """The facts as a file."""
        return (json.dumps(self.facts, indent=1, allow_nan=False) + "\n").encode("utf-8")


def build_report(
    dataset: FinishedDataset,
    named: str,
    other: OtherDataset | None = None,
    options: ReportOptions | None = None,
    images: str | None = None,
    likeness: Likeness | None = None,
    why_not: str = "",
    fit: FitRecord | None = None,
) -> Report:
    """Make the report of a dataset.

    Args:
        dataset: of scanstage.
        named: the dataset's folder, as a command names it.
        other: that it is compared with.
        options: how large it may get; None are the defaults.
        images: where the pictures' own files are, relative to the page; None where it knows no such place.
        likeness: of it and the other one, which is the real one there.
        why_not: why there is none, where it was asked for.
        fit: that its config came of; None looks for it beside that config.

    Raises InputError for records of another version and photos that can't be read, OSError.
    """
    options = options or ReportOptions()
    classes = [c.name for c in dataset.categories]
    table = recorded_table(dataset.name, classes, dataset.records())
    compared = None if other is None else other.table()
    read: dict[int, ReadPicture] = {}
    most, room = options.pictures, round(options.megabytes * MEGABYTE * (1 - SPARE))
    while True:
        shown, chosen = choose_pictures(table, most)
        records = read_records(dataset.folder, shown)
        new = [r for r in records if r.index not in read]
        read |= {p.index: p for p in read_pictures(dataset.folder, new, skeletons_by_class(dataset.categories))}
        pictures = [read[r.index] for r in records]
        measured = table.with_numbers({p.index: p.numbers for p in pictures})
        parts = report_parts(dataset, named, measured, pictures, chosen, fit)
        if compared is not None:
            parts = replace(parts, against=_against(measured, compared, likeness, why_not))
        facts = report_facts(parts) | {"images": images}
        bare, details = len(render_page(facts, {})), sum(p.size for p in pictures)
        tried = trial_pictures(dataset.folder, records)
        least = expected_size(tried)
        if bare + details + least * len(pictures) <= room or len(pictures) <= FEWEST:
            break
        # Masks, boxes and plans of many objects leave no room for pictures: fewer are shown.
        each = (details + least * len(pictures)) / len(pictures)
        most = max(FEWEST, len(pictures) // 2, math.floor(0.97 * max(0, room - bare) / each))
    files = embed_pictures(dataset.folder, records, tried, room - bare - details)
    return Report(facts, render_page(facts, {p.index: _texts(p, files.get(p.index)) for p in pictures}))


def report_parts(
    dataset: FinishedDataset,
    named: str,
    table: DatasetTable,
    read: Sequence[ReadPicture],
    chosen: str | None,
    fit: FitRecord | None = None,
) -> ReportParts:
    """What is known of a dataset after its pictures were read."""
    duplicates = near_duplicates({p.index: p.hash for p in read if p.hash is not None})
    return ReportParts(
        folder=named,
        run=dataset.run,
        table=table,
        targets=asked(dataset.run, table),
        shown=[p.index for p in read],
        chosen=chosen,
        findings=picture_findings(table, duplicates),
        duplicates=duplicates,
        problems={p.index: p.problem for p in read if p.problem is not None},
        fit=fit or fit_of_run(dataset.run),
    )


def _against(table: DatasetTable, other: DatasetTable, likeness: Likeness | None, why_not: str) -> Against:
    differences = compare_tables(table, other)
    told = (*left_out(table, other), *((f"How alike both are can't be said: {why_not}.",) if why_not else ()))
    return Against(other.name, len(other.pictures), other.labels, differences, told, likeness)


def left_out(ours: DatasetTable, other: DatasetTable) -> tuple[str, ...]:
    """Classes that only one of both has, in words."""
    found = []
    if unread := len(other.pictures) <= MEASURED and sum("brightness" not in p.numbers for p in other.pictures):
        found.append(f"{unread} of the pictures of {other.name} can't be read: of these labels alone are compared.")
    for here, there in ((ours, other), (other, ours)):
        if alone := [c for c in here.classes if c not in there.classes]:
            found.append(f"Classes of {here.name} alone: {', '.join(alone)}.")
    return tuple(found)


def _texts(picture: ReadPicture, image: bytes | None) -> Mapping[str, str]:
    found = {name: text_of(data) for name, data in picture.maps.items()}
    if picture.detail:
        found["detail"] = text_of(picture.detail)
    if image is not None:
        found["image"] = text_of(image)
    return found


def place_of_images(folder: Path, page: Path) -> str | None:
    """The folder of a dataset's pictures as a page names it: relative, where both are on one disk."""
    try:
        return "/".join(map(quote, Path(os.path.relpath(folder / "images", page.parent)).parts))
    except ValueError:  # another drive of a Windows
        return None
