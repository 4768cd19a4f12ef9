"""Plans in several processes, each with a planner of its own."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

T = TypeVar("T")
U = TypeVar("U")

CHUNK = 4

_planner: Planner | None = None
"""Of a process that plans for another one."""


def planned_by(workers: int, planner: Planner, plan: Callable[[Planner, T], U], items: Sequence[T]) -> Iterator[U]:
    """What ``plan`` makes of each item, in their order, whoever makes it.

    Args:
        workers: processes, which open the planner's inputs anew; 1 plans here.
        planner: of the config.
        plan: a function of a module, so that processes find it.
        items: what it is given.

    Raises InputError where a process ends before its work (out of memory, killed).
    """
    if workers == 1:
        for item in items:
            yield plan(planner, item)
        return
    # Fresh processes: forks of one that runs threads (progress bars) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _open, (planner.config, planner.base))
    try:
        yield from pool.map(partial(_with_own, plan), items, chunksize=CHUNK)
    except BrokenExecutor as e:
        hint = f"{option('workers')} 1 needs the least memory"
        raise InputError(f"a process that planned pictures has ended ({e})", hint) from e
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open(config: RunConfig, base: Path) -> None:
    global _planner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the coordinator, which ends the pool
    _planner = open_planner(config, base)


def _with_own(plan: Callable[[Planner, Any], U], item: Any) -> U:
    assert _planner is not None
    return plan(_planner, item)
