"""Where a run's pictures come from: planned each by itself, or ordered by the balance of those before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.balanced_run import BalancedRun, open_targets
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.planned import Planned


@dataclass(frozen=True)
class PlannedPicture:
    """A picture that is to be rendered; ``seconds`` that its planning took."""

    planned: Planned
    seconds: float

    @property
    def index(self) -> int:
        """Of the picture."""
        return self.planned.plan.index


@dataclass(frozen=True)
class RefusedPicture:
    """A picture that can't be planned.

    Attributes:
        index: of the picture.
        problems: why, a sentence each; ``hint``: what to do about it.
        seconds: that planning took.
        refused: attempts by why they were refused.
    """

    index: int
    problems: tuple[str, ...]
    hint: str
    seconds: float
    refused: dict[str, int] = field(default_factory=dict)


Picture = PlannedPicture | RefusedPicture

HOPELESS = 3
"""So many pictures that can't be planned, and none that can, end a run before anything is rendered."""


def hopeful(pictures: Iterator[Picture], resumed: bool) -> Iterator[Picture]:
    """The same pictures, while there is hope that any of them can be planned.

    Refused ones are held back until one is planned: nothing is lost yet, and most likely no other would do better.

    Args:
        pictures: planned and refused ones.
        resumed: whether other pictures are finished already: then none is held back.

    Raises:
        InputError: the third is refused and none was planned, or none at the end.
    """
    refused: list[RefusedPicture] = []
    for picture in pictures:
        if resumed:
            yield picture
        elif isinstance(picture, RefusedPicture):
            refused.append(picture)
            if len(refused) == HOPELESS:
                break
        else:
            resumed = True
            yield from refused
            refused.clear()
            yield picture
    if refused:
        raise InputError(list(refused[-1].problems), refused[-1].hint or None)


class PictureSource(Protocol):
    """Plans the pictures of a run. Used by one thread.

    Attributes:
        planner: of the run.
        expected: pictures of the whole run, as far as is known.
        exact: whether that is known beforehand.
    """

    planner: Planner
    expected: int
    exact: bool

    def indices(self, wanted: Callable[[int], bool], last: int | None = None) -> Iterator[int]:
        """Pictures to be made, of those that are ``wanted``; each is to be planned before the next is asked for.

        Args:
            wanted: whether a picture is to be made.
            last: none after it is wanted, nor planned; None asks for the whole run.
        """
        ...

    def plan(self, index: int) -> Planned:
        """Plan the picture that was given last. Raises InputError where it can't be planned."""
        ...


class IndependentPictures:
    """Pictures that know nothing of each other.

    Args:
        planner: of the run.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner, self.expected, self.exact = planner, planner.config.images, True

    def indices(self, wanted: Callable[[int], bool], last: int | None = None) -> Iterator[int]:
        """See :class:`PictureSource`."""
        end = self.expected if last is None else min(self.expected, last + 1)
        return filter(wanted, range(end))

    def plan(self, index: int) -> Planned:
        """See :class:`PictureSource`."""
        return self.planner.plan(index)


def open_source(planner: Planner, ledger: Ledger | None = None) -> PictureSource:
    """The source of a run.

    Args:
        planner: of the run.
        ledger: of a balanced run's earlier part.

    Raises:
        InputError: the target of balancing can't be made out.
    """
    if planner.config.balance is None:
        return IndependentPictures(planner)
    return BalancedRun(planner, open_targets(planner.config, planner.catalogue, planner.base), ledger)


def plan_one(source: PictureSource, index: int) -> Planned:
    """Plan picture ``index`` of a run. Raises InputError where the run has no such picture, or it can't be planned."""
    for found in source.indices(lambda i: i == index, index):
        return source.plan(found)
    raise InputError(f"picture {index}: the run has {source.expected} pictures, 0 to {source.expected - 1}")
