"""Is a record true to itself? Its ids, masks, boxes and fractions, from the record alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from scanstage.dataset.check.finding import Faults
from scanstage.dataset.labels.agreement import disagreements
from scanstage.dataset.labels.instances import Instance, Rle
from scanstage.dataset.labels.lens_agreement import lens_disagreements
from scanstage.dataset.labels.rle_mask import RunMask, overlaps
from scanstage.dataset.records.record import Record
from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.optics.lens import is_equidistant
from scanstage.scenes.optics.pixel_window import box_edges

Masks = dict[int, tuple[RunMask, RunMask]]
"""Modal and amodal, by instance id."""
MOST_OVERLAPS = 100
FRACTION_TOLERANCE = 1e-9
MOST_COVERING = 1 << 24
"""Runs that are gone through for what hides what, about a second: a record can name each object as hiding each. A
thousand objects, each hidden by ten others, take half as many."""
PAIR_RUNS = 500
"""So many runs take as long as two masks that have none."""


def check_references(record: Record, classes: Collection[str]) -> Faults:
    """Ids are unique and in the plan, every object of the plan is accounted for, classes are known."""
    planned = {o.instance_id: o for o in record.plan.objects}
    parts = {part for part, _, _ in record.parts()}
    named = [i.instance_id for i in record.instances] + [u.instance_id for u in record.unlabelled]
    for instance_id, times in Counter(named).items():
        if times > 1:
            yield "id-twice", f"instance {instance_id}: occurs {times} times"
    for instance in record.instances:
        at, item = f"instance {instance.instance_id}", planned.get(instance.object_id)
        if item is None:
            yield "id-unknown", f"{at}: the plan has no such object"
        elif instance.part_of is not None and (item.class_name is None or item.asset_id != instance.asset_id):
            yield "plan-differs", f"{at}: is a part of {instance.asset_id}, but the plan says {item.asset_id}"
        elif instance.part_of is None and (item.class_name, item.asset_id) != (instance.class_name, instance.asset_id):
            yield (
                "plan-differs",
                f"{at}: is {instance.class_name} {instance.asset_id}, but the plan says "
                f"{item.class_name} {item.asset_id}",
            )
        if instance.class_name not in classes:
            yield "class-unknown", f"{at}: class {instance.class_name!r} is not one of the run's"
        if instance.ignore != (instance.reason is not None):
            yield "ignore-reason", f"{at}: ignore is {instance.ignore}, but its reason is {instance.reason!r}"
    for instance_id in sorted(parts & planned.keys()):
        yield "id-twice", f"instance {instance_id}: is a part, but an object of the plan has that id"
    for instance_id in planned.keys() - set(named):
        yield "object-lost", f"object {instance_id} of the plan is neither labelled nor noted as unlabelled"
    for unlabelled in record.unlabelled:
        if (unlabelled.part_of or unlabelled.instance_id) not in planned:
            yield "id-unknown", f"unlabelled {unlabelled.instance_id}: the plan has no such object"


def read_masks(record: Record) -> tuple[Masks, list[tuple[str, str]]]:
    """Modal and amodal mask by instance id of all instances whose masks can be read; and the faults of the others."""
    found, faults = {}, []
    for instance in record.instances:
        masks = []
        for name, rle in (("mask", instance.mask), ("amodal mask", instance.mask_amodal)):
            try:
                masks.append(_read(rle, record.image.resolution_wh))
            except ValueError as e:
                kind = "mask-size" if "size" in str(e) else "mask-unreadable"
                faults.append((kind, f"instance {instance.instance_id}: its {name} can't be used: {e}"))
        if len(masks) == 2:
            found[instance.instance_id] = (masks[0], masks[1])
    return found, faults


def _read(rle: Rle, resolution_wh: tuple[int, int]) -> RunMask:
    width, height = resolution_wh
    if rle.size_hw != (height, width):
        raise ValueError(f"its size is {rle.size_hw[1]} x {rle.size_hw[0]}, the picture's is {width} x {height}")
    return rle.runs()


def check_masks(record: Record, masks: Masks) -> Faults:
    """Boxes, areas, fractions and occlusion agree with the masks, and no pixel belongs to two objects."""
    for instance in record.instances:
        if instance.instance_id not in masks:
            continue
        modal, amodal = masks[instance.instance_id]
        common = modal.common(amodal)
        yield from _check_shape(instance, modal, common)
        yield from _check_amodal(instance, amodal, record.label_source == "engine")
        yield from _check_fractions(instance, modal, amodal, common)
    yield from _check_covering(record.instances, masks)
    whole_of = {i.instance_id: i.part_of for i in record.instances if i.part_of is not None}
    for group in _disjoint(masks, whole_of):
        for i, j in overlaps([masks[k][0] for k in group], MOST_OVERLAPS):
            yield "mask-overlap", f"instance {group[j]}: shares pixels with instance {group[i]}"
    for part, whole in whole_of.items():
        if part in masks and whole in masks:
            own = masks[part][0]
            if beside := own.area - own.common(masks[whole][0]):
                yield "part-beyond", f"instance {part}: {beside} of its pixels are not those of its whole, {whole}"


def _disjoint(masks: Masks, whole_of: Mapping[int, int]) -> list[list[int]]:
    """Ids whose masks share no pixel: those of objects; and of these without their parts, with the parts."""
    objects = [k for k in masks if k not in whole_of]
    if not whole_of:
        return [objects]
    in_parts = set(whole_of.values())
    return [objects, [k for k in masks if k not in in_parts]]


def _check_shape(instance: Instance, modal: RunMask, common: int) -> Faults:
    at, box = f"instance {instance.instance_id}", modal.box()
    if box is None:
        yield "mask-empty", f"{at}: its mask has no pixel"
    elif box != instance.bbox_xywh:
        yield "box-not-tight", f"{at}: box {list(instance.bbox_xywh)} is not tight to its mask, which has {list(box)}"
    if instance.area_px != (area := modal.area):
        yield "area", f"{at}: area_px is {instance.area_px}, its mask has {area} pixels"
    if stray := area - common:
        yield "modal-not-in-amodal", f"{at}: {stray} pixels of its mask are not in its amodal mask"


def _check_amodal(instance: Instance, amodal: RunMask, from_engine: bool) -> Faults:
    """The amodal box holds the amodal mask, and is equal to its box where nothing of it is outside the image.

    An engine's pass may show a pixel more than the cast that amodal boxes come from.
    """
    box, given = amodal.box(), instance.bbox_amodal_xywh
    if box is None:
        return
    edges, most = box_edges(box), box_edges(given)
    slack = 1 if from_engine else 0
    inside = all(m <= e + slack for m, e in zip(most[:2], edges[:2], strict=True))
    inside &= all(m >= e - slack for m, e in zip(most[2:], edges[2:], strict=True))
    whole = instance.truncated_fraction > 0 or from_engine or box == given
    if not inside or not whole:
        yield (
            "amodal-box",
            f"instance {instance.instance_id}: amodal box {list(given)} doesn't fit its amodal mask, which has "
            f"{list(box)}",
        )


def _check_fractions(instance: Instance, modal: RunMask, amodal: RunMask, common: int) -> Faults:
    at = f"instance {instance.instance_id}"
    for name in ("visible_fraction", "truncated_fraction"):
        if not 0 <= (value := getattr(instance, name)) <= 1:
            yield "fraction-range", f"{at}: {name} is {value}, which is not in 0..1"
    if all_px := amodal.area:
        share = modal.area / all_px
        if not abs(share - instance.visible_fraction) <= FRACTION_TOLERANCE:
            yield (
                "visible-fraction",
                f"{at}: visible_fraction is {instance.visible_fraction:.6g}, masks say {share:.6g}",
            )
    height, width = modal.size_hw
    left, top, right, bottom = box_edges(instance.bbox_amodal_xywh)
    beyond = left < 0 or top < 0 or right > width or bottom > height
    if beyond != (instance.truncated_fraction > 0):
        yield (
            "truncated-fraction",
            f"{at}: truncated_fraction is {instance.truncated_fraction:.6g}, but its amodal box "
            f"{list(instance.bbox_amodal_xywh)} {'leaves' if beyond else 'is within'} the image",
        )
    hidden, told = all_px - common, sum(instance.covered_by.values())
    if told != hidden or min(instance.covered_by.values(), default=0) < 0:
        yield "covered-by", f"{at}: covered_by adds up to {told} pixels, {hidden} are hidden"
    if instance.instance_id in instance.covered_by:
        yield "covered-by", f"{at}: covers itself"


def _check_covering(instances: Iterable[Instance], masks: Masks) -> Faults:
    """What other labels hide of each is where their masks lie on its amodal one.

    An amodal mask that is elsewhere, or of another shape, can have the right area, box and fraction; this it hasn't.
    """
    left = MOST_COVERING
    for instance in instances:
        for other, told in instance.covered_by.items():
            if instance.instance_id not in masks or other not in masks or other == instance.instance_id:
                continue
            if other == instance.part_of:  # what of the whole is of no part
                continue
            amodal, modal = masks[instance.instance_id][1], masks[other][0]
            left -= PAIR_RUNS + len(amodal.starts) + len(modal.starts)
            if left < 0:
                return
            if told != (shared := amodal.common(modal)):
                yield (
                    "covered-by",
                    f"instance {instance.instance_id}: covered_by says that instance {other} hides {told} pixels, but "
                    f"its mask lies on {shared} of the amodal mask",
                )


def check_agreement(record: Record) -> Faults:
    """Cast and engine were compared for every object, agree where the cast is the label, and are about these labels."""
    planned = {o.instance_id for o in record.plan.objects}
    compared = [a.instance_id for a in record.agreement]
    if sorted(compared) != sorted(planned):
        yield "agreement-missing", f"cast and engine were compared for objects {compared}, not {sorted(planned)}"
    for a in (*record.agreement, *record.lens_agreement):
        if not 0 <= a.iou <= 1 or min(a.cast_px, a.engine_px) < 0:
            yield "agreement-range", f"instance {a.instance_id}: IoU {a.iou}, {a.cast_px} and {a.engine_px} px can't be"
    if record.label_source == "engine":
        return
    lens = record.plan.camera.lens
    bent = lens is not None and not is_equidistant(record.plan.camera)
    if bent and sorted(a.instance_id for a in record.lens_agreement) != sorted(planned):
        yield "agreement-missing", "label and engine were not compared behind the lens for every object"
    labels = {i.instance_id: i for i in record.instances}
    engine = str(record.engine.get("engine"))
    exact = {i.object_id for i in record.instances if not i.ignore}
    for text in disagreements(record.agreement, engine if engine in ENGINES else "cycles", exact):
        yield "disagreement", text
    for text in lens_disagreements(record.lens_agreement, exact):
        yield "disagreement", text
    for a in record.lens_agreement or record.agreement:
        label = labels.get(a.instance_id)
        if label is not None and label.area_px != a.cast_px:
            text = f"instance {a.instance_id}: its label has {label.area_px} px, but {a.cast_px} were compared"
            yield "agreement-other", text
