"""Does what a map holds fit the labels, the plan, and the other maps of the picture?

Maps are gone through column by column at the pixels of one mask after the other, or in bands of rows: beside a map
itself no array of its size is made of anything wider than a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from scanstage.dataset.check.check_labels import Masks
from scanstage.dataset.labels.rle_mask import RunMask
from scanstage.dataset.records.record import Record
from scanstage.scenes.config.sections.engine_traits import ENGINES

Array = npt.NDArray[Any]
Arrays = list[Array]
Faults = list[tuple[str, str]]

DEPTH_UNIT_M = 0.001
DEPTH_MOST = 65535
UNIT_TOLERANCE = 1e-3
CODE_TOLERANCE = 1.5 / 255
SOFT_LEAST_PX = 500
SOFT_LEAST_IOU = 0.5
"""Coverage follows thin parts that pixels' centres miss; what belongs to another picture is far below."""
PIXELS_AT_ONCE = 1 << 21
MOST_SHARED = 4
"""How often the picture's pixels are gone through where masks overlap, which is reported on its own."""


class Maps(Protocol):
    """The maps of one picture."""

    record: Record

    def arrays(self, name: str) -> Arrays | None:
        """A map's arrays by its name in the record; None where there is none that can be read."""


MapCheck = Callable[[Arrays, Maps, Masks, Sequence[str]], Faults]
"""Kind and text of what is wrong with a map; takes what :func:`check_content` does, without the name."""


def check_content(name: str, arrays: Arrays, maps: Maps, masks: Masks, classes: Sequence[str]) -> Faults:
    """Kind and text of what is wrong with a map; for soft masks see :func:`check_soft_masks`.

    Args:
        name: of the map, as in the record.
        arrays: that it holds, of the picture's size.
        maps: all of the picture.
        masks: modal and amodal, by instance id.
        classes: all labelled ones, in the order of their category ids.
    """
    return MAP_CHECKS[name](arrays, maps, masks, classes) if name in MAP_CHECKS else []


def _one_channel(name: str, check: MapCheck) -> MapCheck:
    """A check of a map that must have one channel; of another nothing else is looked at."""

    def checked(arrays: Arrays, maps: Maps, masks: Masks, classes: Sequence[str]) -> Faults:
        if arrays[0].ndim != 2:
            return [(f"map-{name}", f"has {arrays[0].shape[2]} channels, expected one")]
        return check(arrays, maps, masks, classes)

    return checked


def _modal(masks: Masks, pixels: int) -> Iterator[tuple[int, RunMask]]:
    """Modal masks by instance id, until they cover more than sound ones, which share no pixel, could."""
    total = 0
    for instance_id, (modal, _) in masks.items():
        total += modal.area
        if total > MOST_SHARED * pixels:
            return
        yield instance_id, modal


def _counts(values: Array) -> npt.NDArray[np.int64]:
    """How often each value from 0 to 65535 occurs in a 1D array of whole numbers of 16 bits at most."""
    total = np.zeros(DEPTH_MOST + 1, np.int64)
    for at in range(0, len(values), PIXELS_AT_ONCE):
        total += np.bincount(values[at : at + PIXELS_AT_ONCE], minlength=len(total))[: len(total)]
    return total


def _bands(array: Array) -> Iterator[slice]:
    """Rows of an (H, W, …) array, so many at once as have :data:`PIXELS_AT_ONCE`."""
    rows = max(1, PIXELS_AT_ONCE // max(1, array.shape[1]))
    return (slice(at, at + rows) for at in range(0, array.shape[0], rows))


def _check_instances(ids: Array, record: Record, masks: Masks) -> Faults:
    if ids.dtype != np.uint16:
        return [("map-instances", f"is {ids.dtype}, expected 16 bit")]
    found = []
    columns = ids.ravel("F")
    counts = _counts(columns)
    parts = _parts_of(record)
    for instance_id, modal in _modal(masks, ids.size):
        own = [k for k in (instance_id, *parts.get(instance_id, ())) if 0 <= k < len(counts)]
        same = int(np.isin(modal.of(columns), own).sum())
        shown = int(counts[own].sum())
        if differing := modal.area + shown - 2 * same:
            found.append(("map-instances", f"instance {instance_id}: {differing} pixels differ from its mask"))
    planned = {o.instance_id for o in record.plan.objects}.union(*parts.values())
    if strange := sorted(set(np.flatnonzero(counts).tolist()) - planned - {0}):
        found.append(("map-instances", f"shows the ids {strange[:5]}, which no object of the plan has"))
    return found


def _parts_of(record: Record) -> dict[int, dict[int, str]]:
    """Classes of the parts of which something is seen, by instance id of the whole and theirs."""
    found: dict[int, dict[int, str]] = {}
    for part, whole, class_name in record.parts():
        found.setdefault(whole, {})[part] = class_name
    return found


def _check_semantic(categories: Array, record: Record, masks: Masks, classes: Sequence[str]) -> Faults:
    if categories.dtype not in (np.uint8, np.uint16):
        return [("map-semantic", f"is {categories.dtype}, expected 16 bit")]
    found = []
    number = {name: i + 1 for i, name in enumerate(classes)}
    expected = {i.instance_id: (i.class_name, number[i.class_name]) for i in record.instances if i.class_name in number}
    columns = categories.ravel("F")
    beside = _counts(columns)
    parts = _parts_of(record)
    for instance_id, modal in _modal(masks, categories.size):
        within = _counts(modal.of(columns))
        beside -= within
        if instance_id not in expected:
            continue
        class_name, category = expected[instance_id]
        values = np.flatnonzero(within).tolist()
        if not {category, *(number.get(c, 0) for c in parts.get(instance_id, {}).values())}.issuperset(values):
            text = f"its mask shows the categories {values[:5]}, {class_name} is {category}"
            found.append(("map-semantic", f"instance {instance_id}: {text}"))
    dropped = {number.get(o.class_name or "", 0) for o in record.plan.objects if o.instance_id not in masks}
    dropped |= {number.get(c, 0) for mine in parts.values() for k, c in mine.items() if k not in masks}
    if strange := sorted(set(np.flatnonzero(beside > 0).tolist()) - dropped - {0}):
        found.append(("map-semantic", f"shows the categories {strange[:5]} where no such object is"))
    return found


def _check_depth(depth: Array, record: Record, masks: Masks) -> Faults:
    """A label's pixels have depths within its 3D box."""
    if record.label_source != "cast" or record.plan.camera.lens is not None:
        return []
    found = []
    columns = depth.ravel("F")
    boxes = {i.instance_id: i.box_3d for i in record.instances}
    # Depth may be the engine's, whose outlines differ as the masks' may.
    engine = ENGINES.get(str(record.engine.get("engine")))
    most = 0.0 if engine is None else 1 - engine.least_iou
    for instance_id, modal in _modal(masks, depth.size):
        box = boxes.get(instance_id)
        if box is None or not modal.area:
            continue
        z = [c[2] for c in box.corners_m]
        if not z or max(z) / DEPTH_UNIT_M >= DEPTH_MOST:
            continue
        values = modal.of(columns)
        beside = (values < min(z) / DEPTH_UNIT_M - 2) | (values > max(z) / DEPTH_UNIT_M + 2)
        if beside.mean() > most:
            low, high = (float(v) * DEPTH_UNIT_M for v in (values.min(), values.max()))
            text = f"depths from {low:.3f} to {high:.3f} m, its 3D box spans {min(z):.3f} to {max(z):.3f}"
            found.append(("map-depth", f"instance {instance_id}: {text}"))
    return found


def _check_metres(depth: Array, maps: Maps) -> Faults:
    """Depths are from 0 to the farthest that the camera sees, and the file of whole millimetres says the same."""
    farthest = maps.record.plan.camera.far_m * 1.01
    wrong = ~((depth >= 0) & (depth <= farthest))
    if wrong.any():
        text = f"{int(wrong.sum())} depths are not from 0 to {farthest:g} m, {depth[wrong].flat[0]:g} for example"
        return [("map-depth", text)]
    whole = maps.arrays("depth")
    if whole is None or whole[0].shape != depth.shape:
        return []
    differing = 0
    for band in _bands(depth):
        expected = np.rint(depth[band].astype(np.float64) / DEPTH_UNIT_M)
        expected[expected > DEPTH_MOST] = 0
        differing += int((np.abs(expected - whole[0][band]) > 1).sum())
    if differing:
        return [("map-depth", f"{differing} pixels differ from the file of whole millimetres")]
    return []


def _check_normals(channels: Arrays) -> Faults:
    """Each is a unit vector, or zero where nothing is."""
    if len(channels) != 3:
        return [("map-normals", f"has {len(channels)} channels, expected x, y and z")]
    if len({c.shape for c in channels}) > 1:
        return [("map-normals", "its channels have different sizes")]
    wrong = 0
    for band in _bands(channels[0]):
        length = np.sqrt(sum(np.square(c[band], dtype=np.float64) for c in channels))
        wrong += int((~((length == 0) | (np.abs(length - 1) < UNIT_TOLERANCE))).sum())
    if wrong:
        return [("map-normals", f"{wrong} normals are neither of length 1 nor 0")]
    return []


def _check_colors(colors: Array, normals: Arrays | None) -> Faults:
    """The picture of the normals shows the normals."""
    if normals is None or len(normals) != 3 or any(colors.shape != (*n.shape, 3) for n in normals):
        return []
    off = [0.0, 0.0]  # channels are sorted: B, G, R or R, G, B
    for band in _bands(colors):
        field = np.stack([n[band] for n in normals], axis=-1)
        there = np.any(field != 0, axis=-1)
        shown = colors[band][there] / 255.0 * 2 - 1
        far = [float(np.abs(shown - f[there]).max(initial=0)) for f in (field, field[..., ::-1])]
        off = [max(a, b) for a, b in zip(off, far, strict=True)]
    if min(off) > 2 * CODE_TOLERANCE:
        return [("map-normals", f"differs from the normals by up to {min(off):.2f}")]
    return []


def check_soft_masks(layers: Iterable[tuple[Array, Array]], masks: Masks) -> Faults:
    """Where a large object covers more than half of a pixel is about where its mask is.

    Args:
        layers: see :func:`decoding.soft_mask_layers`; what it raises is raised here.
        masks: modal and amodal, by instance id of an object.
    """
    soft = np.zeros(DEPTH_MOST + 1, np.int64)
    common: dict[int, int] = dict.fromkeys(masks, 0)
    for ids, coverage in layers:
        columns = np.where(coverage > 127, ids, 0).astype(np.uint16).ravel("F")
        soft += _counts(columns)
        for instance_id, modal in _modal(masks, columns.size):
            common[instance_id] += int((modal.of(columns) == instance_id).sum())
    found = []
    for instance_id, (modal, _) in masks.items():
        covered = int(soft[instance_id]) if 0 < instance_id < len(soft) else 0
        iou = common[instance_id] / max(covered + modal.area - common[instance_id], 1)
        if modal.area >= SOFT_LEAST_PX and iou < SOFT_LEAST_IOU:
            found.append(("map-soft-masks", f"instance {instance_id}: agrees with its mask at IoU {iou:.2f} only"))
    return found


MAP_CHECKS: dict[str, MapCheck] = {
    "instances": _one_channel("instances", lambda a, maps, masks, _: _check_instances(a[0], maps.record, masks)),
    "semantic": _one_channel("semantic", lambda a, maps, masks, c: _check_semantic(a[0], maps.record, masks, c)),
    "depth": _one_channel("depth", lambda a, maps, masks, _: _check_depth(a[0], maps.record, masks)),
    "depth_m": lambda a, maps, masks, _: _check_metres(a[0], maps),
    "normals": lambda a, maps, masks, _: _check_normals(a),
    "normals_png": lambda a, maps, masks, _: _check_colors(a[0], maps.arrays("normals")),
}
"""What looks at each map, by its name in records; :func:`check_soft_masks` at soft masks, which come in layers."""
