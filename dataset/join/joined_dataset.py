"""Several datasets and sets of photos, seen as one: a source that any format is written from.

Pictures are numbered on, part after part. Nothing is copied or written: an export of it is the joined dataset.
"""

from __future__ import annotations

from collections import Counter
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
from scanstage.dataset.records.provenance import License, Provenance, license_of
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.dataset.records.record_store import count_labels, iterate_records
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
        names: of datasets, then of photos; no two are the same.
        indices: of each dataset's pictures.
        classes: how they are called in the whole.
        categories: of the whole.
        run: what is said of how it was made.
    """

    name: str
    datasets: tuple[OneDataset, ...]
    photos: tuple[PhotoSet, ...]
    names: tuple[str, ...]
    indices: tuple[tuple[int, ...], ...]
    classes: ClassChoice
    categories: tuple[Category, ...]
    run: RunFile

    @property
    def boxes_alone(self) -> int:
        """Labels without a mask."""
        return sum(p.boxes_alone(lambda name: self.classes.of(name) is not None) for p in self.photos)

    def pictures(self) -> Iterator[JoinedPicture]:
        """All of them. Indices follow from what was there when they were joined: what has gone since leaves a gap."""
        first = 0
        for dataset, name, indices in zip(self.datasets, self.names[: len(self.datasets)], self.indices, strict=True):
            places = {index: first + place for place, index in enumerate(indices)}
            for record in iterate_records(dataset.dataset.folder, indices):
                index = places[record.index]
                suffix = PurePosixPath(record.image.file_name).suffix[1:]
                image = replace(record.image, file_name=f"{index:06d}.{suffix}")
                file, labels = RecordedFile(dataset.dataset.folder, record), self._renamed(record.instances)
                yield JoinedPicture(index, image, labels, record.camera, name, file, record)
            first += len(indices)
        for photos, name in zip(self.photos, self.names[len(self.datasets) :], strict=True):
            for index, photo in enumerate(photos.photos(), first):
                suffix = SUFFIXES[PurePosixPath(photo.name).suffix.lower()]
                image = ImageInfo(f"{index:06d}.{suffix}", photo.resolution_wh, "")
                place, labels = PhotoFile(photos.folder, photo.name), self._renamed(photo.labels)
                yield JoinedPicture(index, image, labels, None, name, place, photo)
            first += len(photos)

    def facts(self) -> Iterator[SplitFacts]:
        """Of all pictures; photos have no scans, and each a light and a background of its own.

        A scan is one whatever class it has in which part: its id without the class names its file's content.
        """
        for picture in self.pictures():
            if isinstance(picture.original, Record):
                found = split_facts(replace(picture.original, instances=picture.instances))
                yield replace(
                    found,
                    index=picture.index,
                    assets=frozenset(map(_scan, found.assets)),
                    classes=frozenset((_scan(asset), name) for asset, name in found.classes),
                )
            else:
                own = f"{picture.part}/{picture.original.name}"
                yield SplitFacts(picture.index, count_labels(picture), frozenset(), frozenset(), own, own)

    def file_of(self, picture: JoinedPicture) -> PictureFile:
        """The file of a picture, where its part has it."""
        return picture.file

    def license_of(self, picture: JoinedPicture) -> License | None:
        """A photo's own; of a rendering the one that covers all that its dataset shows."""
        if not isinstance(picture.original, Record):
            return license_of(picture.original.license) if picture.original.license else None
        return self.datasets[self.names.index(picture.part)].license_of(picture.original)

    def origin(self, picture: JoinedPicture) -> Mapping[str, Any]:
        """Whether it is real, and where it was taken from."""
        original = picture.original
        if isinstance(original, Record):
            source = {"kind": "synthetic", "dataset": picture.part, "original": original.image.file_name}
        else:
            source = {"kind": "real", "dataset": picture.part, "original": original.name}
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
    if not datasets:
        raise InputError("there is no dataset of scanstage among them", "name one at least")
    indices = _refuse_same_pictures(datasets, photos)
    categories = classes.categories([*(d.categories for d in datasets), *(p.categories for p in photos)])
    runs = [d.run for d in datasets]
    sources = [*_sources(runs, classes), *(s for p in photos for s in p.sources)]
    config = {"name": name, "joined": [run.config for run in runs], "photos": [p.name for p in photos]}
    whole = replace(runs[0], config=config, categories=categories, sources=tuple(sources), labels=None, pictures=None)
    run = replace(whole, sessions=(), failed=(), command=Command())
    names = _unique([*(d.name for d in datasets), *(p.name for p in photos)])
    return JoinedDataset(name, tuple(datasets), tuple(photos), names, indices, classes, categories, run)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """With a number where there are several of a name."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)


def _scan(asset_id: str) -> str:
    return asset_id.partition("/")[2] or asset_id


def _sources(runs: Sequence[RunFile], classes: ClassChoice) -> list[Provenance]:
    # Of before sources were noted nothing is known: else the licence of the others would seem to cover it.
    noted = (s for run in runs for s in run.sources or (Provenance("scan", run.name),))
    found = (s if s.class_name is None else replace(s, class_name=classes.of(s.class_name)) for s in noted)
    return list(dict.fromkeys(found))


def _refuse_same_pictures(datasets: Sequence[OneDataset], photos: Sequence[PhotoSet]) -> tuple[tuple[int, ...], ...]:
    """Indices of each dataset's pictures.

    Raises InputError where files are the same in two parts, or twice in one: one of them would be in training, and the
    other in what it is judged by.
    """
    seen: dict[str, str] = {}
    same: list[str] = []

    def look(name: str, digest: str) -> None:
        if seen.setdefault(digest, name) != name:
            same.append(f"{seen[digest]} and {name}")

    indices = []
    for number, dataset in enumerate(datasets, 1):
        there = []
        for record in dataset.pictures():
            there.append(record.index)
            look(f"{record.image.file_name} of {dataset.dataset.folder.root} ({number})", record.image.sha256)
        indices.append(tuple(there))
    for photo_set in photos:
        for number, (path, digest) in enumerate(photo_set.digests(), 1):
            look(f"{path} ({number})", digest)
    if same:
        more = f", and {len(same) - MOST_SHOWN} more" if len(same) > MOST_SHOWN else ""
        raise InputError(
            f"the same pictures are there twice: {'; '.join(same[:MOST_SHOWN])}{more}",
            "leave one of each out: a picture in training and in what it is judged by tells nothing",
        )
    return tuple(indices)
