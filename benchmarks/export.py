"""Time and memory of the COCO export of many pictures: a picture must cost the same however many there are.

    python benchmarks/export.py [--records 1000 10000] [--write]

Records are synthetic (``synthetic_dataset.py``), 640x480, five labelled scans each with their masks. The export is what
ends every run: all records are read and checked, the COCO file and the contact sheet are written. It runs in a process
of its own for each number, whose memory at the end of its imports is taken off its peak. The last line is JSON:
``seconds`` and ``peak_mb`` of the largest export, and ``growth``, its CPU seconds a picture against the smallest's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import made_on, markdown_table, write_section
from rich.console import Console
from rich.table import Table
from synthetic_dataset import base_pictures, repeat

from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.records.finished_dataset import open_dataset

TITLE = "Export (`export.py`)"


def export_here(root: Path) -> dict[str, float]:
    """Export the dataset in ``root`` and say what it took."""
    dataset = open_dataset(root)
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    pictures, _ = export(dataset.folder, dataset.categories, dataset.name)
    return {
        "pictures": len(pictures),
        "seconds": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": peak_mb() - before,
        "file_mb": (root / "annotations" / "instances.json").stat().st_size / 1e6,
    }


def peak_mb() -> float:
    """Highest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage tells a parent's peak where that was higher
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    kilo = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilo / 1e6 if sys.platform == "darwin" else kilo * 1024 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(export_here(options.here)))
        return
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "dataset"
        bases = [record for record, _ in base_pictures(root)]
        for count in sorted(options.records):
            repeat(root, bases, count)
            command = [sys.executable, __file__, "--here", str(root)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{count} records: {runs[-1]['seconds']:.1f} s", flush=True)
    report(runs, options.write)


def report(runs: list[dict[str, float]], write: bool) -> None:
    """Print the table and the JSON line."""
    table = Table(title="COCO export")
    heads = ("pictures", "seconds", "CPU ms/picture", "peak MB", "file MB")
    for head in heads:
        table.add_column(head, justify="right")
    rows = []
    for run in runs:
        each = 1000 * run["cpu_s"] / run["pictures"]
        cells = [f"{run['pictures']:.0f}", f"{run['seconds']:.1f}", f"{each:.2f}"]
        rows.append([*cells, f"{run['peak_mb']:.0f}", f"{run['file_mb']:.1f}"])
        table.add_row(*rows[-1])
    Console().print(table)
    if write:
        write_section(TITLE, f"{made_on()}\n\n{markdown_table(heads, rows)}")
    last, first = runs[-1], runs[0]
    growth = (last["cpu_s"] / last["pictures"]) / (first["cpu_s"] / first["pictures"]) - 1
    figures = {"seconds": round(last["seconds"], 2), "peak_mb": round(last["peak_mb"], 1), "growth": round(growth, 3)}
    print(json.dumps(figures | {"runs": runs}))


if __name__ == "__main__":
    main()
