"""A run's pictures as planning leaves them: planned, or refused with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.planning.refusals import PlanningError
from scanstage.scenes.sight.cast_plan import Planned


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
        error: why, and what to do about it.
        seconds: that planning took.
        refused: attempts by why they were refused.
    """

    index: int
    error: InputError
    seconds: float
    refused: dict[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """Why, a sentence each."""
        return self.error.problems

    @property
    def hint(self) -> str | None:
        """What to do about it."""
        return self.error.hint


Picture = PlannedPicture | RefusedPicture


def planned_or_refused(index: int, plan: Callable[[], Planned]) -> Picture:
    """Plan a picture, which takes its time."""
    begun = time.perf_counter()
    try:
        planned = plan()
    except InputError as e:
        refused = e.reasons if isinstance(e, PlanningError) else {}
        return RefusedPicture(index, e, time.perf_counter() - begun, refused)
    return PlannedPicture(planned, time.perf_counter() - begun)
