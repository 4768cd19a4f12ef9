"""The density of drawn values under which planned pictures look, on average, as real ones do.

Every planned picture counts by w = p(z | parameters) / q(z), q being what it was drawn from, so that no candidate is
planned anew. Looking alike is a distance between mean features: those of a Gaussian kernel at three bandwidths (random
Fourier features, Rahimi and Recht 2007; their distance is the maximum mean discrepancy, Gretton et al. 2012), and first
and second moments. Differences of means are weighed by the inverse of their covariance, which makes the most of few
photos (generalised method of moments, Hansen 1982), in two steps: the covariance is that under the first step's result.

Means of weighed pictures are off by chance, the more the fewer count. Where distances are told or compared, what chance
adds is taken off, as in the unbiased estimate of the maximum mean discrepancy. A search can't take it off: it would
find densities under which few count, and chance adds most. Nor can it be left in: spreads, under which many count, come
out too wide. So a search leaves it in, and from its end one step is taken by what chance adds there, to first order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from scanstage.dataset.fitting.matching.mixtures import MixtureShape
from scanstage.dataset.fitting.matching.usual_values import Usual
from scanstage.dataset.fitting.matching.weighed_bank import (
    WeighedBank,
    by_group,
    effective_size,
    misfit_of_weights,
    weights_of,
)

Floats = npt.NDArray[np.float64]
RIDGE = 0.02
"""Share of the mean variance that is added to each: no difference is trusted beyond it."""
FEWEST_EFFECTIVE = 100.0
"""Pictures that have to count: means of fewer say too little."""
LEAST_COVERED = 0.5
"""Share of a density that has to lie where pictures were planned. Weights sum to 1 whatever it is: what lies elsewhere,
as all but a thousandth of a kind of pictures that there are none of, would count for nothing."""
PENALTY = 1000.0
"""Of falling below either, by the squared logarithm: all but a bound."""
STEPS = 60
LONGEST_STEP = 1.0
"""Of a parameter, where what chance adds is taken off: no further than its slope tells."""
AT_BOUND = 1e-3
RANK = 1e-9
"""Of directions in which parameters change nothing that is seen, as a share of the one that changes most: no step."""


@dataclass(frozen=True)
class Match:
    """What was found.

    Attributes:
        theta: parameters.
        misfit: how far mean features are off, see :func:`misfit_of_weights`.
        cost: the same and what keeps the search within what the bank can tell.
        effective: how many planned pictures count (Kish): 1 / sum of squared weights.
    """

    theta: Floats
    misfit: float
    cost: float
    effective: float


@dataclass(frozen=True)
class Lenses:
    """What features are multiplied by before they are compared.

    Attributes:
        whitening: (F, F), so that each is in units of what its mean is off by.
        telling: (P, F), the same in those combinations alone that tell parameters.
    """

    whitening: Floats
    telling: Floats


def match_moments(
    shape: MixtureShape,
    bank: WeighedBank,
    target: Floats,
    count: float,
    usual: Usual,
    starts: Sequence[Floats],
    less_chance: bool = True,
) -> tuple[Lenses, Match]:
    """How features are to be compared, and the parameters under which they come nearest to real ones.

    Args:
        shape: of the density.
        bank: planned pictures.
        target: (F,) mean features of real pictures.
        count: of real pictures that are independent of each other.
        usual: of values that labels tell little of.
        starts: parameters to begin at; the best end counts.
        less_chance: whether what chance adds is taken off: where few pictures count its slope is by chance, too.
    """
    whitening = whitening_of(bank, np.full(len(bank.units), 1 / len(bank.units)), count)
    seen, aim = bank.through(whitening), whitening @ target
    first = min((search(shape, seen, aim, start, usual) for start in starts), key=lambda m: m.cost)
    whitening = whitening_of(bank, weights_of(shape, first.theta, bank), count)
    seen, aim = bank.through(whitening), whitening @ target
    found = search(shape, seen, aim, first.theta, usual)
    found = without_chance(shape, seen, aim, found, usual) if less_chance else found
    return Lenses(whitening, telling_of(shape, seen, found.theta) @ whitening), found


def telling_of(shape: MixtureShape, bank: WeighedBank, theta: Floats) -> Floats:
    """(P, F) unit vectors, at right angles, along which mean features move with parameters; the bank is whitened.

    Where a search ends, means are met along these: all that it asked for (the estimating equation of the generalised
    method of moments). So a search through them ends there too, and asks for nothing that chance adds to the others.
    """
    _, moves = _moved(shape, bank, theta)
    found: Floats = np.linalg.qr((moves.T @ bank.features).T)[0].T
    return found


def whitening_of(bank: WeighedBank, weights: Floats, count: float) -> Floats:
    """(F, F) L, so that L' L is the inverse covariance of the difference of means, of real pictures and of the bank."""
    # Few pictures that count tell little of a covariance: what all of them say goes in by as much as they lack.
    trusted = effective_size(weights) / (effective_size(weights) + bank.features.shape[1])
    weights = trusted * weights + (1 - trusted) / len(weights)
    centred = bank.features - weights @ bank.features
    covariance = (centred * weights[:, None]).T @ centred
    covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    noise = covariance * (1 / count + 1 / bank.independent(weights))
    found: Floats = np.linalg.inv(np.linalg.cholesky(noise))
    return found


def search(
    shape: MixtureShape,
    bank: WeighedBank,
    target: Floats,
    start: Floats,
    usual: Usual,
    steps: int = STEPS,
    fewest: float = FEWEST_EFFECTIVE,
) -> Match:
    """The parameters nearest to a target, from a start on.

    Args:
        shape, usual: see :func:`match_moments`.
        bank: planned pictures, through a whitening.
        target: (F,) through the same.
        start: (P,) parameters.
        steps: at most.
        fewest: see :data:`FEWEST_EFFECTIVE`.
    """
    low, high = shape.bounds()
    objective = _Objective(shape, bank, target, usual, fewest)
    start = np.clip(start, low + 1e-6, high - 1e-6)
    found = least_squares(objective.residual, start, objective.jacobian, bounds=(low, high), max_nfev=steps)
    return objective.match(found.x)


def without_chance(shape: MixtureShape, bank: WeighedBank, target: Floats, match: Match, usual: Usual) -> Match:
    """A search's end, one Gauss-Newton step on towards where it would be without what chance adds; see this module.

    Args:
        shape, bank, target, usual: as of the search.
        match: what it found.
    """
    low, high = shape.bounds()
    objective = _Objective(shape, bank, target, usual, FEWEST_EFFECTIVE)
    by = objective.jacobian(match.theta)
    slope = by.T @ objective.residual(match.theta) - 0.5 * _chance_slope(shape, bank, match.theta)
    held = (match.theta < low + AT_BOUND) & (slope > 0) | (match.theta > high - AT_BOUND) & (slope < 0)
    step = np.zeros(shape.parameters)
    free = ~held
    if free.any():
        step[free] = -np.linalg.lstsq(by[:, free].T @ by[:, free], slope[free], rcond=RANK)[0]
    longest = max(1.0, float(np.abs(step).max()) / LONGEST_STEP)
    return objective.match(np.clip(match.theta + step / longest, low, high))


def _chance_slope(shape: MixtureShape, bank: WeighedBank, theta: Floats) -> Floats:
    """(P,) derivatives of what chance adds by parameters."""
    weights, moves = _moved(shape, bank, theta)
    off = bank.features - weights @ bank.features
    summed = by_group(bank, weights)
    apart, share = summed @ off, np.asarray(summed.sum(axis=1))[:, None]
    slopes = []
    for own in moves.T:
        moved = by_group(bank, own) @ off - share * (own @ bank.features)
        slopes.append(2 * float((apart * moved).sum()))
    return np.array(slopes)


def _moved(shape: MixtureShape, bank: WeighedBank, theta: Floats) -> tuple[Floats, Floats]:
    """(N,) weights, and (N, P) how they move with parameters."""
    log_density, score = shape.log_density_and_score(theta, bank.units)
    weights = bank.weighed(log_density)
    return weights, (score - weights @ score) * weights[:, None]


@dataclass(frozen=True)
class _Objective:
    """What a search makes small: residuals, whose squares it adds up; see :func:`search`."""

    shape: MixtureShape
    bank: WeighedBank
    target: Floats
    usual: Usual
    fewest_asked: float

    @property
    def fewest(self) -> float:
        return min(self.fewest_asked, len(self.bank.units) / 4)

    def residual(self, theta: Floats) -> Floats:
        """(F + R + 2,) of features, of what is usual, and of what keeps it within what the bank can tell."""
        log_density = self.shape.log_density(theta, self.bank.units)
        weights = self.bank.weighed(log_density)
        lacks = [np.log(self.fewest / effective_size(weights)), np.log(LEAST_COVERED) - self.bank.covered(log_density)]
        bounds = np.sqrt(PENALTY) * np.maximum(0.0, lacks)
        off = weights @ self.bank.features - self.target
        return np.concatenate([off, self.usual.residual(self.shape, theta)[0], bounds])

    def jacobian(self, theta: Floats) -> Floats:
        """(F + R + 2, P) their derivatives."""
        log_density, score = self.shape.log_density_and_score(theta, self.bank.units)
        weights = self.bank.weighed(log_density)
        mean = weights @ score
        score = score - mean
        by = (score * weights[:, None]).T @ self.bank.features
        bounds = np.zeros((2, self.shape.parameters))
        squares = np.square(weights)
        if effective_size(weights) < self.fewest:
            bounds[0] = np.sqrt(PENALTY) * 2 * (squares @ score) / squares.sum()
        if self.bank.covered(log_density) < np.log(LEAST_COVERED):
            bounds[1] = -np.sqrt(PENALTY) * mean
        return np.concatenate([by.T, self.usual.residual(self.shape, theta)[1], bounds])

    def match(self, theta: Floats) -> Match:
        """What parameters come to."""
        weights = weights_of(self.shape, theta, self.bank)
        misfit = misfit_of_weights(self.bank, weights, self.target)
        return Match(theta, misfit, float(np.square(self.residual(theta)).sum()), effective_size(weights))
