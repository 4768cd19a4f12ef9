"""Pictures a minute of one worker with one thread, one worker with all threads, and a worker a core, on this machine.

    python benchmarks/scaling.py [--rounds 3] [--pictures 12] [--size 640x480] [--preset standard] [--samples N]

Every run makes the same pictures of the sample scans (``configs/quickstart.yaml``), through ``generate`` itself: plan,
cast, render, verify, write. Rounds alternate between the arrangements, there and back, so that whatever else the
machine does hits all alike. Two rates are shown. ``steady``: from the last worker's first picture to the last picture
of all, so without starting Blender and without what a first picture loads. ``with start``: the whole call of
``generate``. The ratios are of steady rates, each the median over rounds. CPU seconds a picture (coordinator and
workers, with the start) tell a loss to contention from work that is done twice. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from whole_run import generate_from

from scanstage.assets.machine.processors import usable_cores
from scanstage.render.bookkeeping.run_options import GenerateOptions

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.yaml"


@dataclass(frozen=True)
class Arrangement:
    """So many workers with so many threads each."""

    workers: int
    threads: int

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.workers} x {self.threads}"


@dataclass(frozen=True)
class Run:
    """What one run took: pictures a minute without and with the start, and CPU seconds a picture."""

    steady: float
    whole: float
    start_s: float
    cpu_s: float
    stages: dict[str, float]


def measure(arrangement: Arrangement, pictures: int, overrides: tuple[str, ...], out: Path) -> Run:
    """Make pictures 0 to ``pictures - 1`` into the folder ``out``. Raises what ``generate`` raises."""
    threads = f"render.threads={arrangement.threads}"
    options = GenerateOptions(
        overrides=(*overrides, threads), images=pictures, out=out, workers=arrangement.workers, fresh=True
    )
    cpu, begun, clock = cpu_seconds(), time.perf_counter(), time.time()
    summary = generate_from(CONFIG, options)
    whole_s = time.perf_counter() - begun
    if summary.failed:
        raise SystemExit(f"pictures failed: {summary.failed}")
    written = sorted(path.stat().st_mtime for path in summary.folder.records.iterdir())
    # Workers finish their first pictures one after the other: from the last of these on all of them are at work.
    first = written[arrangement.workers - 1]
    return Run(
        steady=60 * (pictures - arrangement.workers) / (written[-1] - first),
        whole=60 * pictures / whole_s,
        start_s=first - clock,
        cpu_s=(cpu_seconds() - cpu) / pictures,
        stages={stage: s / pictures for stage, s in summary.seconds.items() if stage != "total"},
    )


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in usages)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=12, help="of each run")
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--samples", type=int, default=None, help="in place of the preset's")
    options = parser.parse_args()
    width, height = options.size.split("x")
    overrides = (
        f"camera.resolution=[{width}, {height}]",
        f"render.preset={options.preset}",
        f"render.samples={options.samples or 'null'}",
        "render.device=cpu",
    )
    cores = usable_cores()
    arrangements = [Arrangement(1, 1), Arrangement(1, cores), Arrangement(cores, 1)]
    runs: dict[Arrangement, list[Run]] = {a: [] for a in arrangements}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.rounds):
            for arrangement in arrangements if i % 2 == 0 else reversed(arrangements):
                run = measure(arrangement, options.pictures, overrides, Path(folder) / arrangement.name)
                runs[arrangement].append(run)
                print(f"round {i + 1}: {arrangement.name}: {run.steady:.1f} pictures a minute", flush=True)
    report(runs, cores, options)


def report(runs: dict[Arrangement, list[Run]], cores: int, options: argparse.Namespace) -> None:
    """Print the table and the JSON line."""
    one, threaded, many = runs.values()
    against_one = [m.steady / o.steady for m, o in zip(many, one, strict=True)]
    against_threaded = [m.steady / t.steady for m, t in zip(many, threaded, strict=True)]
    load = os.getloadavg()[0]
    title = (
        f"{options.pictures} pictures a run, {options.rounds} rounds, {options.size}, load {load:.1f}, {cores} cores"
    )
    table = Table(title=title)
    for head in ("workers x threads", "steady /min", "from - to", "with start /min", "start s", "CPU s/picture"):
        table.add_column(head, justify="right")
    stages = list(dict.fromkeys(stage for found in runs.values() for stage in found[0].stages))
    for stage in stages:
        table.add_column(f"{stage} s", justify="right")
    for arrangement, found in runs.items():
        rates = [r.steady for r in found]
        cells = [f"{statistics.median(rates):.1f}", f"{min(rates):.1f} - {max(rates):.1f}"]
        cells += [f"{statistics.median(getattr(r, key) for r in found):.2f}" for key in ("whole", "start_s", "cpu_s")]
        cells += [f"{statistics.median(r.stages.get(stage, 0.0) for r in found):.3f}" for stage in stages]
        table.add_row(arrangement.name, *cells)
    Console(width=150).print(table)
    figures = {
        "two_workers_vs_one_thread": round(statistics.median(against_one), 3),
        "two_workers_vs_two_threads": round(statistics.median(against_threaded), 3),
        "ratios_by_round": {
            "vs_one_thread": [round(r, 3) for r in against_one],
            "vs_two_threads": [round(r, 3) for r in against_threaded],
        },
        "with_start": {a.name: round(statistics.median(r.whole for r in found), 2) for a, found in runs.items()},
        "pictures_a_minute": {
            a.name: round(statistics.median(r.steady for r in found), 2) for a, found in runs.items()
        },
        "cores": cores,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
