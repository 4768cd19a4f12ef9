"""What the page shows of one picture: labels, masks and boxes as a browser draws them, and the values of its plan."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np

from scanstage.dataset.labels.instances import Instance, Rle
from scanstage.dataset.records.record import Record
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.plan import CameraPlan, FramePlan, MaterialJitter

MOST_MASK_EDGE_PX = 1280
"""Masks of larger pictures are drawn in this size: a screen shows no more."""
BENT_STEPS = 4
"""Straight edges of a 3D box are drawn in so many pieces where a lens bends them."""
DIGITS = 4
BOX_EDGES = tuple((a, a | bit) for bit in (1, 2, 4) for a in range(8) if not a & bit)
"""Pairs of corners of a 3D box, by their numbers (:class:`poses.Box3d`)."""

AS_SCANNED = asdict(MaterialJitter())

Json = dict[str, Any]


def picture_detail(record: Record, skeletons: Mapping[str, Sequence[tuple[str, str]]]) -> Json:
    """All that the page shows of a picture but the picture itself and the numbers of its row.

    Coordinates are pixels of the picture. ``mask`` and ``amodal`` are COCO's compressed run lengths of an image of
    ``mask_wh``. ``box_3d`` are the twelve edges, of points in whole pixels, or None where the lens can't see them; of a
    pinhole, whose edges are straight, the eight corners. What is as it mostly is, is left out: ``amodal`` and
    ``amodal_box`` where they are the mask and the box, ``agreement`` and ``scale`` of 1.

    Args:
        record: of the picture.
        skeletons: pairs of keypoints that belong together, by class.
    """
    wh = record.image.resolution_wh
    factor = min(1.0, MOST_MASK_EDGE_PX / max(wh))
    mask_wh = (max(1, round(wh[0] * factor)), max(1, round(wh[1] * factor)))
    agreed = {a.instance_id: a.iou for a in record.agreement}
    labels = [_label(item, record.plan.camera, mask_wh, wh, agreed, skeletons) for item in record.instances]
    return {
        "wh": wh,
        "mask_wh": mask_wh,
        "labels": labels,
        "others": [
            {
                "id": item.instance_id,
                "class": item.class_name,
                "reason": item.reason,
                "visible_px": item.visible_px,
                "visible": round(item.visible_fraction, 3),
            }
            for item in record.unlabelled
        ],
        "label_source": record.label_source,
        "engine": record.engine,
        "plan": plan_values(record.plan),
    }


def _label(
    item: Instance,
    camera: CameraPlan,
    mask_wh: tuple[int, int],
    wh: tuple[int, int],
    agreed: Mapping[int, float],
    skeletons: Mapping[str, Sequence[tuple[str, str]]],
) -> Json:
    found: Json = {
        "id": item.instance_id,
        "class": item.class_name,
        "asset": item.asset_id,
        "box": item.bbox_xywh,
        "area": item.area_px,
        "visible": round(item.visible_fraction, 3),
        "truncated": round(item.truncated_fraction, 3),
        "mask": _counts(item.mask, mask_wh, wh),
    }
    if item.bbox_amodal_xywh != item.bbox_xywh:
        found["amodal_box"] = item.bbox_amodal_xywh
    if item.mask_amodal != item.mask:
        found["amodal"] = _counts(item.mask_amodal, mask_wh, wh)
    if item.ignore:
        found["ignored"] = item.reason or "ignored"
    if item.covered_by:
        found["covered_by"] = {str(k): v for k, v in item.covered_by.items()}
    if (iou := round(agreed.get(item.instance_id, 1.0), 4)) < 1:
        found["agreement"] = iou
    if item.pose is not None:
        found["distance_m"] = float(f"{math.dist(item.pose.translation_m, (0, 0, 0)):.3g}")
        if (scale := _rounded(item.pose.scale)) != 1:
            found["scale"] = scale
    if item.box_3d is not None:
        found["box_3d"] = _box_lines(np.array(item.box_3d.corners_m, np.float64), camera)
    if points := [k for k in item.keypoints if k.xy_px is not None]:
        found["keypoints"] = [[k.name, *(_tenth(v) for v in k.xy_px or ()), k.visibility] for k in points]
        names = {k.name for k in points}
        found["skeleton"] = [pair for pair in skeletons.get(item.class_name, ()) if names.issuperset(pair)]
    return found


def _counts(mask: Rle, mask_wh: tuple[int, int], wh: tuple[int, int]) -> str:
    if mask.size_hw != (wh[1], wh[0]):
        raise ValueError(f"a mask of {mask.size_hw} in a picture of {wh}")
    mask.runs()  # a broken one may claim any number of pixels
    if mask_wh == wh:
        return mask.counts
    smaller = cv2.resize(mask.decode().astype(np.uint8), mask_wh, interpolation=cv2.INTER_AREA)
    return Rle.encode(smaller.astype(np.bool_)).counts


def _box_lines(corners: np.ndarray[Any, np.dtype[np.float64]], camera: CameraPlan) -> list[Any]:
    if camera.lens is None:
        return _points(corners, camera)
    steps = np.linspace(0, 1, BENT_STEPS + 1)[:, None]
    ends = np.array(BOX_EDGES)
    points = corners[ends[:, :1]] * (1 - steps) + corners[ends[:, 1:]] * steps  # (12, steps, 3)
    return [_points(line, camera) for line in points]


def _points(points: np.ndarray[Any, np.dtype[np.float64]], camera: CameraPlan) -> list[list[int] | None]:
    # A corner just before the camera is far outside; a canvas draws no line that long.
    far = 8.0 * max(camera.resolution_wh)
    seen = project_local(camera, points)[:, :2].tolist()
    return [[round(x), round(y)] if abs(x) < far and abs(y) < far else None for x, y in seen]


def plan_values(plan: FramePlan) -> Json:
    """The values of a plan, with fewer digits, without what is as always, and of its objects the main ones."""
    values: Json = json.loads(plan.to_json())
    values["objects"] = [
        {
            "id": o.instance_id,
            "asset": o.asset_id,
            "class": o.class_name,
            "position_mm": [round(1000 * row[3]) for row in o.object_to_world[:3]],
            "scale": round(math.sqrt(sum(row[0] ** 2 for row in o.object_to_world[:3])), 3),
            "jitter": {k: _coarse(v) for k, v in given["jitter"].items() if v != AS_SCANNED.get(k)},
            "surface": given["surface"],
            "motion": given["motion"],
        }
        for o, given in zip(plan.objects, values["objects"], strict=True)
    ]
    shortened: Json = _short(values)
    return shortened


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items() if v is not None and v != {}}
    if isinstance(value, list):
        return [_short(v) for v in value]
    return value


def _coarse(value: Any) -> Any:
    return float(f"{value:.2g}") if isinstance(value, float) else value


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _tenth(value: float) -> float:
    return round(value, 1)


def skeletons_by_class(categories: Iterable[Any]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Pairs of keypoints by class, of :class:`categories.Category`."""
    return {c.name: c.skeleton for c in categories if c.skeleton}
