"""The search: weights count a bank as another density would have drawn it, and find that density again."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.fitting.matching.likeness_features import LikenessFeatures
from scanstage.dataset.fitting.matching.mixtures import Axis, MixtureShape, nearest
from scanstage.dataset.fitting.matching.moment_match import _chance_slope, match_moments, search, without_chance
from scanstage.dataset.fitting.matching.usual_values import USUAL_SPREAD, Usual
from scanstage.dataset.fitting.matching.weighed_bank import (
    WeighedBank,
    chance_of_weights,
    effective_size,
    misfit_of_weights,
    weights_of,
)

SHAPE = MixtureShape((Axis("near"), Axis("count", 6)))
TRUTH = nearest(SHAPE, [[(0.35, 0.12), (0.6, 0.2)]], [1.0])


def noisy(units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What labels would tell: values, and what follows from them, with noise."""
    return np.hstack([units, np.square(units)]) + rng.normal(0, 0.05, (len(units), 4))


@pytest.fixture(scope="module")
def bank() -> tuple[WeighedBank, LikenessFeatures, np.ndarray]:
    """Even over all of the range, with features; and those of 400 pictures of the truth."""
    rng = np.random.default_rng(0)
    drawn = SHAPE.draw(TRUTH, np.zeros(400, int), rng)
    units = SHAPE.draw(SHAPE.even(), np.full(4000, -1), rng)
    units[:, 1] = (np.floor(units[:, 1] * 6) + 0.5) / 6
    parts = [(u, noisy(u, rng)) for u in (units, drawn)]
    features = LikenessFeatures.of(parts[0], parts[1])
    made = WeighedBank(units, np.full(4000, SHAPE.log_even()), features(*parts[0]), np.arange(4000) // 2)
    return made, features, features(*parts[1]).mean(axis=0)


def test_weights_give_the_means_of_a_density_that_is_known(bank) -> None:  # type: ignore[no-untyped-def]
    weights = weights_of(SHAPE, TRUTH, bank[0])
    assert weights.sum() == pytest.approx(1)
    means = weights @ bank[0].units
    assert means == pytest.approx([SHAPE.moments(TRUTH, i)[0] for i in range(2)], abs=0.02)
    assert 100 < effective_size(weights) < 4000
    assert bank[0].independent(weights) < effective_size(weights)


@pytest.mark.parametrize("spread", [None, USUAL_SPREAD])
def test_the_search_finds_it_again(bank, spread: float | None) -> None:  # type: ignore[no-untyped-def]
    """What is usual of spreads counts for nothing where so many pictures say otherwise."""
    _, found = match_moments(SHAPE, bank[0], bank[2], 400, Usual.of([None, None], spread), [SHAPE.even()])
    for i in range(2):
        assert SHAPE.moments(found.theta, i) == pytest.approx(SHAPE.moments(TRUTH, i), abs=0.04)
    assert found.misfit < 3 * bank[0].features.shape[1]
    assert found.effective == pytest.approx(effective_size(weights_of(SHAPE, found.theta, bank[0])))


def test_counted_twice_is_there_twice(bank) -> None:  # type: ignore[no-untyped-def]
    made = bank[0]
    times = np.zeros(len(made.units))
    times[:10], times[10:12] = 1, 3
    again = made.counted(times)
    assert len(again.units) == 12
    weights = weights_of(SHAPE, TRUTH, again)
    once = weights_of(SHAPE, TRUTH, WeighedBank(again.units, made.log_proposal[:12], again.features, again.groups))
    assert weights[10] / weights[0] == pytest.approx(3 * once[10] / once[0])


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_of_what_is_usual_are_its_own(seed: int) -> None:
    shape = MixtureShape((Axis("near"), Axis("count", 6), Axis("place", 3, is_choice=True), Axis("far")), components=2)
    usual = Usual.of([(0.3, 0.1), (0.6, 0.2), (0.5, 0.2), None], USUAL_SPREAD)
    theta, step = np.random.default_rng(seed).normal(0, 1, shape.parameters), 1e-6
    off, by = usual.residual(shape, theta)
    assert off.shape == (10,)  # in two components, mean and spread of two axes, and a spread: a choice has neither
    for k in range(shape.parameters):
        one = np.zeros(shape.parameters)
        one[k] = step
        slope = (usual.residual(shape, theta + one)[0] - usual.residual(shape, theta - one)[0]) / (2 * step)
        assert by[:, k] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_what_labels_say_nothing_of_stays_where_it_was(bank) -> None:  # type: ignore[no-untyped-def]
    made = bank[0]
    blind = WeighedBank(made.units, made.log_proposal, np.random.default_rng(1).normal(size=(4000, 5)), made.groups)
    usual = Usual.of([(0.3, 0.1), (0.7, 0.2)])
    _, found = match_moments(SHAPE, blind, np.zeros(5), 100, usual, [SHAPE.even()])
    assert SHAPE.moments(found.theta, 0) == pytest.approx((0.3, 0.1), abs=0.06)


def test_a_spread_that_labels_say_nothing_of_is_what_is_usual(bank) -> None:  # type: ignore[no-untyped-def]
    """Means alone are told: a spread of 0 meets them as well as any."""
    made = bank[0]
    told = 10 * (made.units + np.random.default_rng(1).normal(0, 0.3, made.units.shape))
    seen = WeighedBank(made.units, made.log_proposal, told, made.groups)
    start = nearest(SHAPE, [[(0.4, 0.03), (0.6, 0.03)]], [1.0])
    target = 10 * np.array([0.4, 0.6])
    found = search(SHAPE, seen, target, start, Usual.of([None, None], USUAL_SPREAD), fewest=10)
    for i, mean in enumerate((0.4, 0.6)):
        assert SHAPE.moments(found.theta, i) == pytest.approx((mean, USUAL_SPREAD), abs=0.03)


@pytest.mark.parametrize("spread", [0.05, 0.12, 0.25])
def test_few_that_count_are_no_further_off(spread: float) -> None:
    """Of the truth the misfit is 0 on average, however narrow the truth is, and so however few pictures count."""
    shape = MixtureShape((Axis("near"),))
    truth = nearest(shape, [[(0.4, spread)]], [1.0])
    grid, mass = shape.marginal(truth, 0, steps=4000)
    waves = np.arange(1, 20)
    aim = 30 * mass @ np.cos(np.outer(grid, waves))
    rng = np.random.default_rng(0)
    found, plain = [], []
    for _ in range(100):
        units = rng.random((200, 1)).repeat(2, axis=0)
        bank = WeighedBank(units, np.zeros(400), 30 * np.cos(units * waves), np.arange(400) // 2)
        weights = weights_of(shape, truth, bank)
        found.append(misfit_of_weights(bank, weights, aim))
        plain.append(np.square(weights @ bank.features - aim).sum())
    assert np.mean(plain) > 20
    assert abs(np.mean(found)) < 4 * np.std(found) / 10
    assert abs(np.mean(found)) < 0.15 * np.mean(plain)


def test_a_density_is_held_where_pictures_were_planned(bank) -> None:  # type: ignore[no-untyped-def]
    """One kind that labels ask for, and one of which no picture was planned: its share would cost nothing."""
    made, _, target = bank
    near = made.units[:, 0] < 0.7
    drawn_from = made.log_proposal[near] - np.log(near.mean())  # what is left of it, which is denser for that
    some = WeighedBank(made.units[near], drawn_from, made.features[near], made.groups[near])
    parted = MixtureShape(SHAPE.axes, 2)
    elsewhere = nearest(parted, [[(0.35, 0.12), (0.6, 0.2)], [(0.9, 0.04), (0.6, 0.2)]], [0.01, 0.99])
    assert some.covered(SHAPE.log_density(TRUTH, some.units)) == pytest.approx(0, abs=0.1)
    assert some.covered(parted.log_density(elsewhere, some.units)) < -3
    misfit = [misfit_of_weights(some, weights_of(s, t, some), target) for s, t in ((SHAPE, TRUTH), (parted, elsewhere))]
    assert misfit[1] < misfit[0] + 0.3  # which is why
    found = search(parted, some, target, elsewhere, Usual.of([None, None]))
    assert some.covered(parted.log_density(found.theta, some.units)) > np.log(0.4)


def test_of_a_bank_drawn_anew_as_much_is_covered(bank) -> None:  # type: ignore[no-untyped-def]
    made = bank[0]
    times = np.bincount(np.random.default_rng(0).integers(4000, size=4000), minlength=4000).astype(float)
    covered = made.counted(times).covered(SHAPE.log_density(TRUTH, made.units[times > 0]))
    assert covered == pytest.approx(0, abs=0.15)


def scarce(seed: int) -> tuple[WeighedBank, np.ndarray, MixtureShape]:
    """A thousand planned pictures in pairs, with 120 features of which 10 tell the value; and a thousand real ones."""
    rng, shape = np.random.default_rng(seed), MixtureShape((Axis("near"),))
    truth = nearest(shape, [[(0.6, 0.12)]], [1.0])
    units, drawn = rng.random((1000, 1)), shape.draw(truth, np.zeros(1000, int), rng)
    tells = np.arange(120) < 10
    seen = [
        np.where(tells, np.cos(4 * u + np.arange(120)), 0) + rng.normal(0, 0.5, (1000, 120)) for u in (units, drawn)
    ]
    whitening = np.eye(120) * np.sqrt(500) / 0.6
    bank = WeighedBank(units, np.full(1000, shape.log_even()), seen[0], np.arange(1000) // 2).through(whitening)
    return bank, whitening @ seen[1].mean(axis=0), shape


def test_derivatives_of_chance_are_its_own() -> None:
    bank, _, shape = scarce(0)
    theta, step = np.array([1.0, 1.5]), 1e-5
    slope = _chance_slope(shape, bank, theta)
    for k in range(2):
        one = step * np.eye(2)[k]
        ahead, behind = (chance_of_weights(bank, weights_of(shape, theta + sign * one, bank)) for sign in (1, -1))
        assert slope[k] == pytest.approx((ahead - behind) / (2 * step), rel=1e-4)


def test_spreads_are_not_wider_for_what_chance_adds() -> None:
    """A search that leaves it in likes densities under which many pictures count; one step takes most of it off."""
    usual, found = Usual.of([None]), []
    for seed in range(8):
        bank, target, shape = scarce(seed)
        wide = search(shape, bank, target, shape.even(), usual)
        found.append([shape.moments(m.theta, 0)[1] for m in (wide, without_chance(shape, bank, target, wide, usual))])
    with_it, without = np.mean(found, axis=0)
    assert with_it > 0.13
    assert without == pytest.approx(0.12, abs=0.005)
