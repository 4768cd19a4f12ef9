"""Numbers from outside, taken in one way each; and what is said of values that would fill pages."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.assets.messages.wording import MOST_TOLD, bounded, listed, nearest, shown
from scanstage.scenes.values.bounded_numbers import LARGEST, take_count, take_number


@pytest.mark.parametrize("value", [0, -3, 2.5, "2.5", " 1e-3 ", 10**99, -LARGEST])
def test_finite_numbers_are_taken(value: Any) -> None:
    assert take_number(value, "it") == float(value)


@pytest.mark.parametrize(
    "value",
    [
        *(math.inf, -math.inf, math.nan, 1e101, 10**400, -(10**400), "1e999", "nan", "", "x" * 10**6, "9" * 10**6),
        *(None, True, [], [1], {}, b"1", 1j, object()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_else_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"it is .*, expected a finite number") as caught:
        take_number(value, "it")
    assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match=r"it is .*, expected a whole number from 0 to"):
        take_count(value, "it")


@pytest.mark.parametrize("value", [-1, -0.5, 1.5, 1e13, 10**13, "3", 11, 1e-300])
def test_counts_are_whole_and_within_their_bounds(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number from 0 to 10"):
        take_count(value, "it", most=10)
    assert take_count(3.0, "it", most=10) == 3
    assert take_count(0, "it") == 0
    assert isinstance(take_count(3.0, "it"), int)


@given(st.recursive(st.none() | st.floats() | st.integers() | st.text() | st.binary(), st.lists, max_leaves=50))
def test_anything_is_shown_shortly(value: Any) -> None:
    assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    "value",
    [16**30_000, -(16**30_000), "x" * 10**6, ["x" * 10**6] * 9, {i: {i: i} for i in range(10**5)}],
    ids=lambda value: type(value).__name__,
)
def test_what_is_enormous_is_shown_shortly_too(value: Any) -> None:
    assert 3 < len(shown(value)) <= 80


def test_many_problems_and_names_are_counted() -> None:
    assert bounded(["a"] * MOST_TOLD) == ["a"] * MOST_TOLD
    assert bounded(["a"] * 1000)[MOST_TOLD:] == [f"… and {1000 - MOST_TOLD} more"]
    assert listed(range(3)) == "0, 1, 2"
    assert listed([f"n{i}" for i in range(5000)]).endswith("n19 and 4,980 more")
    assert len(listed(["x" * 10**6] * 100)) < 5000


def test_the_nearest_name_is_looked_for_with_bounded_effort() -> None:
    assert nearest("aple", ["pear", "apple"]) == "apple"
    assert nearest("x" * 10**6, ["apple"]) is None
    asked = []

    def names() -> Any:
        for i in range(10**6):
            asked.append(i)
            yield f"name{i}"

    assert nearest("name7", names()) == "name7"
    assert len(asked) < 5000
