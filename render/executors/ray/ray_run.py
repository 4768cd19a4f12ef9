"""A run's executor on a Ray cluster: the cluster is joined, shared out, and left again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.executors.local.local_executor import Executor
from scanstage.render.executors.local.picture_pipeline import Stages
from scanstage.render.executors.ray.cluster_shares import ActorShares, in_words, share_cluster
from scanstage.render.executors.ray.ray_actors import RayActors
from scanstage.render.executors.ray.ray_cluster import cluster_nodes, connected
from scanstage.render.executors.ray.ray_executor import RayExecutor
from scanstage.render.executors.ray.remote_worker import WorkerSpec
from scanstage.render.finish.quarantine import quarantine
from scanstage.render.locks.run_lock import own_file
from scanstage.render.terminal.console import outside
from scanstage.scenes.inputs.catalogue import library_folder
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.whole_run.identity import identity, own_version
from scanstage.scenes.whole_run.picture_source import PictureSource


@contextmanager
def open_ray_executor(
    source: PictureSource, stages: Stages, address: str | None, pictures: int, resumed: bool
) -> Iterator[tuple[Executor, int]]:
    """See :func:`choose_executor.open_executor`; ``address`` as in :func:`ray_cluster.connected`.

    Raises:
        InputError: Ray isn't installed, or the cluster can't be joined or has no room.
    """
    with contextlib.ExitStack() as stack:
        with stages.console.status("joining the Ray cluster"):
            ray = stack.enter_context(connected(address))
        nodes = cluster_nodes(ray)
        shares = share_cluster(stages.config, nodes, pictures)
        text = f"workers: {shares.actors} on Ray ({in_words(nodes)}), {shares.asked()} each: {shares.why}"
        stages.console.print(outside(text))
        actors = RayActors(ray, _errand(source.planner, stages, shares), shares)
        stack.callback(actors.end, at_once=False)
        yield (
            RayExecutor(source.plan, actors, stages.meet, _quarantining(stages), stages.console, resumed),
            actors.count,
        )


def _quarantining(stages: Stages) -> Callable[[FramePlan, str], None]:
    def give_up(plan: FramePlan, reason: str) -> None:
        quarantine(stages.folder, plan, reason, "")

    return give_up


def _errand(planner: Planner, stages: Stages, shares: ActorShares) -> WorkerSpec:
    decided = identity(planner.config, planner.catalogue, planner.base)
    library = library_folder(planner.config, planner.base)
    config = planner.config.model_dump(mode="json")
    # A library may be named by the environment, which is another one there.
    config["assets"]["library"] = None if library is None else str(library)
    return WorkerSpec(
        version=own_version(),
        config=config,
        base=str(planner.base),
        assets=decided["assets"],
        files=decided["files"],
        root=str(stages.folder.root),
        lock=_own_lock(stages.folder),
        blender=None if stages.blender is None else str(stages.blender.absolute()),
        threads=shares.cpus,
        memory_bytes=shares.bound,
    )


def _own_lock(folder: DatasetFolder) -> dict[str, str] | None:
    """Path below the root and content of the file that says that this process holds the folder."""
    with contextlib.suppress(OSError, ValueError):
        if (path := own_file(folder)) is not None:
            return {"path": str(path.relative_to(folder.local_root)), "text": path.read_text("utf-8")}
    return None
