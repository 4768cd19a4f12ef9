"""What ``overhead.py`` compares: scanstage's whole pipeline, and the bare loop, each ready to make pictures."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from assets.surface_textures import surface_texture
from dataset.folder import DatasetFolder
from render.executor import LocalExecutor
from render.finish import with_texture_files
from render.machine import Shares, share_out
from render.maps import engine_settings, wanted_maps
from render.scratch import passes_bytes, scratch_folder
from render.seat import WorkerSeat
from render.stages import Stages
from render.worker_process import WorkerProcess
from scenes.catalogue import Catalogue
from scenes.config import RunConfig
from scenes.plan import FramePlan
from scenes.planner import Planned, Planner

TIMEOUT_S = 3600.0
STAMP = 16
"""Pixels a pixel, along each side, of the pictures that only load what is needed."""
BARE_LOOP = Path(__file__).with_name("bare_loop.py")


@dataclass(frozen=True)
class Spent:
    """Wall and CPU seconds of a block of pictures; of the latter those of planning, and of the coordinator's rest."""

    wall_s: float
    cpu_s: float
    plan_cpu_s: float = 0.0
    coordinator_cpu_s: float = 0.0


class Pipeline:
    """Plan, cast, sync, render, verify, label, encode, record; workers stay open from block to block."""

    def __init__(self, planner: Planner, seats: list[WorkerSeat], stages: Stages) -> None:
        self._planner, self._seats = planner, seats
        self._planning_s = 0.0
        self._executor = LocalExecutor(self._plan, seats, stages.finish, stages.give_up)
        self._own = psutil.Process()

    def load(self, indices: range) -> None:
        """Let each worker render pictures in the size of a stamp, so that nothing is left to be loaded."""
        for index in indices:
            planned = self._planner.plan(index)
            stamp = replace(planned, engine_plan=_stamp(planned.engine_plan))
            for seat in self._seats:
                seat.render(stamp)

    def _plan(self, index: int) -> Planned:
        start = time.thread_time()
        planned = self._planner.plan(index)
        self._planning_s += time.thread_time() - start
        return planned

    def make(self, indices: range) -> Spent:
        """Make pictures from beginning to end. Raises SystemExit where one fails."""
        workers = [psutil.Process(seat.start().pid) for seat in self._seats]
        planned, before, start = self._planning_s, self._cpu_s(workers), time.perf_counter()
        for outcome in self._executor.map(indices):
            if outcome.record is None:
                raise SystemExit(f"picture {outcome.index} failed: {outcome.reason}")
        wall, after = time.perf_counter() - start, self._cpu_s(workers)
        own, theirs = (a - b for a, b in zip(after, before, strict=True))
        planning = self._planning_s - planned
        return Spent(wall, own + theirs, planning, own - planning)

    def _cpu_s(self, workers: list[psutil.Process]) -> tuple[float, float]:
        return time.process_time(), sum(sum(w.cpu_times()[:2]) for w in workers)


def _stamp(plan: FramePlan) -> FramePlan:
    """The same view on fewer pixels."""
    camera = plan.camera
    small = {name: getattr(camera, name) / STAMP for name in ("fx", "fy", "cx", "cy")}
    width, height = (max(1, side // STAMP) for side in camera.resolution_wh)
    return replace(plan, camera=replace(camera, resolution_wh=(width, height), **small))


class Bare:
    """The bare loop in its process."""

    def __init__(self, process: WorkerProcess, planner: Planner, catalogue: Catalogue) -> None:
        self._process, self._planner, self._catalogue = process, planner, catalogue
        self._pictures: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}

    def load(self, indices: range) -> None:
        """Plan pictures beforehand, and render each in the size of a stamp, so that nothing is left to be loaded."""
        stamps = []
        for index in indices:
            planned = self._planner.plan(index)
            self._pictures[index] = self._plain(planned.engine_plan)
            stamps.append(self._plain(_stamp(planned.engine_plan)))
        self._process.ask({"op": "loop", "pictures": stamps}, TIMEOUT_S)

    def make(self, indices: range) -> Spent:
        """Render pictures that were loaded."""
        spent = self._process.ask({"op": "loop", "pictures": self._of(indices)}, TIMEOUT_S)["spent"]
        return Spent(sum(wall for wall, _ in spent), sum(cpu for _, cpu in spent))

    def _of(self, indices: range) -> list[tuple[dict[str, Any], dict[str, str]]]:
        return [self._pictures[index] for index in indices]

    def _plain(self, engine_plan: FramePlan) -> tuple[dict[str, Any], dict[str, str]]:
        plan = with_texture_files(engine_plan, surface_texture)
        shown = {o.asset_id for o in plan.objects} | {s.asset_id for s in plan.surfaces}
        return json.loads(plan.to_json()), {a: str(self._catalogue.asset(a).folder.absolute()) for a in sorted(shown)}


@contextmanager
def open_sides(
    config: RunConfig, catalogue: Catalogue, base: Path, folder: Path
) -> Iterator[tuple[Pipeline, Bare, Shares]]:
    """Both sides for a config, with planners of their own; the bare loop has all the threads of the pipeline's workers.

    Raises what starting an engine raises.
    """
    dataset, shares = DatasetFolder(folder), share_out(config, config.images)
    dataset.create(wanted_maps(config.output))
    settings = engine_settings(config)
    with contextlib.ExitStack() as stack:
        need = shares.workers * passes_bytes(settings, config.camera.resolution)
        scratch = stack.enter_context(scratch_folder(need))
        stages = Stages(catalogue, dataset, config, None, scratch, Console(quiet=True), lambda: None)
        seats = stages.seats(shares)
        for seat in seats:
            stack.callback(seat.close)
        process = WorkerProcess([sys.executable, str(BARE_LOOP)], scratch / "bare.log")
        stack.callback(process.close)
        threads = shares.threads * shares.workers
        process.ask({"op": "hello", "settings": asdict(replace(settings, threads=threads))}, TIMEOUT_S)
        ours = Pipeline(Planner(config, catalogue, base), seats, stages)
        yield ours, Bare(process, Planner(config, catalogue, base), catalogue), shares
