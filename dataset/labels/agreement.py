"""The check after the render: does the engine's own instance pass agree with the cast that the labels come from?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.scenes.config.sections.engine_traits import ENGINES
from scanstage.scenes.optics.pixel_window import edge_distance, pixel_box
from scanstage.scenes.plan import Int32
from scanstage.scenes.sight.label_rules import CHECKED_FROM_PX


@dataclass(frozen=True)
class Agreement:
    """Cast against engine, for one object.

    Attributes:
        instance_id: see :class:`plan.ObjectPlan`.
        cast_px, engine_px: visible pixels in either.
        iou: intersection over union of both; 1 where both are empty.
        box_px: largest difference of a box edge, pixels; None where either has no pixel.
    """

    instance_id: Int32
    cast_px: Int32
    engine_px: Int32
    iou: float
    box_px: Int32 | None


def compare(
    cast_ids: npt.NDArray[np.uint16], engine_ids: npt.NDArray[np.uint16], instance_ids: list[int]
) -> tuple[Agreement, ...]:
    """Compare two (H, W) instance maps, object by object."""
    return tuple(_compare_one(cast_ids == i, engine_ids == i, i) for i in instance_ids)


def _compare_one(cast: npt.NDArray[np.bool_], engine: npt.NDArray[np.bool_], instance_id: int) -> Agreement:
    cast_box, engine_box = pixel_box(cast), pixel_box(engine)
    union = int((cast | engine).sum())
    iou = int((cast & engine).sum()) / union if union else 1.0
    difference = edge_distance(cast_box, engine_box) if cast_box is not None and engine_box is not None else None
    return Agreement(instance_id, int(cast.sum()), int(engine.sum()), iou, difference)


def disagreements(agreements: tuple[Agreement, ...], engine: str, labelled: set[int]) -> list[str]:
    """One sentence for each object on which cast and engine differ too much.

    Args:
        agreements: of all objects.
        engine: key of :data:`engine_traits.ENGINES`.
        labelled: ids whose boxes are checked even where they are smaller than CHECKED_FROM_PX.
    """
    problems, traits = [], ENGINES[engine]
    for a in agreements:
        large = max(a.cast_px, a.engine_px) >= CHECKED_FROM_PX
        if large and a.iou < traits.least_iou:
            problems.append(
                f"instance {a.instance_id}: mask IoU of cast and {engine} is {a.iou:.4f}, below {traits.least_iou} "
                f"({a.cast_px} and {a.engine_px} px)"
            )
            continue
        checked = large or a.instance_id in labelled
        if checked and a.box_px is None and (a.cast_px or a.engine_px):
            problems.append(f"instance {a.instance_id}: {a.cast_px} px in the cast, {a.engine_px} px in {engine}")
        elif checked and a.box_px is not None and a.box_px > traits.most_box_px:
            problems.append(f"instance {a.instance_id}: boxes of cast and {engine} differ by {a.box_px} px")
    return problems


def strays(engine_ids: npt.NDArray[np.uint16], instance_ids: Collection[int]) -> list[str]:
    """One sentence for each id in an engine's (H, W) pass that isn't in the plan: it shows what nothing labels."""
    shown = np.bincount(engine_ids.ravel())
    unknown = sorted({int(i) for i in np.flatnonzero(shown)} - {0, *instance_ids})
    return [f"instance {i}: {shown[i]} px in the engine's pass, but the plan has no such object" for i in unknown]


@dataclass(frozen=True)
class AgreementFigures:
    """Cast against engine over many pictures whose labels are the cast.

    Attributes:
        objects: of CHECKED_FROM_PX pixels or more, in cast or engine.
        ious: of each of these.
        boxes_px: largest box difference of each object that was checked (see :func:`disagreements`) and seen by both.
        engine_labels: labels of pictures whose label is the engine's pass.
    """

    ious: tuple[float, ...] = ()
    boxes_px: tuple[int, ...] = ()
    engine_labels: int = 0

    @property
    def objects(self) -> int:
        """Number of objects that the figures are of."""
        return len(self.ious)

    @property
    def median_iou(self) -> float | None:
        """None without an object."""
        return float(np.median(self.ious)) if self.ious else None

    @property
    def least_iou(self) -> float | None:
        """None without an object."""
        return min(self.ious, default=None)

    @property
    def most_box_px(self) -> int | None:
        """None without an object."""
        return max(self.boxes_px, default=None)

    def to_json(self) -> dict[str, Any]:
        """The figures in a row, as a machine reads them; None where there is no object."""
        return {
            "objects": self.objects,
            "median_iou": self.median_iou,
            "least_iou": self.least_iou,
            "largest_box_px": self.most_box_px,
        }

    def __add__(self, other: AgreementFigures) -> AgreementFigures:
        return AgreementFigures(
            self.ious + other.ious, self.boxes_px + other.boxes_px, self.engine_labels + other.engine_labels
        )


def figures(agreements: tuple[Agreement, ...], labelled: set[int]) -> AgreementFigures:
    """Figures of one picture whose labels are the cast."""
    large = [a for a in agreements if max(a.cast_px, a.engine_px) >= CHECKED_FROM_PX]
    checked = [a for a in agreements if a in large or a.instance_id in labelled]
    # A broken record may hold what is no IoU (NaN, which JSON can't hold); check reports it on its own.
    return AgreementFigures(
        tuple(a.iou for a in large if 0 <= a.iou <= 1), tuple(a.box_px for a in checked if a.box_px is not None)
    )
