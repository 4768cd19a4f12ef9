"""Reads records back and writes what derives from them: the COCO file and the contact sheet."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from assets.atomic import write_atomically
from assets.errors import InputError
from dataset.categories import Category
from dataset.coco import coco_bytes, to_coco
from dataset.folder import DatasetFolder
from dataset.preview import MOST_PICTURES, contact_sheet
from dataset.record import OtherFormat, Record


def iterate_records(folder: DatasetFolder, indices: Iterable[int] | None = None) -> Iterator[Record]:
    """Readable records whose picture is there, by index, one in memory at a time.

    A record that is broken, or whose picture is gone, counts as absent: the picture is made again.

    Args:
        folder: of the dataset.
        indices: only these pictures; None is all.

    Raises InputError where another version of scanstage wrote a record: taken for absent, a sound dataset would be
    exported as empty, or be rendered over.
    """
    for index in sorted(set(recorded_indices(folder) if indices is None else indices)):
        try:
            record = Record.from_json(folder.record(index).read_text("utf-8"))
        except OtherFormat as e:
            mend = "use the version that wrote it, or make the dataset anew: `scanstage generate --fresh`"
            raise InputError(f"{folder.record(index)}: {e}", mend) from e
        except (ValueError, OSError, RecursionError):
            continue
        if record.index == index and (folder.images / record.image.file_name).is_file():
            yield record


def recorded_indices(folder: DatasetFolder) -> list[int]:
    """Indices of all pictures that have a file for a record, readable or not, sorted."""
    stems = (p.stem for p in folder.records.glob("[0-9]*.json"))
    return sorted({int(s) for s in stems if s.isascii() and s.isdigit() and s == f"{int(s):06d}"})


def read_records(folder: DatasetFolder, indices: Iterable[int] | None = None) -> list[Record]:
    """All that :func:`iterate_records` gives."""
    return list(iterate_records(folder, indices))


def image_is_whole(folder: DatasetFolder, record: Record) -> bool:
    """Whether the picture's file and its maps are the very ones that were recorded."""
    files = [(folder.images / record.image.file_name, record.image.sha256)]
    files += [(folder.root / m.path, m.sha256) for m in record.maps.values()]
    return all(p.is_file() and hashlib.sha256(p.read_bytes()).hexdigest() == sha256 for p, sha256 in files)


def count_labels(record: Record) -> Counter[str]:
    """Labels of a picture by class. Ignored instances are no labels."""
    return Counter(i.class_name for i in record.instances if not i.ignore)


def export(folder: DatasetFolder, categories: Sequence[Category], name: str) -> tuple[int, dict[str, int]]:
    """Write the COCO file and the contact sheet from all records; returns the pictures and labels by class."""
    counts: Counter[str] = Counter()
    indices: list[int] = []

    def counted() -> Iterator[Record]:
        for record in iterate_records(folder):
            indices.append(record.index)
            counts.update(count_labels(record))
            yield record

    write_atomically(folder.annotations / "instances.json", coco_bytes(to_coco(counted(), categories, name)))
    if indices:
        shown = {indices[round(i)] for i in np.linspace(0, len(indices) - 1, min(len(indices), MOST_PICTURES))}
        sheet = contact_sheet(read_records(folder, shown), folder.images, [c.name for c in categories])
        done, png = cv2.imencode(".png", sheet[..., ::-1])
        if done:
            write_atomically(folder.preview, png.tobytes())
    return len(indices), {c.name: counts.get(c.name, 0) for c in categories}
