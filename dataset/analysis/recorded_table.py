"""The columns of a dataset that scanstage made, and of photos with a COCO file."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.dataset_table import (
    LABEL_COLUMNS,
    DatasetTable,
    PictureLabels,
    PictureRow,
    make_table,
)
from scanstage.dataset.join.photo_labels import PhotoSet
from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.records.dataset_folder import record_name
from scanstage.dataset.records.record import Record
from scanstage.scenes.balance.factors import picture_factors
from scanstage.scenes.sight.label_rules import CHECKED_FROM_PX

CAMERA_NUMBERS = ("azimuth_deg", "elevation_deg", "distance_m", "roll_deg", "fov_deg")


def recorded_table(name: str, classes: Sequence[str], records: Iterable[Record]) -> DatasetTable:
    """The columns of records, which are read once, one at a time.

    Args:
        name: of the dataset.
        classes: labelled ones, in the order of their category ids.
        records: of its pictures.
    """
    lost: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def rows() -> Iterator[tuple[PictureRow, PictureLabels]]:
        for record in records:
            for class_name, rule in lost_objects(record):
                lost[class_name][rule] += 1
            yield readable(record), picture_labels(record.instances)

    return make_table(name, classes, rows(), lost)


def photo_table(photos: PhotoSet) -> DatasetTable:
    """The columns of photos. Raises InputError for masks that can't be."""

    def rows() -> Iterator[tuple[PictureRow, PictureLabels]]:
        for index, photo in enumerate(photos.photos()):
            kept = [i for i in photo.labels if not i.ignore]
            row = PictureRow(
                index,
                photo.name,
                photo.resolution_wh,
                placed=Counter(i.class_name for i in kept),
                ignored=len(photo.labels) - len(kept),
            )
            yield row, picture_labels(photo.labels)

    return make_table(photos.name, [c.name for c in photos.categories], rows(), {})


def readable(record: Record) -> PictureRow:
    """As :func:`picture_row`. Raises InputError for a record that was changed by hand, and holds what no plan has."""
    try:
        row = picture_row(record)
        if not all(map(math.isfinite, row.numbers.values())):
            raise ValueError("a number is none")
        return row
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as e:
        raise InputError(
            f"{record_name(record.index)}: its plan holds what none does ({e!r})",
            "`scanstage check` says more; the picture's record can be taken away, and the same run makes it again",
        ) from e


def picture_row(record: Record) -> PictureRow:
    """What a record says of a picture beside its labels."""
    plan = record.plan
    camera = plan.factors["camera"]
    numbers: dict[str, float] = {key: float(camera[key]) for key in CAMERA_NUMBERS if camera.get(key) is not None}
    numbers["exposure_ev"] = record.exposure_ev
    numbers["attempts"] = plan.attempt + 1
    if plan.lamps:
        numbers["lamp_kelvin"] = plan.lamps[0].temperature_k
    agreed = [a.iou for a in record.agreement if max(a.cast_px, a.engine_px) >= CHECKED_FROM_PX and 0 <= a.iou <= 1]
    if agreed and record.label_source == "cast":
        numbers["agreement"] = min(agreed)
    return PictureRow(
        record.index,
        record.image.file_name,
        record.image.resolution_wh,
        picture_factors(plan),
        numbers,
        _placed(record),
        sum(i.ignore for i in record.instances),
    )


def _placed(record: Record) -> Counter[str]:
    """What could have a label, by class: objects, but where their parts are labelled instead, and parts in sight."""
    instead = {u.instance_id for u in record.unlabelled if u.is_labelled_by_parts}
    objects = (o.class_name for o in record.plan.objects if o.instance_id not in instead)
    parts = (class_name for _, _, class_name in record.parts())
    return Counter(name for name in (*objects, *parts) if name is not None)


def picture_labels(instances: Iterable[Instance]) -> PictureLabels:
    """Labels of a picture, of photos too. Ignored ones are left out."""
    kept = [i for i in instances if not i.ignore]
    numbers = np.array([_numbers(i) for i in kept], np.float64).reshape(len(kept), len(LABEL_COLUMNS))
    return PictureLabels(tuple(i.class_name for i in kept), numbers)


def _numbers(item: Instance) -> tuple[float, ...]:
    distance, azimuth, elevation = math.nan, math.nan, math.nan
    if item.pose is not None:
        # The camera in the object's own frame: p_camera = R (s p) + t, so the camera's centre is -R^T t / s there.
        towards = -np.array(item.pose.rotation, np.float64).T @ np.array(item.pose.translation_m, np.float64)
        distance = float(np.linalg.norm(towards))
        if distance > 0:
            azimuth = math.degrees(math.atan2(towards[1], towards[0]))
            elevation = math.degrees(math.asin(np.clip(towards[2] / distance, -1.0, 1.0)))
    return (
        *map(float, item.bbox_xywh),
        float(item.area_px),
        item.visible_fraction,
        item.truncated_fraction,
        distance,
        azimuth,
        elevation,
    )


def lost_objects(record: Record) -> Iterator[tuple[str, str]]:
    """Class and rule of each object of a labelled class that has no label."""
    lost = (u for u in record.unlabelled if not u.is_labelled_by_parts)
    return ((u.class_name, rule_of(u.reason)) for u in lost if u.class_name is not None)


_RULES = ("min_pixels", "min_box_px", "min_visible_fraction", "max_truncated_fraction")


def rule_of(reason: str) -> str:
    """The rule of the keep policy that a recorded reason names; the reason itself where it names none."""
    return next((rule for rule in _RULES if f"labels.{rule}" in reason), reason)
