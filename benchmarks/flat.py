"""Whether picture 1,000 costs what picture 50 did: time and memory of one session without recycling.

    python benchmarks/flat.py [--pictures 1000] [--block 50] [--size 64x48] [--workers 1] [--write]

Tiny pictures at one sample of all sample scans, distractors, eight HDRIs, textures and lamps, through the whole
pipeline. What a picture shows decides what it costs, so the same pictures are compared: the first block is made twice
before and twice after all others, within one session. Ratios are of the last two passes to the second and third, by
wall time, by CPU time, and by memory of the workers and of the coordinator; the first pass loads what is needed and
doesn't count. ``benchmarks/memory.py`` has the curve of memory through ``generate``. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.memory import CONFIG, FAR_AWAY_GB
from benchmarks.pipeline import Pipeline, Spent, open_pipeline
from benchmarks.results import made_on, write_section
from render.options import GenerateOptions, read_config
from scenes.preflight import open_inputs

TITLE = "Cost of picture 1,000 (`flat.py`)"
HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
PASSES = 2


class Passes:
    """Passes over the same pictures, at one time of a session."""

    def __init__(self, pipeline: Pipeline, block: int, first: int) -> None:
        self.first, self.last = first, first + PASSES * block - 1
        spent: list[Spent] = [pipeline.make(range(block)) for _ in range(PASSES)]
        pictures = PASSES * block
        self.wall_s = sum(s.wall_s for s in spent) / pictures
        self.cpu_s = sum(s.cpu_s for s in spent) / pictures
        self.plan_cpu_s = sum(s.plan_cpu_s for s in spent) / pictures
        self.coordinator_cpu_s = sum(s.coordinator_cpu_s for s in spent) / pictures
        self.coordinator_mb, self.workers_mb = (value / 1e6 for value in pipeline.memory_bytes())


def measure(pictures: int, block: int, size: str, workers: int) -> tuple[Passes, Passes]:
    """Passes early and late in a session of so many pictures."""
    images = ", ".join(f'"builtin:{name}"' for name in HDRIS)
    overrides = (
        f"camera.resolution=[{size.replace('x', ', ')}]",
        "render.samples=1",
        f"light.hdri.image={{choice: [{images}]}}",
        f"workers.memory_gb={FAR_AWAY_GB}",
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "tiny.yaml")
        path.write_text(CONFIG, "utf-8")
        config = read_config(path, GenerateOptions(overrides, images=pictures, workers=workers))
        catalogue = open_inputs(config, path.parent)
        with open_pipeline(config, catalogue, path.parent, Path(name, "dataset")) as (pipeline, _):
            pipeline.make(range(block))
            early = Passes(pipeline, block, block)
            between = max(0, pictures - (1 + 2 * PASSES) * block)
            for begin in range(block, block + between, block):
                spent = pipeline.make(range(begin, begin + block))
                count = begin + PASSES * block + block
                print(f"{count} pictures: {1000 * spent.cpu_s / block:.1f} CPU-ms a picture", flush=True)
            late = Passes(pipeline, block, (1 + PASSES) * block + between)
    return early, late


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--block", type=int, default=50)
    parser.add_argument("--size", default="64x48")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    o = parser.parse_args()
    early, late = measure(o.pictures, o.block, o.size, o.workers)
    heads = ("a picture", f"pictures {early.first} to {early.last}", f"{late.first} to {late.last}", "ratio")
    table = Table(title="the same pictures, early and late in a session")
    for head in heads:
        table.add_column(head, justify="right")
    names = {
        "wall, ms": ("wall_s", 1000.0),
        "CPU, ms": ("cpu_s", 1000.0),
        "of it planning, CPU-ms": ("plan_cpu_s", 1000.0),
        "of it the coordinator's rest, CPU-ms": ("coordinator_cpu_s", 1000.0),
        "workers, MB": ("workers_mb", 1.0),
        "coordinator, MB": ("coordinator_mb", 1.0),
    }
    cells, ratios = [], {}
    for shown, (name, unit) in names.items():
        before, after = getattr(early, name) * unit, getattr(late, name) * unit
        ratios[name] = round(after / before, 4)
        cells.append([shown, f"{before:.1f}", f"{after:.1f}", f"{after / before:.3f}"])
        table.add_row(*cells[-1])
    Console(width=110).print(table)
    if o.write:
        lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *cells)]
        command = " ".join(["python", "benchmarks/flat.py", *(a for a in sys.argv[1:] if a != "--write")])
        write_section(TITLE, f"{made_on(command)}\n\n" + "\n".join(lines))
    found = {"time_ratio": ratios["wall_s"], "cpu_ratio": ratios["cpu_s"], "memory_ratio": ratios["workers_mb"]}
    found |= {"coordinator_memory_ratio": ratios["coordinator_mb"], "pictures": late.last + 1}
    print(json.dumps(found | {f"{name}_ratio": value for name, value in ratios.items()}))


if __name__ == "__main__":
    main()
