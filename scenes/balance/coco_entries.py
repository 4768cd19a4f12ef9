"""The few fields of a COCO file that tell how often classes occur, out of files of any size in bounded memory.

A file may have gigabytes, in whatever proportions: one entry or one text may be all of it. What is kept are categories
(:data:`MOST_CATEGORIES` at most), and eight bytes for each annotation (:data:`MOST_ANNOTATIONS` at most).
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import ijson
import numpy as np

from scanstage.assets.messages.wording import shown
from scanstage.scenes.values.bounded_numbers import take_count

MOST_CATEGORIES = 100_000
MOST_ANNOTATIONS = 100_000_000
MOST_NAMED_IMAGES = 10_000_000
"""Images whose ids are texts, or numbers that are no index."""
LONGEST_PIECE = 16_000_000
"""Bytes of a text, a number or a list of numbers."""
MAX_DEPTH = 100
_LONGEST_NAME = 1000
_PIECE = 1 << 18
_ID = 2**53
_IMAGE_BITS = 44
_IMAGES = 1 << (_IMAGE_BITS - 1)

_FIELDS = {
    "categories": frozenset({"id", "name", "instance_count", "image_count"}),
    "images": frozenset({"id"}),
    "annotations": frozenset({"category_id", "image_id", "iscrowd", "ignore"}),
}
_NOTHING: frozenset[str] = frozenset()


@dataclass
class CocoEntries:
    """What a file holds.

    Attributes:
        names: of categories, by id, in their order.
        stated: instances and images of a category by id, where LVIS's ``instance_count`` and ``image_count`` tell them.
        images: entries of ``images``.
        annotations: entries of ``annotations``.
        instances: annotations by category id; crowd regions and ignored ones don't count.
    """

    names: dict[int, str] = field(default_factory=dict)
    stated: dict[int, tuple[int, int]] = field(default_factory=dict)
    images: int = 0
    annotations: int = 0
    instances: Counter[int] = field(default_factory=Counter)
    _places: dict[int, int] = field(default_factory=dict)
    _named_images: dict[Any, int] = field(default_factory=dict)
    _pairs: array[int] = field(default_factory=lambda: array("q"))

    def add(self, section: str, entry: dict[str, Any]) -> None:
        """Take an entry's fields. Raises ValueError where they aren't what they should be, or there are too many."""
        if section == "annotations":
            self._add_annotation(entry)
        elif section == "categories":
            self._add_category(entry)
        else:
            self.images += 1

    def images_by_category(self) -> tuple[dict[int, int], int]:
        """Images with at least one annotation that counts: by category id, and in all."""
        pairs = np.unique(np.frombuffer(self._pairs, np.int64)) if self._pairs else np.empty(0, np.int64)
        holding = np.bincount(pairs >> _IMAGE_BITS, minlength=len(self._places))
        images = len(np.unique(pairs & ((1 << _IMAGE_BITS) - 1)))
        return {category: int(holding[place]) for category, place in self._places.items()}, images

    def _add_category(self, entry: dict[str, Any]) -> None:
        number = take_count(_needed(entry, "id"), "the id of a category", -_ID, _ID)
        name = _needed(entry, "name")
        name = name if isinstance(name, str) else shown(name)
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"the category {number} has a name of {len(name):,} characters")
        if number in self.names:
            raise ValueError("two categories have the same id or name")
        self.names[number] = name
        if len(self.names) > MOST_CATEGORIES:
            raise ValueError(f"it has more than {MOST_CATEGORIES:,} categories")
        if "instance_count" in entry and "image_count" in entry:
            self.stated[number] = (
                take_count(entry["instance_count"], f"instance_count of {shown(name)}"),
                take_count(entry["image_count"], f"image_count of {shown(name)}"),
            )

    def _add_annotation(self, entry: dict[str, Any]) -> None:
        category = take_count(_needed(entry, "category_id"), "a category_id", -_ID, _ID)
        self.annotations += 1
        if self.annotations > MOST_ANNOTATIONS:
            raise ValueError(f"it has more than {MOST_ANNOTATIONS:,} annotations")
        if category not in self._places and len(self._places) == MOST_CATEGORIES:
            raise ValueError(f"its annotations are of more than {MOST_CATEGORIES:,} categories")
        if not (entry.get("iscrowd") or entry.get("ignore")):
            place = self._places.setdefault(category, len(self._places))
            self.instances[category] += 1
            self._pairs.append(place << _IMAGE_BITS | self._image(_needed(entry, "image_id")))
        elif category not in self.instances:
            self.instances[category] = 0  # it has to be known, too

    def _image(self, image: Any) -> int:
        if isinstance(image, int) and not isinstance(image, bool) and 0 <= image < _IMAGES:
            return image
        if not isinstance(image, (int, float, str)) or (isinstance(image, str) and len(image) > _LONGEST_NAME):
            raise ValueError(f"an image_id is {shown(image)}")
        if image not in self._named_images and len(self._named_images) == MOST_NAMED_IMAGES:
            raise ValueError(f"its annotations are of more than {MOST_NAMED_IMAGES:,} images whose ids are no numbers")
        return _IMAGES | self._named_images.setdefault(image, len(self._named_images))


def read_entries(file: BinaryIO) -> CocoEntries:
    """Read a COCO file. Raises OSError, and ValueError where it isn't one or has more than is taken."""
    found = CocoEntries()
    try:
        _read(file, found)
    except ijson.JSONError as e:
        raise ValueError(f"not valid JSON ({e})") from None
    if not found.names:
        raise ValueError("has no categories")
    if len(set(found.names.values())) != len(found.names):
        raise ValueError("two categories have the same id or name")
    return found


def _read(file: BinaryIO, found: CocoEntries) -> None:
    depth, section, wanted, key = 0, "", _NOTHING, ""
    entry: dict[str, Any] = {}
    seen: set[str] = set()
    for event, value in ijson.basic_parse(_Watched(file), use_float=True, buf_size=_PIECE):
        if event == "number" or event == "string" or event == "boolean" or event == "null":
            if depth == 3 and key in wanted:
                entry[key] = value
            elif depth < 3 and (wanted or not depth):
                raise ValueError(f"{section or 'the whole file'} holds {shown(value)}, expected entries")
        elif event == "map_key":
            if depth == 3:
                key = value
            elif depth == 1:
                section, wanted = value, _FIELDS.get(value, _NOTHING)
                if wanted and section in seen:
                    raise ValueError(f"{section} is given twice")
                seen.update([section] if wanted else ())
        elif event == "start_map" or event == "start_array":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested more than {MAX_DEPTH} deep")
            if (event == "start_map") != (depth != 2) and depth <= 3 and (wanted or depth == 1):
                raise ValueError(f"{section or 'the whole file'} is not what it should be")
            if depth == 3:
                entry, key = {}, ""
        else:
            if depth == 3 and wanted:
                found.add(section, entry)
            depth -= 1
            if depth == 1:
                wanted = _NOTHING


def _needed(entry: dict[str, Any], name: str) -> Any:
    if name not in entry:
        raise ValueError(f"an entry lacks {name}")
    return entry[name]


class _Watched:
    """A file whose pieces hold a quotation mark now and then, as every entry with names of fields does.

    A parser keeps what it has of a text or number until its end, however far that is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._since, self._escaped = file, 0, False

    def read(self, count: int = -1) -> bytes:
        """As of a file. Raises ValueError where a piece without any would be longer than :data:`LONGEST_PIECE`."""
        data = self._file.read(count)
        plain = (b"\\" if self._escaped else b"") + data
        self._escaped = data.endswith(b"\\")
        # One that ends a text after a backslash is missed; that which began the text isn't.
        self._since = 0 if b'"' in plain.replace(b'\\"', b"") else self._since + len(data)
        if self._since > LONGEST_PIECE:
            raise ValueError(f"an entry has more than {LONGEST_PIECE:,} bytes without a name")
        return data
