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
from scanstage.dataset.export.coco.coco_document import describe_picture, document_head
from scanstage.dataset.export.label_maps.painting import Ids, painted


def write_panoptic(job: ExportJob, out: Path) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    documents: dict[str, dict[str, Any]] = {}
    ids = {c.name: i for i, c in enumerate(job.dataset.categories, 1)}
    categories = [
        {"id": ids[c.name], "name": c.name, "supercategory": c.supercategory, "isthing": 1}
        for c in job.dataset.categories
    ]
    for part in job.parts:
        (out / "images" / part).mkdir(parents=True)
        (out / "annotations" / f"panoptic_{part}").mkdir(parents=True)
        head = document_head(job.dataset.run)
        documents[part] = {**head, "images": [], "annotations": [], "categories": categories}
    segments = 0
    for part, record in job.records():
        job.pictures.put(record, out / "images" / part / record.image.file_name)
        documents[part]["images"].append(describe_picture(record) | job.noted(record))
        painting = painted(record, range(1, len(record.instances) + 1))
        documents[part]["annotations"].append(_annotation(record, ids, painting))
        _write_png(out / "annotations" / f"panoptic_{part}" / f"{record.index:06d}.png", painting)
        segments += len(documents[part]["annotations"][-1]["segments_info"])
    for part, document in documents.items():
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (out / "annotations" / f"panoptic_{part}.json").write_text(text, "utf-8")
    return {"segments": segments}


def _annotation(record: LabelledImage, ids: dict[str, int], painting: Ids) -> dict[str, Any]:
    """Areas and boxes are those of what was painted: masks of photos may overlap, and parts lie on their wholes."""
    areas = np.bincount(painting.ravel(), minlength=len(record.instances) + 1)
    segments = []
    for number, instance in enumerate(record.instances, 1):
        if not areas[number]:
            continue
        box: Any = instance.bbox_xywh
        if areas[number] != instance.area_px:
            rows, columns = np.nonzero(painting == number)
            box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        segments.append(
            {
                "id": number,
                "category_id": ids[instance.class_name],
                "area": int(areas[number]),
                "bbox": [v if isinstance(v, float) else int(v) for v in box],
                "iscrowd": int(instance.ignore),
            }
        )
    return {"image_id": record.index, "file_name": f"{record.index:06d}.png", "segments_info": segments}


def _write_png(path: Path, painting: Ids) -> None:
    """Ids as R + 256 G + 65536 B."""
    bgr = np.stack([np.zeros_like(painting), painting >> 8, painting & 255], axis=-1).astype(np.uint8)
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"{path}: can't be encoded")
    path.write_bytes(png.tobytes())
