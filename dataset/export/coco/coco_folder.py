"""COCO as a folder: ``annotations/instances_train.json`` beside ``images/train``, the layout of COCO itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.coco.coco_document import CocoDocument


def write_coco(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    documents = coco_documents(job)
    for part in job.parts:
        (out / "images" / part).mkdir(parents=True)
    for part, record in job.records():
        documents[part].add(record, job.origin(record))
        job.pictures.put(record, out / "images" / part / record.image.file_name)
    (out / "annotations").mkdir()
    for part, document in documents.items():
        document.write(out / "annotations" / f"instances_{part}.json")
    annotations = sum(document.annotations for document in documents.values())
    return {"annotations": annotations}


def coco_documents(job: ExportJob) -> dict[str, CocoDocument]:
    """An empty one for each part, with masks as they were asked for."""
    run, masks, amodal = job.dataset.run, job.options.masks or "rle", bool(job.options.amodal)
    return {part: CocoDocument(run, masks, amodal=amodal) for part in job.parts}
