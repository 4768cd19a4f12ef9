"""Pictures a minute and the GPU's idle share, for Cycles and EEVEE with 1, 2 and 4 workers on one machine.

    python benchmarks/gpu.py [--device auto] [--pictures 40] [--workers 1 2 4] [--engines cycles eevee]

Renders the sample scans on tables at 640x480 with the preset ``standard``, 32 samples. Each run starts with a few
pictures that are not counted: kernels are compiled and caches filled; counted pictures include the start of their
workers, so give many. Idle share: one minus the mean of what
``nvidia-smi`` reports as utilisation while counted pictures are made; without nvidia-smi it is null. The last line is
JSON, with the best Cycles run's figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from assets.errors import InputError
from render.generate import GenerateOptions, generate
from render.worker_process import EngineCrashed, EngineError

CONFIG = Path(__file__).parents[1] / "configs" / "quickstart.yaml"
WARM_UP = 4


@dataclass
class GpuWatch:
    """Samples the first NVIDIA GPU's utilisation four times a second while it runs."""

    samples: list[float] = field(default_factory=list)
    _process: subprocess.Popen[str] | None = None

    def __enter__(self) -> GpuWatch:
        if shutil.which("nvidia-smi"):
            query = [
                "nvidia-smi",
                "--query-gpu=utilization.gpu",
                "--format=csv,noheader,nounits",
                "-i",
                "0",
                "-lms",
                "250",
            ]
            self._process = subprocess.Popen(query, stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip().isdigit():
                self.samples.append(float(line))

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.terminate()

    @property
    def idle_share(self) -> float | None:
        """Share of time without a kernel on the GPU; None where it could not be measured."""
        return 1 - statistics.mean(self.samples) / 100 if self.samples else None


def measure(engine: str, workers: int, device: str, pictures: int, folder: Path) -> dict[str, object]:
    """One run: warm up, then count. Raises what ``generate`` raises."""
    overrides = (f"render.engine={engine}", f"render.device={device}", "render.samples=32")
    out = folder / f"{engine}-{workers}"
    options = GenerateOptions(overrides, WARM_UP * workers, None, None, out, None, workers)
    generate(CONFIG, options, Console(quiet=True))
    total = WARM_UP * workers + pictures
    with GpuWatch() as watch:
        start = time.perf_counter()
        summary = generate(
            CONFIG, GenerateOptions(overrides, total, None, None, out, None, workers), Console(quiet=True)
        )
        seconds = time.perf_counter() - start
    engine_info = json.loads(summary.folder.run_file.read_text())["engine"]
    return {
        "engine": engine,
        "workers": workers,
        "device": engine_info["device"],
        "names": engine_info["device_names"],
        "pictures": summary.done,
        "failed": len(summary.failed),
        "seconds_per_picture": seconds / max(summary.done, 1),
        "gpu_idle_share": watch.idle_share,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--engines", nargs="+", default=["cycles", "eevee"])
    options = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in options.engines:
            for workers in options.workers:
                try:
                    run = measure(engine, workers, options.device, options.pictures, Path(folder))
                except (InputError, EngineCrashed, EngineError) as e:
                    print(f"{engine:<7} {workers} workers: not possible here: {str(e).splitlines()[0]}", flush=True)
                    continue
                runs.append(run)
                idle = run["gpu_idle_share"]
                print(
                    f"{engine:<7} {workers} workers on {run['device']}: {run['seconds_per_picture']:.2f} s a picture, "
                    f"GPU idle {'unknown' if idle is None else f'{idle:.0%}'}, {run['failed']} failed",
                    flush=True,
                )
    cycles = [r for r in runs if r["engine"] == "cycles"]
    best = min(cycles, key=lambda r: float(str(r["seconds_per_picture"])), default={})
    keys = ("seconds_per_picture", "gpu_idle_share")
    print(json.dumps({key: best.get(key) for key in keys} | {"runs": runs}))


if __name__ == "__main__":
    main()
