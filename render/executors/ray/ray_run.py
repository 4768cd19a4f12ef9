"""A run's executor on a Ray cluster: the cluster is joined, shared out, and left again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.executors.local.executor_protocol import Executor
from scanstage.render.executors.local.picture_pipeline import PicturePipeline
from scanstage.render.executors.ray.cluster_shares import ActorShares, in_words, share_cluster
from scanstage.render.executors.ray.ray_actors import RayActors
from scanstage.render.executors.ray.ray_cluster import cluster_nodes, connected
from scanstage.render.executors.ray.ray_executor import RayExecutor
from scanstage.render.executors.ray.remote_worker import WorkerSpec
from scanstage.render.finish.quarantine import quarantine
from scanstage.render.locks.run_lock import own_file
from scanstage.scenes.picture_sequence.identity import identity, own_version
from scanstage.scenes.plan import FramePlan

log = logging.getLogger(__name__)


@contextmanager
def open_ray_executor(
    pipeline: PicturePipeline, address: str | None, left: Callable[[], int], base: Path
) -> Iterator[Executor]:
    """See :func:`choose_executor.open_executor`; ``address`` as in :func:`ray_cluster.connected`.

    The executor's ``start`` joins the cluster, and raises InputError where Ray isn't installed, or the cluster can't
    be joined or has no room.

    Raises:
        InputError: the pipeline's engines can't be started on another machine.
    """
    engines = pipeline.engines
    if not isinstance(engines, BlenderEngines):
        raise InputError("only Blender can be started on the machines of a cluster", "use the local executor")
    blender = engines.blender

    with contextlib.ExitStack() as stack:

        def join() -> RayActors:
            ray = stack.enter_context(connected(address))
            nodes = cluster_nodes(ray)
            shares = share_cluster(pipeline.config, nodes, left())
            each = f"{shares.asked()} each: {shares.why}"
            log.info("workers: %d on Ray (%s), %s", shares.actors, in_words(nodes), each)
            actors = RayActors(ray, _worker_spec(pipeline, blender, base, shares), shares)
            stack.callback(actors.end, at_once=False)
            return actors

        def give_up(plan: FramePlan, reason: str) -> None:
            quarantine(pipeline.folder, plan, reason, "")

        executor = RayExecutor(join, pipeline.meet, give_up)
        try:
            yield executor
        finally:
            executor.close()


def _worker_spec(pipeline: PicturePipeline, blender: Path | None, base: Path, shares: ActorShares) -> WorkerSpec:
    decided = identity(pipeline.config, pipeline.catalogue)
    library = pipeline.catalogue.library
    config = pipeline.config.model_dump(mode="json")
    # A library may be named by the environment, which is another one there.
    config["assets"]["library"] = None if library is None else str(library)
    return WorkerSpec(
        version=own_version(),
        config=config,
        base=str(base),
        assets=decided.assets,
        files=decided.files,
        root=str(pipeline.folder.root),
        lock=_own_lock(pipeline.folder),
        blender=None if blender is None else str(blender.absolute()),
        threads=shares.cpus,
        memory_bytes=shares.bound,
    )


def _own_lock(folder: DatasetFolder) -> dict[str, str] | None:
    """Path below the root and content of the file that says that this process holds the folder."""
    with contextlib.suppress(OSError, ValueError):
        if (path := own_file(folder)) is not None:
            return {"path": str(path.relative_to(folder.local_root)), "text": path.read_text("utf-8")}
    return None
