"""Where pictures are made: on this machine, or on a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from scanstage.render.engine.worker_supervisor import SupervisedWorker
from scanstage.render.executors.local.executor_protocol import Executor
from scanstage.render.executors.local.local_executor import Finish, LocalExecutor
from scanstage.render.executors.local.machine_shares import share_out
from scanstage.render.executors.local.picture_pipeline import PicturePipeline

log = logging.getLogger(__name__)

ExecutorKind = Literal["local", "ray"]


@contextmanager
def open_executor(
    pipeline: PicturePipeline,
    kind: ExecutorKind,
    address: str | None,
    left: Callable[[], int],
    base: Path,
    finish: Finish | None = None,
) -> Iterator[Executor]:
    """An executor for the length of a run. Nothing is started yet.

    Args:
        pipeline: what becomes of pictures.
        kind: on this machine, or on a Ray cluster.
        address: of the cluster, ``host:port`` or ``auto``; None starts or finds one.
        left: how many pictures are to be made, by what is known when it is asked: once there is one.
        base: folder that the config's relative paths start from; other machines need it.
        finish: on this machine, what is done with a rendered picture; None is the pipeline's own.

    Raises:
        InputError: it can't be used.
    """
    if kind == "ray":
        from scanstage.render.executors.ray.ray_run import open_ray_executor

        with open_ray_executor(pipeline, address, left, base) as opened:
            yield opened
        return
    places: list[SupervisedWorker] = []

    def hire() -> list[SupervisedWorker]:
        shares = share_out(pipeline.config, left())
        log.info("workers: %d, %s", shares.workers, shares.why)
        places.extend(pipeline.workers(shares))
        return places

    executor = LocalExecutor(hire, finish or pipeline.finish, pipeline.give_up)
    try:
        yield executor
    finally:
        executor.close()
        for place in places:
            place.close()
