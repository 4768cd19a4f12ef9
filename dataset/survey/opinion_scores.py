"""What people think of pictures: mean opinion, shares, distribution, with intervals over raters and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.dataset.survey.observer_model import Opinions
from scanstage.scenes.values.seeding import Streams

Floats = npt.NDArray[np.float64]
DRAWS = 1000
SURE = (0.025, 0.975)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; NaN where there isn't enough for one."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SetOpinion:
    """What people think of some pictures.

    Attributes:
        pictures, answers, raters: how many.
        mean: opinion score, with biases of raters taken off.
        good, corrupt: shares of answers that a real photo, or a corrupt picture, deserves; as they were given.
        distribution: answers by score.
    """

    pictures: int
    answers: int
    raters: int
    mean: Estimate
    good: Estimate
    corrupt: Estimate
    distribution: dict[int, int]


def set_opinion(
    opinions: Opinions, items: Sequence[str], good: tuple[int, int], corrupt: tuple[int, int], seed: int = 0
) -> SetOpinion:
    """What people think of some pictures.

    Intervals are those of a bootstrap over raters and pictures at once (pigeonhole bootstrap, Owen 2007): both are
    drawn anew, and an answer counts as often as its rater was drawn, times as often as its picture was. It errs on
    the wide side.

    Args:
        opinions: of all pictures.
        items: ids of these.
        good, corrupt: least and highest answer of either kind.
        seed: of the bootstrap.
    """
    table = opinions.table
    number = {name: k for k, name in enumerate(table.items)}
    wanted = np.array([number[i] for i in items if i in number], np.int64)
    rows = np.flatnonzero(np.isin(table.item, wanted))
    score, rater, item = table.score[rows], table.rater[rows], table.item[rows]
    scores = range(table.scale[0], table.scale[1] + 1)
    if not len(rows):
        none = Estimate(np.nan, np.nan, np.nan)
        return SetOpinion(0, 0, 0, none, none, none, dict.fromkeys(scores, 0))
    raters, pictures = np.unique(rater), np.unique(item)
    weights = _draws(np.searchsorted(raters, rater), np.searchsorted(pictures, item), len(raters), len(pictures), seed)
    unbiased = score - opinions.bias[rater]
    kinds = [((low <= score) & (score <= high)).astype(np.float64) for low, high in (good, corrupt)]
    found = [_estimate(values, weights) for values in (unbiased, *kinds)]
    # The mean is of pictures, each as its answers weigh: some have more of them than others.
    mean = float(np.mean(opinions.opinion[pictures]))
    shift = mean - found[0].value
    return SetOpinion(
        len(pictures),
        len(rows),
        len(raters),
        Estimate(mean, found[0].low + shift, found[0].high + shift),
        found[1],
        found[2],
        {s: int((score == s).sum()) for s in scores},
    )


def _draws(rater: npt.NDArray[np.int64], item: npt.NDArray[np.int64], raters: int, items: int, seed: int) -> Floats:
    """(DRAWS, K) how often each answer counts."""
    rng = Streams(seed, 0).rng("survey/bootstrap")
    of_rater = rng.multinomial(raters, np.full(raters, 1 / raters), DRAWS)
    of_item = rng.multinomial(items, np.full(items, 1 / items), DRAWS)
    found: Floats = (of_rater[:, rater] * of_item[:, item]).astype(np.float64)
    return found


def _estimate(values: Floats, weights: Floats) -> Estimate:
    total = weights.sum(axis=1)
    drawn = (weights @ values)[total > 0] / total[total > 0]
    low, high = np.quantile(drawn, SURE)
    value = float(values.mean())
    return Estimate(value, min(float(low), value), max(float(high), value))


def agreement(opinions: Opinions) -> float:
    """Krippendorff's alpha for intervals, of answers less their raters' bias: 1 where all agree, 0 as by chance."""
    table = opinions.table
    values = table.score - opinions.bias[table.rater]
    count = np.bincount(table.item, minlength=len(table.items))
    paired = count[table.item] > 1
    values, item = values[paired], table.item[paired]
    if len(values) < 2:
        return float("nan")
    total = np.bincount(item, minlength=len(count)).astype(np.float64)
    mean = np.bincount(item, values, len(count)) / np.maximum(total, 1)
    within = np.bincount(item, (values - mean[item]) ** 2, len(count))
    # Squared differences of two answers, summed over all pairs of a picture, are 2 n times its sum of squares.
    observed = float((2 * total * within / np.maximum(total - 1, 1)).sum() / len(values))
    expected = 2 * float(np.var(values, ddof=1))
    return 1 - observed / expected if expected > 0 else float("nan")
