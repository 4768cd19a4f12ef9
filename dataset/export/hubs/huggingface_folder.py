"""Hugging Face's ``imagefolder``: a folder a part, with its pictures and ``metadata.jsonl``.

``datasets.load_dataset("imagefolder", data_dir=…)`` reads it as it stands, each column of ``objects`` a list with one
value an object: instances that the keep policy ignores are in it, and ``iscrowd`` says so.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.labelled_source import LabelledImage


def write_huggingface(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    ids = {c.name: i for i, c in enumerate(job.dataset.categories)}
    for part in job.parts:
        (out / part).mkdir()
    objects = 0
    with contextlib.ExitStack() as opened:
        files = {
            part: opened.enter_context((out / part / "metadata.jsonl").open("w", encoding="utf-8"))
            for part in job.parts
        }
        for part, record in job.records():
            job.pictures.put(record, out / part / record.image.file_name)
            files[part].write(json.dumps({**picture_row(record, ids), **job.origin(record)}, ensure_ascii=False) + "\n")
            objects += len(record.instances)
    return {"objects": objects}


def picture_row(record: LabelledImage, ids: dict[str, int]) -> dict[str, Any]:
    """What ``metadata.jsonl`` says of a picture; ``ids`` of classes count from 0."""
    width, height = record.image.resolution_wh
    there = record.instances
    return {
        "file_name": record.image.file_name,
        "image_id": record.index,
        "width": width,
        "height": height,
        "objects": {
            "id": [i.instance_id for i in there],
            "category": [i.class_name for i in there],
            "category_id": [ids[i.class_name] for i in there],
            "bbox": [[float(v) for v in i.bbox_xywh] for i in there],
            "area": [i.area_px for i in there],
            "iscrowd": [int(i.ignore) for i in there],
            "segmentation": [i.mask.to_coco() for i in there],
        },
    }
