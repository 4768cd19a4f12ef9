"""Plans a bank of pictures, in several processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.scenes.bank.planned_labels import PlannedLabels, planned_labels
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

WORTH_A_PROCESS = 40
"""So many arrangements pay for the start of another process, some three seconds."""
CHUNK = 4


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


_planner: Planner | None = None
"""Of a process that plans for another one."""


def plan_bank(planner: Planner, tasks: Sequence[ArrangementTask], workers: int = 0) -> Iterator[list[PlannedLabels]]:
    """The pictures of each arrangement that can be planned, in the order of the tasks, however many workers there are.

    Args:
        planner: of the config, whose variables the tasks choose.
        tasks: what is to be planned.
        workers: processes; 0 chooses by tasks and cores, 1 plans here.

    Raises InputError where a process ends before its work (out of memory, killed).
    """
    workers = workers or max(1, min(usable_cores(), len(tasks) // WORTH_A_PROCESS))
    if workers == 1:
        for task in tasks:
            yield _seen(planner, task)
        return
    # Fresh processes: forks of one that runs threads (progress bars) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _open, (planner.config, planner.base))
    try:
        yield from pool.map(_task, tasks, chunksize=CHUNK)
    except BrokenExecutor as e:
        hint = f"{option('workers')} 1 needs the least memory"
        raise InputError(f"a process that planned pictures has ended ({e})", hint) from e
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open(config: RunConfig, base: Path) -> None:
    global _planner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the coordinator, which ends the pool
    _planner = open_planner(config, base)


def _task(task: ArrangementTask) -> list[PlannedLabels]:
    assert _planner is not None
    return _seen(_planner, task)


def _seen(planner: Planner, task: ArrangementTask) -> list[PlannedLabels]:
    views = planner.seen_by(task.index, task.values, task.cameras)
    return [planned_labels(view, planner.config.labels) for view in views if view is not None]
