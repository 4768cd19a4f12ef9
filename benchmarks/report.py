"""Time, memory and size of reports, and how soon a browser shows them.

    python benchmarks/report.py --dataset output/quickstart [--pictures 200 1000] [--write]

The pictures and records of a real dataset are repeated, under numbers of their own, until there are as many as asked
for, and a report is made of them by a process of its own. Chromium (by Playwright, in the extra ``test``) opens it from
disk: ``ready_s`` is until the page answers, ``seen_s`` until the first row of pictures is drawn;
the median of five. The last line is JSON: ``seconds``, ``cpu_s``, ``peak_mb``, ``page_mb``, ``shown``, ``ready_s``,
``seen_s`` of the largest.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from results import made_on, markdown_table, write_section
from rich.console import Console
from synthetic_dataset import repeat

from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import Record

TITLE = "Report (`report.py`)"
OPENED = 5
SEEN = (
    """() => [...document.querySelectorAll('#gallery-list img')].slice(0, 6).every(i => i.complete && i.naturalWidth)"""
)


def report_here(root: Path, out: Path) -> dict[str, float]:
    """Make the report of a dataset, and say what it took."""
    from scanstage.render.commands.look.write_report import write_report

    wall, cpu = time.perf_counter(), time.process_time()
    made = write_report(root, str(root), out)
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_mb": made.size / 1e6,
        "shown": made.facts["shown"],
    }


def repeated(dataset: Path, count: int, root: Path) -> None:
    """A dataset of so many pictures out of another's."""
    source = open_dataset(dataset)
    bases: list[Record] = list(source.records())
    for name in ("records", "images"):
        (root / name).mkdir(parents=True)
    shutil.copy(dataset / "run.json", root / "run.json")
    for base in bases[:count]:
        shutil.copy(dataset / "images" / base.image.file_name, root / "images" / base.image.file_name)
    repeat(root, [_without_maps(base) for base in bases[:count]], count)


def _without_maps(record: Record) -> Record:
    return replace(record, maps={})


def opened(page: Path) -> dict[str, float]:
    """How soon Chromium shows a page."""
    path = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
    ready, seen = [], []
    with sync_playwright() as playwright:
        for _ in range(OPENED):  # a browser each time: nothing is cached
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="commit")
            tab.wait_for_selector("html[data-ready]")
            ready.append(time.perf_counter() - start)
            while not tab.evaluate(SEEN):
                tab.wait_for_timeout(5)
            seen.append(time.perf_counter() - start)
            browser.close()
    return {"ready_s": statistics.median(ready), "seen_s": statistics.median(seen)}


def measure(dataset: Path, count: int) -> dict[str, Any]:
    """All figures of a report of so many pictures."""
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        root, page = Path(folder) / "dataset", Path(folder) / "report.html"
        repeated(dataset, count, root)
        argv = [sys.executable, __file__, "--here", str(root), str(page)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        made: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return {"pictures": count} | made | opened(page)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dataset", type=Path, help="whose pictures are repeated")
    parser.add_argument("--pictures", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    parser.add_argument("--here", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        print(json.dumps(report_here(*given.here)))
        return
    if given.dataset is None:
        parser.error("--dataset is needed")
    rows = [measure(given.dataset.resolve(), count) for count in given.pictures]
    keys = ("pictures", "shown", "seconds", "cpu_s", "peak_mb", "page_mb", "ready_s", "seen_s")
    heads = ("pictures", "shown", "s", "CPU-s", "peak MB", "page MB", "ready, s", "seen, s")
    cells = [[f"{row[k]:.3g}" if isinstance(row[k], float) else str(row[k]) for k in keys] for row in rows]
    table = markdown_table(heads, cells)
    Console().print(table)
    if given.write:
        write_section(TITLE, f"{made_on()}\n\n{table}")
    print(json.dumps({k: rows[-1][k] for k in keys}))


if __name__ == "__main__":
    main()
