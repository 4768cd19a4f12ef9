"""Several datasets and sets of photos, seen as one: a source that any format is written from.

Pictures are numbered on, part after part. Nothing is copied or written: an export of it is the joined dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.labelled_source import OneDataset, PictureFile, RecordedFile
from scanstage.dataset.join.class_choice import ClassChoice
from scanstage.dataset.join.photo_labels import SUFFIXES, Photo, PhotoFile, PhotoSet
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import CameraInfo
from scanstage.dataset.records.picture_facts import SplitFacts, split_facts
from scanstage.dataset.records.provenance import Provenance
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.dataset.records.record_store import count_labels
from scanstage.dataset.records.run_file import Command, RunFile

MOST_SHOWN = 3


@dataclass(frozen=True)
class JoinedPicture:
    """A picture of the whole, see :class:`labelled_source.LabelledImage`.

    Attributes:
        part: that it is of: the dataset's or the photos' name.
        file: of the picture.
        original: the record or photo.
    """

    index: int
    image: ImageInfo
    instances: tuple[Instance, ...]
    camera: CameraInfo | None
    part: str
    file: PictureFile
    original: Record | Photo


@dataclass(frozen=True)
class JoinedDataset:
    """The whole, see :class:`labelled_source.LabelledSource`.

    Attributes:
        name: of the whole.
        datasets, photos: its parts, in the order of their pictures.
        classes: how they are called in the whole.
        categories: of the whole.
        run: what is said of how it was made.
    """

    name: str
    datasets: tuple[OneDataset, ...]
    photos: tuple[PhotoSet, ...]
    classes: ClassChoice
    categories: tuple[Category, ...]
    run: RunFile

    @property
    def boxes_alone(self) -> int:
        """Labels without a mask."""
        return sum(p.boxes_alone(lambda name: self.classes.of(name) is not None) for p in self.photos)

    def pictures(self) -> Iterator[JoinedPicture]:
        """All of them; indices follow from their order."""
        index = 0
        for dataset in self.datasets:
            for record in dataset.pictures():
                file = RecordedFile(dataset.dataset.folder, record)
                suffix = PurePosixPath(record.image.file_name).suffix[1:]
                image = replace(record.image, file_name=f"{index:06d}.{suffix}")
                labels = self._renamed(record.instances)
                yield JoinedPicture(index, image, labels, record.camera, dataset.name, file, record)
                index += 1
        for photos in self.photos:
            for photo in photos.photos():
                suffix = SUFFIXES[PurePosixPath(photo.name).suffix.lower()]
                image = ImageInfo(f"{index:06d}.{suffix}", photo.resolution_wh, "")
                labels = self._renamed(photo.labels)
                yield JoinedPicture(
                    index, image, labels, None, photos.name, PhotoFile(photos.folder, photo.name), photo
                )
                index += 1

    def facts(self) -> Iterator[SplitFacts]:
        """Of all pictures; photos have no scans, and each a light and a background of its own."""
        for picture in self.pictures():
            if isinstance(picture.original, Record):
                renamed = replace(picture.original, instances=picture.instances)
                yield replace(split_facts(renamed), index=picture.index)
            else:
                own = f"{picture.part}/{picture.original.name}"
                yield SplitFacts(picture.index, count_labels(picture), frozenset(), frozenset(), own, own)

    def file_of(self, picture: JoinedPicture) -> PictureFile:
        """The file of a picture, where its part has it."""
        return picture.file

    def origin(self, picture: JoinedPicture) -> Mapping[str, Any]:
        """Whether it is real, and where it was taken from."""
        original = picture.original
        if isinstance(original, Record):
            source = {"kind": "synthetic", "dataset": picture.part, "file_name": original.image.file_name}
        else:
            source = {"kind": "real", "dataset": picture.part, "file_name": original.name}
            source |= {} if original.license is None else {"license": original.license}
        return {"source": source}

    def _renamed(self, labels: Sequence[Instance]) -> tuple[Instance, ...]:
        named = ((label, self.classes.of(label.class_name)) for label in labels)
        return tuple(replace(label, class_name=name) for label, name in named if name is not None)


def join_datasets(
    datasets: Sequence[OneDataset], photos: Sequence[PhotoSet], classes: ClassChoice, name: str
) -> JoinedDataset:
    """See parts as one.

    Args:
        datasets: one at least.
        photos: sets of them; none are needed.
        classes: how classes are called, and which there are.
        name: of the whole.

    Raises:
        InputError: the same picture is in two parts, classes don't go together, or a photo isn't there.
        OSError: a disk or store can't be read.
    """
    _refuse_same_pictures(datasets, photos)
    categories = classes.categories([*(d.categories for d in datasets), *(p.categories for p in photos)])
    runs = [d.run for d in datasets]
    sources = [*_sources(runs, classes), *(s for p in photos for s in p.sources)]
    config = {"name": name, "joined": [run.config for run in runs], "photos": [p.name for p in photos]}
    whole = replace(runs[0], config=config, categories=categories, sources=tuple(sources), labels=None, pictures=None)
    run = replace(whole, sessions=(), failed=(), command=Command())
    return JoinedDataset(name, tuple(datasets), tuple(photos), classes, categories, run)


def _sources(runs: Sequence[RunFile], classes: ClassChoice) -> list[Provenance]:
    # Of before sources were noted nothing is known: else the licence of the others would seem to cover it.
    noted = (s for run in runs for s in run.sources or (Provenance("scan", run.name),))
    found = (s if s.class_name is None else replace(s, class_name=classes.of(s.class_name)) for s in noted)
    return list(dict.fromkeys(found))


def _refuse_same_pictures(datasets: Sequence[OneDataset], photos: Sequence[PhotoSet]) -> None:
    """Raise InputError where files are the same in two parts, or twice in one: one of them would be in training, and
    the other in what it is judged by."""
    seen: dict[str, str] = {}
    same: list[str] = []
    for name, digest in _digests(datasets, photos):
        if seen.setdefault(digest, name) != name:
            same.append(f"{seen[digest]} and {name}")
    if same:
        more = f", and {len(same) - MOST_SHOWN} more" if len(same) > MOST_SHOWN else ""
        raise InputError(
            f"the same pictures are there twice: {'; '.join(same[:MOST_SHOWN])}{more}",
            "leave one of these datasets out: a picture in training and in what it is judged by tells nothing",
        )


def _digests(datasets: Sequence[OneDataset], photos: Sequence[PhotoSet]) -> Iterator[tuple[str, str]]:
    """The SHA-256 of every picture, and what to call it."""
    for number, dataset in enumerate(datasets, 1):
        for record in dataset.pictures():
            yield f"{record.image.file_name} of {dataset.dataset.folder.root} ({number})", record.image.sha256
    for photo_set in photos:
        for number, photo in enumerate(photo_set.photos(), 1):
            yield f"{photo_set.folder / photo.name} ({number})", photo_set.sha256(photo)
