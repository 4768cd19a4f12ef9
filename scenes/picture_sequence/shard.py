"""Which part of a run's pictures a process makes: all of them, or as one of several that batch schedulers start.

Shard K of N makes the pictures i with i % N == K % N.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Protocol

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option

MOST_SHARDS = 100_000


class Part(Protocol):
    """Pictures that one process makes."""

    @property
    def alone(self) -> bool:
        """Whether it has the dataset's folder for itself."""
        ...

    def __contains__(self, picture: int) -> bool:
        """Whether a picture is one of its."""
        ...

    def pictures(self, first: int, last: int) -> range:
        """Its pictures from ``first`` to ``last``, both included."""
        ...


@dataclass(frozen=True)
class WholeRun:
    """All pictures of a run."""

    alone: ClassVar[bool] = True

    def __contains__(self, picture: int) -> bool:
        """Whether a picture is one of its: each is."""
        return True

    def pictures(self, first: int, last: int) -> range:
        """See :class:`Part`."""
        return range(first, last + 1)

    def __str__(self) -> str:
        return "a run"


WHOLE = WholeRun()


@dataclass(frozen=True)
class Shard:
    """A part of a run's pictures. Shards 0 to N - 1 cover all of them, each once; so do 1 to N: N is another name of 0.

    Attributes:
        index: 0 to ``count`` - 1.
        count: number of shards.
    """

    index: int
    count: int
    alone: ClassVar[bool] = False

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard ``K/N``. Raises InputError."""
        match = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        hint = f"for example {option('shard')} 0/8 to {option('shard')} 7/8 for eight machines, or 1/8 to 8/8"
        if match is None:
            raise InputError(f"{option('shard')} {text}: expected K/N, two whole numbers", hint)
        index, count = int(match[1]), int(match[2])
        if not 1 <= count <= MOST_SHARDS:
            raise InputError(f"{option('shard')} {text}: the number of shards is 1 to {MOST_SHARDS:,}", hint)
        if index > count:
            raise InputError(f"{option('shard')} {text}: there is no shard {index} of {count}", hint)
        return cls(index % count, count)

    def __contains__(self, picture: int) -> bool:
        """Whether a picture is one of its."""
        return picture % self.count == self.index

    def pictures(self, first: int, last: int) -> range:
        """See :class:`Part`."""
        return range(first + (self.index - first) % self.count, last + 1, self.count)

    @property
    def name(self) -> str:
        """What files are named by that it writes of itself, such as ``0-of-8``."""
        return f"{self.index}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
