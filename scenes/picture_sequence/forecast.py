"""Plans many pictures for their statistics alone, in several processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scanstage.assets.machine.processors import usable_cores
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.picture_sequence.picture_source import PictureSource
from scanstage.scenes.picture_sequence.planned_picture import planned_or_refused
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.picture_sequence.statistics import PictureFacts, facts_of
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner

WORTH_A_PROCESS = 24
"""So many pictures pay for the start of another process, some three seconds."""
CHUNK = 4

_planner: Planner | None = None
"""Of a process that plans for another one."""


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
        if workers > 1:
            yield from _forecast_by(source.planner, indices, workers)
            return
    for picture in source.pictures(selection):
        yield facts_of(picture, labels)


def _forecast_by(planner: Planner, indices: Sequence[int], workers: int) -> Iterator[PictureFacts]:
    """The same, by processes of their own."""
    with _pool(planner.config, planner.base, workers) as pool:
        try:
            yield from pool.map(_facts, indices, chunksize=CHUNK)
        except BrokenExecutor as e:
            hint = f"{option('workers')} 1 needs the least memory"
            raise InputError(f"a process that planned pictures has ended ({e})", hint) from e


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
    _planner = open_planner(config, base)


def _facts(index: int) -> PictureFacts:
    assert _planner is not None
    return facts_of(planned_or_refused(index, partial(_planner.plan, index)), _planner.config.labels)
