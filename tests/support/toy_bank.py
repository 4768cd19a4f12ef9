"""Planned pictures without a planner: boxes that follow from values by a simple formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.fitting.bank_table import bank_table
from scanstage.scenes.bank.free_values import FreeValue
from scanstage.scenes.bank.planned_labels import PlannedLabels

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator], Mapping[str, Any]]
WH = (160, 120)
CLASSES = ("owl", "mouse")
SIZE = FreeValue("toy.size", "number", 0.02, 0.6, is_log=True)
COUNT = FreeValue("toy.count", "whole", 1, 8)
HIDDEN = FreeValue("toy.hidden", "number", 0.0, 1.0)
FREE = (SIZE, COUNT, HIDDEN)


def picture(arrangement: int, values: Mapping[str, Any], rng: np.random.Generator) -> PlannedLabels:
    """``toy_count`` boxes, whose sides are ``toy_size`` of the picture's, more or less; ``toy_hidden`` is not to be
    seen."""
    count = int(values["toy_count"])
    sides = values["toy_size"] * np.exp(rng.normal(0, 0.1, (count, 2))) * WH
    sides = np.minimum(sides, np.array(WH) - 2)
    corners = rng.uniform(0, 1, (count, 2)) * (np.array(WH) - sides)
    area = sides.prod(axis=1, keepdims=True)
    boxes = np.hstack([corners, sides, area, np.ones((count, 1)), np.zeros((count, 1))])
    names = tuple(rng.choice(CLASSES, count).tolist())
    return PlannedLabels(arrangement, dict(values), WH, names, boxes, Counter(names))


def pictures(draw: Draw, count: int, seed: int) -> list[PlannedLabels]:
    """Of values that are drawn."""
    rng = np.random.default_rng(seed)
    return [picture(i, draw(rng), rng) for i in range(count)]


def photo_table(draw: Draw, count: int, seed: int) -> DatasetTable:
    """Labels of photos of values that are drawn."""
    return bank_table("photos", CLASSES, pictures(draw, count, seed), boxes_alone=True)


class ToyPlanner:
    """See :data:`fit_values.PlanPictures`: sizes are the camera's, counts the arrangement's."""

    def __init__(self, seed: int = 0) -> None:
        self._rng, self._arrangements = np.random.default_rng(seed), 0
        self.asked: list[list[bool]] = []

    def __call__(self, arrangements: Floats, cameras: Floats, chosen: npt.NDArray[np.bool_]) -> list[PlannedLabels]:
        self.asked.append(chosen.tolist())
        found = []
        for row, views in zip(arrangements, cameras, strict=True):
            for view in views:
                values = {
                    "toy_size": SIZE.from_unit(view[0]) if chosen[0] else 0.1,
                    "toy_count": COUNT.from_unit(row[1]) if chosen[1] else 3,
                    "toy_hidden": HIDDEN.from_unit(row[2]) if chosen[2] else float(self._rng.random()),
                }
                found.append(picture(self._arrangements, values, self._rng))
            self._arrangements += 1
        return found
