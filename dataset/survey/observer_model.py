"""What pictures deserve and how raters answer: the observer model of ITU-T P.913 (2021), annex on subject bias.

An answer is the picture's true opinion, the rater's bias and noise: u_ij = psi_j + delta_i + noise_i. All are found by
alternating projections: opinions are means of answers less bias, weighted by 1 / variance of the rater; biases are mean
residuals, and sum to nothing; variances are those of residuals. Each rater is held against the opinion of the others
alone, so that nobody is consistent with himself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scanstage.dataset.survey.survey_answers import RaterAnswer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROUNDS, CLOSE = 200, 1e-7
USUAL_NOISE, PRIOR_ANSWERS = 1.3, 4.0
"""Standard deviation, in points of 1 to 10, that a rater is taken to have at first: it counts as so many answers."""
LEAST_NOISE = 0.4
"""In the same points: answers are whole numbers."""


@dataclass(frozen=True)
class AnswerTable:
    """Answers as columns.

    Attributes:
        raters, items: names, sorted.
        rater, item: (K,) positions in these.
        score: (K,) answers.
        scale: lowest and highest.
    """

    raters: tuple[str, ...]
    items: tuple[str, ...]
    rater: Ints
    item: Ints
    score: Floats
    scale: tuple[int, int]

    @property
    def point(self) -> float:
        """What a point of a scale from 1 to 10 is on this one."""
        return (self.scale[1] - self.scale[0]) / 9

    def rows(self, kept: npt.NDArray[np.bool_]) -> AnswerTable:
        """Some of the answers."""
        return AnswerTable(self.raters, self.items, self.rater[kept], self.item[kept], self.score[kept], self.scale)


def answer_table(answers: Sequence[RaterAnswer], scale: tuple[int, int]) -> AnswerTable:
    """Answers as columns."""
    raters, items = sorted({a.rater for a in answers}), sorted({a.item for a in answers})
    rater_of, item_of = ({name: k for k, name in enumerate(names)} for names in (raters, items))
    return AnswerTable(
        tuple(raters),
        tuple(items),
        np.array([rater_of[a.rater] for a in answers], np.int64),
        np.array([item_of[a.item] for a in answers], np.int64),
        np.array([a.score for a in answers], np.float64),
        scale,
    )


@dataclass(frozen=True)
class Opinions:
    """What was found.

    Attributes:
        table: the answers.
        opinion: (J,) of each picture; NaN without answers.
        bias, noise: (I,) of each rater: mean difference, and standard deviation of the rest; NaN without answers.
    """

    table: AnswerTable
    opinion: Floats
    bias: Floats
    noise: Floats

    @cached_property
    def weight(self) -> Floats:
        """(K,) of each answer: 1 / variance of its rater."""
        return 1 / self.noise[self.table.rater] ** 2

    @cached_property
    def others(self) -> tuple[Floats, Floats]:
        """(K,) opinion of all others on each answer's picture, and its variance; NaN where there are none."""
        table, weight = self.table, self.weight
        size = len(table.items)
        total = np.bincount(table.item, weight, size)[table.item] - weight
        unbiased = table.score - self.bias[table.rater]
        summed = np.bincount(table.item, weight * unbiased, size)[table.item] - weight * unbiased
        some = total > 1e-9 * weight
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(some, summed / total, np.nan), np.where(some, 1 / total, np.nan)

    @cached_property
    def residual(self) -> Floats:
        """(K,) each answer less the rater's bias and the others' opinion."""
        return self.table.score - self.bias[self.table.rater] - self.others[0]


def fit_opinions(table: AnswerTable) -> Opinions:
    """Find opinions, biases and noises. Raises ValueError without answers."""
    if not len(table.score):
        raise ValueError("there are no answers")
    raters, items = len(table.raters), len(table.items)
    answered = np.bincount(table.rater, minlength=raters)
    bias = np.where(answered > 0, 0.0, np.nan)
    noise = np.where(answered > 0, USUAL_NOISE * table.point, np.nan)
    found = Opinions(table, _opinion(table, bias, noise, items), bias, noise)
    for _ in range(ROUNDS):
        off = table.score - found.opinion[table.item]
        bias = _mean(table.rater, off, raters)
        bias = bias - np.nanmean(bias)
        found = Opinions(table, found.opinion, bias, found.noise)
        noise = _noise(found, answered)
        opinion = _opinion(table, bias, noise, items)
        moved = np.nanmax(np.abs(opinion - found.opinion))
        found = Opinions(table, opinion, bias, noise)
        if moved < CLOSE:
            break
    return found


def _opinion(table: AnswerTable, bias: Floats, noise: Floats, items: int) -> Floats:
    weight = 1 / noise[table.rater] ** 2
    total = np.bincount(table.item, weight, items)
    with np.errstate(invalid="ignore"):
        return np.bincount(table.item, weight * (table.score - bias[table.rater]), items) / total


def _noise(found: Opinions, answered: Ints) -> Floats:
    """Of the residuals against others, less what these themselves are unsure of; few answers count for little."""
    table = found.table
    _, unsure = found.others
    known = np.isfinite(found.residual)
    squares = np.where(known, found.residual**2 - np.where(known, unsure, 0.0), 0.0)
    raters = len(table.raters)
    count = np.bincount(table.rater, known, raters)
    usual = (USUAL_NOISE * table.point) ** 2
    variance = (np.bincount(table.rater, squares, raters) + PRIOR_ANSWERS * usual) / (count + PRIOR_ANSWERS)
    least = LEAST_NOISE * table.point
    return np.where(answered > 0, np.sqrt(np.maximum(variance, least**2)), np.nan)


def _mean(index: Ints, values: Floats, size: int) -> Floats:
    count = np.bincount(index, minlength=size)
    with np.errstate(invalid="ignore"):
        return np.bincount(index, values, size) / count
