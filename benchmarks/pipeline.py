"""scanstage's whole pipeline as ``generate`` sets it up, made to run blocks of pictures with workers that stay open."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from whole_run import pid_of

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.render.engine.worker_supervisor import SupervisedWorker
from scanstage.render.executors.local.local_executor import LocalExecutor
from scanstage.render.executors.local.machine_shares import Shares, share_out
from scanstage.render.executors.local.picture_pipeline import PicturePipeline
from scanstage.render.executors.local.picture_pipeline import open_pipeline as open_stages
from scanstage.render.finish.map_output import wanted_maps
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_sequence.planned_picture import PlannedPicture
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner

STAMP = 16
"""Pixels a pixel, along each side, of the pictures that only load what is needed."""


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds of a block of pictures.

    Attributes:
        plan_cpu_s: of the CPU seconds, those of planning.
        coordinator_cpu_s: those of the coordinator besides.
        set_cpu_s: those for setting the scene in Blender, where that is known by itself.
    """

    wall_s: float
    cpu_s: float
    plan_cpu_s: float = 0.0
    coordinator_cpu_s: float = 0.0
    set_cpu_s: float = 0.0


class Pipeline:
    """Plan, cast, sync, render, verify, label, encode, record; workers stay open from block to block."""

    def __init__(self, planner: Planner, workers: list[SupervisedWorker], pipeline: PicturePipeline) -> None:
        self._planner, self._workers = planner, workers
        self._planning_s = 0.0
        self._pipeline = pipeline
        self._own = psutil.Process()

    def load(self, indices: range) -> None:
        """Let each worker render pictures in the size of a stamp, so that nothing is left to be loaded."""
        for index in indices:
            planned = self._planner.plan(index)
            small = replace(planned, engine_plan=stamp(planned.engine_plan))
            for worker in self._workers:
                worker.render(small)

    def _pictures(self, indices: range) -> Iterator[PlannedPicture]:
        for index in indices:
            start, begun = time.thread_time(), time.perf_counter()
            planned = self._planner.plan(index)
            self._planning_s += time.thread_time() - start
            yield PlannedPicture(planned, time.perf_counter() - begun)

    def make(self, indices: range) -> Spent:
        """Make pictures from beginning to end. Raises SystemExit where one fails."""
        workers = [psutil.Process(pid_of(worker.start())) for worker in self._workers]
        planned, before, start = self._planning_s, self._cpu_s(workers), time.perf_counter()
        executor = LocalExecutor(lambda: self._workers, self._pipeline.finish, self._pipeline.give_up)
        executor.start(self._pictures(indices), at_once=True)
        for outcome in executor.outcomes():
            if outcome.record is None:
                raise SystemExit(f"picture {outcome.index} failed: {outcome.reason}")
        wall, after = time.perf_counter() - start, self._cpu_s(workers)
        own, theirs = (a - b for a, b in zip(after, before, strict=True))
        planning = self._planning_s - planned
        return Spent(wall, own + theirs, planning, own - planning)

    def memory_bytes(self) -> tuple[int, int]:
        """Resident memory of the coordinator, and of all workers."""
        workers = (psutil.Process(pid_of(worker.start())) for worker in self._workers)
        return self._own.memory_info().rss, sum(w.memory_info().rss for w in workers)

    def _cpu_s(self, workers: list[psutil.Process]) -> tuple[float, float]:
        return time.process_time(), sum(sum(w.cpu_times()[:2]) for w in workers)


def stamp(plan: FramePlan) -> FramePlan:
    """The same view on fewer pixels."""
    camera = plan.camera
    small = {name: getattr(camera, name) / STAMP for name in ("fx", "fy", "cx", "cy")}
    width, height = (max(1, side // STAMP) for side in camera.resolution_wh)
    return replace(plan, camera=replace(camera, resolution_wh=(width, height), **small))


@contextmanager
def open_pipeline(
    config: RunConfig, catalogue: Catalogue, base: Path, folder: Path
) -> Iterator[tuple[Pipeline, Shares]]:
    """A pipeline into the folder of a dataset, with the workers that a run would have.

    Raises what starting an engine raises, when the first pictures are made.
    """
    use_one_blas_thread()
    dataset, shares = DatasetFolder(folder), share_out(config, config.images)
    dataset.create(wanted_maps(config.output))
    with contextlib.ExitStack() as stack:
        stages = stack.enter_context(open_stages(config, catalogue, dataset, workers=shares.workers, announce=False))
        workers = stages.workers(shares)
        for worker in workers:
            stack.callback(worker.close)
        yield Pipeline(Planner(config, catalogue, base), workers, stages), shares
