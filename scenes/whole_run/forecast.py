"""Plans many pictures for their statistics alone, in several processes."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.balanced_run import BalancedRun
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_inputs
from scanstage.scenes.planning.refusals import PlanningError
from scanstage.scenes.whole_run.statistics import PictureFacts, picture_facts

WORTH_A_PROCESS = 24
"""So many pictures pay for the start of another process, some three seconds."""
CHUNK = 4

_planner: Planner | None = None


def forecast(planner: Planner, indices: Sequence[int], workers: int = 0) -> Iterator[PictureFacts]:
    """Facts of pictures, in their order; the same for any number of workers.

    Args:
        planner: of the run; further processes open its inputs anew.
        indices: of the pictures.
        workers: processes; 0 chooses by pictures and cores, 1 plans here.

    Raises InputError where a process ends before its work (out of memory, killed).
    """
    cores = usable_cores()
    workers = workers or max(1, min(cores, len(indices) // WORTH_A_PROCESS))
    if workers == 1:
        for index in indices:
            yield facts_of(planner, index)
        return
    with _pool(planner.config, planner.base, workers) as pool:
        try:
            yield from pool.map(_facts, indices, chunksize=CHUNK)
        except BrokenExecutor as e:
            hint = "--workers 1 needs the least memory"
            raise InputError(f"a process that planned pictures has ended ({e})", hint) from e


def forecast_balanced(
    run: BalancedRun, wanted: Callable[[int], bool], last: int | None = None
) -> Iterator[PictureFacts]:
    """Facts of a balanced run's pictures, in their order; each is ordered by those before, so one process plans.

    Args:
        run: of the pictures.
        wanted, last: see :meth:`BalancedRun.indices`.
    """
    for index in run.indices(wanted, last):
        yield facts_of(run, index)


def facts_of(planner: Planner | BalancedRun, index: int) -> PictureFacts:
    """Plan one picture; a picture that can't be planned is a fact too."""
    config = planner.planner.config if isinstance(planner, BalancedRun) else planner.config
    start = time.perf_counter()
    try:
        planned = planner.plan(index)
    except InputError as e:
        refused = e.reasons if isinstance(e, PlanningError) else {}
        text = "; ".join(e.problems).removeprefix(f"picture {index}: ")
        return PictureFacts(index, (), refused, text, time.perf_counter() - start)
    known = picture_facts(planned, config.labels)
    return PictureFacts(index, known.objects, known.refused, None, time.perf_counter() - start)


@contextmanager
def _pool(config: RunConfig, base: Path, workers: int) -> Iterator[ProcessPoolExecutor]:
    # Fresh processes: forks of one that runs threads (progress bars) may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _open, (config, base))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open(config: RunConfig, base: Path) -> None:
    global _planner
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the coordinator, which ends the pool
    _planner = Planner(config, open_inputs(config, base), base)


def _facts(index: int) -> PictureFacts:
    assert _planner is not None
    return facts_of(_planner, index)
