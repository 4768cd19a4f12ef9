"""Pictures for PyTorch: of a finished dataset, or made while training draws them. Needs the extra ``torch``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import OneDataset
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.picture_files import picture_files, read_image
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import iterate_records
from scanstage.dataset.records.run_file import read_run_file
from scanstage.functions import Config, generate
from scanstage.render.bookkeeping.progress import Progress
from scanstage.render.engine.engine_protocol import EngineError, EngineFactory
from scanstage.render.engine.scratch import held_folder
from scanstage.render.finish.outcome import Outcome

Sample = tuple[Any, dict[str, Any]]
"""Image (3, H, W) float32 from 0 to 1, RGB, and its target, as torchvision's detectors take them: ``boxes`` (N, 4)
float32 x, y, x, y; ``labels`` (N,) int64 from 1; ``masks`` (N, H, W) uint8; ``area`` (N,) float32; ``iscrowd`` (N,)
int64; ``image_id``."""
Transforms = Callable[[Any, dict[str, Any]], Any]
_PATIENCE_S = 0.2
_MOST_SEED = 2**31


def sample_of(folder: DatasetFolder, record: Record, labels: Mapping[str, int], masks: bool) -> Sample:
    """A picture as tensors; instances that the keep policy ignores are left out.

    Args:
        folder: of the dataset.
        record: of the picture.
        labels: number of each class, from 1.
        masks: whether there are any.

    Raises ValueError where the file isn't what was recorded, OSError where it can't be read.
    """
    pixels = decode_rgb(read_image(folder, record), record.image.resolution_wh)
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float().div_(255)
    there = [i for i in record.instances if not i.ignore]
    boxes = np.array([_corners(i) for i in there], np.float32).reshape(-1, 4)
    target = {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.tensor([labels[i.class_name] for i in there], dtype=torch.int64),
        "area": torch.tensor([i.area_px for i in there], dtype=torch.float32),
        "iscrowd": torch.zeros(len(there), dtype=torch.int64),
        "image_id": record.index,
    }
    if masks:
        width, height = record.image.resolution_wh
        layers = [i.mask.decode() for i in there]
        stacked = np.stack(layers) if layers else np.zeros((0, height, width), bool)
        target["masks"] = torch.from_numpy(stacked.astype(np.uint8))
    return image, target


def _corners(instance: Instance) -> tuple[int, int, int, int]:
    x, y, w, h = instance.bbox_xywh
    return x, y, x + w, y + h


@dataclass(frozen=True)
class TorchPictures:
    """Pictures of a dataset, or of a part of it, for a ``DataLoader``; see :data:`Sample`.

    Attributes:
        dataset: that they are of.
        indices: of the pictures.
        masks: whether targets have any.
        transforms: of image and target, applied last.
        process: that opened it.
    """

    dataset: FinishedDataset
    indices: tuple[int, ...]
    masks: bool = True
    transforms: Transforms | None = None
    process: int = field(default_factory=os.getpid)

    @classmethod
    def of(
        cls,
        dataset: FinishedDataset,
        split: str | None,
        options: ExportOptions,
        masks: bool,
        transforms: Transforms | None,
    ) -> TorchPictures:
        """The pictures of a part; None is all. The parts are those of an export with the same options.

        Raises InputError where things can't be kept apart as asked, OSError.
        """
        if split is None:
            return cls(dataset, tuple(r.index for r in dataset.records()), masks, transforms)
        job = ExportJob(OneDataset(dataset), options)
        indices = tuple(record.index for part, record in job.records() if part == split)
        return cls(dataset, indices, masks, transforms)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Any]:
        for place in range(len(self)):
            yield self[place]

    def __getitem__(self, place: int) -> Any:
        """A sample, by its place.

        Raises IndexError where there is none, ValueError where its record or picture isn't what it was, InputError in
        a forked process of a dataset on a store.
        """
        index = self.indices[place]
        root = self.dataset.folder.root
        if not isinstance(root, Path) and os.getpid() != self.process:
            raise InputError(
                f"{root}: connections to a store don't live through a fork",
                'give the DataLoader multiprocessing_context="spawn"',
            )
        for record in iterate_records(self.dataset.folder, [index]):
            labels = {c.name: i for i, c in enumerate(self.dataset.categories, 1)}
            sample = sample_of(self.dataset.folder, record, labels, self.masks)
            return sample if self.transforms is None else self.transforms(*sample)
        raise ValueError(f"{root}: the record of picture {index} is gone, or damaged")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "process": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"process": os.getpid()})


def pass_seed(seed: int, number: int) -> int:
    """Of a later pass: far from the seeds that people give their validation sets."""
    text = f"live {seed} {number}".encode("ascii")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") % _MOST_SEED


class _Enough(Exception):
    """Nobody draws any more."""


class LivePictures(IterableDataset):  # type: ignore[misc,type-arg,unused-ignore]
    """Pictures that are made while they are drawn, and kept nowhere; see :data:`Sample`.

    Each pass makes the config's ``images`` from another seed: so no epoch sees what an earlier one has seen. In a
    ``DataLoader``'s worker processes the seed follows from PyTorch's own (``torch.manual_seed``), and each makes its
    share of the pictures, with engines of its own: on one GPU one worker is enough.

    Args:
        config: of the pictures; ``images`` are those of a pass.
        engines: that render; None is Blender.
        blender: executable to render with.
        ahead: pictures that are made before they are asked for.
        masks: whether targets have any.
        transforms: of image and target, applied last.
    """

    def __init__(
        self,
        config: Config,
        engines: EngineFactory | None,
        blender: Path | None,
        ahead: int,
        masks: bool,
        transforms: Transforms | None,
    ) -> None:
        super().__init__()
        self.config, self.engines, self.blender = config, engines, blender
        self.ahead, self.masks, self.transforms = ahead, masks, transforms
        self.passes = 0

    def __iter__(self) -> Iterator[Any]:
        """One pass. Raises what :func:`scanstage.generate` raises, and EngineError where no picture could be made.

        Warns at its end where some could not.
        """
        worker, number = get_worker_info(), self.passes
        self.passes += 1
        if worker is None:
            begun, shard = self.config.run.seed, None
        else:
            begun, shard = worker.seed - worker.id, f"{worker.id + 1}/{worker.num_workers}"
        seed = begun % _MOST_SEED if number == 0 else pass_seed(begun, number)
        yield from self._drawn(replace(self.config, run=self.config.run.model_copy(update={"seed": seed})), shard)

    def _drawn(self, config: Config, shard: str | None) -> Iterator[Any]:
        with held_folder(Path(tempfile.gettempdir())) as place:
            folder = DatasetFolder(place.resolve() / "pictures")
            made: queue.Queue[Record | BaseException | None] = queue.Queue(self.ahead)
            enough = threading.Event()
            failed: list[Outcome] = []

            def put(item: Record | BaseException | None) -> None:
                while not enough.is_set():
                    with contextlib.suppress(queue.Full):
                        made.put(item, timeout=_PATIENCE_S)
                        return
                raise _Enough

            def told(progress: Progress) -> None:
                if progress.outcome is not None and progress.outcome.record is not None:
                    put(progress.outcome.record)
                elif enough.is_set():
                    raise _Enough
                elif progress.outcome is not None:
                    failed.append(progress.outcome)

            def make() -> None:
                with contextlib.suppress(_Enough):
                    try:
                        options: dict[str, Any] = {"shard": shard, "blender": self.blender, "engines": self.engines}
                        summary = generate(config, folder.local_root, told, **options)
                        put(EngineError(summary.failed[0][1]) if summary.failed and not summary.done else None)
                    except _Enough:
                        raise
                    except BaseException as e:
                        put(e)

            maker = threading.Thread(target=make, name="scanstage-live", daemon=True)
            maker.start()
            try:
                yield from self._samples(folder, made)
                if failed:
                    first = f"picture {failed[0].index}: {failed[0].reason}"
                    warnings.warn(f"{len(failed)} of this pass could not be made: {first}", stacklevel=2)
            finally:
                enough.set()
                maker.join()

    def _samples(self, folder: DatasetFolder, made: queue.Queue[Record | BaseException | None]) -> Iterator[Any]:
        labels: dict[str, int] = {}
        while (record := made.get()) is not None:
            if isinstance(record, BaseException):
                raise record
            labels = labels or _numbers(folder)
            sample = sample_of(folder, record, labels, self.masks)
            for path in (*picture_files(record), f"records/{record.index:06d}.json"):
                folder.local_root.joinpath(path).unlink(missing_ok=True)
            yield sample if self.transforms is None else self.transforms(*sample)


def _numbers(folder: DatasetFolder) -> dict[str, int]:
    return {c.name: i for i, c in enumerate(read_run_file(folder).categories, 1)}
