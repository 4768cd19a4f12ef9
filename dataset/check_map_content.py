"""Does what a map holds fit the labels, the plan, and the other maps of the picture?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dataset.agreement import LEAST_IOU
from dataset.record import Record

Mask = npt.NDArray[np.bool_]
Masks = dict[int, tuple[Mask, Mask]]
Faults = list[tuple[str, str]]

DEPTH_UNIT_M = 0.001
DEPTH_MOST = 65535
UNIT_TOLERANCE = 1e-3
CODE_TOLERANCE = 1.5 / 255
SOFT_LEAST_PX = 500
SOFT_LEAST_IOU = 0.5
"""Coverage follows thin parts that pixels' centres miss; what belongs to another picture is far below."""


class Maps(Protocol):
    """The maps of one picture."""

    record: Record

    def arrays(self, name: str) -> list[npt.NDArray[Any]] | None:
        """A map's arrays by its name in the record; None where there is none that can be read."""


def check_content(
    name: str, arrays: list[npt.NDArray[Any]], maps: Maps, masks: Masks, classes: Sequence[str]
) -> Faults:
    """Kind and text of what is wrong with a map.

    Args:
        name: of the map, as in the record.
        arrays: that it holds, of the picture's size.
        maps: all of the picture.
        masks: modal and amodal, by instance id.
        classes: all labelled ones, in the order of their category ids.
    """
    match name:
        case "instances":
            return _check_instances(arrays[0], maps.record, masks)
        case "semantic":
            return _check_semantic(arrays[0], maps.record, masks, classes)
        case "depth":
            return _check_depth(arrays[0], maps.record, masks)
        case "depth_m":
            return _check_metres(arrays[0], maps)
        case "normals":
            return _check_normals(arrays)
        case "normals_png":
            return _check_colors(arrays[0], maps.arrays("normals"))
        case "soft_masks":
            return _check_soft_masks(arrays, masks)
    return []


def _check_instances(ids: npt.NDArray[Any], record: Record, masks: Masks) -> Faults:
    found = []
    if ids.dtype != np.uint16 or ids.ndim != 2:
        found.append(("map-instances", f"is {ids.dtype} of {ids.ndim} dimensions, expected 16 bit and one channel"))
        return found
    for instance_id, (modal, _) in masks.items():
        if differing := int(((ids == instance_id) != modal).sum()):
            found.append(("map-instances", f"instance {instance_id}: {differing} pixels differ from its mask"))
    planned = {o.instance_id for o in record.plan.objects}
    if strange := sorted(set(np.unique(ids).tolist()) - planned - {0}):
        found.append(("map-instances", f"shows the ids {strange[:5]}, which no object of the plan has"))
    return found


def _check_semantic(categories: npt.NDArray[Any], record: Record, masks: Masks, classes: Sequence[str]) -> Faults:
    found = []
    number = {name: i + 1 for i, name in enumerate(classes)}
    beside = ~np.any([np.zeros(categories.shape, bool), *(modal for modal, _ in masks.values())], axis=0)
    for instance in record.instances:
        if instance.instance_id not in masks or instance.class_name not in number:
            continue
        modal, expected = masks[instance.instance_id][0], number[instance.class_name]
        values = np.unique(categories[modal])
        if (values != expected).any():
            text = f"its mask shows the categories {values[:5].tolist()}, {instance.class_name} is {expected}"
            found.append(("map-semantic", f"instance {instance.instance_id}: {text}"))
    dropped = {number.get(o.class_name or "", 0) for o in record.plan.objects if o.instance_id not in masks}
    if strange := sorted(set(np.unique(categories[beside]).tolist()) - dropped - {0}):
        found.append(("map-semantic", f"shows the categories {strange[:5]} where no such object is"))
    return found


def _check_depth(depth: npt.NDArray[Any], record: Record, masks: Masks) -> Faults:
    """A label's pixels have depths within its 3D box."""
    found = []
    for instance in record.instances:
        box = instance.box_3d
        if instance.instance_id not in masks or box is None or record.label_source != "cast":
            continue
        z = [c[2] for c in box.corners_m]
        if record.plan.camera.lens is not None or max(z) / DEPTH_UNIT_M >= DEPTH_MOST:
            continue
        values = depth[masks[instance.instance_id][0]] * DEPTH_UNIT_M
        beside = (values < min(z) - 2 * DEPTH_UNIT_M) | (values > max(z) + 2 * DEPTH_UNIT_M)
        # Depth may be the engine's, whose outlines differ as the masks' may.
        if beside.mean() > 1 - LEAST_IOU.get(str(record.engine.get("engine")), 1.0):
            text = (
                f"depths from {values.min():.3f} to {values.max():.3f} m, its 3D box spans {min(z):.3f} to {max(z):.3f}"
            )
            found.append(("map-depth", f"instance {instance.instance_id}: {text}"))
    return found


def _check_metres(depth: npt.NDArray[Any], maps: Maps) -> Faults:
    """Depths are from 0 to the farthest that the camera sees, and the file of whole millimetres says the same."""
    farthest = maps.record.plan.camera.far_m * 1.01
    wrong = ~((depth >= 0) & (depth <= farthest))
    if wrong.any():
        text = f"{int(wrong.sum())} depths are not from 0 to {farthest:g} m, {depth[wrong].flat[0]:g} for example"
        return [("map-depth", text)]
    whole = maps.arrays("depth")
    if whole is None or whole[0].shape != depth.shape:
        return []
    expected = np.rint(depth.astype(np.float64) / DEPTH_UNIT_M)
    expected[expected > DEPTH_MOST] = 0
    if differing := int((np.abs(expected - whole[0]) > 1).sum()):
        return [("map-depth", f"{differing} pixels differ from the file of whole millimetres")]
    return []


def _check_normals(channels: list[npt.NDArray[Any]]) -> Faults:
    """Each is a unit vector, or zero where nothing is."""
    if len(channels) != 3:
        return [("map-normals", f"has {len(channels)} channels, expected x, y and z")]
    length = np.sqrt(sum(np.square(c, dtype=np.float64) for c in channels))
    wrong = ~((length == 0) | (np.abs(length - 1) < UNIT_TOLERANCE))
    if wrong.any():
        return [("map-normals", f"{int(wrong.sum())} normals are neither of length 1 nor 0")]
    return []


def _check_colors(colors: npt.NDArray[Any], normals: list[npt.NDArray[Any]] | None) -> Faults:
    """The picture of the normals shows the normals."""
    if normals is None or len(normals) != 3 or colors.shape != (*normals[0].shape, 3):
        return []
    field = np.stack(normals, axis=-1)  # channels are sorted: B, G, R or R, G, B
    there = np.any(field != 0, axis=-1)
    shown = colors[there] / 255.0 * 2 - 1
    off = min(np.abs(shown - f[there]).max(initial=0) for f in (field, field[..., ::-1]))
    if off > 2 * CODE_TOLERANCE:
        return [("map-normals", f"differs from the normals by up to {off:.2f}")]
    return []


def _check_soft_masks(arrays: list[npt.NDArray[Any]], masks: Masks) -> Faults:
    """Where a large object covers more than half of a pixel is about where its mask is."""
    if len(arrays) != 2 or arrays[0].shape != arrays[1].shape or arrays[0].ndim != 3:
        return [("map-soft-masks", "holds no instance_ids and coverage of the same shape")]
    ids, coverage = arrays
    found = []
    for instance_id, (modal, _) in masks.items():
        soft = (np.where(ids == instance_id, coverage, 0).astype(np.int32).sum(axis=0)) > 127
        iou = (soft & modal).sum() / max(int((soft | modal).sum()), 1)
        if modal.sum() >= SOFT_LEAST_PX and iou < SOFT_LEAST_IOU:
            found.append(("map-soft-masks", f"instance {instance_id}: agrees with its mask at IoU {iou:.2f} only"))
    return found
