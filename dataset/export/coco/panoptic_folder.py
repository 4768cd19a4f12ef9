"""COCO panoptic: a PNG a picture whose colours are ids of segments, and a document that says what they are.

Every label is a thing; what is no label (the stage, distractors) is 0, COCO's unlabelled. Instances that the keep
policy ignores are crowds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.export.coco.coco_document import describe_picture, document_head, picture_license
from scanstage.dataset.export.label_maps.painting import painted


def write_panoptic(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    documents: dict[str, dict[str, Any]] = {}
    ids = {c.name: i for i, c in enumerate(job.dataset.categories, 1)}
    categories = [{"id": i, "name": name, "supercategory": "object", "isthing": 1} for name, i in ids.items()]
    for part in job.parts:
        (out / "images" / part).mkdir(parents=True)
        (out / "annotations" / f"panoptic_{part}").mkdir(parents=True)
        head = document_head(job.dataset.run)
        documents[part] = {**head, "images": [], "annotations": [], "categories": categories}
    segments, license_ = 0, picture_license(job.dataset.run)
    for part, record in job.records():
        job.pictures.put(record, out / "images" / part / record.image.file_name)
        documents[part]["images"].append(describe_picture(record) | license_ | dict(job.origin(record)))
        documents[part]["annotations"].append(_annotation(record, ids))
        _write_png(out / "annotations" / f"panoptic_{part}" / f"{record.index:06d}.png", record)
        segments += len(record.instances)
    for part, document in documents.items():
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (out / "annotations" / f"panoptic_{part}.json").write_text(text, "utf-8")
    return {"segments": segments}


def _annotation(record: LabelledImage, ids: dict[str, int]) -> dict[str, Any]:
    segments = [
        {
            "id": number,
            "category_id": ids[instance.class_name],
            "area": instance.area_px,
            "bbox": list(instance.bbox_xywh),
            "iscrowd": int(instance.ignore),
        }
        for number, instance in enumerate(record.instances, 1)
    ]
    return {"image_id": record.index, "file_name": f"{record.index:06d}.png", "segments_info": segments}


def _write_png(path: Path, record: LabelledImage) -> None:
    """Ids as R + 256 G + 65536 B."""
    ids = painted(record, range(1, len(record.instances) + 1))
    bgr = np.stack([np.zeros_like(ids), ids >> 8, ids & 255], axis=-1).astype(np.uint8)
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"{path}: can't be encoded")
    path.write_bytes(png.tobytes())
