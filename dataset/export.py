"""Reads records back and writes what derives from them: the COCO file and the contact sheet."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import cv2

from assets.atomic import write_atomically
from dataset.coco import coco_bytes, to_coco
from dataset.folder import DatasetFolder
from dataset.preview import contact_sheet
from dataset.record import Record


def read_records(folder: DatasetFolder, indices: Iterable[int] | None = None) -> list[Record]:
    """Readable records whose picture is there, by index.

    A record that is broken, or whose picture is gone, counts as absent: the picture is made again.

    Args:
        folder: of the dataset.
        indices: only these pictures; None is all.
    """
    paths = folder.records.glob("[0-9]*.json") if indices is None else map(folder.record, indices)
    records = []
    for path in paths:
        try:
            record = Record.from_json(path.read_text("utf-8"))
        except (ValueError, OSError):
            continue
        if (folder.images / record.image.file_name).is_file():
            records.append(record)
    return sorted(records, key=lambda r: r.index)


def image_is_whole(folder: DatasetFolder, record: Record) -> bool:
    """Whether the picture's file is the very one that was recorded."""
    data = (folder.images / record.image.file_name).read_bytes()
    return hashlib.sha256(data).hexdigest() == record.image.sha256


def export(folder: DatasetFolder, classes: Sequence[str], name: str) -> tuple[int, dict[str, int]]:
    """Write the COCO file and the contact sheet from all records; returns the pictures and labels by class."""
    records = read_records(folder)
    write_atomically(folder.annotations / "instances.json", coco_bytes(to_coco(records, classes, name)))
    if records:
        done, png = cv2.imencode(".png", contact_sheet(records, folder.images, classes)[..., ::-1])
        if done:
            write_atomically(folder.preview, png.tobytes())
    counts = Counter(i.class_name for r in records for i in r.instances)
    return len(records), {c: counts.get(c, 0) for c in classes}
