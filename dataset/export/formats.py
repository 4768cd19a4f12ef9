"""The formats that a dataset can be exported to, and the folder that an export goes to.

A new format is a function and a line in :data:`EXPORTERS`, which says which options it knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean
from scanstage.dataset.export.bop.bop_dataset import write_bop
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import HINT, LabelledSource, OneDataset
from scanstage.dataset.export.coco.coco_folder import write_coco
from scanstage.dataset.export.coco.panoptic_folder import write_panoptic
from scanstage.dataset.export.hubs.fiftyone_folder import write_fiftyone
from scanstage.dataset.export.hubs.huggingface_folder import write_huggingface
from scanstage.dataset.export.hubs.parquet_shards import write_parquet
from scanstage.dataset.export.hubs.webdataset_shards import write_webdataset
from scanstage.dataset.export.kitti.kitti_folder import write_kitti
from scanstage.dataset.export.label_maps.mask_folder import write_masks
from scanstage.dataset.export.placing.dataset_card import write_card
from scanstage.dataset.export.placing.export_folder import check_target, replaced
from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.export.placing.publishing import TRIES, publish_elsewhere
from scanstage.dataset.export.splits.shares import ALL, Shares
from scanstage.dataset.export.voc.voc_folder import write_voc
from scanstage.dataset.export.yolo.yolo_folder import DEFAULT_SPLIT, write_yolo
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.run_file import RunFile

Figures = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """One of the formats.

    Attributes:
        write: writes an export into an existing, empty folder and returns figures of its own to show, without parts
            that of ``pictures`` too. Raises InputError.
        options: of :class:`ExportOptions`, names of those that it knows.
        shares: its parts where none were asked for.
        needs_masks: whether labels that have a box alone can't be said.
    """

    write: Callable[[ExportJob, Path], Figures]
    options: frozenset[str] = frozenset()
    shares: Shares = field(default_factory=ALL.copy)
    needs_masks: bool = True

    @property
    def has_parts(self) -> bool:
        """Whether pictures are in parts: then ``splits.json`` says which is where."""
        return "split" in self.options


_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, StopIteration, cv2.error)
"""What writing raises where a record or run.json was changed by hand: it parses, but holds what can't be."""


PARTS = frozenset({"split", "hold_out", "images"})
"""Options of formats that hold the pictures, in parts."""


def _write_bop(job: ExportJob, out: Path) -> Figures:
    if not isinstance(job.dataset, OneDataset):
        raise InputError(f"{option('format')} bop: holds the poses of one dataset", "export each by itself")
    return write_bop(job.dataset.dataset, out)


EXPORTERS: dict[str, Format] = {
    "coco": Format(write_coco, PARTS | {"masks", "amodal"}, needs_masks=False),
    "yolo": Format(partial(write_yolo, task="detect"), PARTS, DEFAULT_SPLIT, needs_masks=False),
    "yolo-seg": Format(partial(write_yolo, task="segment"), PARTS, DEFAULT_SPLIT),
    "yolo-pose": Format(partial(write_yolo, task="pose"), PARTS, DEFAULT_SPLIT, needs_masks=False),
    "yolo-obb": Format(partial(write_yolo, task="obb"), PARTS | {"obb"}, DEFAULT_SPLIT),
    "coco-panoptic": Format(write_panoptic, PARTS),
    "voc": Format(write_voc, PARTS),
    "kitti": Format(write_kitti, PARTS),
    "masks": Format(write_masks, PARTS),
    "huggingface": Format(write_huggingface, PARTS),
    "parquet": Format(write_parquet, PARTS - {"images"}),
    "webdataset": Format(write_webdataset, PARTS - {"images"}),
    "fiftyone": Format(write_fiftyone, PARTS | {"masks", "amodal"}, needs_masks=False),
    "bop": Format(_write_bop),
}


def export_dataset(
    dataset: FinishedDataset, format_: str, out: Path | None, options: ExportOptions | None = None
) -> tuple[Location, Figures]:
    """Export a dataset without rendering anything; an export is complete or absent under its name.

    Args:
        dataset: what to export.
        format_: key of :data:`EXPORTERS`.
        out: folder to write; it must not exist, be empty, or hold an earlier export and nothing else. None: for
            ``coco`` without options the dataset's own ``annotations`` (with a new contact sheet), elsewhere a folder
            beside the dataset, ``<name>_<format>``.
        options: what was chosen; None: nothing.

    Returns:
        What was written, and figures of it.

    Raises:
        InputError: unknown format, an option that it doesn't know, a folder that holds something else, or what the
            format can't hold.
        OSError: it can't be written.
    """
    chosen = options or ExportOptions()
    _check_choice(format_, chosen)
    try:
        return _export(dataset, format_, out, chosen)
    except _BROKEN as e:
        root, reason = dataset.folder.root, f"{type(e).__name__}: {e}"
        hint = f"`scanstage check {root}` says which"
        raise InputError(f"{root}: a record, or run.json, is broken ({reason})", hint) from e


def export_joined(
    source: LabelledSource, format_: str, out: Path, options: ExportOptions | None = None
) -> tuple[Location, Figures]:
    """The same of several datasets that are seen as one.

    Beside everything that a format has, ``provenance.jsonl`` says of each picture where it comes from.

    Raises InputError, OSError as :func:`export_dataset`, and where labels have no mask and the format needs one.
    """
    chosen = options or ExportOptions()
    _check_choice(format_, chosen)
    if source.boxes_alone and EXPORTERS[format_].needs_masks:
        able = ", ".join(name for name, entry in EXPORTERS.items() if not entry.needs_masks)
        text = f"{option('format')} {format_}: needs masks, and {source.boxes_alone} labels of photos have a box alone"
        raise InputError(text, f"{able} can hold them")
    target = out.resolve()
    check_target(target)
    try:
        return target, _write(source, format_, target, chosen)
    except _BROKEN as e:
        raise InputError(f"a record, or run.json, is broken ({type(e).__name__}: {e})", HINT) from e


def _check_choice(format_: str, chosen: ExportOptions) -> None:
    if format_ not in EXPORTERS:
        raise InputError(
            f"{option('format')} {format_}: unknown{did_you_mean(format_, EXPORTERS)}; there are {', '.join(EXPORTERS)}"
        )
    if foreign := [name for name in chosen.chosen if name not in EXPORTERS[format_].options]:
        raise InputError([f"{option(name)}: {_has_none(name, format_)}" for name in foreign], "leave it out")


def _has_none(name: str, format_: str) -> str:
    those = [other for other, entry in EXPORTERS.items() if name in entry.options]
    return f"{format_} has no such choice; {', '.join(those)} {'have' if len(those) > 1 else 'has'}"


def _export(
    dataset: FinishedDataset, format_: str, out: Path | None, options: ExportOptions
) -> tuple[Location, Figures]:
    if out is None and format_ == "coco" and not options.chosen:
        return _export_in_place(dataset)
    root = dataset.folder.root
    if out is None:
        root = dataset.folder.local_root
        out = root.parent / f"{root.name}_{format_}"
    target = out.resolve()
    if isinstance(root, Path) and (target == root or root.is_relative_to(target)):
        raise InputError(f"{option('out')} {target}: holds the dataset itself", "name another folder")
    check_target(target)
    return target, publish_elsewhere(dataset.folder, partial(_write, OneDataset(dataset), format_, target, options))


def _export_in_place(dataset: FinishedDataset) -> tuple[Location, Figures]:
    """Write the dataset's own annotations; again if it was made anew meanwhile, and has other classes or a new name."""
    for _ in range(TRIES):
        pictures, labels = export(dataset.folder, dataset.run)
        before, dataset = dataset, open_dataset(dataset.folder.root)
        if _told(dataset.run) == _told(before.run):
            break
    return dataset.folder.annotations / "instances.json", {"pictures": len(pictures), "labels": sum(labels.values())}


def _told(run: RunFile) -> Any:
    """What a run says that its annotations hold."""
    return run.categories, run.name, run.sources


def _write(dataset: LabelledSource, format_: str, target: Path, options: ExportOptions) -> Figures:
    """Write an export into a folder that is named so when it is complete; returns its figures."""
    mark: dict[str, Any] = {"format": format_, "dataset": dataset.name}
    with replaced(target, mark) as staging:
        entry = EXPORTERS[format_]
        job = ExportJob(dataset, options, entry.shares)
        figures = entry.write(job, staging)
        labels: Mapping[str, Mapping[str, int]] = {"all": dataset.run.labels or {}}
        if entry.has_parts:
            figures = {"pictures": job.split.total} | figures | job.split.figures
            job.split.write(staging)
            _write_origins(staging, job.origins)
            labels = job.split.labels
        write_card(staging, dataset.run, format_, labels, figures["pictures"])
        mark |= figures
    return figures


def _write_origins(staging: Path, origins: Mapping[str, Mapping[str, Any]]) -> None:
    lines = (json.dumps({"file_name": name, **origin}, ensure_ascii=False) + "\n" for name, origin in origins.items())
    if origins:
        (staging / "provenance.jsonl").write_text("".join(lines), "utf-8")
