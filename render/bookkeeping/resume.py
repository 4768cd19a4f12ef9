"""What is there before a run renders anything: the folder, what is finished in it, and what is left to be made."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanstage.assets.files.locations import probe
from scanstage.assets.files.stores import remove_file
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option, shell_only
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.map_kinds import MAPS
from scanstage.dataset.records.own_files import refuse_misplaced
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record_store import count_labels, iterate_records, recorded_indices
from scanstage.dataset.records.run_file import Command, RunFile, read_run_file
from scanstage.render.bookkeeping.leftovers import remove_leftovers
from scanstage.render.bookkeeping.progress import OnProgress, Progress
from scanstage.render.bookkeeping.run_notes import Notes, notes_of
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.bookkeeping.run_outputs import begun
from scanstage.render.bookkeeping.same_run import check_resumable
from scanstage.render.engine.scratch import remove_scratch_of_dead_runs
from scanstage.render.finish.map_output import wanted_maps
from scanstage.render.finish.quarantine import release_finished
from scanstage.scenes.config.sections.run_config import OutputConfig, RunConfig
from scanstage.scenes.picture_sequence.balanced_pictures import BalancedPictures
from scanstage.scenes.picture_sequence.identity import Identity
from scanstage.scenes.picture_sequence.picture_source import PictureSource, hopeful, open_source
from scanstage.scenes.picture_sequence.planned_picture import Picture
from scanstage.scenes.picture_sequence.selection import Frames, Selection
from scanstage.scenes.plan import MOST_EDGE_PX, MOST_PIXELS
from scanstage.scenes.planning.planner import Planner

logger = logging.getLogger(__name__)

BYTES_A_PIXEL = {"jpg": 1.6, "png": 3.2}
"""Upper bound of what picture and record take on disk, for the check of free space."""


@dataclass(frozen=True)
class Finished:
    """Pictures that are finished: only their indices and labels by class, as a record takes tens of kilobytes."""

    indices: frozenset[int] = frozenset()
    labels: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class PreparedRun:
    """A run that has looked at what is there, and has written nothing yet.

    Attributes:
        source: of its pictures.
        folder: of the dataset.
        notes: what it writes of itself.
        content: of its ``run.json``.
        selection: pictures that it is to make.
        found: pictures asked for that are finished.
    """

    source: PictureSource
    folder: DatasetFolder
    notes: Notes
    content: RunFile
    selection: Selection
    found: Finished

    @property
    def is_complete(self) -> bool:
        """Whether it is known beforehand that nothing is left to be made."""
        return self.source.exact and self.left() <= 0

    def asked(self) -> range:
        """Pictures asked for, of which each is made or has failed once the run has gone through."""
        first, last = self.selection.bounds(self.source.expected)
        return range(first, last + 1)

    def go_through(self) -> None:
        """Let the source go through all that is there: only then a balanced run knows what it has come to."""
        for _ in self.pictures():
            raise AssertionError("a picture is due of a run that was taken for complete")

    def left(self) -> int:
        """Pictures to be made, by what is known now."""
        return self.selection.count(self.source.expected) - len(self.found)

    def pictures(self) -> Iterator[Picture]:
        """Those pictures. Raises InputError where none can be planned, and none is there."""
        return hopeful(self.source.pictures(self.selection), bool(self.found))


def prepare(
    planner: Planner, folder: DatasetFolder, options: GenerateOptions, command: Command, on_progress: OnProgress
) -> PreparedRun:
    """Look at what is asked for and what is there.

    Args:
        planner: of the run.
        folder: of the dataset, which the caller holds.
        options: of the run.
        command: that began it.
        on_progress: told that finished pictures are being read.

    Raises InputError where the folder or what it holds can't be gone on with.
    """
    source = open_source(planner)
    run = replace(begun(source), command=command)
    resumed = open_folder(folder, run.identity, options.fresh, options.extend)
    before = read_run_file(folder) if resumed else None
    remove_leftovers(folder, options.part)
    remove_scratch_of_dead_runs()
    if isinstance(source, BalancedPictures):
        for note in source.notes():
            logger.warning(note)
        run = replace(run, given=_take_over(source, folder, before, run.identity))
    notes = notes_of(options, folder, source)
    selection = Selection(options.frames, options.part)
    found = Finished()
    if before is not None:
        on_progress(Progress("looking at what is there"))
        found = finished_pictures(folder, selection, source)
        release_finished(folder, found.indices)
        failures, sessions = notes.earlier(before)
        run = replace(
            run.with_failures({i: failures[i] for i in failures if i not in found.indices}), sessions=sessions
        )
    check_space(folder, planner.config, selection.count(source.expected) - len(found))
    through = None if options.frames is None else last_gone_through(folder, options.frames[1], resumed)
    return PreparedRun(source, folder, notes, run, replace(selection, there=found.indices, through=through), found)


def _take_over(source: BalancedPictures, folder: DatasetFolder, before: RunFile | None, identity: Identity) -> int:
    """How many pictures keep the orders that they have, because these were made for other targets; the source does so.

    Raises InputError where orders are gone that can't be computed again, or not for the new targets.
    """
    if absent := source.targets.absent:
        logger.warning(
            "the real dataset has no labels called %s: counted as 0; if it calls them otherwise, say so in map",
            ", ".join(absent),
        )
    if before is None:
        return 0
    ledger = source.ledger
    ledger.load(folder.ledger)
    source.take_over(before.given)
    if before.identity.aims == identity.aims:
        return before.given
    given, last = len(ledger.entries), max(recorded_indices(folder), default=-1)
    if last >= given:
        raise InputError(
            f"{folder.ledger}: holds the orders of {given} pictures, but there is a picture {last}; for other targets "
            "its order can't be computed again",
            "first finish the dataset with the targets it was begun with (the same command as then), then "
            + option("extend"),
        )
    source.take_over(given)
    return given


def check_frames(config: RunConfig, frames: Frames) -> None:
    """Raise InputError where the run has no such pictures, or they would be larger than any that are opened.

    A balanced run's number of pictures is not known beforehand.
    """
    check_resolution(config.camera.resolution)
    if frames is None:
        return
    first, last = frames
    if first < 0:
        raise InputError(f"{option('frames')} {first}-{last}: pictures are counted from 0")
    if first > last:
        raise InputError(f"{option('frames')} {first}-{last}: the end is before the start")
    if last >= config.images and (config.balance is None or "images" in config.model_fields_set):
        raise InputError(
            f"{option('frames')} {first}-{last}: pictures are 0 to {config.images - 1}",
            "raise images in the config" + shell_only(" or --images"),
        )


def check_resolution(resolution_wh: tuple[int, int]) -> None:
    """Raise InputError for more pixels than are opened of a picture (:data:`plan.MOST_PIXELS`)."""
    width, height = resolution_wh
    if width * height > MOST_PIXELS or max(width, height) > MOST_EDGE_PX:
        raise InputError(
            f"camera.resolution: {width} x {height} are {width * height / 1e6:.0f} million pixels; a picture has at "
            f"most {MOST_PIXELS / 1e6:.0f} million, and no edge beyond {MOST_EDGE_PX}",
            "lower camera.resolution",
        )


def last_gone_through(folder: DatasetFolder, last: int, resumed: bool) -> int:
    """The last picture that is made or accounted for, so that a ledger has all pictures that are there."""
    return max([last, *(recorded_indices(folder) if resumed else ())])


def refuse_nothing(frames: Frames, source: PictureSource) -> None:
    """Raise InputError where a balanced run, gone through, ended before the pictures that were asked for."""
    if frames is not None:
        raise InputError(
            f"{option('frames')} {frames[0]}-{frames[1]}: the run reaches its target with {source.expected} pictures, "
            f"0 to {source.expected - 1}",
            "raise the target, or name earlier pictures",
        )


def open_folder(folder: DatasetFolder, now: Identity, fresh: bool, extend: bool = False) -> bool:
    """Check that the folder can be used; returns whether it holds a part of this run. Raises InputError."""
    if not isinstance(folder.root, Path):
        probe(folder.root)
    try:
        refuse_misplaced(folder)
        resumed = check_resumable(folder, now, fresh, extend)
        if not isinstance(folder.root, Path):
            return resumed  # which was tried before anything was read from it
        folder.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.root):
            pass
    except OSError as e:
        raise _unwritable(folder, e) from None
    return resumed


def finished_pictures(folder: DatasetFolder, selection: Selection, source: PictureSource) -> Finished:
    """Pictures asked for that are finished; of others the records are removed. Raises InputError."""
    found: set[int] = set()
    labels: Counter[str] = Counter()
    end = source.expected if source.exact else float("inf")
    try:
        sizes = folder.stored_sizes()
        asked = (i for i in recorded_indices(folder, sizes) if i < end and selection.asks_for(i))
        for record in iterate_records(folder, asked, sizes):
            if image_is_whole(folder, record, sizes):
                found.add(record.index)
                labels.update(count_labels(record))
            else:
                remove_file(folder.record(record.index))  # an export must not meet it
    except OSError as e:
        where = e.filename or folder.root
        raise InputError(
            f"{where}: can't be read, or what is unfinished not removed ({e.strerror or e})",
            "once there is access, the same command goes on from there",
        ) from None
    return Finished(frozenset(found), labels)


def _unwritable(folder: DatasetFolder, error: OSError) -> InputError:
    return InputError(
        f"{folder.root}: can't be written ({error.strerror or error})", f"choose another with {option('out')}"
    )


def check_space(folder: DatasetFolder, config: RunConfig, pictures: int) -> None:
    """Raise InputError where the disk has no room for so many pictures; stores don't say how much they have."""
    if not isinstance(folder.root, Path):
        return
    width, height = config.camera.resolution
    need = pictures * width * height * _bytes_a_pixel(config.output)
    free = shutil.disk_usage(folder.root).free
    if need > free:
        raise InputError(
            f"{folder.root}: {free / 1e9:.1f} GB free, but the pictures may need {need / 1e9:.1f} GB",
            f"free some space, choose another folder with {option('out')}, or lower {option('images')}",
        )


def _bytes_a_pixel(output: OutputConfig) -> float:
    return BYTES_A_PIXEL[output.format] + sum(MAPS[kind].bytes_a_pixel for kind in wanted_maps(output))
