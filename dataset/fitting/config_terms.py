"""What was found, in the terms of a config: for each value the distribution that a YAML can say and that fits best.

Of each family the parameters are those with the mean and spread that were found; that one is said under which planned
pictures come nearest to the photos, the other values as they were found. All have two parameters, so that the least
misfit decides as the Bayesian information criterion would. Parameters aren't searched by it once more: of planned
pictures that show little of a value, those few wins whose chance fits the photos.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import truncnorm

from scanstage.dataset.fitting.fit_values import FoundValues
from scanstage.dataset.fitting.matching.mixtures import Floats, moments_of
from scanstage.dataset.fitting.matching.weighed_bank import misfit_of_weights
from scanstage.scenes.bank.free_values import FreeValue

STEPS = 400
"""Cells of a number's range."""
NARROW = 0.02
"""Standard deviation, of the range, below which a value is a constant."""
DIGITS = 3
MOST_CHOICES = 15
SIMPLER = 2.0
"""How much more misfit a range of whole numbers may have than shares of each."""


@dataclass(frozen=True)
class ConfigTerm:
    """A distribution.

    Attributes:
        value: as a config says it.
        misfit: with it, the other values as they were found.
        mean, deviation: of it, from 0 to 1 across the range.
    """

    value: Any
    misfit: float
    mean: float
    deviation: float


Family = tuple[Callable[[Floats], Floats], Callable[[Floats], Any]]
"""(STEPS,) mass of two parameters, and what a config says for them."""


def config_term(found: FoundValues[Any], axis: int, kind: int = 0) -> ConfigTerm:
    """The distribution of one axis of what was found, in one kind of pictures."""
    value = found.values[found.axes[axis]].value
    grid, mass = found.shape.marginal(found.theta, axis, kind)
    mean, deviation = moments_of(grid, mass)
    misfit_of = _misfit(found, axis, kind, len(grid))
    if value.kind == "choice":
        shares = {option: round(float(m), DIGITS) for option, m in zip(value.options, mass, strict=True)}
        return ConfigTerm({"choice": shares}, found.match.misfit, mean, deviation)
    if value.kind == "whole":
        return _whole(value, grid, mass, misfit_of)
    if deviation < NARROW:
        return ConfigTerm(_rounded(value.from_unit(mean)), found.match.misfit, mean, 0.0)
    families = (_even(value, grid), _bell(value, grid))
    return min((_best(f, grid, (mean, deviation), misfit_of) for f in families), key=lambda term: term.misfit)


def _misfit(found: FoundValues[Any], axis: int, kind: int, cells: int) -> Callable[[Floats], float]:
    """Misfit by (cells,) mass that an axis has in one kind of pictures instead of the one that was found."""
    belongs = found.shape.belonging(found.theta, found.bank.units)[:, kind]
    weights = found.weights()
    cell = np.minimum((found.bank.units[:, axis] * cells).astype(int), cells - 1)
    own = np.maximum(found.shape.marginal(found.theta, axis, kind)[1], 1e-12)

    def misfit(mass: Floats) -> float:
        changed = weights * (1 + belongs * ((mass / own)[cell] - 1))
        if not changed.sum() > 0:
            return math.inf
        return misfit_of_weights(found.bank, changed / changed.sum(), found.target)

    return misfit


def _best(
    family: Family, grid: Floats, moments: tuple[float, float], misfit_of: Callable[[Floats], float]
) -> ConfigTerm:
    mass_of, said = family
    start = np.array(moments)

    def away(p: Floats) -> float:
        mean, deviation = moments_of(grid, mass_of(p))
        return ((mean - moments[0]) / 0.01) ** 2 + (math.log(max(1e-6, deviation) / moments[1]) / 0.1) ** 2

    simplex = np.array([start, start + np.array([0.05, 0.0]), start + np.array([0.0, 0.05])])
    p = minimize(away, start, method="Nelder-Mead", options={"initial_simplex": simplex, "maxfev": 100}).x
    return _term(said(p), mass_of(p), grid, misfit_of)


def _even(value: FreeValue, grid: Floats) -> Family:
    """Uniform, in the logarithm where the value is searched by it, by middle and standard deviation."""

    def ends(p: Floats) -> tuple[float, float]:
        half = math.sqrt(3) * max(abs(p[1]), 0.5 / len(grid))
        middle = min(max(p[0], 0.0), 1.0)
        return max(middle - half, 0.0), min(middle + half, 1.0)

    def mass(p: Floats) -> Floats:
        low, high = ends(p)
        edges = np.clip((np.linspace(0, 1, len(grid) + 1) - low) / max(high - low, 1e-9), 0, 1)
        return np.diff(edges)

    def said(p: Floats) -> Any:
        low, high = (_rounded(value.from_unit(end)) for end in ends(p))
        return {"log_uniform" if value.is_log else "uniform": [low, high]}

    return mass, said


def _bell(value: FreeValue, grid: Floats) -> Family:
    """Normal within the range, in the value itself; by the mean and standard deviation of what is left of it."""
    width = value.high - value.low
    edges = np.array([value.from_unit(u) for u in np.linspace(0, 1, len(grid) + 1)])

    def parameters(p: Floats) -> tuple[float, float]:
        spread = max(abs(p[1]), 0.25 / len(grid))
        low, high = value.from_unit(min(max(p[0] - spread, -0.5), 0.99)), value.from_unit(max(p[0] + spread, 0.01))
        middle = value.from_unit(p[0]) if not value.is_log else 0.5 * (low + high)
        return middle, max((high - low) / 2, 1e-6 * width)

    def mass(p: Floats) -> Floats:
        middle, spread = parameters(p)
        a, b = (value.low - middle) / spread, (value.high - middle) / spread
        return np.diff(truncnorm.cdf(edges, a, b, middle, spread))

    def said(p: Floats) -> Any:
        middle, spread = parameters(p)
        low, high = max(value.low, middle - 4 * spread), min(value.high, middle + 4 * spread)
        return {
            "normal": {"mean": _rounded(middle), "std": _rounded(spread), "min": _rounded(low), "max": _rounded(high)}
        }

    return mass, said


def _whole(value: FreeValue, grid: Floats, mass: Floats, misfit_of: Callable[[Floats], float]) -> ConfigTerm:
    """From one whole number to another, all alike; or shares of each where that fits clearly better."""
    cells = len(grid)
    middle, spread = moments_of(grid, mass)
    mean, deviation = middle * cells - 0.5, spread * cells
    low = int(value.low)
    terms = []
    half = (math.sqrt(12 * deviation**2 + 1) - 1) / 2
    for first in range(max(0, math.floor(mean - half) - 2), min(cells, math.ceil(mean - half) + 3)):
        for last in range(max(first, math.floor(mean + half) - 2), min(cells, math.ceil(mean + half) + 3)):
            even = np.zeros(cells)
            even[first : last + 1] = 1 / (last - first + 1)
            said: Any = low + first if first == last else {"integer": [low + first, low + last]}
            terms.append(_term(said, even, grid, misfit_of))
    kept = mass >= 0.005
    shares = {low + int(k): round(float(mass[k]), DIGITS) for k in np.flatnonzero(kept)}
    best = min(terms, key=lambda term: term.misfit, default=None)
    if len(shares) <= MOST_CHOICES or best is None:
        single = _term({"choice": shares}, np.where(kept, mass, 0.0) / mass[kept].sum(), grid, misfit_of)
        if best is None or best.misfit > single.misfit + SIMPLER:
            return single
    return best


def _term(said: Any, mass: Floats, grid: Floats, misfit_of: Callable[[Floats], float]) -> ConfigTerm:
    return ConfigTerm(said, misfit_of(mass), *moments_of(grid, mass))


def _rounded(x: float) -> float:
    return float(f"{x:.{DIGITS}g}")


def joined_term(terms: Sequence[ConfigTerm], shares: Floats, names: Sequence[str], by: str) -> ConfigTerm:
    """One distribution of those of several kinds of pictures: a switch by the variable that draws the kind."""
    if len(terms) == 1:
        return terms[0]
    means, deviations = np.array([t.mean for t in terms]), np.array([t.deviation for t in terms])
    mean = float(shares @ means)
    deviation = float(np.sqrt(shares @ (np.square(deviations) + np.square(means - mean))))
    cases = dict(zip(names, (t.value for t in terms), strict=True))
    return ConfigTerm({"switch": {"by": by, "cases": cases}}, max(t.misfit for t in terms), mean, deviation)
