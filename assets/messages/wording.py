"""How much is said of what is wrong: a hostile or a generated file has more mistakes, names and digits than fit."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Any

MOST_TOLD = 50
"""Problems that are told; of the others only the number is."""
MOST_NAMES = 20
MOST_COMPARED = 2000
"""Names among which the nearest is looked for: beyond that it takes longer than it helps."""
_LONGEST_NAME = 200
_LONGEST = 80

_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxdict, _repr.maxlist, _repr.maxtuple, _repr.maxset = 4, 6, 8, 8, 6
_repr.maxstring = _repr.maxother = _LONGEST


def bounded(problems: Sequence[str]) -> list[str]:
    """The first :data:`MOST_TOLD` problems, and how many more there are."""
    more = len(problems) - MOST_TOLD
    return [*problems] if more <= 0 else [*problems[:MOST_TOLD], f"… and {more:,} more"]


def _name(name: object) -> str:
    return name if isinstance(name, str) else shown(name)


def listed(names: Collection[object], word: Callable[[Any], str] = _name, most: int = MOST_NAMES) -> str:
    """Names, as ``word`` writes them, with commas between them; of more than ``most`` the first ones."""
    first = ", ".join(shortened(word(n)) for n in islice(names, most))
    return first if len(names) <= most else f"{first} and {len(names) - most:,} more"


def shown(value: object) -> str:
    """A value as Python writes it, shortened, whatever it is and however much it holds."""
    try:
        text = _repr.repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a number of {value.bit_length():,} bits" if isinstance(value, int) else type(value).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shortened(name: str) -> str:
    """A name as it is, but no page of it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``known`` that ``name`` may be a slip of; None where there is none."""
    word = str(name)
    if len(word) > _LONGEST_NAME:
        return None
    near = difflib.get_close_matches(word, [k for k in islice(known, MOST_COMPARED) if isinstance(k, str)], 1, cutoff)
    return near[0] if near else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``; did you mean …?``, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""
