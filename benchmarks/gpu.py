"""Pictures a minute and the GPU's idle share, for Cycles and EEVEE with 1, 2 and 4 workers on one machine.

    python benchmarks/gpu.py [--device auto] [--pictures 60] [--workers 1 2 4] [--engines cycles eevee] [--write]

Makes pictures of ``workload.yaml`` with the preset ``standard`` as it is, through ``generate``: plan, cast, render,
verify, write. Steady rates: counted are the pictures from the moment when each worker has rendered :data:`WARM_UP` of
them, so that kernels are compiled, scans are loaded and all workers are at work, to the moment when the first of them
runs out of work. Idle share: one minus the mean over the same time of what ``nvidia-smi`` reports as utilisation, four
times a second; without nvidia-smi it is null. CPU seconds a picture tell what keeps a GPU waiting. Without a GPU
nothing is measured, unless ``--device cpu`` asks for it. The last line is JSON, with the best Cycles run's figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from results import made_on, markdown_table, write_section
from whole_run import generate_from

from scanstage.assets.messages.errors import InputError
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.blender_session import BlenderSession
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError, EngineFactory
from scanstage.render.engine.passes import Passes
from scanstage.render.executors.local.graphics_cards import count_gpus
from scanstage.scenes.plan import FramePlan

WORKLOAD = Path(__file__).with_name("workload.yaml")
WARM_UP = 3
"""Pictures of each worker before any is counted."""
TITLE = "GPU (`gpu.py`)"


@dataclass
class GpuWatch:
    """Samples the first NVIDIA GPU's utilisation while it runs: when, and percent, four times a second."""

    samples: list[tuple[float, float]] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> GpuWatch:
        if shutil.which("nvidia-smi"):
            asked = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-i", "0", "-lms", "250"]
            self._process = subprocess.Popen(["nvidia-smi", *asked], stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip().isdigit():
                self.samples.append((time.perf_counter(), float(line)))

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.terminate()

    def idle_share(self, begin: float, end: float) -> float | None:
        """Share of the time between two moments without a kernel on the GPU; None where it could not be measured."""
        found = [percent for when, percent in self.samples if begin <= when <= end]
        return 1 - statistics.mean(found) / 100 if found else None


@dataclass(frozen=True)
class Moment:
    """A picture that has been rendered: when, by which worker, and CPU seconds of this process and all workers then."""

    when: float
    worker: int
    cpu_s: float


@dataclass(frozen=True)
class Run:
    """What one run took, over its counted pictures."""

    engine: str
    workers: int
    device: str
    names: list[str]
    pictures: int
    failed: int
    seconds_per_picture: float
    cpu_s_per_picture: float
    gpu_idle_share: float | None


def noting(moments: list[Moment]) -> EngineFactory:
    """Engines that note each picture that any of them renders."""
    processes: dict[int, psutil.Process] = {}
    own, lock = psutil.Process(), threading.Lock()

    class Noted(BlenderSession):
        def render(self, plan: FramePlan, asset_folders: Mapping[str, Path], timeout_s: float) -> Passes:
            passes = super().render(plan, asset_folders, timeout_s)
            with lock:
                processes.setdefault(self.pid, psutil.Process(self.pid))
                times = [p.cpu_times() for p in (own, *processes.values())]
                moments.append(Moment(time.perf_counter(), self.pid, sum(t.user + t.system for t in times)))
            return passes

    return lambda settings, scratch, log, **options: Noted(settings, None, scratch, log, **options)


def counted(moments: list[Moment], workers: int) -> list[Moment]:
    """The pictures between the moments when all workers are warm and when the first has no more to do.

    The first of them only marks the beginning. Raises ValueError where there are too few.
    """
    by_worker: dict[int, list[Moment]] = defaultdict(list)
    for moment in moments:
        by_worker[moment.worker].append(moment)
    if len(by_worker) < workers or min(map(len, by_worker.values())) <= WARM_UP:
        raise ValueError("too few pictures for so many workers: raise --pictures")
    begin = max(found[WARM_UP - 1].when for found in by_worker.values())
    # As many pictures as there are workers, less one, are under way when the last one starts.
    end = moments[len(moments) - workers].when
    found = [moment for moment in moments if begin <= moment.when <= end]
    if len(found) < 2:
        raise ValueError("too few pictures after the warm-up: raise --pictures")
    return found


def measure(engine: str, workers: int, options: argparse.Namespace, out: Path) -> Run:
    """One run. Raises what ``generate`` raises, and ValueError where its pictures are too few."""
    overrides = [f"render.engine={engine}", f"render.device={options.device}"]
    if options.size:
        overrides.append(f"camera.resolution=[{options.size.replace('x', ', ')}]")
    pictures = workers * WARM_UP + options.pictures
    asked = GenerateOptions(overrides=tuple(overrides), images=pictures, out=out, workers=workers, fresh=True)
    moments: list[Moment] = []
    with GpuWatch() as watch:
        summary = generate_from(WORKLOAD, asked, noting(moments))
    if not summary.done:
        raise ValueError(f"no picture was made: {[reason for _, reason in summary.failed][:1]}")
    found = counted(moments, workers)
    first, last = found[0], found[-1]
    info = json.loads((out / "run.json").read_text("utf-8"))["engine"]
    return Run(
        engine,
        workers,
        info["device"],
        info["device_names"],
        len(found) - 1,
        len(summary.failed),
        (last.when - first.when) / (len(found) - 1),
        (last.cpu_s - first.cpu_s) / (len(found) - 1),
        watch.idle_share(first.when, last.when),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pictures", type=int, default=60, help="of each run, after the warm-up")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--engines", nargs="+", default=["cycles", "eevee"])
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    options = parser.parse_args()
    runs: list[Run] = []
    if options.device != "cpu" and not count_gpus(options.device):
        print(f"no GPU here for --device {options.device}: nothing is measured (--device cpu would use the processor)")
    else:
        runs = measure_all(options)
    best = min((r for r in runs if r.engine == "cycles"), key=lambda r: r.seconds_per_picture, default=None)
    if runs and options.write:
        write_section(TITLE, markdown(runs))
    keys = ("seconds_per_picture", "gpu_idle_share")
    print(json.dumps({key: getattr(best, key, None) for key in keys} | {"runs": [asdict(run) for run in runs]}))


def measure_all(options: argparse.Namespace) -> list[Run]:
    """All runs that are possible here; each is told as it ends."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in options.engines:
            for workers in options.workers:
                try:
                    run = measure(engine, workers, options, Path(folder) / f"{engine}-{workers}")
                except (InputError, EngineCrashed, EngineError, ValueError) as e:
                    print(f"{engine:<7} {workers} workers: not possible here: {str(e).splitlines()[0]}", flush=True)
                    continue
                runs.append(run)
                print("  ".join(cells(run)), flush=True)
    return runs


def cells(run: Run) -> list[str]:
    """A run as a row."""
    idle = "unknown" if run.gpu_idle_share is None else f"{run.gpu_idle_share:.0%}"
    of_time = [f"{60 / run.seconds_per_picture:.1f}", f"{run.seconds_per_picture:.3f}", f"{run.cpu_s_per_picture:.2f}"]
    return [run.engine, str(run.workers), run.device, *of_time, idle, str(run.failed)]


def markdown(runs: list[Run]) -> str:
    """The section of the results."""
    heads = ("engine", "workers", "device", "pictures/min", "s/picture", "CPU s/picture", "GPU idle", "failed")
    names = ", ".join(sorted({name for run in runs for name in run.names})) or "unnamed"
    return "\n\n".join([made_on(), f"On {names}.", markdown_table(heads, [cells(run) for run in runs])])


if __name__ == "__main__":
    main()
