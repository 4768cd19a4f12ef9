"""What is compared: pictures with labels, of a COCO file of photos or of a dataset of scanstage, read once each."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import did_you_mean, listed
from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints
from scanstage.dataset.analysis.picture_measures import (
    MEASURED_EDGE_PX,
    mapped,
    picture_hash,
    picture_measures,
    shrunk,
)
from scanstage.dataset.analysis.recorded_table import photo_table, recorded_table
from scanstage.dataset.join.photo_labels import PhotoFile, PhotoSet
from scanstage.dataset.likeness.picture_features import Extractor
from scanstage.dataset.records.decoding import BROKEN, decode_rgb
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.picture_files import read_image
from scanstage.dataset.records.record_store import read_records

MOST_PICTURES = 1000
"""Of a set, evenly chosen: kernels of all pairs are made."""
FEWEST_PICTURES = 10
MAKE, MODEL = 0x010F, 0x0110
_OTHER_PHOTOS = f"name a folder that holds all photos, in the sizes that their file says, with {option('photos')}"
OnCount = Callable[[int, int], None]
"""Called with how many pictures have been read, and how many there are."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures with labels that haven't been opened yet.

    Attributes:
        name: of the set.
        table: of those that are compared: at most :data:`MOST_PICTURES`; without measures of pixels.
        total: how many pictures there are in all.
        read: a picture's file, by its position in the table. Raises InputError, OSError, ValueError.
        is_photos: whether they are photos.
    """

    name: str
    table: DatasetTable
    total: int
    read: Callable[[int], bytes]
    is_photos: bool


@dataclass(frozen=True)
class SeenPictures:
    """The same, with what their pixels say. Pictures that can't be read are gone.

    Attributes:
        name: of the set.
        table: of the pictures, with measures of pixels where they were read.
        features: (P, D) of each extractor, by its name; none where only labels are compared.
        hashes: of each picture, see :func:`picture_measures.picture_hash`; empty where only labels are compared.
        cameras: how many photos each make and model took, by their EXIF data; photos without any are left out.
        edge_px: longer edge at which they were measured.
        unread: why pictures are gone, a sentence each.
        total: pictures of the set in all.
    """

    name: str
    table: DatasetTable
    features: Mapping[str, Floats] = field(default_factory=dict)
    hashes: tuple[int | None, ...] = ()
    cameras: Counter[str] = field(default_factory=Counter)
    edge_px: int = MEASURED_EDGE_PX
    unread: tuple[str, ...] = ()
    total: int = 0


def open_pictures(place: Location, photos: Path | None = None, labels_alone: bool = False) -> PictureSet:
    """What is at a place: a dataset's folder, or a COCO file.

    Args:
        place: of it.
        photos: folder of the photos of a COCO file; None looks for them.
        labels_alone: don't look for photos.

    Raises InputError where it is neither, or has fewer than :data:`FEWEST_PICTURES`.
    """
    if isinstance(place, Path) and place.is_file():
        return of_photos(PhotoSet.open(place, photos, labels_alone))
    return of_dataset(open_dataset(place))


def of_photos(photos: PhotoSet) -> PictureSet:
    """Photos with a COCO file. Raises InputError for masks that can't be, and for too few."""
    table = photo_table(photos)
    chosen = _evenly(table, photos.name)
    names = [p.file_name for p in chosen.pictures]
    return PictureSet(
        photos.name, chosen, len(table.pictures), lambda row: PhotoFile(photos.folder, names[row]).read(), True
    )


def of_dataset(dataset: FinishedDataset) -> PictureSet:
    """A dataset of scanstage. Raises InputError for broken records, and for too few."""
    table = recorded_table(dataset.name, [c.name for c in dataset.categories], dataset.records())
    chosen = _evenly(table, dataset.name)
    records = {r.index: r for r in read_records(dataset.folder, [p.index for p in chosen.pictures])}
    indices = [p.index for p in chosen.pictures]
    return PictureSet(
        dataset.name, chosen, len(table.pictures), lambda row: read_image(dataset.folder, records[indices[row]]), False
    )


def _evenly(table: DatasetTable, name: str) -> DatasetTable:
    count = len(table.pictures)
    if count < FEWEST_PICTURES:
        raise InputError(
            f"{name}: has {count} pictures; of fewer than {FEWEST_PICTURES} nothing can be said",
            "a hundred and more say something; `scanstage generate --images N` makes more, where they are synthetic",
        )
    if count <= MOST_PICTURES:
        return table
    return picked(table, np.linspace(0, count - 1, MOST_PICTURES).round().astype(np.int64))


def picked(table: DatasetTable, rows: Ints) -> DatasetTable:
    """Some pictures of a table, by their positions, which are in order."""
    place = np.full(len(table.pictures), -1)
    place[rows] = np.arange(len(rows))
    kept = place[table.label_picture] >= 0
    return replace(
        table,
        pictures=tuple(table.pictures[r] for r in rows),
        label_picture=place[table.label_picture[kept]],
        label_class=table.label_class[kept],
        label_numbers={name: values[kept] for name, values in table.label_numbers.items()},
    )


def renamed(table: DatasetTable, names: Mapping[str, str]) -> DatasetTable:
    """With other names of classes; several may become one. Raises InputError for names that there are none of."""
    problems = [
        f"{option('map')} {old}={new}: {table.name} has no class {old}{did_you_mean(old, table.classes)}"
        for old, new in names.items()
        if old not in table.classes
    ]
    if problems:
        raise InputError(problems, f"its classes: {listed(table.classes)}")
    called = [names.get(c, c) for c in table.classes]
    classes = tuple(dict.fromkeys(called))
    number = np.array([classes.index(c) for c in called], np.int64)
    return replace(table, classes=classes, label_class=number[table.label_class])


def of_classes(table: DatasetTable, classes: Sequence[str]) -> DatasetTable:
    """With labels of these classes alone, in this order."""
    number = np.array([classes.index(c) if c in classes else -1 for c in table.classes], np.int64)
    place = number[table.label_class] if table.labels else table.label_class
    kept = place >= 0
    return replace(
        table,
        classes=tuple(classes),
        label_picture=table.label_picture[kept],
        label_class=place[kept],
        label_numbers={name: values[kept] for name, values in table.label_numbers.items()},
    )


def usual_edge_px(table: DatasetTable) -> int:
    """Median of the longer edges of a set's pictures."""
    return int(np.median([max(p.resolution_wh) for p in table.pictures]))


def labels_of(pictures: PictureSet) -> SeenPictures:
    """Without opening any picture."""
    return SeenPictures(pictures.name, pictures.table, total=pictures.total)


def see(
    pictures: PictureSet,
    extractors: Sequence[Extractor],
    edge_px: int = MEASURED_EDGE_PX,
    on_count: OnCount = lambda done, total: None,
    or_else: str = "",
) -> SeenPictures:
    """Open all pictures, and measure them.

    Args:
        pictures: to be opened.
        extractors: whose features are taken.
        edge_px: longer edge at which all is measured; sets that are compared have to have the same.
        on_count: called after each picture.
        or_else: what can be done, further to what the error's hint says.

    Raises InputError where fewer than :data:`FEWEST_PICTURES` can be read.
    """
    rows = range(len(pictures.table.pictures))
    found, unread = [], []
    for row, seen in zip(rows, mapped(lambda r: _seen(pictures, r, extractors, edge_px), rows), strict=True):
        if isinstance(seen, str):
            unread.append(seen)
        else:
            found.append((row, seen))
        on_count(row + 1, len(rows))
    if len(found) < FEWEST_PICTURES:
        raise InputError(
            [f"{pictures.name}: {len(unread)} of {len(rows)} pictures can't be read, too few are left", *unread[:3]],
            f"{_OTHER_PHOTOS if pictures.is_photos else '`scanstage check` says what is wrong'}{or_else}",
        )
    table = picked(pictures.table, np.array([row for row, _ in found], np.int64))
    numbers = {p.index: s.numbers for p, (_, s) in zip(table.pictures, found, strict=True)}
    return SeenPictures(
        pictures.name,
        table.with_numbers(numbers),
        {e.name: np.array([s.features[k] for _, s in found]) for k, e in enumerate(extractors)},
        tuple(s.hash for _, s in found),
        Counter(s.camera for _, s in found if s.camera),
        edge_px,
        tuple(unread),
        pictures.total,
    )


@dataclass(frozen=True)
class _Seen:
    numbers: Mapping[str, float]
    features: tuple[Floats, ...]
    hash: int | None
    camera: str


def _seen(pictures: PictureSet, row: int, extractors: Sequence[Extractor], edge_px: int) -> _Seen | str:
    """What a picture says, or why it can't be read."""
    name = pictures.table.pictures[row].file_name
    try:
        data = pictures.read(row)
        pixels = shrunk(decode_rgb(data, pictures.table.pictures[row].resolution_wh), edge_px)
    except InputError as e:
        return e.marked_problems[0]
    except (*BROKEN, OSError) as e:
        return f"{name}: {e}"
    return _Seen(
        picture_measures(pixels),
        tuple(e.features(pixels) for e in extractors),
        picture_hash(pixels),
        _camera(data) if pictures.is_photos else "",
    )


def _camera(data: bytes) -> str:
    """Make and model that a photo's EXIF data name; empty where they don't."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            exif = image.getexif()
            parts = [str(exif.get(tag, "")).strip(" \0") for tag in (MAKE, MODEL)]
    except Exception:  # decoders raise anything on broken files, and EXIF data are a file in the file
        return ""
    return " ".join(p for p in parts if p)[:80]
