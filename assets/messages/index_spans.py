"""How messages count and name pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_SPANS = 20


def counted(number: int) -> str:
    """``1 picture``, ``7 pictures``."""
    return f"{number} picture{'' if number == 1 else 's'}"


Run = tuple[int, int]
"""First and last of consecutive indices."""


def spans(indices: Iterable[int]) -> str:
    """Indices in order, runs of them as ``5-11``; beyond :data:`MOST_SPANS` only how many more there are."""
    return named_runs(joined((index, index) for index in indices))


def joined(runs: Iterable[Run]) -> list[Run]:
    """Runs in order, those that touch or overlap as one."""
    found: list[Run] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(runs: Iterable[Run], indices: Iterable[int]) -> list[Run]:
    """What of runs in order is left without some indices."""
    left: list[Run] = []
    gone = iter(sorted(set(indices)))
    index = next(gone, None)
    for first, last in runs:
        while index is not None and index <= last:
            if index > first:
                left.append((first, index - 1))
            first = max(first, index + 1)
            index = next(gone, None)
        if first <= last:
            left.append((first, last))
    return left


def pictures_in(runs: Iterable[Run]) -> int:
    """How many indices runs hold."""
    return sum(last - first + 1 for first, last in runs)


def named_runs(found: Sequence[Run]) -> str:
    """Runs as ``1, 5-11``; beyond :data:`MOST_SPANS` only how many more pictures there are."""
    named = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found[:MOST_SPANS])
    more = pictures_in(found[MOST_SPANS:])
    return f"{named} and {more} more" if more else named
