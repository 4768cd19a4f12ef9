"""The formats that a dataset can be exported to, and the folder that an export goes to.

A new format is a function and a line in :data:`EXPORTERS`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.bop.bop_dataset import write_bop
from scanstage.dataset.export.coco.coco_document import encode_coco
from scanstage.dataset.export.placing.export_folder import check_target, replaced
from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.export.placing.publishing import TRIES, publish_elsewhere
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.record import Record

Exporter = Callable[[FinishedDataset, Path], dict[str, Any]]
"""Writes an export into an existing, empty folder and returns figures to show. Raises InputError."""

_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, StopIteration, cv2.error)
"""What writing raises where a record or run.json was changed by hand: it parses, but holds what can't be."""


def _write_coco(dataset: FinishedDataset, out: Path) -> dict[str, Any]:
    figures = Counter({"pictures": 0, "annotations": 0})

    def counted() -> Iterator[Record]:
        for record in dataset.records():
            figures.update(pictures=1, annotations=len(record.instances))
            yield record

    (out / "instances.json").write_bytes(encode_coco(counted(), dataset.categories, dataset.name))
    return dict(figures)


EXPORTERS: dict[str, Exporter] = {"coco": _write_coco, "bop": write_bop}


def export_dataset(dataset: FinishedDataset, format_: str, out: Path | None) -> tuple[Location, dict[str, Any]]:
    """Export a dataset without rendering anything; an export is complete or absent under its name.

    Args:
        dataset: what to export.
        format_: key of :data:`EXPORTERS`.
        out: folder to write; it must not exist, be empty, or hold an earlier export and nothing else. None: for
            ``coco`` the dataset's own ``annotations`` (with a new contact sheet), for others a folder beside the
            dataset, ``<name>_<format>``.

    Returns:
        What was written, and figures of it.

    Raises:
        InputError: unknown format, a folder that holds something else, or what the format can't hold.
        OSError: it can't be written.
    """
    if format_ not in EXPORTERS:
        raise InputError(f"{option('format')} {format_}: unknown; there are {', '.join(EXPORTERS)}")
    try:
        return _export(dataset, format_, out)
    except _BROKEN as e:
        root, reason = dataset.folder.root, f"{type(e).__name__}: {e}"
        hint = f"`scanstage check {root}` says which"
        raise InputError(f"{root}: a record, or run.json, is broken ({reason})", hint) from e


def _export(dataset: FinishedDataset, format_: str, out: Path | None) -> tuple[Location, dict[str, Any]]:
    if out is None and format_ == "coco":
        return _export_in_place(dataset)
    root = dataset.folder.root
    if out is None:
        root = dataset.folder.local_root
        out = root.parent / f"{root.name}_{format_}"
    target = out.resolve()
    if isinstance(root, Path) and (target == root or root.is_relative_to(target)):
        raise InputError(f"{option('out')} {target}: holds the dataset itself", "name another folder")
    check_target(target)
    return target, publish_elsewhere(dataset.folder, partial(_write, dataset, format_, target))


def _export_in_place(dataset: FinishedDataset) -> tuple[Location, dict[str, Any]]:
    """Write the dataset's own annotations; again if it was made anew meanwhile, and has other classes or a new name."""
    for _ in range(TRIES):
        pictures, labels = export(dataset.folder, dataset.categories, dataset.name)
        before, dataset = dataset, open_dataset(dataset.folder.root)
        if (dataset.categories, dataset.name) == (before.categories, before.name):
            break
    return dataset.folder.annotations / "instances.json", {"pictures": len(pictures), "labels": sum(labels.values())}


def _write(dataset: FinishedDataset, format_: str, target: Path) -> dict[str, Any]:
    """Write an export into a folder that is named so when it is complete; returns its figures."""
    mark: dict[str, Any] = {"format": format_, "dataset": dataset.name}
    with replaced(target, mark) as staging:
        figures = EXPORTERS[format_](dataset, staging)
        mark |= figures
    return figures
