"""Whether pictures of one version look less real than those of another, paired by plan where both show the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from scanstage.dataset.survey.observer_model import Opinions
from scanstage.dataset.survey.survey_file import Survey

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
RegressionVerdict = Literal["fall", "no fall", "not enough"]

SURE = 0.95
FEWEST_PAIRS = 4
FEWEST_RATERS = 3
"""What one or two people like says nothing of people, however often they say it."""
FINEST = 0.2
"""Points: a fall that is nearer than that to the threshold isn't worth being told from it."""
MOST_ANSWERS_MORE = 100_000


@dataclass(frozen=True)
class VersionRegression:
    """One version against the one before.

    Attributes:
        before, after: names of the datasets.
        fall: of the mean opinion, in points: above 0 where the later one looks less real.
        low, high: ends of the interval that holds it with 95 % certainty on either side.
        pairs: plans that both were asked about; 0 where pictures aren't paired.
        answers: that this rests on.
        raters: who gave them.
        threshold: fall that is tolerated.
        verdict: whether the fall is above it.
        more: answers that are still wanted, where that can't be told.
    """

    before: str
    after: str
    fall: float
    low: float
    high: float
    pairs: int
    answers: int
    raters: int
    threshold: float
    verdict: RegressionVerdict
    more: int = 0


def version_regression(
    survey: Survey, opinions: Opinions | None, before: str, after: str, threshold: float
) -> VersionRegression:
    """Hold a version against the one before.

    Each plan's fall is the mean of its answers before, less the mean after, biases of raters taken off. The variance of
    their mean is that of plans, and that of raters beyond chance (two-way clusters, Cameron, Gelbach and Miller 2011):
    plans that suffer more, and raters who like one of the versions more than others do, both widen the interval.

    Args:
        survey: that was asked.
        opinions: that were found; None where nobody counts.
        before, after: names of datasets.
        threshold: fall that is tolerated.
    """
    sides = _sides(survey, opinions, before, after) if opinions is not None else None
    if sides is None or opinions is None:
        wanted = survey.settings.ratings_per_picture * 2 * FEWEST_PAIRS
        nan = math.nan
        return VersionRegression(before, after, nan, nan, nan, 0, 0, 0, threshold, "not enough", wanted)
    rows, influence, weight, unit, fall, pairs = sides
    table = opinions.table
    residual = table.score[rows] - opinions.bias[table.rater[rows]] - opinions.opinion[table.item[rows]]
    error, freedom = _two_way_error(influence, weight * residual, unit, table.rater[rows])
    reach = float(student.ppf(SURE, freedom)) * error
    low, high = fall - reach, fall + reach
    verdict: RegressionVerdict = "fall" if low > threshold else "no fall" if high <= threshold else "not enough"
    more, raters = 0, len(np.unique(table.rater[rows]))
    if raters < FEWEST_RATERS:
        verdict, more = "not enough", math.ceil(len(rows) / raters) * (FEWEST_RATERS - raters)
    elif verdict == "not enough":
        # The error falls with the root of the answers, as long as more pictures are asked about as well.
        short = reach / max(abs(fall - threshold), FINEST * table.point)
        more = max(1, min(MOST_ANSWERS_MORE, math.ceil(len(rows) * (short**2 - 1))))
    return VersionRegression(before, after, fall, low, high, pairs, len(rows), raters, threshold, verdict, more)


def _sides(
    survey: Survey, opinions: Opinions, before: str, after: str
) -> tuple[Ints, Floats, Floats, Ints, float, int] | None:
    """Rows of answers, by how much each moves the fall, its signed weight, its plan, the fall, and pairs.

    None where there are too few pictures.
    """
    table = opinions.table
    item_of = {name: k for k, name in enumerate(table.items)}
    plans: list[dict[str, list[int]]] = []
    for dataset in (before, after):
        found: dict[str, list[int]] = {}
        for item in survey.pictures:
            if item.dataset == dataset and item.item_id in item_of:
                found.setdefault(item.plan or item.item_id, []).append(item_of[item.item_id])
        plans.append(found)
    shared = sorted(plans[0].keys() & plans[1].keys())
    is_paired = survey.settings.pair_by_plan and len(shared) >= FEWEST_PAIRS
    if is_paired:
        plans = [{plan: side[plan] for plan in shared} for side in plans]
    else:  # what both show by chance is no pair
        plans = [
            {f"{dataset}/{p}": own for p, own in side.items()}
            for dataset, side in zip((before, after), plans, strict=True)
        ]
    if min(map(len, plans)) < FEWEST_PAIRS:
        return None
    numbers = {plan: k for k, plan in enumerate(sorted(plans[0].keys() | plans[1].keys()))}
    unbiased = table.score - opinions.bias[table.rater]
    before_, after_ = (_side(side, numbers, table.item, unbiased) for side in plans)
    return (
        np.concatenate([before_.rows, after_.rows]),
        np.concatenate([before_.weight * before_.off, -after_.weight * after_.off]),
        np.concatenate([before_.weight, -after_.weight]),
        np.concatenate([before_.plan, after_.plan]),
        before_.mean - after_.mean,
        len(shared) if is_paired else 0,
    )


@dataclass(frozen=True)
class _Side:
    """Answers on a version.

    Attributes:
        rows: (K,) of the table.
        weight: (K,) of each in the mean.
        off: (K,) each, less the mean.
        plan: (K,) number of the plan.
        mean: of the means of plans.
    """

    rows: Ints
    weight: Floats
    off: Floats
    plan: Ints
    mean: float


def _side(plans: Mapping[str, Sequence[int]], numbers: Mapping[str, int], item: Ints, unbiased: Floats) -> _Side:
    plan_of_item = {number: plan for plan, own in plans.items() for number in own}
    rows = np.flatnonzero(np.isin(item, list(plan_of_item)))
    plan = np.array([numbers[plan_of_item[int(k)]] for k in item[rows]], np.int64)
    weight = 1 / np.bincount(plan, minlength=len(numbers))[plan] / len(plans)
    mean = float((weight * unbiased[rows]).sum())
    return _Side(rows, weight, unbiased[rows] - mean, plan, mean)


def _two_way_error(influence: Floats, residual: Floats, plan: Ints, rater: Ints) -> tuple[float, float]:
    """Standard error of a mean whose answers come in plans, and from raters; and its degrees of freedom."""

    def clustered(values: Floats, keys: Ints) -> tuple[float, int]:
        _, at = np.unique(keys, return_inverse=True)
        groups = int(at.max()) + 1
        return float((np.bincount(at, values) ** 2).sum()) * groups / max(1, groups - 1), groups

    of_plans, plans = clustered(influence, plan)
    of_raters, raters = clustered(residual, rater)
    of_both, _ = clustered(residual, plan * (int(rater.max()) + 1) + rater)
    beyond = max(0.0, of_raters - of_both)
    variance = of_plans + beyond
    if variance == 0:
        return 0.0, 1.0
    # Satterthwaite's, of a sum of two variances.
    freedom = variance**2 / (of_plans**2 / max(1, plans - 1) + beyond**2 / max(1, raters - 1))
    return math.sqrt(variance), freedom
