"""COCO as a folder: ``annotations/instances_train.json`` beside ``images/train``, the layout of COCO itself."""

from __future__ import annotations

from collections.abc import Mapping
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
        documents[part].add(record, job.noted(record))
        job.pictures.put(record, out / "images" / part / record.image.file_name)
    (out / "annotations").mkdir()
    for part, document in documents.items():
        document.write(out / "annotations" / f"instances_{part}.json")
    return label_figures(documents)


def label_figures(documents: Mapping[str, CocoDocument]) -> dict[str, int]:
    """Figures of them: labels, and regions to be ignored where there are any."""
    ignored = sum(d.ignored for d in documents.values())
    labels = sum(d.annotations for d in documents.values()) - ignored
    return {"labels": labels} | ({"ignored regions": ignored} if ignored else {})


def coco_documents(job: ExportJob) -> dict[str, CocoDocument]:
    """An empty one for each part, with masks as they were asked for."""
    run, masks, amodal = job.dataset.run, job.options.masks or "rle", bool(job.options.amodal)
    return {part: CocoDocument(run, masks, amodal=amodal) for part in job.parts}
