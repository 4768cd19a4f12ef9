"""Which pictures of a run are to be made now."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from scanstage.scenes.picture_sequence.shard import WHOLE, Part

Frames = tuple[int, int] | None
"""First and last picture asked for, both included; None is all."""


def in_words(frames: tuple[int, int]) -> str:
    """As the command line takes them: ``3-9``, or ``3``."""
    return str(frames[0]) if frames[0] == frames[1] else f"{frames[0]}-{frames[1]}"


@dataclass(frozen=True)
class Selection:
    """Pictures of a run.

    Attributes:
        frames: first and last one asked for, both included; None is all.
        part: of these, those that this process makes.
        only: of these, only those in it; None is all.
        there: pictures that are finished.
        through: the last picture that is gone through, made or not: what a picture of a balanced run shows follows
            from those before it. None goes on to the run's end.
    """

    frames: Frames = None
    part: Part = WHOLE
    only: Container[int] | None = None
    there: Container[int] = frozenset()
    through: int | None = None

    def asks_for(self, index: int) -> bool:
        """Whether a picture is asked for, be it there or not."""
        within = self.frames is None or self.frames[0] <= index <= self.frames[1]
        return within and index in self.part and (self.only is None or index in self.only)

    def __contains__(self, index: int) -> bool:
        """Whether a picture is to be made."""
        return self.asks_for(index) and index not in self.there

    def bounds(self, pictures: int) -> tuple[int, int]:
        """First and last picture asked for, of a run of so many."""
        first, last = self.frames or (0, pictures - 1)
        return first, min(last, pictures - 1)

    def count(self, pictures: int) -> int:
        """How many are asked for, there or not, of a run of so many."""
        return len(self.part.pictures(*self.bounds(pictures)))


def single(index: int) -> Selection:
    """One picture."""
    return Selection((index, index), through=index)
