"""What a fault was promised to do, and what was seen."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workplace import Workplace


class CannotTry(Exception):
    """A fault can't be brought about here; the message says why."""


@dataclass
class Observation:
    """Filled by a scenario while it watches.

    Attributes:
        times: how often the fault happened.
        broken: promises that were not kept, with what was seen instead.
        seen: what happened, for the table.
    """

    times: int = 0
    broken: list[str] = field(default_factory=list)
    seen: dict[str, int | float | str] = field(default_factory=dict)

    def promise(self, kept: object, otherwise: str) -> None:
        """Note ``otherwise`` where a promise isn't kept."""
        if not kept:
            self.broken.append(otherwise)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a number in the table."""
        self.seen[what] = int(self.seen.get(what, 0)) + number


@dataclass(frozen=True)
class Scenario:
    """One fault.

    Attributes:
        name: for ``--only``.
        promised: in a few words, for the table.
        watch: brings the fault about, so many times, and notes what becomes of it. May raise :class:`CannotTry`.
        few: times in the test suite; 0 leaves it to the script.
        engines: that it can be tried with.
        share: times as a share of those that the script is asked for (at least once).
    """

    name: str
    promised: str
    watch: Callable[[Workplace, Observation, int], None]
    few: int = 1
    engines: tuple[str, ...] = ("fake",)
    share: float = 0.0

    def rng(self, seed: int) -> np.random.Generator:
        """Of its own, so that no other scenario moves its moments."""
        return np.random.default_rng((seed, zlib.crc32(self.name.encode())))

    def times(self, moments: int) -> int:
        """How often the script tries it."""
        return max(1, round(self.share * moments))


def try_scenario(scenario: Scenario, work: Workplace, times: int) -> Observation:
    """Watch one scenario."""
    seen = Observation()
    scenario.watch(work, seen, times)
    seen.promise(seen.times, "the fault never happened")
    return seen
