"""One picture of a dataset rendered again, from its record alone, or from what is kept of one that failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pydantic import ValidationError

from scanstage.assets.files.plain_json import first_error
from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.export.placing.export_folder import refuse_own_folders
from scanstage.dataset.records.dataset_folder import DatasetFolder, record_name
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.own_files import RECORD_BYTES, has_own, read_own, refuse_misplaced
from scanstage.dataset.records.picture_files import IMAGE_SUFFIXES, misnamed, read_image
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import recorded_indices
from scanstage.render.bookkeeping.resume import check_resolution
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.executors.local.picture_pipeline import open_pipeline
from scanstage.render.finish.map_output import wanted_maps
from scanstage.render.finish.quarantine import kept
from scanstage.render.locks.run_lock import run_lock
from scanstage.scenes.config.load import with_overrides
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.plan import CameraPlan, FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

FREE_SECTIONS = ("render", "output", "workers")
"""What may be otherwise than in the run: how a plan is rendered and written, not what it shows."""
UNBOUNDED = {"picture_timeout_s": 604_800.0, "memory_gb": None}
"""A run ends workers that take too long or too much; who looks at one picture waits as long as it takes: a week."""


@dataclass(frozen=True)
class RecordedPicture:
    """A picture that is to be made again.

    Attributes:
        dataset: that it belongs to, which is only read.
        index: of the picture.
        plan: of the picture.
        record: of the picture; None where it was never finished.
        reason: why it wasn't.
        catalogue: scans, as they are now.
    """

    dataset: FinishedDataset
    index: int
    plan: FramePlan
    record: Record | None
    reason: str | None
    catalogue: Catalogue

    def config(self, overrides: tuple[str, ...]) -> RunConfig:
        """The run's config with overrides of :data:`FREE_SECTIONS`, and no bounds but theirs. Raises InputError."""
        return _config(self.dataset, overrides)

    def planned(self, config: RunConfig, size: tuple[int, int] | None = None) -> Planned:
        """The plan, cast, with ``size`` in other pixels. Raises InputError."""
        plan = self.plan if size is None else replace(self.plan, camera=resized(self.plan.camera, size))
        check_resolution(plan.camera.resolution_wh)
        # A plan that is there names no file relative to its config.
        planner = Planner(config, self.catalogue, Path())
        with self.unless_broken():
            return planner.planned(plan)

    @contextmanager
    def unless_broken(self) -> Iterator[None]:
        """Raise InputError for what becomes of a plan that was changed by hand: it parses, but holds what can't be."""
        try:
            yield
        except (ValueError, LookupError, ArithmeticError) as e:
            at = f"{self.dataset.folder.root}: picture {self.index}"
            raise InputError(f"{at}: its plan is broken ({type(e).__name__}: {e})") from e


@dataclass(frozen=True)
class Replay:
    """A picture made again, beside what it was.

    Attributes:
        before, after: records; ``before`` is None where the picture had failed.
        reason: why it had.
        folder: of the new picture.
        same_labels: whether all labels are the same.
        same_file: whether the picture's file is the same, byte for byte.
        difference: largest and mean difference of a channel, of 255; None where the sizes differ.
    """

    before: Record | None
    after: Record
    reason: str | None
    folder: DatasetFolder
    same_labels: bool
    same_file: bool
    difference: tuple[int, float] | None


def open_recorded(root: Location, index: int, library: Path | None = None) -> RecordedPicture:
    """Picture ``index`` of the dataset in ``root``, with its scans.

    Args:
        root: folder of the dataset.
        index: of the picture; it has a record, or failed and is kept in quarantine.
        library: where the scans are now, if not where they were.

    Raises:
        InputError: the dataset, the picture or its scans can't be used.
    """
    dataset = open_dataset(root, library)
    record, reason = _record(dataset, index), None
    if record is None:
        plan, reason = _quarantined(dataset, index)
    else:
        plan = record.plan
    named = [c.name for c in dataset.categories]  # those of parts too: with "none" they stay as they are
    catalogue = Catalogue(list(dataset.assets().values()), named, parts="none")
    _check_scans(plan, catalogue)
    return RecordedPicture(dataset, index, plan, record, reason, catalogue)


def folder_for(case: RecordedPicture, out: Path | None) -> Path:
    """Where to write; ``out`` or ``output/<name of the dataset's folder>-replay``.

    Raises InputError where that is the dataset itself, another dataset or a folder in one, holds links in place of its
    folders, or a picture of that number which no replay has written.
    """
    name = case.dataset.folder.root.name or case.dataset.name  # a bucket or a file system may be the whole dataset
    folder = (out or Path("output") / f"{name}-replay").resolve()
    if folder == case.dataset.folder.root:
        raise InputError(f"{option('out')} {folder}: is the dataset itself", "choose another folder")
    refuse_own_folders(folder)
    target = DatasetFolder(folder)
    refuse_misplaced(target)
    if has_own(target, target.run_file.name):
        raise InputError(
            f"{option('out')} {folder}: is a dataset, which a replay would change", "choose another folder"
        )
    images = [f"{target.images.name}/{case.index:06d}.{suffix}" for suffix in IMAGE_SUFFIXES]
    record = f"{target.records.name}/{case.index:06d}.json"
    if not has_own(target, record) and (there := [name for name in images if os.path.lexists(folder / name)]):
        raise InputError(f"{folder / there[0]}: was written by no replay", "move it away, or choose another folder")
    return folder


def replay(
    root: Location,
    index: int,
    out: Path | None,
    *,
    overrides: tuple[str, ...] = (),
    size: tuple[int, int] | None = None,
    engines: EngineFactory | None = None,
    library: Path | None = None,
) -> Replay:
    """Render picture ``index`` of the dataset in ``root`` again.

    Args:
        root: folder of the dataset, which is only read.
        index: of the picture; it has a record, or failed and is kept in quarantine.
        out: folder for the new picture and its record; None is :func:`folder_for`'s.
        overrides: of :data:`FREE_SECTIONS`, ``render.…=value``, to look closer.
        size: another width and height, of the same view.
        engines: that render; None is Blender, the bpy wheel.
        library: where the scans are now, if not where they were.

    Raises:
        InputError: the dataset, the picture, its scans or an override can't be used.
        EngineCrashed, EngineError: Blender failed.
        LabelMismatch: the engine disagrees with the labels.
    """
    case = open_recorded(root, index, library)
    config = case.config(overrides)
    folder = DatasetFolder(folder_for(case, out))
    planned = case.planned(config, size)
    pixels = planned.plan.camera.resolution_wh
    with (
        run_lock(folder, what="a replay"),
        open_pipeline(config, case.catalogue, folder, engines, resolution_wh=pixels) as pipeline,
        pipeline.one_engine() as engine,
    ):
        folder.create(wanted_maps(config.output))
        with case.unless_broken():
            after = pipeline.finish(planned, pipeline.render(engine, planned), engine)
    before = case.record
    if before is None:
        return Replay(None, after, case.reason, folder, False, False, None)
    return Replay(
        before,
        after,
        None,
        folder,
        after.instances == before.instances and after.unlabelled == before.unlabelled,
        after.image.sha256 == before.image.sha256,
        _difference((case.dataset.folder, before), (folder, after)),
    )


def resized(camera: CameraPlan, size: tuple[int, int]) -> CameraPlan:
    """The same view in another number of pixels. Raises InputError where its proportions are others."""
    (width, height), (own_width, own_height) = size, camera.resolution_wh
    x, y = width / own_width, height / own_height
    if abs(x / y - 1) > 0.01:
        raise InputError(
            f"{option('size')} {width}x{height}: the picture is {own_width}x{own_height}", "keep its proportions"
        )
    return replace(camera, resolution_wh=size, fx=camera.fx * x, fy=camera.fy * y, cx=camera.cx * x, cy=camera.cy * y)


def _record(dataset: FinishedDataset, index: int) -> Record | None:
    path = dataset.folder.record(index)
    hint = "`scanstage check` says what is wrong with it"
    try:
        record = Record.from_json(read_own(dataset.folder, record_name(index), RECORD_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise InputError(f"{path}: can't be read ({getattr(e, 'strerror', None) or e})", hint) from None
    if wrong := misnamed(record) if record.index == index else [f"it is the record of picture {record.index}"]:
        raise InputError([f"{path}: {text}" for text in wrong], hint)
    return record


def _quarantined(dataset: FinishedDataset, index: int) -> tuple[FramePlan, str]:
    """Plan of a picture that failed, and why it did."""
    place = dataset.folder.quarantined(index)
    try:
        return kept(dataset.folder, index)
    except FileNotFoundError:
        there = len(recorded_indices(dataset.folder))
        record = dataset.folder.record(index)
        raise InputError(f"{record}: there is no such record; the dataset has {there} pictures") from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        reason = getattr(e, "strerror", None) or (first_error(e) if isinstance(e, ValidationError) else e)
        raise InputError(f"{place}: can't be read ({reason})", "`scanstage generate` makes the picture anew") from None


def _config(dataset: FinishedDataset, overrides: tuple[str, ...]) -> RunConfig:
    for text in overrides:
        if text.partition(".")[0].strip() not in FREE_SECTIONS:
            raise InputError(
                f"{option('overrides')} {text}: a replay keeps its plan; "
                f"only {', '.join(FREE_SECTIONS)} can be changed",
                "change the config and generate a picture to see what a plan would become",
            )
    told = dataset.folder.run_file
    config = dataset.run.config
    workers = config.get("workers")
    config = config | {"workers": (workers if isinstance(workers, dict) else {}) | UNBOUNDED}
    return with_overrides(config, overrides, told if isinstance(told, Path) else Path(told.name))


def _check_scans(plan: FramePlan, catalogue: Catalogue) -> None:
    absent = []
    for item in plan.objects:
        try:
            catalogue.asset(item.asset_id)
        except InputError:
            absent.append(item.asset_id)
    if absent:
        raise InputError(
            [f"the library has no {asset_id} any more" for asset_id in dict.fromkeys(absent)],
            "bring the scans back, or name the library that has them with " + option("library"),
        )


def _difference(before: tuple[DatasetFolder, Record], after: tuple[DatasetFolder, Record]) -> tuple[int, float] | None:
    try:
        a, b = (decode_rgb(read_image(f, record), record.image.resolution_wh) for f, record in (before, after))
    except (OSError, ValueError, cv2.error):  # gone, or not what was recorded
        return None
    if a.shape != b.shape:
        return None
    apart = np.abs(a.astype(np.int16) - b.astype(np.int16))
    return int(apart.max()), float(apart.mean())
