"""What looks fake: opinions by circumstances of pictures; and which measures of pictures go along with opinions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr, ttest_ind

from scanstage.dataset.survey.survey_file import SurveyItem

Floats = npt.NDArray[np.float64]
FEWEST = 5
"""Pictures with a value, and without it, below which nothing is said of it."""
FEWEST_RANKED = 8
SURE = 0.05
MOST_SHOWN = 4
CLASS = "class"


@dataclass(frozen=True)
class FactorOpinion:
    """Pictures with a value of a factor, against those of the same datasets without.

    Attributes:
        factor, value: which ones.
        pictures: with it.
        mean: of their opinions.
        difference: from those without, datasets evened out.
        chance: that chance alone gives as much, corrected for all values that were looked at (Holm 1979).
        worst: ids of those with the least opinion, the least first.
    """

    factor: str
    value: str
    pictures: int
    mean: float
    difference: float
    chance: float
    worst: tuple[str, ...]

    @property
    def looks_fake(self) -> bool:
        """Whether it is below the others with certainty."""
        return self.difference < 0 and self.chance < SURE


@dataclass(frozen=True)
class RankedMeasure:
    """How well a measure of pictures agrees with people.

    Attributes:
        name: of the measure.
        pictures: that have it and an opinion.
        rank_correlation: Spearman's, within datasets: 1 where what has more of it looks more real.
        low, high: 95 % interval (Fisher's z, with the variance of Bonett and Wright 2000).
        chance: corrected for all measures that were looked at (Holm 1979).
    """

    name: str
    pictures: int
    rank_correlation: float
    low: float
    high: float
    chance: float


def factor_opinions(items: Sequence[SurveyItem], opinion: Mapping[str, float]) -> list[FactorOpinion]:
    """All values of all factors that some pictures have and others don't, what looks fakest first."""
    rated = [i for i in items if i.item_id in opinion and math.isfinite(opinion[i.item_id])]
    level = np.array([opinion[i.item_id] for i in rated])
    even = level - _dataset_means(rated, level)
    holders: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for number, item in enumerate(rated):
        for factor, value in item.factors.items():
            holders[factor, value].append(number)
        for name in item.classes:
            holders[CLASS, name].append(number)
    found = []
    for (factor, value), own in sorted(holders.items()):
        rest = np.setdiff1d(np.arange(len(rated)), own)
        if min(len(own), len(rest)) < FEWEST:
            continue
        spread = even[own].std() + even[rest].std()
        chance = float(ttest_ind(even[own], even[rest], equal_var=False).pvalue) if spread > 0 else 1.0
        order = sorted(own, key=lambda k: level[k])[:MOST_SHOWN]
        worst = tuple(rated[k].item_id for k in order)
        difference = float(even[own].mean() - even[rest].mean())
        found.append(FactorOpinion(factor, value, len(own), float(level[own].mean()), difference, chance, worst))
    chances = holm([f.chance for f in found])
    corrected = [FactorOpinion(**{**vars(f), "chance": c}) for f, c in zip(found, chances, strict=True)]
    return sorted(corrected, key=lambda f: (not f.looks_fake, f.difference))


def ranked_measures(items: Sequence[SurveyItem], opinion: Mapping[str, float]) -> list[RankedMeasure]:
    """Every number that was measured of enough pictures, the one that agrees best with people first."""
    rated = [i for i in items if i.item_id in opinion and math.isfinite(opinion[i.item_id])]
    names = sorted({name for item in rated for name in item.numbers})
    found = []
    for name in names:
        own = [i for i in rated if math.isfinite(i.numbers.get(name, math.nan))]
        values = np.array([i.numbers[name] for i in own])
        level = np.array([opinion[i.item_id] for i in own])
        if len(own) < FEWEST_RANKED or np.ptp(values) == 0 or np.ptp(level) == 0:
            continue
        values, level = values - _dataset_means(own, values), level - _dataset_means(own, level)
        if np.ptp(values) < 1e-12 or np.ptp(level) < 1e-12:
            continue
        rank, chance = (float(v) for v in spearmanr(values, level))
        reach = 1.96 * math.sqrt((1 + rank**2 / 2) / (len(own) - 3))
        middle = math.atanh(max(-0.999999, min(0.999999, rank)))
        found.append(RankedMeasure(name, len(own), rank, math.tanh(middle - reach), math.tanh(middle + reach), chance))
    chances = holm([m.chance for m in found])
    corrected = [RankedMeasure(**{**vars(m), "chance": c}) for m, c in zip(found, chances, strict=True)]
    return sorted(corrected, key=lambda m: -abs(m.rank_correlation))


def holm(chances: Sequence[float]) -> list[float]:
    """Chances corrected for being many, by Holm's step-down method."""
    order = np.argsort(chances)
    found, least = np.ones(len(chances)), 0.0
    for rank, number in enumerate(order):
        least = max(least, min(1.0, chances[number] * (len(chances) - rank)))
        found[number] = least
    return [float(c) for c in found]


def _dataset_means(items: Sequence[SurveyItem], values: Floats) -> Floats:
    """Of each picture, the mean of its dataset."""
    _, at = np.unique([i.dataset for i in items], return_inverse=True) if items else (0, np.zeros(0, np.int64))
    total = np.bincount(at, values)
    found: Floats = (total / np.maximum(np.bincount(at), 1))[at] if len(items) else values
    return found
