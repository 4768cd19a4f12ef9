"""Time and memory of exports of many pictures: a picture must cost the same however many there are.

    python benchmarks/export.py [--records 1000 10000] [--formats coco yolo …] [--write]

Records are synthetic (``synthetic_dataset.py``), 640x480, five labelled scans each with their masks. The export is what
ends every run: all records are read and checked, the COCO file and the contact sheet are written. With ``--formats``
the largest dataset is exported to each of these too, split into train, val and test, its pictures hard links. Each
export runs in a process of its own, whose memory at the end of its imports is taken off its peak. The last line is
JSON: ``seconds`` and ``peak_mb`` of the largest, and ``growth``, its CPU seconds a picture against the smallest's.
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

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.records.finished_dataset import open_dataset

TITLE = "Export (`export.py`)"


def export_here(root: Path) -> dict[str, float]:
    """Export the dataset in ``root`` and say what it took."""
    dataset = open_dataset(root)
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    pictures, _ = export(dataset.folder, dataset.run)
    return {
        "pictures": len(pictures),
        "seconds": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": peak_mb() - before,
        "file_mb": (root / "annotations" / "instances.json").stat().st_size / 1e6,
    }


def export_to(root: Path, format_: str) -> dict[str, float]:
    """Export the dataset in ``root`` to a format beside it, in three parts, and say what it took."""
    dataset, options = open_dataset(root), ExportOptions(split={"train": 0.8, "val": 0.1, "test": 0.1})
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    out, figures = export_dataset(dataset, format_, root.with_name(f"to_{format_}"), options)
    spent = {"seconds": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "peak_mb": peak_mb() - before}
    own = (p for p in Path(str(out)).rglob("*") if p.is_file() and p.suffix not in (".jpg", ".png"))
    return {"pictures": figures["pictures"], **spent, "file_mb": sum(p.stat().st_size for p in own) / 1e6}


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
    parser.add_argument("--formats", nargs="*", default=[], metavar="NAME", help="to which the largest is exported too")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        (format_,) = options.formats or [""]
        print(json.dumps(export_to(options.here, format_) if format_ else export_here(options.here)))
        return
    runs = []
    others: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "dataset"
        bases = [record for record, _ in base_pictures(root)]
        for count in sorted(options.records):
            repeat(root, bases, count)
            runs.append(in_a_process(root))
            print(f"{count} records: {runs[-1]['seconds']:.1f} s", flush=True)
        for format_ in options.formats:
            others[format_] = in_a_process(root, format_)
            print(f"{format_}: {others[format_]['seconds']:.1f} s", flush=True)
    report(runs, others, options.write)


def in_a_process(root: Path, *formats: str) -> dict[str, float]:
    """Figures of one export."""
    command = [sys.executable, __file__, "--here", str(root), *(["--formats", *formats] if formats else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(runs: list[dict[str, float]], others: dict[str, dict[str, float]], write: bool) -> None:
    """Print the table and the JSON line."""
    table = Table(title="Exports")
    heads = ("export", "pictures", "seconds", "CPU ms/picture", "peak MB", "file MB")
    for head in heads:
        table.add_column(head, justify="right")
    rows = []
    for name, run in [*(("own COCO file and contact sheet", run) for run in runs), *others.items()]:
        each = 1000 * run["cpu_s"] / run["pictures"]
        cells = [name, f"{run['pictures']:.0f}", f"{run['seconds']:.1f}", f"{each:.2f}"]
        rows.append([*cells, f"{run['peak_mb']:.0f}", f"{run['file_mb']:.1f}"])
        table.add_row(*rows[-1])
    Console().print(table)
    if write:
        write_section(TITLE, f"{made_on()}\n\n{markdown_table(heads, rows)}")
    last, first = runs[-1], runs[0]
    growth = (last["cpu_s"] / last["pictures"]) / (first["cpu_s"] / first["pictures"]) - 1
    figures = {"seconds": round(last["seconds"], 2), "peak_mb": round(last["peak_mb"], 1), "growth": round(growth, 3)}
    print(json.dumps(figures | {"runs": runs, "formats": others}))


if __name__ == "__main__":
    main()
