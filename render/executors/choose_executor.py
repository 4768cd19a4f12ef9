"""Where pictures are made: on this machine, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from scanstage.render.executors.local.executor_protocol import Executor
from scanstage.render.executors.local.local_executor import LocalExecutor
from scanstage.render.executors.local.machine_shares import share_out
from scanstage.render.executors.local.picture_pipeline import PicturePipeline

ExecutorKind = Literal["local", "ray"]


@contextmanager
def open_executor(
    pipeline: PicturePipeline, kind: ExecutorKind, address: str | None, pictures: int, base: Path
) -> Iterator[Executor]:
    """An executor for the length of a run. Nothing is started yet.

    Args:
        pipeline: what becomes of pictures.
        kind: on this machine, or on a Ray cluster.
        address: of the cluster, ``host:port`` or ``auto``; None starts or finds one.
        pictures: how many are to be made, as far as is known.
        base: folder that the config's relative paths start from; other machines need it.

    Raises:
        InputError: it can't be used.
    """
    if kind == "ray":
        from scanstage.render.executors.ray.ray_run import open_ray_executor

        with open_ray_executor(pipeline, address, pictures, base) as opened:
            yield opened
        return
    shares = share_out(pipeline.config, pictures)
    places = pipeline.workers(shares)
    executor = LocalExecutor(places, pipeline.finish, pipeline.give_up, shares.why)
    try:
        yield executor
    finally:
        executor.close()
        for place in places:
            place.close()
