"""Planned pictures that count as another density would have drawn them, and how far their means are from a target."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import logsumexp

from scanstage.dataset.fitting.matching.mixtures import MixtureShape

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    return float(np.square(by_group(bank, weights) @ (bank.features - weights @ bank.features)).sum())


def by_group(bank: WeighedBank, weights: Floats) -> csr_array:
    """(G, N) what adds up pictures, each so many times (N,), group by group; numbers that no group has add nothing."""
    return csr_array((weights, (bank.groups, np.arange(len(weights)))))


def effective_size(weights: Floats) -> float:
    """Of weights that sum to 1."""
    return float(1 / np.square(weights).sum())
