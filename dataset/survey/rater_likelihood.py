"""How likely a rater's answers are for somebody who looks, and for somebody who answers at random.

An answer is taken for what the others think, the rater's bias and noise, rounded and kept on the scale; or, with a
share of the answers, for any of the scale's steps alike. What is asked is whether answers can be told by a rater who
answers *some* at random and has *some* noise, or only by one with more of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

NOISES = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5])
"""Standard deviations that are looked at, in points of a scale from 1 to 10."""
SHARES = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Shares of answers at random that are looked at."""
BIASES = np.linspace(-3, 3, 13)
"""Likewise, in the same points."""


@dataclass(frozen=True)
class RaterLikelihood:
    """What a rater's answers speak for.

    Attributes:
        share: of answers at random, as is likeliest.
        noise: standard deviation that goes with it, in points of the scale.
        gain: by how much that is likelier (natural logarithm) than the best rater with few answers at random and
            noise that is no more than some; 0 where such a one is as likely.
        lapsed_at: number of the answer from which on all are at random, as is likeliest.
        lapsed_gain: by how much that is likelier than the best such rater throughout.
    """

    share: float
    noise: float
    gain: float
    lapsed_at: int
    lapsed_gain: float


def rater_likelihood(
    score: Floats, expected: Floats, variance: Floats, scale: tuple[int, int], most_share: float, most_noise: float
) -> RaterLikelihood:
    """What a rater's answers speak for.

    Args:
        score: (N,) answers, in their order.
        expected: (N,) what the others think of each picture.
        variance: (N,) of that.
        scale: lowest and highest answer.
        most_share: of answers at random that is still tolerated.
        most_noise: standard deviation that is still tolerated, in points of a scale from 1 to 10.
    """
    point, steps = (scale[1] - scale[0]) / 9, scale[1] - scale[0] + 1
    looked = _looked(score, expected, variance, scale, point)  # (noises, biases, N)
    mixed = np.log((1 - SHARES)[:, None, None, None] * looked + (SHARES / steps)[:, None, None, None])
    total = mixed.sum(axis=-1)  # (shares, noises, biases)
    tolerated = np.ix_(most_share >= SHARES, most_noise >= NOISES)
    best = np.unravel_index(int(total.argmax()), total.shape)
    within = total[tolerated]
    # Up to some answer the best tolerated rater, from there on none but answers at random.
    before = np.cumsum(mixed[tolerated], axis=-1).reshape(-1, len(score)).max(axis=0)
    lapsed = np.concatenate([[0.0], before[:-1]]) + np.log(1 / steps) * np.arange(len(score), 0, -1)
    lapsed_at = int(lapsed.argmax())
    return RaterLikelihood(
        float(SHARES[best[0]]),
        float(NOISES[best[1]] * point),
        float(total.max() - within.max()),
        lapsed_at,
        float(lapsed[lapsed_at] - within.max()),
    )


def _looked(score: Floats, expected: Floats, variance: Floats, scale: tuple[int, int], point: float) -> Floats:
    spread = np.sqrt((NOISES * point)[:, None, None] ** 2 + variance)
    middle = expected + (BIASES * point)[:, None]
    upper = np.where(score >= scale[1], np.inf, score + 0.5)
    lower = np.where(score <= scale[0], -np.inf, score - 0.5)
    found: Floats = ndtr((upper - middle) / spread) - ndtr((lower - middle) / spread)
    return found
