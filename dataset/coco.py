"""COCO export: ``annotations/instances.json`` with RLE masks, from records alone.

Image ids are picture indices, category ids follow the config's class order from 1, annotation ids count from 1 in the
order of pictures and instances. There are no dates in it: the same records give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from dataset.record import Record


def to_coco(records: Iterable[Record], classes: Sequence[str], name: str) -> dict[str, Any]:
    """Build the COCO document.

    Args:
        records: in the order of their indices.
        classes: all labelled classes, also those without an instance.
        name: of the dataset.

    Returns:
        ``info``, ``licenses``, ``images``, ``annotations``, ``categories`` as COCO defines them. ``area`` is the
        mask's pixel count. ``attributes`` of an annotation holds what COCO has no field for.
    """
    category_id = {c: i + 1 for i, c in enumerate(classes)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for record in records:
        width, height = record.image.resolution_wh
        images.append({"id": record.index, "file_name": record.image.file_name, "width": width, "height": height})
        for instance in record.instances:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": record.index,
                    "category_id": category_id[instance.class_name],
                    "bbox": list(instance.bbox_xywh),
                    "area": instance.area_px,
                    "segmentation": instance.mask.to_coco(),
                    "iscrowd": 0,
                    "attributes": {
                        "instance_id": instance.instance_id,
                        "asset_id": instance.asset_id,
                        "visible_fraction": round(instance.visible_fraction, 6),
                        "truncated_fraction": round(instance.truncated_fraction, 6),
                        "bbox_amodal": list(instance.bbox_amodal_xywh),
                    },
                }
            )
    categories = [{"id": i, "name": c, "supercategory": "object"} for c, i in category_id.items()]
    info = {"description": f"{name}: synthetic images by scanstage", "version": "1.0"}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def coco_bytes(document: dict[str, Any]) -> bytes:
    """The document as compact UTF-8 JSON."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
