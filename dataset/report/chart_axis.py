"""An axis of a chart: from values to pixels, linear or logarithmic, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_TICKS = 5
LOG_FOOT_PX = 12
"""On a logarithmic axis nothing is at 0 and 1 is here, so that a single label is still seen."""


@dataclass(frozen=True)
class Axis:
    """An axis that begins at 0.

    Attributes:
        most: value at its end; at least 1.
        length: in pixels.
    """

    most: float
    length: int
    logarithmic: bool

    @classmethod
    def spanning(cls, values: Iterable[float], length: int, log_from: float) -> Axis:
        """An axis for values from 0 up, logarithmic where those from 1 up differ by more than ``log_from`` times."""
        counted = [v for v in values if v >= 1] or [1.0]
        return cls(max(counted), length, max(counted) / min(counted) > log_from)

    def place(self, value: float) -> float:
        """Pixels from the axis's beginning; values beyond its end are at its end."""
        value = min(max(value, 0.0), self.most)
        if not self.logarithmic:
            return self.length * value / self.most
        if value < 1:
            return LOG_FOOT_PX * value
        return LOG_FOOT_PX + (self.length - LOG_FOOT_PX) * math.log(value) / math.log(self.most)

    def ticks(self) -> list[float]:
        """Round values: powers of ten, or multiples of 1, 2 or 5 times one of them."""
        if self.logarithmic:
            return [10.0**k for k in range(math.floor(math.log10(self.most) + 1e-9) + 1)]
        step = 1.0
        for factor in (2.0, 2.5, 2.0) * 12:
            if self.most / step <= MOST_TICKS:
                break
            step *= factor
        return [step * k for k in range(int(self.most / step + 1e-9) + 1)]
