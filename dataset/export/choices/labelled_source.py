"""What exporters see of what they export: pictures with labels, and the files of these, wherever both come from."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scanstage.assets.files.outside_files import NO_FILE
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import CameraInfo
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.picture_facts import SplitFacts, split_facts
from scanstage.dataset.records.picture_files import NotRecorded, misnamed_image, read_image
from scanstage.dataset.records.provenance import License, common_license
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.dataset.records.run_file import RunFile

HINT = "`scanstage check` says what else is wrong"


class LabelledImage(Protocol):
    """A picture and its labels; a record is one. ``camera`` is None where nobody knows it."""

    @property
    def index(self) -> int: ...  # noqa: D102

    @property
    def image(self) -> ImageInfo: ...  # noqa: D102

    @property
    def instances(self) -> tuple[Instance, ...]: ...  # noqa: D102

    @property
    def camera(self) -> CameraInfo | None: ...  # noqa: D102


class PictureFile(Protocol):
    """The file of a picture."""

    @property
    def is_ours(self) -> bool:
        """Whether scanstage made it, and can again."""

    def read(self) -> bytes:
        """Its content. Raises InputError where it isn't there, or isn't what it was; OSError."""

    def on_this_machine(self) -> Path | None:
        """Where it is, to be linked to; None where it can only be read."""


class LabelledSource(Protocol):
    """What is exported."""

    @property
    def name(self) -> str:
        """Of the dataset."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """Labelled classes, in the order of their ids."""

    @property
    def run(self) -> RunFile:
        """How it was made, for the card."""

    @property
    def boxes_alone(self) -> int:
        """Labels without a mask."""

    def pictures(self) -> Iterator[LabelledImage]:
        """All of them by index, few in memory at a time; the same each time."""

    def facts(self) -> Iterator[SplitFacts]:
        """Of all pictures, by index."""

    def file_of(self, picture: Any) -> PictureFile:
        """The file of one of its pictures."""

    def license_of(self, picture: Any) -> License | None:
        """The one licence that covers all that a picture shows; None where there is none such."""

    def origin(self, picture: Any) -> Mapping[str, Any]:
        """What exports note of where a picture comes from; nothing where it goes without saying."""


@dataclass(frozen=True)
class OneDataset:
    """A dataset as a source of labelled pictures, see :class:`LabelledSource`."""

    dataset: FinishedDataset

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self.dataset.name

    @property
    def categories(self) -> tuple[Category, ...]:
        """Labelled classes, in the order of their ids."""
        return self.dataset.categories

    @property
    def run(self) -> RunFile:
        """How it was made."""
        return self.dataset.run

    @property
    def boxes_alone(self) -> int:
        """None: what is rendered has its mask."""
        return 0

    def pictures(self) -> Iterator[Record]:
        """All records, by index."""
        return self.dataset.records()

    def facts(self) -> Iterator[SplitFacts]:
        """Of all records, by index."""
        return map(split_facts, self.dataset.records())

    def file_of(self, picture: Record) -> PictureFile:
        """The file that a record names."""
        return RecordedFile(self.dataset.folder, picture)

    def license_of(self, picture: Record) -> License | None:
        """The one of all sources of the dataset: a record doesn't say which of them it shows."""
        return self._license

    @functools.cached_property
    def _license(self) -> License | None:
        return common_license(self.run.sources)

    def origin(self, picture: Record) -> Mapping[str, Any]:
        """Nothing: all pictures are of this dataset."""
        return {}


@dataclass(frozen=True)
class RecordedFile:
    """The file that a record names, see :class:`PictureFile`."""

    dataset: DatasetFolder
    record: Record

    @property
    def is_ours(self) -> bool:
        """Yes."""
        return True

    def read(self) -> bytes:
        """Its content. Raises InputError where it isn't the recorded one: nothing else gets into an export."""
        try:
            return read_image(self.dataset, self.record)
        except NotRecorded as e:
            raise InputError(f"{self.dataset.root}: picture {self.record.index}: {e}", HINT) from e
        except OSError as e:
            if e.errno in NO_FILE:
                reason = e.strerror or e
                raise InputError(f"{self.dataset.root}: picture {self.record.index}: {reason}", HINT) from e
            raise

    def on_this_machine(self) -> Path | None:
        """Where it lies. Raises InputError where the record names what can't be its own."""
        root = self.dataset.root
        if wrong := misnamed_image(self.record):
            raise InputError(f"{root}: picture {self.record.index}: {wrong}", HINT)
        return root / image_name(self.record.image.file_name) if isinstance(root, Path) else None
