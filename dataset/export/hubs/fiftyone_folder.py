"""A folder a part that FiftyOne opens as ``fiftyone.types.COCODetectionDataset``: ``data`` and ``labels.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.coco.coco_document import CocoDocument
from scanstage.dataset.export.splits.shares import ALL
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.finished_dataset import FinishedDataset


def write_fiftyone(dataset: FinishedDataset, out: Path, options: ExportOptions) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    split = Split.of(dataset, options.split or ALL, options.hold_out)
    pictures = PictureTransfer(dataset.folder, options.images or "hardlink")
    documents = {part: CocoDocument(dataset.categories, dataset.name, options.masks or "rle") for part in split.shares}
    for part in split.shares:
        (out / part / "data").mkdir(parents=True)
    for part, record in split.records(dataset):
        documents[part].add(record)
        pictures.put(record, out / part / "data" / record.image.file_name)
    for part, document in documents.items():
        (out / part / "labels.json").write_bytes(document.encode())
    split.write(out)
    annotations = sum(document.annotations for document in documents.values())
    return {"pictures": split.total, "annotations": annotations} | split.figures
