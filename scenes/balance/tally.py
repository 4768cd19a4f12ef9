"""What a run has placed and kept so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from scanstage.scenes.balance.factors import SIDES
from scanstage.scenes.picture_order import Entry

Cell = tuple[str, str, str]
"""A class, a factor and the factor's value."""


class Tally:
    """Counts over the entries of a ledger.

    Attributes:
        placed, kept: objects, and labels, by class.
        pictures, images: pictures that were to show, and images that hold, at least one of a class.
        lost: objects by class and the rule that they broke.
        used: placements by asset.
        sides: (SIDES,) labels by asset and the side that the camera saw.
        cells: labels by class, factor and value; ``viewing_direction`` is a factor of the object.
        planned: pictures that could be planned.
        failed: objects of pictures that could not, by class.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.placed: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.kept: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.pictures: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.images: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.lost: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.used: Counter[str] = Counter()
        self.sides: defaultdict[str, npt.NDArray[np.int64]] = defaultdict(lambda: np.zeros(SIDES, np.int64))
        self.cells: Counter[Cell] = Counter()
        self._values: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.planned = 0
        self.failed: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        """Count one picture."""
        if entry.attempt is None:
            self.failed.update(entry.order.classes)
            return
        self.planned += 1
        for item in entry.objects:
            c = item.class_name
            self.placed[c] += 1
            self.used[item.asset_id] += 1
            if item.lost_by is not None:
                self.lost[c][item.lost_by] += 1
                continue
            self.kept[c] += 1
            self.sides[item.asset_id][item.side] += 1
            for factor, value in (*entry.factors.items(), ("viewing_direction", str(item.side))):
                self.cells[c, factor, value] += 1
                self._values[factor][value] += 1
        self.pictures.update({o.class_name for o in entry.objects})
        self.images.update({o.class_name for o in entry.objects if o.lost_by is None})

    def values(self, factor: str) -> Mapping[str, int]:
        """Labels of all classes by the factor's values."""
        return self._values[factor]
