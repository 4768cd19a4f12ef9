"""How messages count and name pictures."""

from __future__ import annotations

from collections.abc import Iterable

MOST_SPANS = 20


def counted(number: int) -> str:
    """``1 picture``, ``7 pictures``."""
    return f"{number} picture{'' if number == 1 else 's'}"


def spans(indices: Iterable[int]) -> str:
    """Indices in order, runs of them as ``5-11``; beyond :data:`MOST_SPANS` only how many more there are."""
    found: list[list[int]] = []
    for index in sorted(set(indices)):
        if found and index == found[-1][1] + 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    named = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found[:MOST_SPANS])
    more = sum(b - a + 1 for a, b in found[MOST_SPANS:])
    return f"{named} and {more} more" if more else named
