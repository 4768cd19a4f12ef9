"""From the command to the first picture, and what a large library adds to that.

    python benchmarks/start.py [--rounds 3] [--scans 500] [--write]

Runs the real command, ``generate``, in a process of its own, and takes the time until Cycles begins to sample the first
picture, and until the first record is there; then it ends the run. Four runs a round, there and back:

- *quickstart*: ``configs/quickstart.yaml`` as it is, the samples already in the cache: ``start_to_first_sample_s`` and
  ``start_to_first_picture_s``;
- *stamps*: the same with pictures of 64x48 at one sample: all but the sampling (``start_without_sampling_s``);
- *10 scans* and *500 scans*: stamps from a library of its own, of which a run uses 10 classes of one small scan each;
  ``extra_s_with_500_scans`` is the difference.

Medians over rounds. CPU seconds are of the command and its workers up to that moment. The last line is JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]

from results import made_on, markdown_table, write_section

from scanstage.assets.asset import AssetMeta, Material, MeshArrays
from scanstage.assets.library.primitives import build_primitive
from scanstage.assets.library.stored_assets import store_asset
from scanstage.assets.samples.sample_library import sample_assets

TITLE = "Start (`start.py`)"
QUICKSTART = ROOT / "configs" / "quickstart.yaml"
USED = 10
STAMPS = ("camera.resolution=[64, 48]", "render.samples=1", "labels.min_pixels=1", "labels.min_box_px=1")
TIMEOUT_S = 600.0
POLL_S = 0.01


@dataclass(frozen=True)
class Start:
    """Seconds, and CPU seconds of all processes, from the command to its first record; and to its first sample."""

    sample_s: float
    wall_s: float
    cpu_s: float


def first_picture(config: Path, overrides: tuple[str, ...], library: Path | None, folder: Path) -> Start:
    """Run the command until its first record is there. Raises SystemExit where it ends before."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    sets = [text for override in overrides for text in ("--set", override)]
    command = [sys.executable, "-m", "scanstage", "generate", str(config), "--out", str(out), *sets]
    environment = os.environ | ({} if library is None else {"SCANSTAGE_LIBRARY": str(library)})
    with (folder / "log").open("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=ROOT)
        sampling = None
        try:
            while not list(out.glob("records/[0-9]*.json")):
                if sampling is None and is_sampling(process.pid):
                    sampling = time.perf_counter() - start
                if process.poll() is not None or time.perf_counter() - start > TIMEOUT_S:
                    log.seek(0)
                    raise SystemExit(f"no picture came of {' '.join(command)}:\n{log.read()}")
                time.sleep(POLL_S)
            wall, cpu = time.perf_counter() - start, cpu_of_tree(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    return Start(wall if sampling is None else sampling, wall, cpu)


def is_sampling(pid: int) -> bool:
    """Whether a worker of the command has begun to sample, by what Blender prints."""
    with contextlib.suppress(psutil.Error, OSError):
        for worker in psutil.Process(pid).children(recursive=True):
            for log in (Path(file.path) for file in worker.open_files() if file.path.endswith(".log")):
                if "Sample 0/" in log.read_text("utf-8", "replace"):
                    return True
    return False


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process and of those that it started and that still run."""
    parent = psutil.Process(pid)
    return sum(sum(p.cpu_times()[:2]) for p in (parent, *parent.children(recursive=True)))


def fill_library(library: Path, scans: int) -> None:
    """Scans of a small mesh, each in a class of its own: ``used00`` to ``used09``, then ``other000`` and so on."""
    shape = build_primitive("sphere")
    mesh = MeshArrays(shape.vertices * np.float32(0.1), shape.faces, shape.face_material, shape.hull * np.float32(0.1))
    width, depth, height = (float(side) for side in np.ptp(mesh.vertices, axis=0))
    for i in range(scans):
        name = f"used{i:02d}" if i < USED else f"other{i:03d}"
        material = Material(base_color=((i % 7) / 7, (i % 5) / 5, (i % 3) / 3, 1.0))
        meta = AssetMeta(f"{name}/scan-{i:08d}", name, (width, depth, height), len(mesh.faces), (material,))
        store_asset(library, meta, mesh, {})


def library_config(folder: Path) -> Path:
    """The quickstart with a library's ten classes."""
    classes = ", ".join(f"used{i:02d}" for i in range(USED))
    samples, before = "source: samples", QUICKSTART.read_text("utf-8")
    if before.count(samples) != 1:
        raise SystemExit(f"{QUICKSTART}: {samples!r} is no longer there once, so nothing would be measured")
    text = before.replace(samples, f"source: library\n  classes: [{classes}]")
    path = folder / "library.yaml"
    path.write_text(text, "utf-8")
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scans", type=int, default=500)
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    options = parser.parse_args()
    sample_assets()  # made on first use
    found: dict[str, list[Start]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many, config = folder / "few", folder / "many", library_config(folder)
        fill_library(few, USED)
        fill_library(many, options.scans)
        cases: list[tuple[str, Path, tuple[str, ...], Path | None]] = [
            ("quickstart", QUICKSTART, (), None),
            ("stamps", QUICKSTART, STAMPS, None),
            (f"{USED} scans", config, STAMPS, few),
            (f"{options.scans} scans", config, STAMPS, many),
        ]
        for i in range(options.rounds):
            for case, path, overrides, library in cases if i % 2 == 0 else reversed(cases):
                start = first_picture(path, overrides, library, folder)
                found[case].append(start)
                words = f"first sample {start.sample_s:.2f} s, picture {start.wall_s:.2f} s, {start.cpu_s:.2f} CPU-s"
                print(f"round {i + 1}, {case}: {words}", flush=True)
    report({case: found[case] for case, *_ in cases}, options)


def report(found: dict[str, list[Start]], options: argparse.Namespace) -> None:
    """Print the table and the JSON line."""
    heads = ("run", "s to the first sample", "s to the first picture", "from - to", "CPU-s")
    table = Table(title=f"{options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for head in heads:
        table.add_column(head, justify="right")
    medians, cells = {}, []
    for case, starts in found.items():
        walls = [s.wall_s for s in starts]
        medians[case] = Start(
            *(statistics.median(getattr(s, n) for s in starts) for n in ("sample_s", "wall_s", "cpu_s"))
        )
        span = f"{min(walls):.2f} - {max(walls):.2f}"
        cells.append(
            [case, f"{medians[case].sample_s:.2f}", f"{medians[case].wall_s:.2f}", span, f"{medians[case].cpu_s:.2f}"]
        )
        table.add_row(*cells[-1])
    Console(width=100).print(table)
    if options.write:
        told = f"{made_on()}\n\nMedians of {options.rounds} rounds."
        write_section(TITLE, f"{told}\n\n{markdown_table(heads, cells)}")
    quickstart, stamps, few, many = medians.values()
    figures = {
        "start_to_first_picture_s": round(quickstart.wall_s, 3),
        "start_to_first_sample_s": round(quickstart.sample_s, 3),
        "start_without_sampling_s": round(stamps.wall_s, 3),
        "extra_s_with_500_scans": round(many.wall_s - few.wall_s, 3),
        "extra_cpu_s_with_500_scans": round(many.cpu_s - few.cpu_s, 3),
        "cpu_s_to_first_picture": round(quickstart.cpu_s, 3),
        "cpu_s_without_sampling": round(stamps.cpu_s, 3),
        "scans": options.scans,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
