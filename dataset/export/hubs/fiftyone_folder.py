"""A folder a part that FiftyOne opens as ``fiftyone.types.COCODetectionDataset``: ``data`` and ``labels.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.coco.coco_folder import coco_documents, label_figures


def write_fiftyone(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    documents = coco_documents(job)
    for part in job.parts:
        (out / part / "data").mkdir(parents=True)
    for part, record in job.records():
        documents[part].add(record, job.noted(record))
        job.pictures.put(record, out / part / "data" / record.image.file_name)
    for part, document in documents.items():
        document.write(out / part / "labels.json")
    return label_figures(documents)
