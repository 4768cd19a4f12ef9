"""Plans many pictures for their statistics alone, in several processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from scanstage.assets.machine.processors import usable_cores
from scanstage.scenes.picture_sequence.picture_source import PictureSource
from scanstage.scenes.picture_sequence.planned_picture import planned_or_refused
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.picture_sequence.statistics import PictureFacts, facts_of
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.planning_pool import planned_by

WORTH_A_PROCESS = 24
"""So many pictures pay for the start of another process, some three seconds."""


def forecast(source: PictureSource, selection: Selection, workers: int = 0) -> Iterator[PictureFacts]:
    """Facts of pictures, in their order; the same for any number of workers. What can't be planned is a fact too.

    Args:
        source: of the run.
        selection: its pictures that are to be planned.
        workers: processes; 0 chooses by pictures and cores, 1 plans here. Further ones open the run's inputs anew.
            Where each picture follows from those before, this process plans all.

    Raises InputError where a process ends before its work (out of memory, killed).
    """
    labels = source.planner.config.labels
    if source.balance is None:
        first, last = selection.bounds(source.expected)
        indices = [i for i in range(first, last + 1) if i in selection]
        workers = workers or max(1, min(usable_cores(), len(indices) // WORTH_A_PROCESS))
        yield from planned_by(workers, source.planner, _facts, indices)
        return
    for picture in source.pictures(selection):
        yield facts_of(picture, labels)


def _facts(planner: Planner, index: int) -> PictureFacts:
    return facts_of(planned_or_refused(index, partial(planner.plan, index)), planner.config.labels)
