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
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.sparse import csr_array
from scipy.special import logsumexp

from scanstage.dataset.fitting.mixtures import MixtureShape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Parts = tuple[Floats, Floats]

BANDWIDTHS = (0.5, 1.0, 2.0)
"""Of the kernels, in standard deviations of what labels tell."""
WAVES = 32
"""Random directions a bandwidth."""
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
USUAL_MEAN, USUAL_DEVIATION = 0.25, 0.7
"""How far values that labels tell little of may go from what the config says: standard deviations, of the mean in
shares of the range, and of the logarithm of the standard deviation."""
LEAST_DEVIATION = 0.05
USUAL_SPREAD = 0.15
"""Standard deviation, of the range, that a value which labels tell is expected to have, its logarithm within
:data:`USUAL_DEVIATION`. Fifty photos may say no more of a spread than that it is small; it came out as none then."""


@dataclass(frozen=True)
class LikenessFeatures:
    """Features whose means are compared; made for one bank.

    Of what labels tell: itself, products of two, and waves. Of the labels' summaries: themselves and their squares.

    Attributes:
        told, summaries: (2, D) and (2, S), middles and spreads by which columns are standardised.
        waves: (D, 3 * WAVES) frequencies.
        phases: (3 * WAVES,).
    """

    told: Floats
    summaries: Floats
    waves: Floats
    phases: Floats

    @classmethod
    def of(cls, bank: Parts, real: Parts, seed: int = 0) -> LikenessFeatures:
        """In units of the real pictures' spread; both are (N, D) what labels tell, and (N, S) summaries."""
        rng = np.random.default_rng(seed)
        columns = bank[0].shape[1]
        waves = np.concatenate([rng.normal(size=(columns, WAVES)) / b for b in BANDWIDTHS], axis=1)
        scales = [
            np.stack([there.mean(axis=0), np.maximum(there.std(axis=0), 0.1 * planned.std(axis=0) + 1e-9)])
            for planned, there in zip(bank, real, strict=True)
        ]
        return cls(scales[0], scales[1], waves, rng.uniform(0, 2 * np.pi, 3 * WAVES))

    def __call__(self, told: Floats, summaries: Floats) -> Floats:
        """(N, F) of (N, D) what labels tell and (N, S) summaries."""
        x = np.clip((told - self.told[0]) / self.told[1], -6, 6)
        s = np.clip((summaries - self.summaries[0]) / self.summaries[1], -4, 4)
        first, second = np.triu_indices(x.shape[1])
        waves = np.sqrt(2) * np.cos(x @ self.waves + self.phases)
        return np.concatenate([x, x[:, first] * x[:, second], waves, s, np.square(s)], axis=1)


@dataclass(frozen=True)
class WeighedBank:
    """Planned pictures as the search needs them.

    Attributes:
        units: (N, D) drawn values, from 0 to 1.
        log_proposal: (N,) logarithm of the density that they were drawn from.
        features: (N, F).
        groups: (N,) which of them belong together.
    """

    units: Floats
    log_proposal: Floats
    features: Floats
    groups: Ints

    def through(self, lens: Floats) -> WeighedBank:
        """With features multiplied by a (K, F) matrix."""
        return replace(self, features=self.features @ lens.T)

    def counted(self, times: Floats) -> WeighedBank:
        """With every picture so many times (N,): as if it had been drawn from so much more, where it comes often."""
        kept = times > 0
        log = self.log_proposal[kept] - np.log(times[kept] / times[kept].mean())
        return WeighedBank(self.units[kept], log, self.features[kept], self.groups[kept])

    def covered(self, log_density: Floats) -> float:
        """Logarithm of the share of a density that lies where pictures were planned: about 0, but for chance.

        The mean of p / q, which is 1 on average where q is nowhere 0 that p isn't.
        """
        return float(logsumexp(log_density - self.log_proposal) - np.log(len(self.units)))

    def weighed(self, log_density: Floats) -> Floats:
        """(N,) weights, which sum to 1, of a density whose (N,) logarithm is given."""
        logs = log_density - self.log_proposal
        weights = np.exp(logs - logs.max())
        found: Floats = weights / weights.sum()
        return found

    def independent(self, weights: Floats) -> float:
        """How many pictures that have nothing to do with each other the weighed ones are worth."""
        together = np.bincount(np.unique(self.groups, return_inverse=True)[1], weights).astype(np.float64)
        return effective_size(together)


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


def weights_of(shape: MixtureShape, theta: Floats, bank: WeighedBank) -> Floats:
    """(N,) weights that sum to 1."""
    return bank.weighed(shape.log_density(theta, bank.units))


def misfit_of_weights(bank: WeighedBank, weights: Floats, target: Floats) -> float:
    """How far mean features of weighed pictures, whose (N,) weights sum to 1, are from (F,) a target, squared.

    Without what they are off by chance: near 0, or below it, where the weighed bank and what the target is of are
    alike.
    """
    return distance_of_weights(bank, weights, target) - chance_of_weights(bank, weights)


def distance_of_weights(bank: WeighedBank, weights: Floats, target: Floats) -> float:
    """The same with what chance adds."""
    off = weights @ bank.features - target
    return float(off @ off)


def chance_of_weights(bank: WeighedBank, weights: Floats) -> float:
    """How far means of weighed pictures are off, squared, since the bank has only so many.

    By how much w_j (x_j - mean) add up to, over each group of pictures that belong together, squared.
    """
    return float(np.square(_apart(bank, weights)[1]).sum())


def _apart(bank: WeighedBank, weights: Floats) -> tuple[csr_array, Floats]:
    """(G, N) sums by group, weighed, and (G, F) those of what features are off their mean."""
    summed = csr_array((weights, (np.unique(bank.groups, return_inverse=True)[1], np.arange(len(weights)))))
    return summed, summed @ (bank.features - weights @ bank.features)


def effective_size(weights: Floats) -> float:
    """Of weights that sum to 1."""
    return float(1 / np.square(weights).sum())


def match_moments(
    shape: MixtureShape, bank: WeighedBank, target: Floats, count: float, usual: Usual, starts: Sequence[Floats]
) -> tuple[Lenses, Match]:
    """How features are to be compared, and the parameters under which they come nearest to real ones.

    Args:
        shape: of the density.
        bank: planned pictures.
        target: (F,) mean features of real pictures.
        count: of real pictures that are independent of each other.
        usual: of values that labels tell little of.
        starts: parameters to begin at; the best end counts.
    """
    whitening = whitening_of(bank, np.full(len(bank.units), 1 / len(bank.units)), count)
    seen, aim = bank.through(whitening), whitening @ target
    first = min((search(shape, seen, aim, start, usual) for start in starts), key=lambda m: m.cost)
    whitening = whitening_of(bank, weights_of(shape, first.theta, bank), count)
    seen, aim = bank.through(whitening), whitening @ target
    found = without_chance(shape, seen, aim, search(shape, seen, aim, first.theta, usual), usual)
    return Lenses(whitening, telling_of(shape, seen, found.theta) @ whitening), found


def telling_of(shape: MixtureShape, bank: WeighedBank, theta: Floats) -> Floats:
    """(P, F) unit vectors, at right angles, along which mean features move with parameters; the bank is whitened.

    Where a search ends, means are met along these: all that it asked for (the estimating equation of the generalised
    method of moments). So a search through them ends there too, and asks for nothing that chance adds to the others.
    """
    log_density, score = shape.log_density_and_score(theta, bank.units)
    weights = bank.weighed(log_density)
    by = ((score - weights @ score) * weights[:, None]).T @ bank.features
    found: Floats = np.linalg.qr(by.T)[0].T
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
    log_density, score = shape.log_density_and_score(theta, bank.units)
    weights = bank.weighed(log_density)
    score = score - weights @ score
    summed, apart = _apart(bank, weights)
    off = bank.features - weights @ bank.features
    share = np.asarray(summed.sum(axis=1))[:, None]
    slopes = []
    for own in score.T:
        moved = summed @ (own[:, None] * off) - share * ((weights * own) @ bank.features)
        slopes.append(2 * float((apart * moved).sum()))
    return np.array(slopes)


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
