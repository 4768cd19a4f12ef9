"""The way from a record to the bytes of its picture and its maps, and the only one.

A record may come from anybody. What it names is never opened: a file's name follows from the picture's index and the
file's kind, and a record that names anything else is no record. The bytes are those that were recorded, or none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from scanstage.assets.files.outside_files import NO_FILE
from scanstage.dataset.records.dataset_folder import DatasetFolder, image_name
from scanstage.dataset.records.map_kinds import MAP_FILES
from scanstage.dataset.records.own_files import has_own, own_content, read_own
from scanstage.dataset.records.record import Record
from scanstage.scenes.plan import MOST_PIXELS

IMAGE_SUFFIXES = ("jpg", "png")
BYTES_A_PIXEL = 16
"""That a file has at most: normals as floats, which don't get smaller, have 12."""
BYTES_BESIDE = 1 << 20
"""Of a file's header and tables."""


class NotRecorded(ValueError):
    """A file is not the one that was recorded, or a record names what can't be its own."""


def misnamed(record: Record) -> list[str]:
    """What a record names that a picture of its index doesn't have, one sentence each."""
    found = [misnamed_image(record), *(misnamed_map(record, name) for name in record.maps)]
    return [text for text in found if text is not None]


def misnamed_image(record: Record) -> str | None:
    """What is wrong with the name of a record's picture; None where nothing is."""
    own = [f"{record.index:06d}.{suffix}" for suffix in IMAGE_SUFFIXES]
    if record.image.file_name in own:
        return None
    return f"its picture is {record.image.file_name!r}, expected {' or '.join(own)}"


def misnamed_map(record: Record, name: str) -> str | None:
    """What is wrong with the path of a record's map; None where nothing is."""
    path = record.maps[name].path
    if name not in MAP_FILES:
        return f"the map {name!r}, at {path!r}, is of no kind that there is"
    own = map_path(record.index, name)
    return None if path == own else f"the map {name} is at {path!r}, expected {own}"


def map_path(index: int, name: str) -> str:
    """Where the map of a picture is, below the dataset's folder. Raises KeyError for a name that no map has."""
    folder, suffix = MAP_FILES[name]
    return f"{folder}/{index:06d}.{suffix}"


def picture_files(record: Record) -> dict[str, str]:
    """SHA-256 of the picture's file and its maps, by path below the dataset. Raises NotRecorded."""
    if wrong := misnamed(record):
        raise NotRecorded("; ".join(wrong))
    named = {image_name(record.image.file_name): record.image.sha256}
    return named | {info.path: info.sha256 for info in record.maps.values()}


def most_bytes(record: Record) -> int:
    """That a file of a picture can have."""
    width, height = record.image.resolution_wh
    return min(width * height, MOST_PIXELS) * BYTES_A_PIXEL + BYTES_BESIDE


def read_image(folder: DatasetFolder, record: Record) -> bytes:
    """The picture's file as it was recorded. Raises NotRecorded where it isn't, OSError where it can't be read."""
    if wrong := misnamed_image(record):
        raise NotRecorded(wrong)
    return _read(folder, image_name(record.image.file_name), record.image.sha256, most_bytes(record))


def read_map(folder: DatasetFolder, record: Record, name: str) -> bytes:
    """A map's file as it was recorded. Raises NotRecorded where it isn't, OSError where it can't be read."""
    if wrong := misnamed_map(record, name):
        raise NotRecorded(wrong)
    info = record.maps[name]
    return _read(folder, info.path, info.sha256, most_bytes(record))


def _read(folder: DatasetFolder, path: str, sha256: str, most: int) -> bytes:
    try:
        data = read_own(folder, path, most)
    except FileNotFoundError:
        raise
    except OSError as e:
        if e.errno in NO_FILE:
            raise NotRecorded(f"{path}: is not the file that was recorded: {e.strerror}") from e
        raise
    if not is_recorded(data, sha256):
        raise NotRecorded(f"{path}: is not the file that was recorded: its SHA-256 differs")
    return data


def is_recorded(data: bytes, sha256: str) -> bool:
    """Whether bytes are those that a record vouches for."""
    return hashlib.sha256(data).hexdigest() == sha256


def image_is_whole(folder: DatasetFolder, record: Record, sizes: Mapping[str, int] | None = None) -> bool:
    """Whether the picture's file and its maps are the very ones that were recorded.

    On a store that they are there is enough: they were put whole, before their record, and needn't be fetched.

    Raises OSError where that can't be told.
    """
    try:
        named = picture_files(record)
    except NotRecorded:
        return False
    if not isinstance(folder.root, Path):
        return all(has_own(folder, path, sizes) for path in named)
    contents = ((own_content(folder, path, most_bytes(record)), sha256) for path, sha256 in named.items())
    return all(data is not None and is_recorded(data, sha256) for data, sha256 in contents)
