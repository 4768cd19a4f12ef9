"""The two sides of :mod:`peer`: scanstage's pipeline, and the plain loop in its own process; and what each takes."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from whole_run import pid_of

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.render.engine.blender_session import BlenderEngines
from scanstage.render.engine.engine_protocol import Engine
from scanstage.render.engine.passes import Passes
from scanstage.render.engine.worker_process import WorkerProcess
from scanstage.render.executors.local.local_executor import LocalExecutor
from scanstage.render.executors.local.machine_shares import share_out
from scanstage.render.executors.local.picture_pipeline import PicturePipeline
from scanstage.render.executors.local.texture_files import with_texture_files
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.picture_sequence.planned_picture import PlannedPicture
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

LOOP = Path(__file__).with_name("peer_loop.py")
EVERY_S = 0.1
PATIENCE_S = 7200.0


@dataclass(frozen=True)
class Block:
    """What a side took for a block of pictures: seconds of wall and of all its processes' CPUs."""

    wall_s: float
    cpu_s: float


class Ours:
    """scanstage: planner, cast, workers that stay open, checks, labels, pictures and records.

    Args:
        config, catalogue, base: of the run.
        root: folder for dataset, passes and kept radiance.
    """

    name = "scanstage"

    def __init__(self, config: RunConfig, catalogue: Catalogue, base: Path, root: Path) -> None:
        self._catalogue, self._root = catalogue, root
        self.planner = Planner(config, catalogue, base)
        use_one_blas_thread()
        self.folder = DatasetFolder(root / "ours")
        scratch = root / "scratch"
        scratch.mkdir()
        self._pipeline = PicturePipeline(catalogue, self.folder, config, BlenderEngines(), scratch, announce=False)
        self.folder.create()
        self.shares = share_out(config, 10_000)
        self._workers = self._pipeline.workers(self.shares)
        self.pids: set[int] = set()
        self._judged: frozenset[int] = frozenset()

    def start(self, warm_up: list[Planned]) -> None:
        """Start the workers and show them every scan, small; nothing of it is counted. Plans go through the stages."""
        for worker in self._workers:
            engine = worker.start()
            self.pids.add(pid_of(engine))
            for planned in warm_up:
                self._pipeline.render(engine, planned)
        self.pids.add(psutil.Process().pid)

    def make(self, indices: list[int], judged: frozenset[int]) -> Block:
        """Make pictures; linear radiance of those ``judged`` is kept. Raises SystemExit where one fails."""
        self._judged = judged
        executor = LocalExecutor(lambda: self._workers, self._finish, self._pipeline.give_up)
        with _counted(self.pids) as taken:
            executor.start(self._pictures(indices), at_once=True)
            for outcome in executor.outcomes():
                if outcome.record is None:
                    raise SystemExit(f"picture {outcome.index} failed: {outcome.reason}")
        return taken[0]

    def _pictures(self, indices: list[int]) -> Iterator[PlannedPicture]:
        for index in indices:
            begun = time.perf_counter()
            yield PlannedPicture(self.planner.plan(index), time.perf_counter() - begun)

    def _finish(self, planned: Planned, passes: Passes, engine: Engine) -> Record:
        record = self._pipeline.finish(planned, passes, engine)
        if planned.plan.index in self._judged:
            np.savez(self.kept(planned.plan.index), radiance=passes.radiance, exposure_ev=record.exposure_ev)
        return record

    def kept(self, index: int) -> Path:
        """Where radiance of a judged picture is."""
        return self._root / f"ours-{index}.npz"

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()


class Plain:
    """The plain loop. It is given plans, which aren't counted as its work.

    Args:
        catalogue: of the run.
        threads: of the CPU; 0 is all.
        root: folder for pictures and kept radiance.
        log: file for what Blender prints.
    """

    name = "plain loop"

    def __init__(self, catalogue: Catalogue, threads: int, root: Path, log: Path) -> None:
        self._catalogue, self._root = catalogue, root
        self._worker = WorkerProcess([sys.executable, str(LOOP)], log)
        self.blender = self._worker.ask({"op": "hello", "threads": threads}, PATIENCE_S)["blender"]
        self.pids = {self._worker.pid}

    def start(self, warm_up: list[Planned]) -> None:
        """Load every scan, render one small picture of all of them."""
        folders = {asset: str(self._catalogue.asset(asset).folder) for asset in scans(self._catalogue)}
        self._worker.ask({"op": "load", "folders": folders}, PATIENCE_S)
        for planned in warm_up:
            self._ask("render", planned, out=str(self._root / "warm_up"))

    def make(self, plans: list[Planned], judged: frozenset[int]) -> Block:
        """Make pictures; linear radiance of those ``judged`` is kept, which isn't counted."""
        wall_s = cpu_s = 0.0
        for planned in plans:
            with _counted(self.pids) as taken:
                self._ask("render", planned, out=str(self._root / "plain"))
            wall_s, cpu_s = wall_s + taken[0].wall_s, cpu_s + taken[0].cpu_s
            if planned.plan.index in judged:
                self._worker.ask({"op": "keep", "out": str(self.kept(planned.plan.index))}, PATIENCE_S)
        return Block(wall_s, cpu_s)

    def truth(self, planned: Planned, window: tuple[int, int, int, int], out: Path) -> None:
        """Write a window of the true radiance of a picture; nothing else can be rendered afterwards."""
        self._ask("truth", planned, window=list(window), out=str(out))

    def kept(self, index: int) -> Path:
        """Where radiance of a judged picture is."""
        return self._root / f"plain-{index}.exr"

    def close(self) -> None:
        """End it."""
        self._worker.close()

    def _ask(self, op: str, planned: Planned, **more: Any) -> None:
        plan = with_texture_files(planned.engine_plan)
        folders = {asset: str(folder) for asset, folder in self._catalogue.folders_of(plan).items()}
        self._worker.ask({"op": op, "plan": json.loads(plan.to_json()), "folders": folders, **more}, PATIENCE_S)


@contextlib.contextmanager
def _counted(pids: set[int]) -> Iterator[list[Block]]:
    """Fills in one block for what happens inside."""
    taken: list[Block] = []
    cpu, begun = _cpu_s(pids), time.perf_counter()
    yield taken
    taken.append(Block(time.perf_counter() - begun, _cpu_s(pids) - cpu))


def _cpu_s(pids: set[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(t.user + t.system for t in times))


def scans(catalogue: Catalogue) -> list[str]:
    """Ids of all scans."""
    return [asset.meta.asset_id for assets in catalogue.by_class.values() for asset in assets]


def warm_up_plan(planned: Planned, catalogue: Catalogue) -> Planned:
    """A small picture of the plan's stage with every scan in it, which only an engine can use."""
    plan: FramePlan = planned.engine_plan
    width, height = plan.camera.resolution_wh
    share = 64 / width
    camera = replace(
        plan.camera,
        resolution_wh=(64, round(height * share)),
        fx=plan.camera.fx * share,
        fy=plan.camera.fy * share,
        cx=32.0,
        cy=round(height * share) / 2,
    )
    shown = plan.objects[0]
    ids = scans(catalogue)
    objects = tuple(replace(shown, instance_id=i + 1, asset_id=asset) for i, asset in enumerate(ids))
    return replace(planned, engine_plan=replace(plan, camera=camera, objects=objects))


class MemoryWatch:
    """Peak resident memory of sides, looked at ten times a second: of each the sum over its processes."""

    def __init__(self, sides: dict[str, set[int]]) -> None:
        self._processes = {name: [psutil.Process(pid) for pid in pids] for name, pids in sides.items()}
        self.peak = dict.fromkeys(sides, 0)
        self.parts: dict[str, list[int]] = {}
        self._stop = threading.Event()

    def __enter__(self) -> MemoryWatch:
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(EVERY_S):
            for name, processes in self._processes.items():
                with contextlib.suppress(psutil.Error):
                    parts = [p.memory_info().rss for p in processes]
                    if sum(parts) > self.peak[name]:
                        self.peak[name], self.parts[name] = sum(parts), sorted(parts)

    def __exit__(self, *error: object) -> None:
        self._stop.set()
