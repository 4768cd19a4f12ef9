"""Densities of drawn values, and how they change with their parameters: mixtures of products of Beta distributions.

Values lie between 0 and 1 across their range (:meth:`FreeValue.to_unit`). A number has a Beta density with a, b >= 1,
which is even at 1, 1 and has one peak otherwise; a whole number the same at the middles of its cells; a choice has a
share for each option. Kinds of pictures (components) may each have their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, digamma, logsumexp, softmax

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EDGE = 1e-4
"""Values are kept so far off 0 and 1, where logarithms end."""
LOWEST, HIGHEST = -6.0, 6.5
"""Of the parameters: a = 1 + exp(6.5) is a standard deviation of a fiftieth of the range."""


@dataclass(frozen=True)
class Axis:
    """What kind of value lies along a column.

    Attributes:
        name: of the value.
        cells: of a whole number or a choice; 0 of a number.
        is_choice: whether cells have no order.
    """

    name: str
    cells: int = 0
    is_choice: bool = False

    @property
    def parameters(self) -> int:
        """How many it has in one component."""
        return self.cells - 1 if self.is_choice else 2


@dataclass(frozen=True)
class MixtureShape:
    """How parameters are laid out: first those of the components' shares, then by component and axis.

    Attributes:
        axes: of the values.
        components: kinds of pictures.
        highest: of the parameters, which bounds how narrow an axis can be.
    """

    axes: tuple[Axis, ...]
    components: int = 1
    highest: float = HIGHEST

    @property
    def parameters(self) -> int:
        """How many there are."""
        return self.components - 1 + self.components * self._each

    @property
    def _each(self) -> int:
        return sum(axis.parameters for axis in self.axes)

    def place(self, component: int, axis: int) -> slice:
        """Where the parameters of an axis stand."""
        start = self.components - 1 + component * self._each + sum(a.parameters for a in self.axes[:axis])
        return slice(start, start + self.axes[axis].parameters)

    def shares(self, theta: Floats) -> Floats:
        """(K,) of the components."""
        found: Floats = softmax(np.append(theta[: self.components - 1], 0.0))
        return found

    def even(self) -> Floats:
        """Parameters of what is nearly even everywhere."""
        theta = np.zeros(self.parameters)
        for k in range(self.components):
            for i, axis in enumerate(self.axes):
                if not axis.is_choice:
                    theta[self.place(k, i)] = -3.0
        return theta

    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest of each parameter."""
        low, high = np.full(self.parameters, LOWEST), np.full(self.parameters, self.highest)
        return low, high

    def log_density(self, theta: Floats, units: Floats) -> Floats:
        """(N,) of (N, D) values."""
        found: Floats = logsumexp(self._joint(theta, units)[0], axis=1)
        return found

    def log_density_and_score(self, theta: Floats, units: Floats) -> tuple[Floats, Floats]:
        """(N,) log densities and (N, P) their derivatives by the parameters."""
        joint, scores = self._joint(theta, units)
        total = logsumexp(joint, axis=1)
        score = np.zeros((len(units), self.parameters))
        belongs = np.exp(joint - total[:, None])
        score[:, : self.components - 1] = (belongs - self.shares(theta))[:, :-1]
        for k in range(self.components):
            for i in range(len(self.axes)):
                score[:, self.place(k, i)] = belongs[:, [k]] * scores[k][i]
        return total, score

    def belonging(self, theta: Floats, units: Floats) -> Floats:
        """(N, K) how likely each row is of each component."""
        joint, _ = self._joint(theta, units)
        found: Floats = softmax(joint, axis=1)
        return found

    def moments(self, theta: Floats, axis: int) -> tuple[float, float]:
        """Mean and standard deviation of an axis, over all components."""
        return moments_of(*self.marginal(theta, axis))

    def marginal(
        self, theta: Floats, axis: int, component: int | None = None, steps: int = 400
    ) -> tuple[Floats, Floats]:
        """(B,) middles of cells, of a number ``steps`` of them, and (B,) the mass of each, which sum to 1."""
        a = self.axes[axis]
        steps = a.cells or steps
        grid = (np.arange(steps) + 0.5) / steps
        mass = np.zeros(steps)
        shares = self.shares(theta)
        for k in range(self.components) if component is None else (component,):
            density = np.exp(_axis_density(a, theta[self.place(k, axis)], grid)[0])
            mass += (shares[k] if component is None else 1.0) * density / density.sum()
        return grid, mass

    def draw(self, theta: Floats, kinds: Ints, rng: np.random.Generator) -> Floats:
        """(N, D) values, each of the component that ``kinds`` (N,) names, or even over all of the range for -1."""
        found = rng.random((len(kinds), len(self.axes)))
        for k in range(self.components):
            rows = np.flatnonzero(kinds == k)
            for i, axis in enumerate(self.axes):
                if axis.cells:
                    grid, mass = self.marginal(theta, i, k)
                    found[rows, i] = rng.choice(grid, size=len(rows), p=mass / mass.sum())
                else:
                    a, b = 1 + np.exp(theta[self.place(k, i)])
                    found[rows, i] = rng.beta(a, b, size=len(rows))
        return np.clip(found, EDGE, 1 - EDGE)

    def log_even(self) -> float:
        """Logarithm of the density that is the same everywhere, of cells of the mass."""
        return -float(sum(np.log(axis.cells) for axis in self.axes if axis.cells))

    def wider(self, theta: Floats, factor: float, least: float) -> Floats:
        """Parameters with standard deviations grown by a factor, or to what they are to be at least.

        Shares of choices are drawn towards even ones.
        """
        found = theta.copy()
        for k in range(self.components):
            for i, axis in enumerate(self.axes):
                place = self.place(k, i)
                if axis.is_choice:
                    found[place] = theta[place] / factor
                    continue
                mean, deviation = moments_of(*self.marginal(theta, i, k))
                found[place] = beta_of(mean, max(least, factor * deviation))
        return found

    def _joint(self, theta: Floats, units: Floats) -> tuple[Floats, list[list[Floats]]]:
        """(N, K) logarithms of share times density, and by component and axis (N, p) derivatives."""
        joint = np.tile(np.log(self.shares(theta)), (len(units), 1))
        scores: list[list[Floats]] = []
        for k in range(self.components):
            scores.append([])
            for i, axis in enumerate(self.axes):
                density, score = _axis_density(axis, theta[self.place(k, i)], units[:, i])
                joint[:, k] += density
                scores[-1].append(score)
        return joint, scores


def _axis_density(axis: Axis, theta: Floats, units: Floats) -> tuple[Floats, Floats]:
    """(N,) log density, of cells log mass, and (N, p) its derivatives."""
    if axis.is_choice:
        mass = softmax(np.append(theta, 0.0))
        cell = np.minimum((units * axis.cells).astype(int), axis.cells - 1)
        return np.log(mass)[cell], (np.eye(axis.cells)[cell] - mass)[:, :-1]
    grown = np.exp(theta)
    a, b = 1 + grown
    u = np.clip(units, EDGE, 1 - EDGE)
    stats = np.stack([np.log(u), np.log1p(-u)], axis=1)
    if axis.cells:
        grid = (np.arange(axis.cells) + 0.5) / axis.cells
        of_grid = np.stack([np.log(grid), np.log1p(-grid)], axis=1)
        logs = of_grid @ grown
        normal = logsumexp(logs)
        mean = np.exp(logs - normal) @ of_grid
    else:
        normal = betaln(a, b)
        mean = np.array([digamma(a) - digamma(a + b), digamma(b) - digamma(a + b)])
    return stats @ grown - normal, (stats - mean) * grown


def moments_of(grid: Floats, mass: Floats) -> tuple[float, float]:
    """Mean and standard deviation of (B,) masses that sum to 1, at (B,) values."""
    mean = float(grid @ mass)
    return mean, float(np.sqrt(np.square(grid - mean) @ mass))


def nearest(shape: MixtureShape, moments: Sequence[Sequence[tuple[float, float]]], shares: Sequence[float]) -> Floats:
    """Parameters of the mixture with given means and standard deviations, by component and axis; choices are even."""
    theta = shape.even()
    theta[: shape.components - 1] = np.log(np.array(shares[:-1]) / shares[-1])
    for k, own in enumerate(moments):
        for i, (mean, deviation) in enumerate(own):
            if not shape.axes[i].is_choice:
                theta[shape.place(k, i)] = beta_of(mean, deviation)
    return theta


def beta_of(mean: float, deviation: float) -> Floats:
    """(2,) parameters of the Beta density with a mean and a standard deviation; the nearest with one peak."""
    mean = min(max(mean, 0.02), 0.98)
    total = max(mean * (1 - mean) / max(deviation, 0.02) ** 2 - 1, 2.0)
    a, b = max(mean * total, 1.0), max((1 - mean) * total, 1.0)
    return np.clip(np.log(np.maximum(np.array([a, b]) - 1, 1e-3)), LOWEST, HIGHEST)
