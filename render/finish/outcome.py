"""What became of a picture of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from scanstage.dataset.records.record import Record
from scanstage.scenes.picture_sequence.planned_picture import RefusedPicture


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: a record, or the reason why there is none.

    ``seconds`` holds the time of each stage: plan, sync, render, read, finish; ``hint`` says what to do about a reason.
    """

    index: int
    record: Record | None
    reason: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    hint: str | None = None

    @classmethod
    def refused(cls, picture: RefusedPicture) -> Outcome:
        """Of a picture that can't be planned."""
        return cls(picture.index, None, "; ".join(picture.problems), hint=picture.hint or None)
