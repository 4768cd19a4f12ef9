"""COCO as a folder: ``annotations/instances_train.json`` beside ``images/train``, the layout of COCO itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.coco.coco_document import CocoDocument
from scanstage.dataset.export.splits.shares import ALL
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.finished_dataset import FinishedDataset


def write_coco(dataset: FinishedDataset, out: Path, options: ExportOptions) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    split = Split.of(dataset, options.split or ALL, options.hold_out)
    pictures = PictureTransfer(dataset.folder, options.images or "hardlink")
    masks = options.masks or "rle"
    documents = {part: CocoDocument(dataset.categories, dataset.name, masks) for part in split.shares}
    for part in split.shares:
        (out / "images" / part).mkdir(parents=True)
    for part, record in split.records(dataset):
        documents[part].add(record)
        pictures.put(record, out / "images" / part / record.image.file_name)
    (out / "annotations").mkdir()
    for part, document in documents.items():
        (out / "annotations" / f"instances_{part}.json").write_bytes(document.encode())
    split.write(out)
    annotations = sum(document.annotations for document in documents.values())
    return {"pictures": split.total, "annotations": annotations} | split.figures
