"""How far a run has come, as whoever started it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from scanstage.dataset.records.record_store import count_labels
from scanstage.render.finish.outcome import Outcome
from scanstage.scenes.picture_sequence.picture_source import PictureSource

Stage = Literal[
    "reading scans",
    "looking at what is there",
    "planning",
    "drawing",
    "making three pictures",
    "starting",
    "joining the cluster",
    "rendering",
    "measuring pictures",
    "comparing",
    "developing",
    "fitting",
    "reading photos",
    "breaking pictures",
]


MEASURING: Stage = "measuring pictures"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        stage: what it does now.
        total: pictures that it is to have come to in the end, as far as is known.
        there: of these, those that are there, made before or now.
        done: that were made, or failed, in this run.
        failed: of these, those that failed.
        labels: by class, of the pictures that are there.
        targets: labels that each class is to have; None where there are no such.
        outcome: the picture that this is about, if it is about one.
    """

    stage: Stage
    total: int = 0
    there: int = 0
    done: int = 0
    failed: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] | None = None
    outcome: Outcome | None = None


class RunTally:
    """Counts a run's pictures and labels as they come.

    Args:
        source: of the pictures.
        labels: of those that are there already, by class.
        kept: how many these are.
    """

    def __init__(self, source: PictureSource, labels: Mapping[str, int], kept: int) -> None:
        self._labels = {c: labels.get(c, 0) for c in source.planner.catalogue.label_classes}
        self._targets = None if source.balance is None else source.balance.targets.counts
        self._kept, self._done, self._failed = kept, 0, 0

    def progress(self, left: int, outcome: Outcome | None = None) -> Progress:
        """Take in a picture, and say how far the run has come.

        Args:
            left: pictures that this run has to make, and has made, by what is known now.
            outcome: of the picture; None at the start.
        """
        if outcome is not None:
            self._done += 1
            if outcome.record is None:
                self._failed += 1
            else:
                for name, number in count_labels(outcome.record).items():
                    self._labels[name] = self._labels.get(name, 0) + number
        there = self._kept + self._done - self._failed
        total = self._kept + left
        labels = dict(self._labels)
        return Progress("rendering", total, there, self._done, self._failed, labels, self._targets, outcome)


OnProgress = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Do nothing with it."""


def counted(
    on_progress: OnProgress, stage: Stage, total: int | None = None, before: int = 0
) -> Callable[[int, int], None]:
    """Tells how many of a stage's pictures are done, where that is counted by their number and how many there are.

    Args:
        on_progress: to be told.
        stage: of the pictures.
        total: of all that the stage is of; None: as many as are counted.
        before: how many were done before those that are counted.
    """
    return lambda done, there: on_progress(Progress(stage, there if total is None else total, done=before + done))


def part_of(on_progress: OnProgress, total: int, before: int) -> OnProgress:
    """Tells of a part of something as of the whole.

    Args:
        on_progress: to be told.
        total: pictures of the whole.
        before: those before the part's.
    """
    return lambda p: on_progress(replace(p, total=total, there=before + p.there, done=before + p.done))
