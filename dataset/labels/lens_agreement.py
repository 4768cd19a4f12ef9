"""The check behind a lens: is the picture, made by resampling, where the label says it is?

Before the lens, cast and engine are compared exactly (:mod:`agreement`). Behind it the engine's ids are those
of the nearest of the pixels that it rendered, up to half a pixel beside the label's ray: outlines differ by that, and a
spike thinner than a pixel may be missed. What must not be is anything that lies farther apart than a pixel.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.agreement import Agreement
from scanstage.scenes.optics.pixel_window import edge_distance, grown, pixel_box
from scanstage.scenes.sight.label_rules import CHECKED_FROM_PX

MOST_APART = 0.02
SPIKE_PX = 4
"""So many pixels may lie apart besides that share: a tip or a sliver thinner than a pixel is sampled or missed."""
SMALL_FROM_PX = 16
"""Half a pixel can hide what is smaller."""


def compare_behind_lens(
    label_ids: npt.NDArray[np.uint16], engine_ids: npt.NDArray[np.uint16], instance_ids: list[int]
) -> tuple[Agreement, ...]:
    """Compare two (H, W) instance maps, object by object; outlines may lie a pixel apart.

    ``iou`` counts as different only pixels that lie more than one pixel from any of the other map's; ``box_px`` is the
    largest difference of a box edge, which a single stray pixel decides: it is told, not judged.
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
        labelled: ids that are checked from SMALL_FROM_PX on; others from CHECKED_FROM_PX.
    """
    problems = []
    for a in agreements:
        largest = max(a.cast_px, a.engine_px)
        if largest < (SMALL_FROM_PX if a.instance_id in labelled else CHECKED_FROM_PX):
            continue
        if (1 - a.iou) * largest > SPIKE_PX + MOST_APART * largest:
            problems.append(
                f"instance {a.instance_id}: behind the lens, {1 - a.iou:.1%} of its {largest} px lie beside the label"
            )
    return problems
