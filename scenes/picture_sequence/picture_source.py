"""Where a run's pictures come from: planned each by itself, or ordered by the balance of those before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.picture_sequence.balanced_pictures import Balance, BalancedPictures, open_targets
from scanstage.scenes.picture_sequence.identity import Aims
from scanstage.scenes.picture_sequence.planned_picture import (
    Picture,
    PlannedPicture,
    RefusedPicture,
    planned_or_refused,
)
from scanstage.scenes.picture_sequence.selection import Selection, single
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

HOPELESS = 3
"""So many pictures that can't be planned, and none that can, end a run before anything is rendered."""


class PictureSource(Protocol):
    """Plans the pictures of a run. Used by one thread.

    Attributes:
        planner: of the run.
        expected: pictures of the whole run, as far as is known; certain once all have been gone through.
        exact: whether that is known beforehand.
        aims: where the run is to end.
        balance: of a balanced run; None where pictures know nothing of each other, and several processes may plan them.
    """

    planner: Planner
    expected: int
    exact: bool
    aims: Aims
    balance: Balance | None

    def pictures(self, selection: Selection) -> Iterator[Picture]:
        """The pictures of a selection, in their order, each planned when it is asked for. Raises InputError."""
        ...


class IndependentPictures:
    """Pictures that know nothing of each other; see :class:`PictureSource`."""

    def __init__(self, planner: Planner) -> None:
        self.planner, self.expected, self.exact = planner, planner.config.images, True
        self.aims = Aims(self.expected)
        self.balance: Balance | None = None

    def pictures(self, selection: Selection) -> Iterator[Picture]:
        """See :class:`PictureSource`."""
        first, last = selection.bounds(self.expected)
        for index in selection.part.pictures(first, last):
            if index in selection:
                yield planned_or_refused(index, partial(self.planner.plan, index))


def open_source(planner: Planner) -> PictureSource:
    """The source of a run. Raises InputError where the target of balancing can't be made out."""
    if planner.config.balance is None:
        return IndependentPictures(planner)
    return BalancedPictures(planner, open_targets(planner.config, planner.catalogue, planner.base))


def hopeful(pictures: Iterable[Picture], resumed: bool) -> Iterator[Picture]:
    """The pictures, once there is one that can be planned: until then those that can't are held back.

    Args:
        pictures: as a source gives them.
        resumed: whether others are finished already: then no failure to plan ends the run.

    Raises:
        InputError: the first that can't be planned, where none can.
    """
    refused: list[RefusedPicture] = []
    for picture in pictures:
        if resumed:
            yield picture
        elif isinstance(picture, PlannedPicture):
            resumed = True
            yield from refused
            yield picture
        else:
            refused.append(picture)
            if len(refused) == HOPELESS:
                raise picture.error  # nothing is lost yet, and most likely no other picture would do better
    if refused and not resumed:
        raise refused[-1].error


def plan_one(source: PictureSource, index: int) -> Planned:
    """Plan picture ``index`` of a run. Raises InputError where the run has no such picture, or it can't be planned."""
    for picture in source.pictures(single(index)) if index >= 0 else ():
        if isinstance(picture, RefusedPicture):
            raise picture.error
        return picture.planned
    raise InputError(f"picture {index}: the run has {source.expected} pictures, 0 to {source.expected - 1}")
