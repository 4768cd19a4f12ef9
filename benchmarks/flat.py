"""Whether picture 1,000 costs what picture 100 did: time and memory of a long session, without recycling.

    python benchmarks/flat.py [--pictures 1000] [--block 50] [--rounds 5] [--size 64x48] [--write]

Tiny pictures at one sample of all sample scans, distractors, eight HDRIs, textures and lamps, through the whole
pipeline. What a picture shows and what else the machine does decide what it costs, so two sessions make the same
pictures in turns, there and back: an old one at the end of ``--pictures``, and a young one that has made two blocks.
``time_ratio`` and ``cpu_ratio`` are medians over rounds of old to young. Memory is that of the old session, before the
young one opens against after its first two blocks; ``benchmarks/memory.py`` has the whole curve, through ``generate``.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from memory import CONFIG, FAR_AWAY_GB
from pipeline import Pipeline, Spent, open_pipeline
from results import made_on, markdown_table, write_section
from rich.console import Console
from rich.table import Table

from scanstage.render.bookkeeping.run_options import GenerateOptions, read_config
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS
from scanstage.scenes.planning.preflight import open_inputs

TITLE = "Cost of picture 1,000 (`flat.py`)"
YOUNG = 2
"""Blocks after which a session has loaded what there is."""


@dataclass
class Findings:
    """Of the old and the young session: cost of the same blocks; memory of the old one's coordinator and worker, MB."""

    old: list[Spent] = field(default_factory=list)
    young: list[Spent] = field(default_factory=list)
    early_mb: tuple[float, ...] = ()
    late_mb: tuple[float, ...] = ()

    def ratio(self, name: str) -> float:
        """Old to young, median over rounds."""
        pairs = zip(self.old, self.young, strict=True)
        return float(statistics.median(getattr(o, name) / getattr(y, name) for o, y in pairs))

    def milliseconds(self, session: str, name: str, block: int) -> float:
        """A picture, median over rounds."""
        return float(statistics.median(getattr(spent, name) for spent in getattr(self, session))) / block * 1000


def measure(pictures: int, block: int, rounds: int, size: str) -> Findings:
    """Let one session grow old, then compare it with a young one."""
    images = ", ".join(f'"builtin:{name}"' for name in BUILTIN_HDRIS)
    overrides = (
        f"camera.resolution=[{size.replace('x', ', ')}]",
        "render.samples=1",
        f"light.hdri.image={{choice: [{images}]}}",
        f"workers.memory_gb={FAR_AWAY_GB}",
    )
    found = Findings()
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = base / "tiny.yaml"
        path.write_text(CONFIG, "utf-8")
        config = read_config(path, GenerateOptions(overrides, images=pictures, workers=1))
        catalogue = open_inputs(config, base)
        old, _ = stack.enter_context(open_pipeline(config, catalogue, base, base / "old"))
        begun = YOUNG * block
        for age in (begun, max(begun + 1, pictures - rounds * block)):  # the way there in one go, as a run does it
            made = range(0, begun) if age == begun else range(begun, age)
            spent = old.make(made)
            print(f"{age} pictures: {1000 * spent.cpu_s / len(made):.1f} CPU-ms a picture", flush=True)
            found.early_mb = found.early_mb or _mega(old)
        found.late_mb = _mega(old)
        young, _ = stack.enter_context(open_pipeline(config, catalogue, base, base / "young"))
        for i in range(YOUNG):
            young.make(range(i * block, (i + 1) * block))
        for i in range(rounds):
            sessions = [(found.old, old), (found.young, young)]
            for noted, session in sessions if i % 2 else reversed(sessions):
                noted.append(session.make(range(block)))
    return found


def _mega(pipeline: Pipeline) -> tuple[float, ...]:
    return tuple(value / 1e6 for value in pipeline.memory_bytes())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--block", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", default="64x48")
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    o = parser.parse_args()
    found = measure(o.pictures, o.block, o.rounds, o.size)
    heads = ("a picture", f"after {YOUNG * o.block} pictures", f"after about {o.pictures}", "ratio")
    table = Table(title=f"old and young session, medians of {o.rounds} rounds of {o.block} pictures")
    for head in heads:
        table.add_column(head, justify="right")
    cells, ratios = [], {}
    names = {
        "wall, ms": "wall_s",
        "CPU, ms": "cpu_s",
        "of it planning": "plan_cpu_s",
        "of it the coordinator's rest": "coordinator_cpu_s",
    }
    for shown, name in names.items():
        ratios[name] = found.ratio(name)
        values = (found.milliseconds(session, name, o.block) for session in ("young", "old"))
        cells.append([shown, *(f"{v:.1f}" for v in values), f"{ratios[name]:.3f}"])
    for shown, before, after in zip(("coordinator, MB", "worker, MB"), found.early_mb, found.late_mb, strict=True):
        ratios[shown] = after / before
        cells.append([shown, f"{before:.0f}", f"{after:.0f}", f"{after / before:.3f}"])
    for row in cells:
        table.add_row(*row)
    Console(width=110).print(table)
    if o.write:
        write_section(TITLE, f"{made_on()}\n\n{markdown_table(heads, cells)}")
    keys = {"time_ratio": "wall_s", "cpu_ratio": "cpu_s", "worker_memory_ratio": "worker, MB"}
    keys |= {"coordinator_memory_ratio": "coordinator, MB"}
    print(json.dumps({key: round(ratios[name], 4) for key, name in keys.items()} | {"pictures": o.pictures}))


if __name__ == "__main__":
    main()
