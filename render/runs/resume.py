"""What is there before a run renders anything: the folder, finished pictures, and which are asked for."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanstage.assets.files.locations import probe
from scanstage.assets.files.stores import remove_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.own_files import refuse_misplaced
from scanstage.dataset.records.picture_files import image_is_whole
from scanstage.dataset.records.record_store import count_labels, iterate_records, recorded_indices
from scanstage.render.finish.map_output import BYTES_A_PIXEL as MAP_BYTES_A_PIXEL
from scanstage.render.finish.map_output import wanted_maps
from scanstage.render.runs.run_file import check_resumable
from scanstage.scenes.balance.balanced_run import BalancedRun
from scanstage.scenes.config.sections.run_config import OutputConfig, RunConfig
from scanstage.scenes.plan import MOST_EDGE_PX, MOST_PIXELS
from scanstage.scenes.whole_run.picture_source import PictureSource
from scanstage.scenes.whole_run.shard import Shard

Frames = tuple[int, int] | None
"""First and last picture asked for, both included; None is all."""


@dataclass(frozen=True)
class Finished:
    """Pictures that are finished: only their indices and labels by class, as a record takes tens of kilobytes."""

    indices: frozenset[int] = frozenset()
    labels: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.indices)

    def __contains__(self, index: int) -> bool:
        return index in self.indices


BYTES_A_PIXEL = {"jpg": 1.6, "png": 3.2}
"""Upper bound of what picture and record take on disk, for the check of free space."""


def check_frames(config: RunConfig, frames: Frames) -> None:
    """Raise InputError where the run has no such pictures, or they would be larger than any that are opened.

    A balanced run's number of pictures is not known beforehand.
    """
    check_resolution(config.camera.resolution)
    if frames is None:
        return
    first, last = frames
    if first > last:
        raise InputError(f"--frames {first}-{last}: the end is before the start")
    if last >= config.images and (config.balance is None or "images" in config.model_fields_set):
        raise InputError(
            f"--frames {first}-{last}: pictures are 0 to {config.images - 1}", "raise images in the config or --images"
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


def is_asked(frames: Frames, index: int, shard: Shard | None = None) -> bool:
    """Whether a picture is among those asked for."""
    return (frames is None or frames[0] <= index <= frames[1]) and (shard is None or index in shard)


def frame_bounds(frames: Frames, source: PictureSource) -> tuple[int, int]:
    """First and last picture asked for."""
    first, last = frames or (0, source.expected - 1)
    return first, min(last, source.expected - 1)


def pictures_asked(frames: Frames, source: PictureSource, shard: Shard | None = None) -> int:
    """Number of pictures asked for."""
    first, last = frame_bounds(frames, source)
    return len(range(first, last + 1) if shard is None else shard.pictures(first, last))


def last_gone_through(folder: DatasetFolder, frames: Frames, resumed: bool) -> int | None:
    """The last picture that is made or accounted for, so that a ledger has all pictures that are there; None: all."""
    return None if frames is None else max([frames[1], *(recorded_indices(folder) if resumed else ())])


def refuse_nothing(frames: Frames, source: PictureSource) -> None:
    """Raise InputError where a balanced run, gone through, ended before the pictures that were asked for."""
    if frames is not None:
        raise InputError(
            f"--frames {frames[0]}-{frames[1]}: the run reaches its target with {source.expected} pictures, "
            f"0 to {source.expected - 1}",
            "raise the target, or name earlier pictures",
        )


def open_folder(folder: DatasetFolder, now: dict[str, Any], fresh: bool, extend: bool = False) -> bool:
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


def finished_pictures(
    folder: DatasetFolder, frames: Frames, source: PictureSource, shard: Shard | None = None
) -> Finished:
    """Pictures asked for that are finished; of others the records are removed. Raises InputError."""
    balanced = isinstance(source, BalancedRun)  # whose number of pictures is not known yet
    first, last = frame_bounds(frames, source)
    found: set[int] = set()
    labels: Counter[str] = Counter()
    try:
        sizes = folder.stored_sizes()
        indices = recorded_indices(folder, sizes) if balanced else range(first, last + 1)
        for record in iterate_records(folder, (i for i in indices if is_asked(frames, i, shard)), sizes):
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
    return InputError(f"{folder.root}: can't be written ({error.strerror or error})", "choose another with --out")


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
            "free some space, choose another folder with --out, or lower --images",
        )


def _bytes_a_pixel(output: OutputConfig) -> float:
    return BYTES_A_PIXEL[output.format] + sum(MAP_BYTES_A_PIXEL[kind] for kind in wanted_maps(output))
