"""Writes what derives from all records: the COCO file, the contact sheet, and the dataset's card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.stores import make_folder
from scanstage.dataset.export.coco.coco_document import coco_pieces
from scanstage.dataset.export.placing.own_card import write_own_card
from scanstage.dataset.export.placing.publishing import publish
from scanstage.dataset.records.dataset_folder import PREVIEW, DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.record_store import count_labels, iterate_records, read_records
from scanstage.dataset.records.run_file import RunFile
from scanstage.dataset.report.contact_sheet import MOST_PICTURES, contact_sheet
from scanstage.dataset.report.overview_files import put_sheet


@dataclass(frozen=True)
class _Export:
    """What derives from all records.

    Attributes:
        coco: content of the COCO file, in pieces.
        sheet: the contact sheet as PNG; None where there are no pictures.
        indices: of the pictures, sorted.
        counts: labels by class.
    """

    coco: list[bytes | memoryview]
    sheet: bytes | None
    indices: list[int]
    counts: Counter[str]


def export(folder: DatasetFolder, run: RunFile, insist: bool = False) -> tuple[list[int], dict[str, int]]:
    """Write the COCO file, the contact sheet and the card from all records: those that are there when it is done.

    Args:
        folder: of the dataset.
        run: of the dataset.
        insist: see :func:`publishing.publish`.

    Returns:
        Indices of the pictures that are in it, sorted; labels by class.

    Raises:
        InputError: pictures are added all the time, see :func:`publishing.publish`.
        OSError: the folder can't be read or written.
    """
    done = publish(folder, partial(_derived, folder, run), partial(_put, folder, run), insist)
    return done.indices, {c.name: done.counts.get(c.name, 0) for c in run.categories}


def _derived(folder: DatasetFolder, run: RunFile) -> _Export:
    sizes = folder.stored_sizes()
    counts: Counter[str] = Counter()
    indices: list[int] = []

    def counted() -> Iterator[Record]:
        for record in iterate_records(folder, sizes=sizes):
            indices.append(record.index)
            counts.update(count_labels(record))
            yield record

    coco = coco_pieces(counted(), run)
    if not indices:
        return _Export(coco, None, indices, counts)
    shown = {indices[round(i)] for i in np.linspace(0, len(indices) - 1, min(len(indices), MOST_PICTURES))}
    sheet = contact_sheet(folder, read_records(folder, shown, sizes), [c.name for c in run.categories])
    done, png = cv2.imencode(".png", sheet[..., ::-1])
    return _Export(coco, png.tobytes() if done else None, indices, counts)


def _put(folder: DatasetFolder, run: RunFile, made: _Export) -> None:
    make_folder(folder.annotations)
    write_atomically(folder.annotations / "instances.json", made.coco)
    if made.sheet is not None:
        put_sheet(folder, PREVIEW, made.sheet)
    write_own_card(folder, run, made.counts, len(made.indices))
