"""The check after the render: does the engine's own instance pass agree with the cast that the labels come from?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenes.visibility import pixel_box

CHECKED_FROM_PX = 100
LEAST_IOU = {"cycles": 0.98, "eevee": 0.9}
"""Cycles' object index is sampled at the pixel's centre, as the cast is; EEVEE gives coverage, which differs by up to
half a pixel along outlines."""
MOST_BOX_PX = {"cycles": 1, "eevee": 2}


@dataclass(frozen=True)
class Agreement:
    """Cast against engine, for one object.

    Attributes:
        instance_id: see :class:`scenes.plan.ObjectPlan`.
        cast_px, engine_px: visible pixels in either.
        iou: intersection over union of both; 1 where both are empty.
        box_px: largest difference of a box edge, pixels; None where either has no pixel.
    """

    instance_id: int
    cast_px: int
    engine_px: int
    iou: float
    box_px: int | None


def compare(
    cast_ids: npt.NDArray[np.uint16], engine_ids: npt.NDArray[np.uint16], instance_ids: list[int]
) -> tuple[Agreement, ...]:
    """Compare two (H, W) instance maps, object by object."""
    return tuple(_compare_one(cast_ids == i, engine_ids == i, i) for i in instance_ids)


def _compare_one(cast: npt.NDArray[np.bool_], engine: npt.NDArray[np.bool_], instance_id: int) -> Agreement:
    cast_box, engine_box = pixel_box(cast), pixel_box(engine)
    union = int((cast | engine).sum())
    iou = int((cast & engine).sum()) / union if union else 1.0
    difference = None
    if cast_box is not None and engine_box is not None:
        difference = max(abs(a - b) for a, b in zip(_edges(cast_box), _edges(engine_box), strict=True))
    return Agreement(instance_id, int(cast.sum()), int(engine.sum()), iou, difference)


def _edges(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x, y, w, h = box
    return (x, y, x + w, y + h)


def disagreements(agreements: tuple[Agreement, ...], engine: str, labelled: set[int]) -> list[str]:
    """One sentence for each object on which cast and engine differ too much.

    Args:
        agreements: of all objects.
        engine: key of LEAST_IOU and MOST_BOX_PX.
        labelled: ids whose boxes are checked even where they are smaller than CHECKED_FROM_PX.
    """
    problems = []
    for a in agreements:
        large = max(a.cast_px, a.engine_px) >= CHECKED_FROM_PX
        if large and a.iou < LEAST_IOU[engine]:
            problems.append(
                f"instance {a.instance_id}: mask IoU of cast and {engine} is {a.iou:.4f}, below {LEAST_IOU[engine]} "
                f"({a.cast_px} and {a.engine_px} px)"
            )
            continue
        checked = large or a.instance_id in labelled
        if checked and a.box_px is None and (a.cast_px or a.engine_px):
            problems.append(f"instance {a.instance_id}: {a.cast_px} px in the cast, {a.engine_px} px in {engine}")
        elif checked and a.box_px is not None and a.box_px > MOST_BOX_PX[engine]:
            problems.append(f"instance {a.instance_id}: boxes of cast and {engine} differ by {a.box_px} px")
    return problems
