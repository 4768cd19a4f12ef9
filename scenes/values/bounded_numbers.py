"""Numbers that come from outside: taken in one way each, whoever wrote them and in whatever format."""

from __future__ import annotations

from typing import Any

from scanstage.assets.messages.wording import shown

LARGEST = 1e100
"""Of the numbers that are taken: sums, products and squares of a few are still far from overflowing."""
LARGEST_COUNT = 1_000_000_000_000
_MOST_CHARACTERS = 100  # of a number that is written as text


def is_finite(value: float) -> bool:
    """Whether a number is one to calculate with: no NaN, no infinity, and not larger than :data:`LARGEST`."""
    return abs(value) <= LARGEST


def take_number(value: Any, what: str) -> float:
    """A finite number; texts that write one count. Raises ValueError, naming ``what``, for anything else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and is_finite(value):
            return float(value)
        if isinstance(value, str) and len(value) <= _MOST_CHARACTERS and is_finite(number := float(value)):
            return number
    except ValueError:
        pass
    raise ValueError(f"{what} is {shown(value)}, expected a finite number")


def take_count(value: Any, what: str, least: int = 0, most: int = LARGEST_COUNT) -> int:
    """A whole number between two bounds, ``3.0`` included. Raises ValueError, naming ``what``, for anything else."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and least <= value <= most and value == int(value):
        return int(value)
    raise ValueError(f"{what} is {shown(value)}, expected a whole number from {least} to {most:,}")
