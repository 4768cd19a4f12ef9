"""How a figure lies to chance: beside the same figure of parts of the real set, and of pictures dealt out anew.

Two things are asked of every figure. *How large is it?* is told by the band: the figure between halves of the real set
(200 splits), beside its mean between as many real and as many synthetic pictures. *Is it there at all?* is told by a
permutation test, which is exact: all pictures are dealt out anew to two sides of the same sizes, 299 times. Many
figures are looked at together, so each is first put on one scale (its mean and standard deviation over the deals), and
is held against the largest of all figures in each deal (Westfall and Young 1993, single-step maxT): two alike sets are
called alike nineteen times in twenty, in all figures together, however these go along with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanstage.dataset.analysis.dataset_table import Floats

Bools = npt.NDArray[np.bool_]
Statistic = Callable[[Bools, Bools], Floats]
"""From (D, N) of each side, which pictures it holds, to (D,): the figure between them. NaN where there is none."""
Verdict = Literal["alike", "slightly off", "off"]

SPLITS, DRAWS, DEALS = 200, 20, 299
SURE = 0.05
"""Chance that anything at all is told of two alike sets."""
BAND = (0.05, 0.95)


@dataclass(frozen=True)
class Gauge:
    """A figure, and how it is tested.

    Attributes:
        shown: what is told; its second side is the synthetic one.
        bad: the end of the band at which the sets are less alike.
        tested: what the test goes by, large where the sets differ; None is ``shown``, turned round where low is bad.
    """

    shown: Statistic
    bad: Literal["high", "low"] = "high"
    tested: Statistic | None = None

    def surprise(self, first: Bools, second: Bools) -> Floats:
        """(D,) what the test goes by."""
        if self.tested is not None:
            return self.tested(first, second)
        return self.shown(first, second) * (1 if self.bad == "high" else -1)


@dataclass(frozen=True)
class Standing:
    """Where a figure lies.

    Attributes:
        value: mean over draws of as many real and as many synthetic pictures.
        band: 5 % and 95 % quantile of it between halves of the real set.
        chance: that, of two alike sets, any of all figures lies as far out as this one.
        verdict: ``alike`` where that is chance; ``off`` where it isn't and the value lies beyond the band; else
            ``slightly off``: a difference, but one that halves of the real set have as well.
    """

    value: float
    band: tuple[float, float]
    chance: float
    verdict: Verdict


@dataclass(frozen=True)
class Deals:
    """Pictures dealt out to two sides, many times.

    Attributes:
        first, second: (D, N) which pictures each side holds; never both.
    """

    first: Bools
    second: Bools


def half_size(real: int, synthetic: int) -> int:
    """Pictures a side of splits of the real set, and of draws from both."""
    return min(real // 2, synthetic)


def real_splits(real: int, synthetic: int, count: int = SPLITS, seed: int = 1) -> Deals:
    """Halves of the real set, whose pictures come first."""
    size, rng = half_size(real, synthetic), np.random.default_rng(seed)
    sides = np.zeros((2, count, real + synthetic), np.bool_)
    for row in range(count):
        order = rng.permutation(real)
        sides[0, row, order[:size]] = sides[1, row, order[size : 2 * size]] = True
    return Deals(sides[0], sides[1])


def draws_of_both(real: int, synthetic: int, count: int = DRAWS, seed: int = 2) -> Deals:
    """As many real pictures as synthetic ones: as many as halves of the real set have."""
    size, rng = half_size(real, synthetic), np.random.default_rng(seed)
    sides = np.zeros((2, count, real + synthetic), np.bool_)
    for row in range(count):
        sides[0, row, rng.permutation(real)[:size]] = True
        sides[1, row, real + rng.permutation(synthetic)[:size]] = True
    return Deals(sides[0], sides[1])


def deals_anew(real: int, synthetic: int, count: int = DEALS, seed: int = 3) -> Deals:
    """All pictures dealt out: in the first row as they are, in ``count`` more at random."""
    total, rng = real + synthetic, np.random.default_rng(seed)
    first = np.zeros((count + 1, total), np.bool_)
    first[0, :real] = True
    for row in range(1, count + 1):
        first[row, rng.permutation(total)[:real]] = True
    return Deals(first, ~first)


def chances(gauges: Mapping[str, Gauge], deals: Deals) -> dict[str, float]:
    """Corrected chance of each figure: that any of all is as surprising in a deal (maxT).

    Args:
        gauges: figures by name.
        deals: of :func:`deals_anew`.
    """
    if not gauges:
        return {}
    scaled = np.stack([_scaled(g.surprise(deals.first, deals.second)) for g in gauges.values()])
    most = scaled.max(axis=0)
    return {name: float((most >= of[0]).mean()) for name, of in zip(gauges, scaled, strict=True)}


def standings(gauges: Mapping[str, Gauge], real: int, synthetic: int, deals: int = DEALS) -> dict[str, Standing]:
    """Where each figure lies.

    Args:
        gauges: figures by name, of ``real`` pictures and ``synthetic`` ones after them.
        real, synthetic: how many there are.
        deals: at random, of the test.
    """
    found = chances(gauges, deals_anew(real, synthetic, deals))
    splits, draws = real_splits(real, synthetic), draws_of_both(real, synthetic)
    return {name: _standing(g, splits, draws, found[name]) for name, g in gauges.items()}


def _standing(gauge: Gauge, splits: Deals, draws: Deals, chance: float) -> Standing:
    of_draws, of_splits = (gauge.shown(d.first, d.second) for d in (draws, splits))
    value = _mean(of_draws)
    known = of_splits[np.isfinite(of_splits)]
    low, high = np.quantile(known, BAND) if known.size else (np.nan, np.nan)
    is_beyond = value > high if gauge.bad == "high" else value < low
    verdict: Verdict = "alike" if chance > SURE else "off" if is_beyond else "slightly off"
    return Standing(value, (float(low), float(high)), chance, verdict)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _scaled(values: Floats) -> Floats:
    """(D,) in standard deviations from the mean of all deals; what can't be said surprises nobody."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    mean, spread = values[known].mean(), values[known].std()
    away = np.where(known, values - mean, 0.0)
    scaled: Floats = away / spread if spread > 1e-12 * max(1.0, abs(mean)) else np.zeros(len(values))
    return scaled
