"""Densities of drawn values: they are densities, and their derivatives are theirs."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.fitting.matching.mixtures import EDGE, Axis, MixtureShape, beta_of, nearest

NUMBER, WHOLE, CHOICE = Axis("near"), Axis("count", 5), Axis("place", 3, is_choice=True)
SHAPES = [
    MixtureShape((NUMBER,)),
    MixtureShape((WHOLE,)),
    MixtureShape((CHOICE,)),
    MixtureShape((NUMBER, WHOLE, CHOICE), components=2),
]


def some(shape: MixtureShape, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.8, shape.parameters)


def places(shape: MixtureShape, count: int = 40) -> np.ndarray:
    """Values as they come: of cells their middles."""
    units = np.random.default_rng(1).random((count, len(shape.axes)))
    for i, axis in enumerate(shape.axes):
        if axis.cells:
            units[:, i] = (np.floor(units[:, i] * axis.cells) + 0.5) / axis.cells
    return units


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_the_density(shape: MixtureShape, seed: int) -> None:
    theta, units, step = some(shape, seed), places(shape), 1e-5
    density, score = shape.log_density_and_score(theta, units)
    assert density == pytest.approx(shape.log_density(theta, units))
    for k in range(shape.parameters):
        by = np.zeros(shape.parameters)
        by[k] = step
        slope = (shape.log_density(theta + by, units) - shape.log_density(theta - by, units)) / (2 * step)
        assert score[:, k] == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_of_it_is_one(shape: MixtureShape) -> None:
    """Over a grid of numbers, and all cells of the others."""
    grids = [(np.arange(a.cells or 2000) + 0.5) / (a.cells or 2000) for a in shape.axes]
    every = np.stack([g.ravel() for g in np.meshgrid(*grids, indexing="ij")], axis=1)
    share = 1 / np.prod([len(g) for g, a in zip(grids, shape.axes, strict=True) if not a.cells])
    for theta in (shape.even(), some(shape, 5)):
        assert np.exp(shape.log_density(theta, every)).sum() * share == pytest.approx(1, abs=5e-3)


def test_what_is_drawn_has_the_marginals_and_moments_that_are_said() -> None:
    shape = SHAPES[-1]
    theta = some(shape, 2)
    rng = np.random.default_rng(0)
    kinds = rng.choice(2, size=60_000, p=shape.shares(theta))
    drawn = shape.draw(theta, kinds, rng)
    for i, axis in enumerate(shape.axes):
        grid, mass = shape.marginal(theta, i)
        assert mass.sum() == pytest.approx(1)
        mean, deviation = shape.moments(theta, i)
        assert drawn[:, i].mean() == pytest.approx(mean, abs=0.01)
        assert drawn[:, i].std() == pytest.approx(deviation, abs=0.01)
        if axis.cells:
            shares = [(np.abs(drawn[:, i] - middle) < 1e-3).mean() for middle in grid]
            assert shares == pytest.approx(mass, abs=0.01)


def test_kinds_are_told_by_where_they_lie() -> None:
    shape = MixtureShape((NUMBER,), components=2)
    theta = nearest(shape, [[(0.2, 0.05)], [(0.8, 0.05)]], [0.5, 0.5])
    belongs = shape.belonging(theta, np.array([[0.2], [0.5], [0.8]]))
    assert belongs[0, 0] > 0.99
    assert belongs[1, 0] == pytest.approx(0.5, abs=0.01)
    assert belongs[2, 1] > 0.99
    alone = shape.draw(theta, np.full(100, 1), np.random.default_rng(0))
    assert alone.min() > 0.5


def test_what_is_of_no_kind_is_drawn_from_everywhere() -> None:
    shape = MixtureShape((NUMBER,))
    theta = nearest(shape, [[(0.5, 0.05)]], [1.0])
    drawn = shape.draw(theta, np.full(4000, -1), np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.5, abs=0.02)
    assert drawn.std() == pytest.approx(12**-0.5, abs=0.02)
    assert drawn.min() >= EDGE


@pytest.mark.parametrize(("mean", "deviation"), [(0.5, 0.1), (0.2, 0.1), (0.7, 0.15), (0.5, 0.28)])
def test_a_density_by_its_moments(mean: float, deviation: float) -> None:
    shape = MixtureShape((NUMBER,))
    assert shape.moments(beta_of(mean, deviation), 0) == pytest.approx((mean, deviation), abs=0.01)


def test_wider_is_wider() -> None:
    shape = MixtureShape((NUMBER, CHOICE))
    theta = shape.even()
    theta[shape.place(0, 0)] = beta_of(0.4, 0.08)
    theta[shape.place(0, 1)] = [2.0, 0.0]
    wide = shape.wider(theta, 1.5, 0.05)
    assert shape.moments(wide, 0) == pytest.approx((0.4, 0.12), abs=0.01)
    assert shape.marginal(wide, 1)[1].max() < shape.marginal(theta, 1)[1].max()
    assert shape.moments(shape.wider(theta, 1.0, 0.2), 0)[1] == pytest.approx(0.2, abs=0.02)


def test_even_is_even_enough() -> None:
    shape = MixtureShape((NUMBER, WHOLE, CHOICE))
    for i, axis in enumerate(shape.axes):
        mass = shape.marginal(shape.even(), i)[1][slice(None) if axis.cells else slice(20, -20)]
        assert mass.max() / mass.min() < 1.25
    assert shape.log_even() == pytest.approx(-np.log(15))


def test_the_highest_parameter_bounds_how_narrow_a_number_is() -> None:
    shape = MixtureShape((NUMBER,), highest=4.5)
    high = shape.bounds()[1]
    assert high == pytest.approx(4.5)
    assert shape.moments(high, 0) == pytest.approx((0.5, 0.037), abs=0.001)
    near_an_end = shape.moments(np.array([1.5, 4.5]), 0)
    assert near_an_end == pytest.approx((0.057, 0.023), abs=0.002)
