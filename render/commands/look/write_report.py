"""``scanstage report``: the report of a dataset as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.plain_json import parse_json
from scanstage.assets.files.stores import Location, make_folder
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import for_python, option
from scanstage.dataset.likeness.four_properties import Likeness
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.report_page.build_report import ReportOptions, build_report, place_of_images
from scanstage.dataset.report_page.fit_section import named_fit
from scanstage.dataset.report_page.other_dataset import open_other
from scanstage.render.commands.look.compare_sets import CompareOptions, compare_sets

PAGE = "report.html"
MOST_STRUCTURE = 1 << 28


@dataclass(frozen=True)
class WrittenReport:
    """What was written.

    Attributes:
        page: the page.
        data: the same facts as JSON, beside it.
        facts: see :func:`report_facts.report_facts`.
        size: bytes of the page.
    """

    page: Location
    data: Location
    facts: dict[str, Any]
    size: int


def write_report(
    root: Location,
    named: str,
    out: Path | None = None,
    against: Location | None = None,
    photos: Path | None = None,
    options: ReportOptions | None = None,
    fit: Path | None = None,
) -> WrittenReport:
    """Make the report of a dataset.

    Args:
        root: of the dataset.
        named: the same, as the user wrote it.
        out: the page's file; None is ``__overview__/report.html`` in the dataset.
        against: another dataset's folder, or a COCO file.
        photos: folder of that COCO file's photos.
        options: how large it may get; None are the defaults.
        fit: folder of the fit that its config came of; None looks for it beside that config.

    Raises InputError, OSError.
    """
    dataset = open_dataset(root)
    fitted = None if fit is None else named_fit(fit)
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{option('out')} {out}: a page's name ends with .html", f"for example {out / PAGE}")
    page: Location = dataset.folder.overview / PAGE if out is None else out.resolve()
    if isinstance(page, Path) and page.is_dir():
        raise InputError(f"{option('out')} {page}: is a folder", f"name a file in it, for example {page / PAGE}")
    data = page.with_suffix(".json")
    if isinstance(page, Path) and isinstance(data, Path) and out is not None:
        _refuse_others_files(dataset.folder, page, data)
    if photos is not None and (against is None or (isinstance(against, Path) and against.is_dir())):
        raise InputError(f"{option('photos')} goes with a COCO file", f"name it with {option('against')}")
    other = None if against is None else open_other(against, photos)
    folder = dataset.folder.root
    images = place_of_images(folder, page) if isinstance(page, Path) and isinstance(folder, Path) else None
    likeness, why_not = (None, "") if against is None else _likeness(root, against, photos)
    report = build_report(dataset, named, other, options, images, likeness, why_not, fitted)
    make_folder(page.parent)
    write_atomically(page, report.html)
    write_atomically(data, report.to_json())
    return WrittenReport(page, data, report.facts, len(report.html))


def _likeness(root: Location, other: Location, photos: Path | None) -> tuple[Likeness | None, str]:
    """How alike both are, or why that can't be said: of a few pictures, or without a class in common."""
    try:
        return compare_sets(other, root, CompareOptions(photos=photos)), ""
    except InputError as e:
        return None, for_python(e.marked_problems[0])


def _refuse_others_files(folder: DatasetFolder, page: Path, data: Path) -> None:
    """Raise InputError where a report would be written over what is none."""
    root, overview = folder.root, folder.overview
    if isinstance(root, Path) and page.is_relative_to(root) and page.parent != overview:
        hint = f"leave {option('out')} out, or name a file in {overview} or outside of the dataset"
        raise InputError(f"{option('out')} {page}: lies among the dataset's own files", hint)
    try:
        content = parse_json(data.read_bytes(), MOST_STRUCTURE)
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        content = None
    if not (isinstance(content, dict) and {"format", "glance", "rows"} <= content.keys()):
        raise InputError(f"{data}: would be written beside the page, and isn't a report's", "name another page")
