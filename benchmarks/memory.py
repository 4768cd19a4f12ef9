"""Whether memory grows with the number of pictures: 300 tiny ones, all sample scans, changing HDRIs, textures, lamps.

    python benchmarks/memory.py [--pictures 300] [--workers 1] [--size 64x48] [--recycle-gb N] [--curve FILE.csv]

The whole pipeline runs, through ``generate``; the resident memory of every worker and of the coordinator is noted after
each picture. Workers are not replaced (their bound is far away) unless ``--recycle-gb`` says when, so that what leaks
shows. Growth is measured after a worker's first 50 pictures, when all scans and textures have been seen: the larger of
(a) the mean of the last 50 against the mean of the 50 that follow the first 50, and (b) a straight line fitted to all
after the first 50, its end against its beginning. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from whole_run import generate_from

from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.engine_protocol import EngineFactory
from scanstage.render.engine.passes import Passes
from scanstage.scenes.plan import FramePlan

FIRST = 50
FAR_AWAY_GB = 1000
CONFIG = """
assets: {source: samples}
objects: {count: {integer: [2, 6]}}
distractors: {count: {integer: [0, 4]}}
stage:
  kind: table
  looks: {texture: {choice: [wood_grain, wood_planks, marble, terrazzo, linen, fabric, cork, granite, checks]}}
light:
  lamps: [{kind: area, count: {integer: [0, 2]}, power: {uniform: [10, 60]}}]
labels: {min_pixels: 1, min_box_px: 1}
"""


@dataclass(frozen=True)
class Sample:
    """Bytes of a worker and of the coordinator, and Blender's datablocks, after a picture."""

    worker: int
    coordinator: int
    datablocks: int


def noting(samples: dict[int, list[Sample]]) -> EngineFactory:
    """Engines that note memory after each picture, by the worker's process id."""
    own = psutil.Process()

    class Noted(BlenderSession):
        def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
            passes = super().render(plan, asset_folders, timeout_s)
            assert self.last is not None
            worker = self.last.rss_bytes or psutil.Process(self.pid).memory_info().rss
            samples[self.pid].append(Sample(worker, own.memory_info().rss, self.last.datablocks))
            return passes

    return lambda settings, scratch, log, **options: Noted(settings, None, scratch, log, **options)


def growth(values: list[float]) -> float | None:
    """How much the values grow after the first 50, as a fraction; None where they are too few to tell."""
    rest = values[FIRST:]
    if len(rest) < FIRST:
        return None
    means = float(np.mean(rest[-FIRST:]) / np.mean(rest[:FIRST]) - 1)
    slope, begin = np.polyfit(np.arange(len(rest)), rest, 1)
    return max(means, float(slope * (len(rest) - 1) / begin))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--size", default="64x48")
    parser.add_argument("--recycle-gb", type=float, default=FAR_AWAY_GB, help="bound of a worker")
    parser.add_argument("--curve", type=Path, default=None, help="write all values as CSV")
    options = parser.parse_args()
    overrides = (
        f"camera.resolution=[{options.size.replace('x', ', ')}]",
        "render.samples=1",
        f"workers.memory_gb={options.recycle_gb}",
    )
    samples: dict[int, list[Sample]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "tiny.yaml"
        config.write_text(CONFIG)
        summary = generate_from(
            config,
            GenerateOptions(overrides, images=options.pictures, out=Path(folder) / "out", workers=options.workers),
            noting(samples),
        )
    if options.curve:
        rows = [
            f"{pid},{i},{s.worker},{s.coordinator},{s.datablocks}"
            for pid in samples
            for i, s in enumerate(samples[pid])
        ]
        options.curve.write_text("\n".join(["pid,picture,worker,coordinator,datablocks", *rows]) + "\n")
    report(samples, summary.done, len(summary.failed))


def report(samples: Mapping[int, list[Sample]], done: int, failed: int) -> None:
    """Print the table and the JSON line."""
    table = Table(title=f"{done} pictures, {failed} failed, {len(samples)} worker processes")
    heads = (
        "process",
        "pictures",
        "after 1, MB",
        "after 50",
        "after 100",
        "at the end",
        "peak",
        "growth after 50",
        "datablocks",
    )
    for head in heads:
        table.add_column(head, justify="right")
    found: dict[str, Any] = {}
    for number, noted in enumerate(samples.values()):
        curves = {f"worker {number + 1}": [s.worker for s in noted]}
        if number == 0:
            curves["coordinator"] = [s.coordinator for s in noted]
        for name, values in curves.items():
            mega = [v / 1e6 for v in values]
            grown = growth(mega)
            found[name] = {"peak_mb": round(max(mega)), "growth_after_50": None if grown is None else round(grown, 4)}
            at = [f"{mega[min(i, len(mega)) - 1]:.0f}" for i in (1, 50, 100, len(mega))]
            blocks = "" if name == "coordinator" else f"{noted[0].datablocks} - {max(s.datablocks for s in noted)}"
            share = "too few" if grown is None else f"{grown:+.1%}"
            table.add_row(name, str(len(mega)), *at, f"{max(mega):.0f}", share, blocks)
    Console(width=120).print(table)
    workers = [
        v["growth_after_50"] for k, v in found.items() if k != "coordinator" and v["growth_after_50"] is not None
    ]
    print(json.dumps({"growth_after_50": max(workers, default=None), "pictures": done, "failed": failed, **found}))


if __name__ == "__main__":
    main()
