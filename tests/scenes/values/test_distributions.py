from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from scanstage.scenes.values.distributions import AnyValue, outcomes, references, sample

PARSE = TypeAdapter(AnyValue).validate_python
finite = st.floats(-1e6, 1e6)
pairs = st.tuples(finite, finite).map(lambda p: (min(p), max(p)))


def draws(spec: Any, n: int = 400, **variables: Any) -> list[Any]:
    value, rng = PARSE(spec), np.random.default_rng(3)
    return [sample(value, rng, variables) for _ in range(n)]


@given(pairs)
def test_uniform_stays_inside(ends: tuple[float, float]) -> None:
    assert all(ends[0] <= x <= ends[1] for x in draws({"uniform": list(ends)}, 20))


@given(st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).map(sorted))
def test_log_uniform_stays_inside(ends: list[float]) -> None:
    assert all(ends[0] * 0.999999 <= x <= ends[1] * 1.000001 for x in draws({"log_uniform": ends}, 20))


def test_log_uniform_is_uniform_in_the_logarithm() -> None:
    x = np.log10(draws({"log_uniform": [0.01, 100]}, 4000))
    assert np.histogram(x, bins=4, range=(-2, 2))[0].min() > 850


def test_normal_is_cut() -> None:
    x = draws({"normal": {"mean": 5, "std": 2, "min": 4.5}})
    assert min(x) >= 4.5
    assert max(x) <= 13
    assert outcomes(PARSE({"normal": {"mean": 5, "std": 2, "min": 4.5}})).__next__() == (4.5, 13)


def test_integer_reaches_both_ends() -> None:
    assert set(draws({"integer": [2, 4]})) == {2, 3, 4}


def test_choice_follows_weights() -> None:
    x = draws({"choice": {"a": 3, "b": 1, "c": 0}}, 4000)
    assert "c" not in x
    assert 0.7 < x.count("a") / 4000 < 0.8


def test_hsv_gives_hex() -> None:
    assert draws({"hsv": {"hue": 0, "saturation": 1, "value": 1}}, 1) == ["#ff0000"]


def test_switch_follows_its_variable() -> None:
    spec = {"switch": {"by": "time", "cases": {"day": 1, "night": {"var": "dim"}}}}
    assert draws(spec, 1, time="day", dim=0.2) == [1]
    assert draws(spec, 1, time="night", dim=0.2) == [0.2]
    assert set(references(PARSE(spec))) == {"time", "dim"}


@pytest.mark.parametrize(
    "spec",
    [
        {"uniform": [2, 1]},
        {"log_uniform": [0, 1]},
        {"integer": [1.5, 2]},
        {"choice": []},
        {"choice": {"a": 0}},
        {"normal": {"mean": 0, "std": 1, "min": 9}},
        {"hsv": {"hue": 2, "saturation": 1, "value": 1}},
        {"unifrom": [0, 1]},
        {"uniform": [0, 1], "choice": [1]},
        [0, 1],
        None,
    ],
)
def test_nonsense_is_refused(spec: Any) -> None:
    with pytest.raises(ValidationError):
        PARSE(spec)
