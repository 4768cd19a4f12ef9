"""Plans a bank of pictures, in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanstage.assets.machine.processors import usable_cores
from scanstage.scenes.bank.planned_labels import PlannedLabels, planned_labels
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.planning_pool import planned_by

WORTH_A_PROCESS = 40
"""So many arrangements pay for the start of another process, some three seconds."""


@dataclass(frozen=True)
class ArrangementTask:
    """Objects that lie somewhere, and the cameras that see them.

    Attributes:
        index: of the arrangement, where all draws but the chosen ones come from.
        values: of variables that decide what lies there, by name.
        cameras: of variables of each camera, by name.
    """

    index: int
    values: Mapping[str, Any]
    cameras: Sequence[Mapping[str, Any]]


def plan_bank(planner: Planner, tasks: Sequence[ArrangementTask], workers: int = 0) -> Iterator[list[PlannedLabels]]:
    """The pictures of each arrangement that can be planned, in the order of the tasks, however many workers there are.

    Args:
        planner: of the config, whose variables the tasks choose.
        tasks: what is to be planned.
        workers: processes; 0 chooses by tasks and cores, 1 plans here.

    Raises InputError where a process ends before its work (out of memory, killed).
    """
    workers = workers or max(1, min(usable_cores(), len(tasks) // WORTH_A_PROCESS))
    return planned_by(workers, planner, _seen, tasks)


def _seen(planner: Planner, task: ArrangementTask) -> list[PlannedLabels]:
    views = planner.seen_by(task.index, task.values, task.cameras)
    return [planned_labels(view, planner.config.labels) for view in views if view is not None]
