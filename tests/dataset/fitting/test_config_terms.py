"""Of a density, what a YAML can say: each family is told by what was made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scanstage.dataset.fitting.config_terms import config_term
from scanstage.dataset.fitting.fit_values import FittedValue, FoundValues
from scanstage.dataset.fitting.matching.mixtures import EDGE, Axis, MixtureShape, beta_of
from scanstage.dataset.fitting.matching.moment_match import Match
from scanstage.dataset.fitting.matching.weighed_bank import WeighedBank
from scanstage.scenes.bank.free_values import FreeValue

ANGLE = FreeValue("camera.elevation_deg", "number", 0, 80)
FILL = FreeValue("camera.fill", "number", 0.25, 2.0, True)
COUNT = FreeValue("objects.count", "whole", 1, 10)
KIND = FreeValue("stage.kind", "choice", options=("table", "desk", "bin"))


def features(units: np.ndarray) -> np.ndarray:
    """Of one value: its moments, and waves, so that shapes are told apart."""
    waves = [np.cos(k * np.pi * units) for k in range(1, 9)]
    return np.hstack([units, np.square(units), *waves])


def found(value: FreeValue, drawn: list[Any], theta: np.ndarray) -> FoundValues[Any]:
    """What a fit would have found of values that were drawn."""
    shape = MixtureShape((Axis(value.name, value.cells, value.kind == "choice"),))
    units = shape.draw(shape.even(), np.full(6000, -1), np.random.default_rng(0))
    if value.cells:
        units = (np.floor(units * value.cells) + 0.5) / value.cells
    bank = WeighedBank(units, np.full(6000, shape.log_even()), features(units), np.arange(6000))
    real = features(np.clip(value.to_unit(drawn), EDGE, 1 - EDGE)[:, None])
    whitening = np.diag(np.sqrt(len(drawn)) / (real.std(axis=0) + 0.05))
    fitted = FittedValue(value, 1.0, True, True, 0.5, 0.2, (0, 1), (0, 1))
    match = Match(theta, 1.0, 1.0, 100.0)
    bank, target = bank.through(whitening), whitening @ real.mean(axis=0)
    return FoundValues((fitted,), (0,), shape, [], 0, bank, target, len(real), match, np.ones((len(real), 1)))


def near(value: FreeValue, drawn: list[Any]) -> np.ndarray:
    units = value.to_unit(drawn)
    return beta_of(float(units.mean()), float(units.std()))


def drawn(kind: str, count: int = 3000) -> list[float]:
    rng = np.random.default_rng(3)
    match kind:
        case "uniform":
            return rng.uniform(20, 60, count).tolist()
        case "normal":
            return np.clip(rng.normal(40, 8, count), 0, 80).tolist()
        case _:
            return np.exp(rng.uniform(np.log(0.5), np.log(1.2), count)).tolist()


def test_even() -> None:
    values = drawn("uniform")
    term = config_term(found(ANGLE, values, near(ANGLE, values)), 0)
    assert term.value["uniform"] == pytest.approx([20, 60], abs=2.5)
    assert term.mean == pytest.approx(0.5, abs=0.02)


def test_bell() -> None:
    values = drawn("normal")
    term = config_term(found(ANGLE, values, near(ANGLE, values)), 0)
    said = term.value["normal"]
    assert (said["mean"], said["std"]) == pytest.approx((40, 8), abs=1)
    assert said["min"] >= 0
    assert said["max"] <= 80


def test_a_spread_stays_where_planned_pictures_show_little_of_it() -> None:
    """Most features say nothing of the value: searched by them once more, it came out twice as wide, or a constant."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        shape, theta = MixtureShape((Axis(ANGLE.name),)), beta_of(0.6, 0.12)
        units, real = rng.random((1500, 1)), shape.draw(theta, np.zeros(1000, int), rng)
        told = np.arange(180) < 20
        seen, of_photos = (np.where(told, u, 0.0) + rng.normal(0, 0.3, (len(u), 180)) for u in (units, real))
        whitening = np.eye(180) * np.sqrt(400) / 0.3
        bank = WeighedBank(units, np.full(1500, shape.log_even()), seen, np.arange(1500) // 2).through(whitening)
        fitted = FittedValue(ANGLE, 1.0, True, True, 0.5, 0.2, (0, 1), (0, 1))
        match, target = Match(theta, 1.0, 1.0, 100.0), whitening @ of_photos.mean(axis=0)
        of_all = FoundValues((fitted,), (0,), shape, [], 0, bank, target, 1000, match, np.ones((1000, 1)))
        assert config_term(of_all, 0).deviation == pytest.approx(0.12, rel=0.02)


def test_even_by_the_logarithm() -> None:
    values = drawn("log_uniform")
    term = config_term(found(FILL, values, near(FILL, values)), 0)
    assert term.value["log_uniform"] == pytest.approx([0.5, 1.2], rel=0.08)


def test_always_the_same() -> None:
    """As narrow as a density can be is a constant."""
    theta = np.log(np.array([0.375, 0.625]) * 3000)  # beyond the bounds of a search, which ends near NARROW
    term = config_term(found(ANGLE, [30.0] * 100, theta), 0)
    assert term.value == pytest.approx(30, abs=0.5)
    assert term.deviation == 0


def test_whole_numbers_from_one_to_another() -> None:
    values = np.random.default_rng(1).integers(3, 7, 2000).tolist()
    assert config_term(found(COUNT, values, near(COUNT, values)), 0).value == {"integer": [3, 6]}


def test_always_as_many() -> None:
    values = [4] * 300
    term = config_term(found(COUNT, values, near(COUNT, values)), 0)
    assert term.value == 4


def test_choices_keep_their_shares() -> None:
    theta = np.log(np.array([0.6, 0.3]) / 0.1)
    term = config_term(found(KIND, ["table"] * 6 + ["desk"] * 3 + ["bin"], theta), 0)
    assert term.value == {"choice": {"table": 0.6, "desk": 0.3, "bin": 0.1}}
