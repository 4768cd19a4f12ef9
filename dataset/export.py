"""Reads records back and writes what derives from them: the COCO file and the contact sheet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from assets.atomic import write_atomically
from assets.errors import InputError
from assets.stores import entry_names, make_folder, read_files
from dataset.categories import Category
from dataset.coco import encode_coco
from dataset.folder import DatasetFolder, image_name, record_name
from dataset.own_files import RECORD_BYTES, has_own, own_content
from dataset.picture_files import misnamed
from dataset.preview import MOST_PICTURES, contact_sheet
from dataset.publishing import publish
from dataset.record import OtherFormat, Record

FEW = 64
"""So many pictures of a store are looked up one by one; for more of them it is listed."""
_INDEX = re.compile(r"\d{6}|[1-9]\d{6}", re.ASCII)
"""Of the pictures that a dataset can have (:data:`scenes.plan.MOST_PICTURES`), as they are written."""


def iterate_records(
    folder: DatasetFolder, indices: Iterable[int] | None = None, sizes: Mapping[str, int] | None = None
) -> Iterator[Record]:
    """Readable records whose picture is there, by index, few in memory at a time.

    A record that is broken or names what isn't its own, or whose picture is gone, counts as absent: the picture is made
    again.

    Args:
        folder: of the dataset.
        indices: only these pictures; None is all.
        sizes: see :meth:`dataset.folder.DatasetFolder.stored_sizes`, where the caller has them already.

    Raises:
        InputError: another version of scanstage wrote a record: taken for absent, a sound dataset would be exported as
            empty, or be rendered over.
        OSError: a disk or store can't be read: taken for absent, finished pictures would be rendered again, or be left
            out of an export without a word.
    """
    few = None if indices is None else sorted(set(indices))
    if sizes is None and (few is None or len(few) > FEW):
        sizes = folder.stored_sizes()
    wanted = recorded_indices(folder, sizes) if few is None else few
    for index, content in _record_files(folder, wanted, sizes):
        try:
            record = Record.from_json(content)
        except OtherFormat as e:
            mend = "use the version that wrote it, or make the dataset anew: `scanstage generate --fresh`"
            raise InputError(f"{folder.record(index)}: {e}", mend) from e
        except (ValueError, RecursionError):
            continue
        if record.index != index or misnamed(record):
            continue
        if has_own(folder, image_name(record.image.file_name), sizes):
            yield record


def _record_files(
    folder: DatasetFolder, indices: Iterable[int], sizes: Mapping[str, int] | None
) -> Iterator[tuple[int, bytes]]:
    """Index and content of those that can be read: from a store many at a time."""
    if isinstance(folder.root, Path):
        for index in indices:
            if (found := own_content(folder, record_name(index), RECORD_BYTES)) is not None:
                yield index, found
        return
    there = [i for i in indices if sizes is None or sizes.get(record_name(i))]
    contents = read_files(folder.root, (record_name(i) for i in there), RECORD_BYTES)
    for index, content in zip(there, contents, strict=True):
        if content is not None:
            yield index, content


def recorded_indices(folder: DatasetFolder, sizes: Mapping[str, int] | None = None) -> list[int]:
    """Indices of all pictures that have a file for a record, readable or not, sorted. Raises OSError."""
    if sizes is None:
        names = entry_names(folder.records)
    else:
        parts = (name.partition("/") for name in sizes)
        names = {below for entry, _, below in parts if entry == folder.records.name}
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(int(s) for s in stems if _INDEX.fullmatch(s))


def read_records(
    folder: DatasetFolder, indices: Iterable[int] | None = None, sizes: Mapping[str, int] | None = None
) -> list[Record]:
    """All that :func:`iterate_records` gives."""
    return list(iterate_records(folder, indices, sizes))


def count_labels(record: Record) -> Counter[str]:
    """Labels of a picture by class. Ignored instances are no labels."""
    return Counter(i.class_name for i in record.instances if not i.ignore)


@dataclass(frozen=True)
class _Export:
    """What derives from all records.

    Attributes:
        coco: content of the COCO file.
        sheet: the contact sheet as PNG; None where there are no pictures.
        indices: of the pictures, sorted.
        counts: labels by class.
    """

    coco: bytes
    sheet: bytes | None
    indices: list[int]
    counts: Counter[str]


def export(
    folder: DatasetFolder, categories: Sequence[Category], name: str, insist: bool = False
) -> tuple[list[int], dict[str, int]]:
    """Write the COCO file and the contact sheet from all records: those that are there when it is done.

    Args:
        folder: of the dataset.
        categories: labelled classes, in the order of their ids.
        name: of the dataset.
        insist: see :func:`dataset.publishing.publish`.

    Returns:
        Indices of the pictures that are in it, sorted; labels by class.

    Raises:
        InputError: pictures are added all the time, see :func:`dataset.publishing.publish`.
        OSError: the folder can't be read or written.
    """
    done = publish(folder, partial(_derived, folder, categories, name), partial(_put, folder), insist)
    return done.indices, {c.name: done.counts.get(c.name, 0) for c in categories}


def _derived(folder: DatasetFolder, categories: Sequence[Category], name: str) -> _Export:
    sizes = folder.stored_sizes()
    counts: Counter[str] = Counter()
    indices: list[int] = []

    def counted() -> Iterator[Record]:
        for record in iterate_records(folder, sizes=sizes):
            indices.append(record.index)
            counts.update(count_labels(record))
            yield record

    coco = encode_coco(counted(), categories, name)
    if not indices:
        return _Export(coco, None, indices, counts)
    shown = {indices[round(i)] for i in np.linspace(0, len(indices) - 1, min(len(indices), MOST_PICTURES))}
    sheet = contact_sheet(folder, read_records(folder, shown, sizes), [c.name for c in categories])
    done, png = cv2.imencode(".png", sheet[..., ::-1])
    return _Export(coco, png.tobytes() if done else None, indices, counts)


def _put(folder: DatasetFolder, made: _Export) -> None:
    make_folder(folder.annotations)
    write_atomically(folder.annotations / "instances.json", made.coco)
    if made.sheet is not None:
        write_atomically(folder.preview, made.sheet)
