"""The check behind a lens: is the picture, made by resampling, where the label says it is?

Before the lens, cast and engine are compared exactly (:mod:`dataset.agreement`). Behind it the engine's ids are those
of the nearest of the pixels that it rendered, up to half a pixel beside the label's ray: outlines differ by that, and a
spike thinner than a pixel may be missed. What must not be is anything that lies farther apart than a pixel.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from dataset.agreement import CHECKED_FROM_PX, Agreement
from scenes.pixel_window import edge_distance, grown, pixel_box

LEAST_IOU = 0.98
LEAST_IOU_SMALL = 0.5
"""Of labels below CHECKED_FROM_PX: half a pixel along their outlines is a large share of them."""
SMALL_FROM_PX = 16
"""Half a pixel can hide what is smaller."""
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
    apart = int((engine & ~grown(label)).sum()) + int((label & ~grown(engine)).sum())
    difference = edge_distance(label_box, engine_box) if label_box is not None and engine_box is not None else None
    iou = 1.0 - apart / union if union else 1.0
    return Agreement(instance_id, int(label.sum()), int(engine.sum()), iou, difference)


def lens_disagreements(agreements: tuple[Agreement, ...], labelled: Collection[int]) -> list[str]:
    """One sentence for each object whose picture lies beside its label.

    Args:
        agreements: of all objects, by :func:`compare_behind_lens`.
        labelled: ids that are checked, if only roughly, from SMALL_FROM_PX on; others from CHECKED_FROM_PX.
    """
    problems = []
    for a in agreements:
        largest = max(a.cast_px, a.engine_px)
        small = largest < CHECKED_FROM_PX
        if small and (a.instance_id not in labelled or largest < SMALL_FROM_PX):
            continue
        if a.iou < (LEAST_IOU_SMALL if small else LEAST_IOU):
            problems.append(
                f"instance {a.instance_id}: behind the lens, {1 - a.iou:.1%} of its pixels lie beside the label"
            )
        elif not small and a.box_px is not None and a.box_px > MOST_BOX_PX:
            problems.append(f"instance {a.instance_id}: behind the lens, its box lies {a.box_px} px beside the label's")
    return problems
