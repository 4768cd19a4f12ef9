"""The check behind a lens: is the picture, made by resampling, where the label says it is?

Before the lens, cast and engine are compared exactly (:mod:`dataset.agreement`). Behind it the engine's ids are those
of the nearest of the pixels that it rendered, up to half a pixel beside the label's ray: outlines differ by that, and a
spike thinner than a pixel may be missed. What must not be is anything that lies farther apart than a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from dataset.agreement import CHECKED_FROM_PX, Agreement
from scenes.pixel_window import Box, pixel_box

LEAST_IOU = 0.98
MOST_BOX_PX = 2


def compare_behind_lens(
    label_ids: npt.NDArray[np.uint16], engine_ids: npt.NDArray[np.uint16], instance_ids: list[int]
) -> tuple[Agreement, ...]:
    """Compare two (H, W) instance maps, object by object; outlines may lie a pixel apart.

    ``iou`` counts as different only pixels that lie more than one pixel from any of the other map's; ``box_px`` is the
    largest difference of a box edge.
    """
    return tuple(_compare_one(label_ids == i, engine_ids == i, i) for i in instance_ids)


def _compare_one(label: npt.NDArray[np.bool_], engine: npt.NDArray[np.bool_], instance_id: int) -> Agreement:
    label_box, engine_box = pixel_box(label), pixel_box(engine)
    union = int((label | engine).sum())
    apart = int((engine & ~_grown(label)).sum()) + int((label & ~_grown(engine)).sum())
    difference = None
    if label_box is not None and engine_box is not None:
        difference = max(abs(a - b) for a, b in zip(_edges(label_box), _edges(engine_box), strict=True))
    iou = 1.0 - apart / union if union else 1.0
    return Agreement(instance_id, int(label.sum()), int(engine.sum()), iou, difference)


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)), bool)


def _edges(box: Box) -> Box:
    x, y, w, h = box
    return (x, y, x + w, y + h)


def lens_disagreements(agreements: tuple[Agreement, ...]) -> list[str]:
    """One sentence for each object of 100 px or more whose picture lies beside its label."""
    problems = []
    for a in agreements:
        if max(a.cast_px, a.engine_px) < CHECKED_FROM_PX:
            continue
        if a.iou < LEAST_IOU:
            problems.append(
                f"instance {a.instance_id}: behind the lens, {1 - a.iou:.1%} of its pixels lie beside the label"
            )
        elif a.box_px is not None and a.box_px > MOST_BOX_PX:
            problems.append(f"instance {a.instance_id}: behind the lens, its box lies {a.box_px} px beside the label's")
    return problems
