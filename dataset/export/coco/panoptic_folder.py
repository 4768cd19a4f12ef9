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

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.picture_transfer import PictureTransfer
from scanstage.dataset.export.coco.coco_document import document_info
from scanstage.dataset.export.label_maps.painting import painted
from scanstage.dataset.export.splits.shares import ALL
from scanstage.dataset.export.splits.split import Split
from scanstage.dataset.records.finished_dataset import FinishedDataset
from scanstage.dataset.records.record import Record


def write_panoptic(dataset: FinishedDataset, out: Path, options: ExportOptions) -> dict[str, Any]:
    """Write it into an empty folder; returns figures. Raises InputError, OSError."""
    split = Split.of(dataset, options.split or ALL, options.hold_out)
    pictures = PictureTransfer(dataset.folder, options.images or "hardlink")
    documents: dict[str, dict[str, Any]] = {}
    categories = [
        {"id": i, "name": c.name, "supercategory": "object", "isthing": 1} for i, c in enumerate(dataset.categories, 1)
    ]
    for part in split.shares:
        (out / "images" / part).mkdir(parents=True)
        (out / "annotations" / f"panoptic_{part}").mkdir(parents=True)
        head = document_info(dataset.name)
        documents[part] = {**head, "images": [], "annotations": [], "categories": categories}
    ids = {c.name: i for i, c in enumerate(dataset.categories, 1)}
    segments = 0
    for part, record in split.records(dataset):
        width, height = record.image.resolution_wh
        pictures.put(record, out / "images" / part / record.image.file_name)
        entry = {"id": record.index, "file_name": record.image.file_name, "width": width, "height": height}
        documents[part]["images"].append(entry)
        documents[part]["annotations"].append(_annotation(record, ids))
        _write_png(out / "annotations" / f"panoptic_{part}" / f"{record.index:06d}.png", record)
        segments += len(record.instances)
    for part, document in documents.items():
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (out / "annotations" / f"panoptic_{part}.json").write_text(text, "utf-8")
    split.write(out)
    return {"pictures": split.total, "segments": segments} | split.figures


def _annotation(record: Record, ids: dict[str, int]) -> dict[str, Any]:
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


def _write_png(path: Path, record: Record) -> None:
    """Ids as R + 256 G + 65536 B."""
    ids = painted(record, range(1, len(record.instances) + 1))
    bgr = np.stack([np.zeros_like(ids), ids >> 8, ids & 255], axis=-1).astype(np.uint8)
    done, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"{path}: can't be encoded")
    path.write_bytes(png.tobytes())
