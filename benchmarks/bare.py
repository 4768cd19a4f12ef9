"""The bare loop (``bare_loop.py``) seen from a benchmark: a process that renders given plans and nothing else."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline import Spent, stamp

from scanstage.render.engine.worker_process import WorkerProcess
from scanstage.render.executors.local.texture_files import with_texture_files
from scanstage.render.finish.map_output import engine_settings
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.planning.planner import Planner

TIMEOUT_S = 3600.0
BARE_LOOP = Path(__file__).with_name("bare_loop.py")


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
            stamps.append(self._plain(stamp(planned.engine_plan)))
        self._process.ask({"op": "loop", "pictures": stamps}, TIMEOUT_S)

    def make(self, indices: range) -> Spent:
        """Render pictures that were loaded."""
        spent = self._process.ask({"op": "loop", "pictures": self._of(indices)}, TIMEOUT_S)["spent"]
        wall, cpu, set_cpu = (sum(values) for values in zip(*spent, strict=True))
        return Spent(wall, cpu, set_cpu_s=set_cpu)

    def _of(self, indices: range) -> list[tuple[dict[str, Any], dict[str, str]]]:
        return [self._pictures[index] for index in indices]

    def _plain(self, engine_plan: FramePlan) -> tuple[dict[str, Any], dict[str, str]]:
        plan = with_texture_files(engine_plan)
        folders = self._catalogue.folders_of(plan)
        return json.loads(plan.to_json()), {asset: str(folder.absolute()) for asset, folder in folders.items()}


@contextmanager
def open_bare(config: RunConfig, catalogue: Catalogue, base: Path, folder: Path, threads: int) -> Iterator[Bare]:
    """The bare loop at a config's settings; its log goes into ``folder``.

    Raises what starting an engine raises.
    """
    process = WorkerProcess([sys.executable, str(BARE_LOOP)], folder / "bare.log")
    with contextlib.closing(process):
        settings = replace(engine_settings(config), threads=threads)
        process.ask({"op": "hello", "settings": asdict(settings)}, TIMEOUT_S)
        yield Bare(process, Planner(config, catalogue, base), catalogue)
