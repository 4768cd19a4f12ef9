"""What a planned picture's labels are, in few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.sight.cast_plan import CastPlan
from scanstage.scenes.sight.label_rules import judge

BOX_COLUMNS = ("x_px", "y_px", "width_px", "height_px", "area_px", "visible_fraction", "truncated_fraction")


@dataclass(frozen=True)
class PlannedLabels:
    """Of one picture.

    Attributes:
        arrangement: which pictures share their objects, and so belong together.
        values: of the picture's shared variables, by name.
        resolution_wh: pixels.
        class_names: (L,) of its labels.
        boxes: (L, len(BOX_COLUMNS)) float64, of visible pixels.
        placed: objects of labelled classes that lie in it, by class.
    """

    arrangement: int
    values: Mapping[str, Any]
    resolution_wh: tuple[int, int]
    class_names: tuple[str, ...]
    boxes: npt.NDArray[np.float64]
    placed: Counter[str]


def planned_labels(good: CastPlan, config: LabelsConfig) -> PlannedLabels:
    """Of a plan that was cast."""
    plan = good.plan
    names, boxes = [], []
    for judgement in judge(plan, good.seen, config):
        seen = judgement.silhouette
        box = pixel_box(seen.modal, seen.window_xywh[:2])
        if judgement.fate == "label" and box is not None and judgement.item.class_name is not None:
            names.append(judgement.item.class_name)
            boxes.append((*map(float, box), float(seen.visible_px), seen.visible_fraction, seen.truncated_fraction))
    return PlannedLabels(
        plan.index,
        dict(plan.factors["variables"]),
        plan.camera.resolution_wh,
        tuple(names),
        np.array(boxes, np.float64).reshape(len(boxes), len(BOX_COLUMNS)),
        Counter(o.class_name for o in plan.objects if o.class_name is not None),
    )
