"""``scanstage join``: several datasets, and photos, written as one in any format."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import OneDataset
from scanstage.dataset.export.formats import export_joined
from scanstage.dataset.join.class_choice import ClassChoice
from scanstage.dataset.join.joined_dataset import join_datasets
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record_store import recorded_indices

_LOG = logging.getLogger(__name__)


def join(
    datasets: Sequence[Location],
    out: Path,
    format_: str = "coco",
    options: ExportOptions | None = None,
    *,
    real: Sequence[Path] = (),
    photos: Sequence[Path] = (),
    classes: ClassChoice | None = None,
) -> tuple[Location, dict[str, Any]]:
    """Write parts as one dataset.

    Args:
        datasets: of scanstage, one at least.
        out: folder to write; its name is that of the whole.
        format_: as for exports.
        options: as for exports.
        real: COCO annotation files of photos.
        photos: folders of the photos, one for each of ``real``; empty looks for them near those files.
        classes: how classes are called, and which there are; None: as in the parts, all of them.

    Returns:
        What was written, and figures of it.

    Raises:
        InputError: the same picture is in two parts, classes don't go together, a part isn't one, or what an export
            refuses.
        OSError: something can't be read or written.
    """
    if photos and len(photos) != len(real):
        text = f"{option('photos')}: {len(photos)} folders for {len(real)} annotation files ({option('real')})"
        raise InputError(text, "give one for each, in the same order, or none")
    if len(datasets) + len(real) < 2:
        raise InputError("there is one dataset, and nothing to join it with", f"name another, or {option('real')} FILE")
    problems: list[str] = []
    parts: list[OneDataset] = []
    sets: list[PhotoSet] = []
    for root in datasets:
        try:
            parts.append(OneDataset(open_dataset(root)))
        except InputError as e:
            problems += e.marked_problems
    folders: list[Path | None] = [*photos] or [None] * len(real)
    for path, folder in zip(real, folders, strict=True):
        try:
            sets.append(PhotoSet.open(path, folder))
        except InputError as e:
            problems += [*e.marked_problems, *([e.marked_hint] if e.marked_hint else [])]
    if problems:
        raise InputError(problems)
    _refuse_own(out.resolve(), parts, sets)
    joined = join_datasets(parts, sets, classes or ClassChoice(), out.resolve().name)
    written = export_joined(joined, format_, out, options)
    for photo_set in sets:
        for reason, number in photo_set.lost.items():
            _LOG.warning("%s: %d labels were left out: %s", photo_set.name, number, reason)
    for part, indices in zip(parts, joined.indices, strict=True):
        if (damaged := len(recorded_indices(part.dataset.folder)) - len(indices)) > 0:
            text = "%s: %d left out: the record, or a file of it, is damaged; `scanstage check` says which"
            _LOG.warning(text, part.dataset.folder.root, damaged)
    return written


def _refuse_own(target: Path, parts: Sequence[OneDataset], sets: Sequence[PhotoSet]) -> None:
    """Raise InputError where what is written would take the place of what it is made of."""
    roots = [r for r in (part.dataset.folder.root for part in parts) if isinstance(r, Path)]
    for place in [*roots, *(s.folder for s in sets)]:
        if place.is_relative_to(target) or (place in roots and target.is_relative_to(place)):
            raise InputError(f"{option('out')} {target}: is, or is in, or holds {place}", "name another folder")
