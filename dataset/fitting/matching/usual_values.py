"""What is expected of values before photos say anything: it counts where they say little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.dataset.fitting.matching.mixtures import MixtureShape

Floats = npt.NDArray[np.float64]

USUAL_MEAN, USUAL_DEVIATION = 0.25, 0.7
"""How far values that labels tell little of may go from what the config says: standard deviations, of the mean in
shares of the range, and of the logarithm of the standard deviation."""
LEAST_DEVIATION = 0.05
USUAL_SPREAD = 0.15
"""Standard deviation, of the range, that a value which labels tell is expected to have, its logarithm within
:data:`USUAL_DEVIATION`. Fifty photos may say no more of a spread than that it is small; it came out as none then."""


@dataclass(frozen=True)
class Usual:
    """Where the search is drawn, weakly, beside what photos say.

    Values that labels tell little of: towards what the config says, within a part of the range. Spreads of the others,
    where ``spread`` is given, towards it.

    Attributes:
        moments: by axis, mean and standard deviation, from 0 to 1 across the range; None leaves it to the labels.
        spread: standard deviation of what is left to the labels, in the same; None leaves that to them as well.
    """

    moments: tuple[tuple[float, float] | None, ...]
    spread: float | None = None

    @classmethod
    def of(cls, moments: Sequence[Sequence[float] | None], spread: float | None = None) -> Usual:
        """Of means and standard deviations by axis."""
        least = tuple(None if m is None else (float(m[0]), max(float(m[1]), LEAST_DEVIATION)) for m in moments)
        return cls(least, spread)

    def residual(self, shape: MixtureShape, theta: Floats) -> tuple[Floats, Floats]:
        """(R,) how far parameters are off, in standard deviations, and (R, P) the derivatives."""
        off, by = [np.zeros(0)], [np.zeros((0, shape.parameters))]
        for k in range(shape.components):
            for i, usual in enumerate(self.moments):
                spread = self.spread if usual is None else usual[1]
                if spread is None or shape.axes[i].is_choice:
                    continue
                place = shape.place(k, i)
                a, b = 1 + np.exp(theta[place])
                total = a + b
                log_deviation = 0.5 * (np.log(a * b / (total + 1)) - 2 * np.log(total))
                own = [(log_deviation - np.log(spread)) / USUAL_DEVIATION]
                slopes = [0.5 * (1 / np.array([a, b]) - 2 / total - 1 / (total + 1)) / USUAL_DEVIATION]
                if usual is not None:
                    own.append((a / total - usual[0]) / USUAL_MEAN)
                    slopes.append(np.array([b, -a]) / total**2 / USUAL_MEAN)
                rows = np.zeros((len(own), shape.parameters))
                rows[:, place] = np.array(slopes) * np.exp(theta[place])
                off.append(np.array(own))
                by.append(rows)
        return np.concatenate(off), np.concatenate(by)
