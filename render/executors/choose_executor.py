"""Where pictures are made: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scanstage.render.executors.local.local_executor import Executor, LocalExecutor
from scanstage.render.executors.local.machine_shares import share_out
from scanstage.render.executors.local.picture_pipeline import Stages
from scanstage.render.runs.run_options import GenerateOptions
from scanstage.render.terminal.console import outside
from scanstage.scenes.whole_run.picture_source import PictureSource


@contextmanager
def open_executor(
    source: PictureSource, stages: Stages, options: GenerateOptions, pictures: int, resumed: bool
) -> Iterator[tuple[Executor, int]]:
    """An executor and the number of its workers, for the length of a run.

    Args:
        source: plans the pictures.
        stages: what becomes of them.
        options: which executor.
        pictures: how many are to be made, as far as is known.
        resumed: whether other pictures are finished already.

    Raises:
        InputError: it can't be used.
    """
    if options.executor == "ray":
        from scanstage.render.executors.ray.ray_run import open_ray_executor

        with open_ray_executor(source, stages, options.address, pictures, resumed) as opened:
            yield opened
        return
    shares = share_out(stages.config, pictures)
    stages.console.print(outside(f"workers: {shares.workers}, {shares.why}"))
    workers = stages.workers(shares)
    try:
        yield LocalExecutor(source.plan, workers, stages.finish, stages.give_up, resumed, stages.note), shares.workers
    finally:
        for worker in workers:
            worker.close()
