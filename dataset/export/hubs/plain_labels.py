"""A picture's labels as plain data, for formats that have no form of their own for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scanstage.dataset.export.choices.labelled_source import LabelledImage
from scanstage.dataset.labels.instances import Instance


def plain_picture(record: LabelledImage, category_ids: Mapping[str, int]) -> dict[str, Any]:
    """The picture and its instances, as in COCO's document, with the name of each class and the camera beside it."""
    width, height = record.image.resolution_wh
    camera = {} if record.camera is None else {"camera_matrix": [list(row) for row in record.camera.k]}
    return {
        "image_id": record.index,
        "width": width,
        "height": height,
        **camera,
        "annotations": [_plain_instance(i, category_ids) for i in record.instances],
    }


def _plain_instance(instance: Instance, category_ids: Mapping[str, int]) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "category": instance.class_name,
        "category_id": category_ids[instance.class_name],
        "bbox": list(instance.bbox_xywh),
        "area": instance.area_px,
        "segmentation": instance.mask.to_coco(),
        "iscrowd": int(instance.ignore),
    }
    if instance.is_rendered:
        plain["visible_fraction"] = round(instance.visible_fraction, 6)
        plain["truncated_fraction"] = round(instance.truncated_fraction, 6)
    if instance.pose is not None:
        plain["pose"] = {
            "rotation": [list(row) for row in instance.pose.rotation],
            "translation_m": list(instance.pose.translation_m),
            "scale": instance.pose.scale,
        }
    if instance.keypoints:
        plain["keypoints"] = {
            k.name: None if k.xy_px is None else [*(round(v, 3) for v in k.xy_px), k.visibility]
            for k in instance.keypoints
        }
    return plain
