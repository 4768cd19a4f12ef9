"""Finds what a config should draw, so that planned pictures are distributed like real ones, by any numbers of them.

In rounds: pictures are planned over all of the ranges, the best density is searched by weighing them, more are planned
near it, and so on; each counts by the mixture of what all rounds were drawn from (Owen and Zhou 2000; Cornuet et al.
2012), so none is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from scanstage.dataset.fitting.kinds_of_pictures import find_kinds
from scanstage.dataset.fitting.matching.likeness_features import LikenessFeatures
from scanstage.dataset.fitting.matching.mixtures import EDGE, HIGHEST, Axis, MixtureShape, nearest
from scanstage.dataset.fitting.matching.moment_match import FEWEST_EFFECTIVE, Lenses, Match, match_moments, search
from scanstage.dataset.fitting.matching.usual_values import Usual
from scanstage.dataset.fitting.matching.weighed_bank import WeighedBank, weights_of
from scanstage.dataset.fitting.told_by_labels import TOLD, Told, told_by_labels
from scanstage.scenes.bank.free_values import FreeValue

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class DrawnPicture(Protocol):
    """A picture of a bank, such as :class:`PlannedLabels`."""

    @property
    def arrangement(self) -> int:
        """Which pictures share what they show, and so belong together."""

    @property
    def values(self) -> Mapping[str, Any]:
        """That were drawn for it, by name."""


P = TypeVar("P", bound=DrawnPicture)
PlanPictures = Callable[[Floats, Floats, Bools], list[P]]
"""Plans pictures of values: (A, D) of arrangements and (A, V, D) of cameras, from 0 to 1, and (D,) which of them are
chosen; the others are drawn as the config says."""
Summarise = Callable[[Sequence[P], int], tuple[Floats, Floats]]
"""(N, S) summaries of planned pictures, of which so many are of the first round, and (n, S) of the real ones."""

ROUNDS = ((0.25, 1.0, 0.3), (0.2, 1.8, 0.18), (0.2, 1.4, 0.12), (0.35, 1.25, 0.06))
"""Shares of the bank; and what it is planned from: the standard deviations of what was found before, times a factor,
and at least so many times the range."""
FAINT = 0.05
"""Share of a value's variance below which labels tell nothing of it, however many there are."""
WIDE_SHARE = 0.1
"""Share of a later round that is drawn from all of the ranges again."""
BOOTSTRAPS = 200
STEPS_AGAIN = 6
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class FitTask(Generic[P]):
    """What is to be fitted to what.

    Attributes:
        free: values to be found.
        usual: (D, 2) mean and standard deviation that the config draws them with, from 0 to 1 across the range.
        summarise: says in numbers what planned and real pictures are like.
        groups: (n,) which real pictures belong together.
        size: pictures to plan.
        views: cameras an arrangement.
        seed: of all that is drawn.
        kinds: whether kinds of pictures are told apart.
        rounds: see :data:`ROUNDS`.
        highest: see :class:`MixtureShape`.
        spread: see :class:`Usual`.
        less_chance: see :func:`match_moments`.
    """

    free: Sequence[FreeValue]
    usual: Floats
    summarise: Summarise[P]
    groups: Sequence[int]
    size: int
    views: int = 2
    seed: int = 0
    kinds: bool = True
    rounds: Sequence[tuple[float, float, float]] = ROUNDS
    highest: float = HIGHEST
    spread: float | None = None
    less_chance: bool = True

    def shape(self, axes: Sequence[int]) -> MixtureShape:
        """Of a density of some of the free values, one kind of pictures."""
        values = [self.free[k] for k in axes]
        return MixtureShape(tuple(Axis(v.name, v.cells, v.kind == "choice") for v in values), highest=self.highest)


@dataclass(frozen=True)
class FittedValue:
    """One value that was to be found.

    Attributes:
        value: which.
        explained: share of its variance over the range that a picture's labels explain.
        determined: whether that is enough for it to be found.
        moved: whether its distribution is another than the config's.
        mean, deviation: of it, in its own units, of a logarithm for those that are searched by it; with intervals.
    """

    value: FreeValue
    explained: float
    determined: bool
    moved: bool
    mean: float
    deviation: float
    mean_interval: tuple[float, float]
    deviation_interval: tuple[float, float]


@dataclass(frozen=True)
class FoundValues(Generic[P]):
    """What came out.

    Attributes:
        values: of the task's free values, in their order.
        axes: positions in ``values`` of those that the density is of.
        shape: of the density.
        pictures: planned.
        first: how many of them were planned first, evenly over all of the ranges.
        bank: the same, as the search saw them: with features in units of what their means are off by.
        target: (F,) mean features of the photos, in the same.
        photos: how many of them are independent of each other.
        match: of both.
        belongs: (n, K) of which kind each photo is.
    """

    values: tuple[FittedValue, ...]
    axes: tuple[int, ...]
    shape: MixtureShape
    pictures: list[P]
    first: int
    bank: WeighedBank
    target: Floats
    photos: float
    match: Match
    belongs: Floats

    @property
    def theta(self) -> Floats:
        """Parameters of the density."""
        return self.match.theta

    @property
    def expected(self) -> float:
        """What the match's misfit would be about, did the density hold the truth: what photos are off by chance."""
        of_bank = self.bank.independent(self.weights())
        return (len(self.target) - self.shape.parameters) * of_bank / (of_bank + self.photos)

    def weights(self) -> Floats:
        """(N,) how much each planned picture counts under what was found."""
        return weights_of(self.shape, self.theta, self.bank)


@dataclass
class _Bank(Generic[P]):
    """Planned pictures so far, and what each round was drawn from."""

    task: FitTask[P]
    plan: PlanPictures[P]
    pictures: list[P] = field(default_factory=list)
    rounds: list[tuple[int, float, MixtureShape, Floats]] = field(default_factory=list)
    first: int = 0

    def add(self, share: float, wide: float, shape: MixtureShape, theta: Floats, axes: Sequence[int]) -> None:
        """Plan a round.

        Args:
            share: of the bank.
            wide: share of it that is drawn from all of the ranges.
            shape, theta: density that the rest is drawn from.
            axes: which free values it is of; others are drawn as the config says.
        """
        task, columns = self.task, len(self.task.free)
        rng = np.random.default_rng((task.seed, len(self.rounds)))
        count = max(1, round(share * task.size / task.views))
        kinds = np.where(rng.random(count) < wide, -1, rng.choice(shape.components, size=count, p=shape.shares(theta)))
        arrangements, cameras = np.full((count, columns), np.nan), np.full((count * task.views, columns), np.nan)
        arrangements[:, axes] = shape.draw(theta, kinds, rng)
        cameras[:, axes] = shape.draw(theta, np.repeat(kinds, task.views), rng)
        chosen = np.isin(np.arange(columns), axes)
        self.pictures += self.plan(arrangements, cameras.reshape(count, task.views, columns), chosen)
        self.rounds.append((count, wide, shape, theta))
        self.first = self.first or len(self.pictures)

    def arrangements(self) -> Ints:
        """(N,) which pictures share their objects."""
        return np.array([p.arrangement for p in self.pictures])

    def units(self, axes: Sequence[int]) -> Floats:
        """(N, len(axes)) values of some of the free ones, from 0 to 1."""
        free = [self.task.free[k] for k in axes]
        found = [value.to_unit([p.values[value.name] for p in self.pictures]) for value in free]
        return np.clip(np.stack(found, axis=1), EDGE, 1 - EDGE)

    def log_proposal(self, axes: Sequence[int], units: Floats) -> Floats:
        """(N,) logarithm of the density that all rounds together were drawn from, of some of the free values.

        The first round is even over more of them than are left; the others don't matter to labels.
        """
        even = self.task.shape(axes).log_even()
        total = sum(count for count, *_ in self.rounds)
        parts = []
        for count, wide, shape, theta in self.rounds:
            if wide:
                parts.append(np.full(len(units), np.log(wide * count / total) + even))
            if wide < 1:
                parts.append(np.log((1 - wide) * count / total) + shape.log_density(theta, units))
        found: Floats = logsumexp(np.stack(parts), axis=0)
        return found


@dataclass(frozen=True)
class _Looked:
    """What labels of planned and of real pictures say.

    Attributes:
        told: of some of the free values.
        summaries: of planned and of real pictures.
    """

    told: Told
    summaries: tuple[Floats, Floats]


@dataclass(frozen=True)
class _Compared:
    """The same as the search needs it: features of planned pictures, and of real ones."""

    looked: _Looked
    bank: WeighedBank
    real: Floats

    def through(self, lens: Floats) -> _Compared:
        """With features multiplied by a (K, F) matrix."""
        return _Compared(self.looked, self.bank.through(lens), self.real @ lens.T)

    def target(self, weights: Floats | None = None) -> Floats:
        """(F,) mean features of real pictures."""
        found: Floats = np.average(self.real, axis=0, weights=weights)
        return found


def fit_values(
    task: FitTask[P], plan: PlanPictures[P], on_round: Callable[[int], None] = lambda _: None
) -> FoundValues[P]:
    """Find what a config should draw.

    Args:
        task: what is to be fitted.
        plan: plans pictures.
        on_round: told the number of each round that begins.
    """
    bank = _Bank(task, plan)
    every = list(range(len(task.free)))
    shape = task.shape(every)
    on_round(0)
    bank.add(task.rounds[0][0], 1.0, shape, shape.even(), every)
    looked = _look(bank, every)
    explained = looked.told.explained
    axes = [k for k in every if explained[k] >= FAINT]
    shape = task.shape(axes)
    independent = float(len(set(task.groups)))
    usual = Usual.of([None if explained[k] >= TOLD else task.usual[k] for k in axes], task.spread)
    compared = _compare(bank, axes, replace(looked, told=looked.told.of(axes)))
    lenses, match = _match(task, shape, compared, usual)
    for number, (share, factor, least) in enumerate(task.rounds[1:], 1):
        if task.kinds and number == len(task.rounds) - 1:  # so that the last pictures are planned near each kind
            seen = compared.through(lenses.whitening)
            told = compared.looked.told
            shape, match = find_kinds(shape, match, seen.bank, told, seen.real, task.groups, usual, task.seed)
        on_round(number)
        bank.add(share, WIDE_SHARE, shape, shape.wider(match.theta, factor, least), axes)
        compared = _compare(bank, axes, _look(bank, axes))
        lenses, match = _match(task, shape, compared, usual, match.theta)
    determined = explained >= TOLD
    means, deviations = _bootstrap(task, shape, compared.through(lenses.telling), match, usual)
    values = []
    for k, value in enumerate(task.free):
        if k not in axes:
            mean, deviation = task.usual[k]
            nothing = (float("nan"), float("nan"))
            values.append(FittedValue(value, float(explained[k]), False, False, mean, deviation, nothing, nothing))
            continue
        i = axes.index(k)
        mean, deviation = shape.moments(match.theta, i)
        found = (mean, deviation, means[i], deviations[i])
        values.append(FittedValue(value, float(explained[k]), bool(determined[k]), True, *found))
    compared = compared.through(lenses.whitening)
    return FoundValues(
        tuple(values),
        tuple(axes),
        shape,
        bank.pictures,
        bank.first,
        compared.bank,
        compared.target(),
        independent,
        match,
        _belonging(task, shape, match, compared),
    )


def _look(bank: _Bank[P], axes: Sequence[int]) -> _Looked:
    """What numbers of pictures tell of some of the free values."""
    task = bank.task
    planned, real = task.summarise(bank.pictures, bank.first)
    told = told_by_labels(planned, bank.units(axes), bank.arrangements(), real, task.seed)
    return _Looked(told, (planned, real))


def _compare(bank: _Bank[P], axes: Sequence[int], looked: _Looked) -> _Compared:
    told, (planned, of_photos) = looked.told, looked.summaries
    units = bank.units(axes)
    features = LikenessFeatures.of((told.bank, planned), (told.real, of_photos), bank.task.seed)
    seen = features(told.bank, planned)
    weighed = WeighedBank(units, bank.log_proposal(axes, units), seen, bank.arrangements())
    return _Compared(looked, weighed, features(told.real, of_photos))


def _belonging(task: FitTask[P], shape: MixtureShape, match: Match, compared: _Compared) -> Floats:
    """(n, K) of which kind each photo is, by what labels tell of it."""
    if shape.components == 1:
        return np.ones((len(compared.real), 1))
    belongs = shape.belonging(match.theta, compared.bank.units)
    weights = weights_of(shape, match.theta, compared.bank)
    planned, of_photos = compared.looked.summaries
    told = told_by_labels(planned, belongs, compared.bank.groups, of_photos, task.seed, weights)
    found = np.clip(told.real, 1e-6, 1)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _match(
    task: FitTask[P], shape: MixtureShape, compared: _Compared, usual: Usual, theta: Floats | None = None
) -> tuple[Lenses, Match]:
    told = compared.looked.told.real
    moments = list(zip(told.mean(axis=0).tolist(), told.std(axis=0).tolist(), strict=True))
    starts = [] if theta is None else [theta]
    if shape.components == 1:
        starts += [shape.even(), nearest(shape, [moments], [1.0])]
    count = float(len(set(task.groups)))
    return match_moments(shape, compared.bank, compared.target(), count, usual, starts, task.less_chance)


def _bootstrap(
    task: FitTask[P], shape: MixtureShape, compared: _Compared, match: Match, usual: Usual
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Intervals of means and standard deviations, by axis: of fits to photos and planned pictures drawn anew.

    What belongs together, near duplicates and pictures of one arrangement, is drawn together.
    """
    rng = np.random.default_rng(task.seed)
    found = []
    fewest = min(FEWEST_EFFECTIVE, match.effective) / 2  # of pictures that are drawn anew half as many count
    # What chance had added was taken off: of the pictures as they are, a fit would have to end where that one did.
    ended = weights_of(shape, match.theta, compared.bank) @ compared.bank.features - compared.target()
    for _ in range(BOOTSTRAPS):
        target = compared.target(_drawn_anew(task.groups, rng)) + ended
        bank = compared.bank.counted(_drawn_anew(compared.bank.groups, rng))
        again = search(shape, bank, target, match.theta, usual, STEPS_AGAIN, fewest)
        found.append([shape.moments(again.theta, i) for i in range(len(shape.axes))])
    there = [shape.moments(match.theta, i) for i in range(len(shape.axes))]
    low, high = np.quantile(np.array(found), INTERVAL, axis=0)
    low, high = np.minimum(low, there), np.maximum(high, there)
    return list(zip(low[:, 0], high[:, 0], strict=True)), list(zip(low[:, 1], high[:, 1], strict=True))


def _drawn_anew(groups: Sequence[int] | Ints, rng: np.random.Generator) -> Floats:
    """(N,) how often each of a bootstrap's sample comes, whole groups at a time."""
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    found: Floats = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))[members].astype(float)
    return found
