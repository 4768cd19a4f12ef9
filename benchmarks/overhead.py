"""What scanstage costs beyond Cycles itself: its whole pipeline against a loop that only moves objects and renders.

    python benchmarks/overhead.py [--rounds 5] [--block 4] [--preset standard] [--workers 1] [--set K=V]... [--write]

Both sides make the same pictures of ``benchmarks/workload.yaml``, in blocks that alternate (there and back), at equal
settings, on as many threads, with persistent data and the same denoiser, after everything that they show was loaded.
``standard`` denoises light apart from colours, which Cycles can't: here it is Cycles' own filter on both sides
(``render.denoise=fast``); what the other costs and is worth says ``quality.py``.
*Pipeline*: plan, cast, sync, render, verify, label, encode, record; its workers stay open from block to block, and a
block's time is from its first plan to its last record. *Bare loop* (``bare_loop.py``): a Blender process of its own,
which moves the same objects and calls Cycles with the colour pass alone and no output.

``ratio_to_bare_cycles`` is the median over blocks of the ratio of wall time. Then both sides render at one sample
without denoising: ``cpu_s_rest_at_1spp`` is what the pipeline takes in CPU seconds a picture beyond the bare calls of
Cycles and beyond planning (sync to record), median over blocks; planning stands beside it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bare import open_bare
from pipeline import Spent, open_pipeline
from results import made_on, markdown_table, write_section
from rich.console import Console
from rich.table import Table

from scanstage.render.bookkeeping.run_options import GenerateOptions, read_config
from scanstage.scenes.planning.preflight import open_inputs

WORKLOAD = Path(__file__).with_name("workload.yaml")
TITLE = "Overhead against bare Cycles (`overhead.py`)"


@dataclass(frozen=True)
class Block:
    """The same pictures on both sides."""

    pictures: int
    ours: Spent
    bare: Spent

    @property
    def wall_ratio(self) -> float:
        """Wall time of the pipeline over that of the bare loop."""
        return self.ours.wall_s / self.bare.wall_s

    @property
    def cpu_ratio(self) -> float:
        """CPU time of the pipeline, with planning, over that of the bare loop."""
        return self.ours.cpu_s / self.bare.cpu_s

    @property
    def rest_cpu_s(self) -> float:
        """CPU seconds a picture beyond bare calls of Cycles and beyond planning."""
        rendering = self.bare.cpu_s - self.bare.set_cpu_s
        return (self.ours.cpu_s - self.ours.plan_cpu_s - rendering) / self.pictures


def measure(name: str, overrides: tuple[str, ...], workers: int, rounds: int, block: int) -> tuple[list[Block], str]:
    """Blocks of one setting, and how the machine was shared out."""
    options = GenerateOptions(overrides, images=rounds * block, workers=workers)
    config, base = read_config(WORKLOAD, options), WORKLOAD.parent
    blocks = []
    catalogue = open_inputs(config, base)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_pipeline(config, catalogue, base, Path(folder, "dataset")) as (ours, shares),
        open_bare(config, catalogue, base, Path(folder), shares.threads * shares.workers) as bare,
    ):
        bare.load(range(config.images))
        ours.load(range(config.images))
        for i in range(rounds):
            indices = range(i * block, (i + 1) * block)
            pair = [ours.make, bare.make]
            spent = {side: side(indices) for side in (pair if i % 2 else reversed(pair))}
            blocks.append(Block(block, *(spent[side] for side in pair)))
            print(f"{name}, block {i + 1}: {_in_words(blocks[-1])}", flush=True)
    return blocks, f"{shares.workers} worker{'s' if shares.workers > 1 else ''} of {shares.threads} threads"


def _in_words(b: Block) -> str:
    walls = f"pipeline {b.ours.wall_s / b.pictures:.2f} s a picture, bare {b.bare.wall_s / b.pictures:.2f}"
    return f"{walls}; wall x {b.wall_ratio:.3f}, CPU x {b.cpu_ratio:.3f}, rest {b.rest_cpu_s:+.3f} CPU-s"


def _median(blocks: list[Block], value: str) -> float:
    return round(float(statistics.median(getattr(b, value) for b in blocks)), 4)


def _a_picture(blocks: list[Block], side: str, value: str) -> float:
    return round(float(statistics.median(getattr(getattr(b, side), value) / b.pictures for b in blocks)), 4)


def figures(usual: list[Block], least: list[Block], shares: str) -> dict[str, object]:
    """The last line."""
    found: dict[str, object] = {
        "ratio_to_bare_cycles": _median(usual, "wall_ratio"),
        "cpu_s_rest_at_1spp": _median(least, "rest_cpu_s"),
        "cpu_s_planning": _a_picture(least, "ours", "plan_cpu_s"),
        "cpu_s_coordinator_at_1spp": _a_picture(least, "ours", "coordinator_cpu_s"),
        "cpu_s_setting_the_scene": _a_picture(least, "bare", "set_cpu_s"),
        "cpu_ratio": _median(usual, "cpu_ratio"),
        "wall_ratio_at_1spp": _median(least, "wall_ratio"),
        "wall_ratios": [round(b.wall_ratio, 3) for b in usual],
        "rest_cpu_s": [round(b.rest_cpu_s, 3) for b in least],
        "shares": shares,
    }
    for side in ("ours", "bare"):
        found[f"{side}_wall_s"] = _a_picture(usual, side, "wall_s")
        found[f"{side}_cpu_s"] = _a_picture(usual, side, "cpu_s")
    return found


ROWS = ("settings", "side", "wall s a picture", "CPU-s a picture", "of it planning", "wall ratio", "rest, CPU-s")


def rows(usual: list[Block], least: list[Block], preset: str) -> list[list[str]]:
    """Cells of the table."""
    cells = []
    for name, blocks in ((preset, usual), ("1 sample, no denoising", least)):
        for side, shown in (("ours", "pipeline"), ("bare", "bare loop")):
            own = side == "ours"
            ratios, rests = [b.wall_ratio for b in blocks], [b.rest_cpu_s for b in blocks]
            cells.append(
                [
                    name,
                    shown,
                    f"{_a_picture(blocks, side, 'wall_s'):.2f}",
                    f"{_a_picture(blocks, side, 'cpu_s'):.2f}",
                    f"{_a_picture(blocks, side, 'plan_cpu_s'):.3f}" if own else "",
                    f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})" if own else "",
                    f"{statistics.median(rests):.3f} ({min(rests):.3f} to {max(rests):.3f})" if own else "",
                ]
            )
    return cells


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--block", type=int, default=4, help="pictures a block")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--workers", type=int, default=1, help="0 chooses as a run does; the bare loop has one process")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the workload")
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    o = parser.parse_args()
    common = ("render.device=cpu", f"render.preset={o.preset}", "render.denoise=fast", *o.set)
    usual, shares = measure(o.preset, common, o.workers, o.rounds, o.block)
    least, _ = measure("1 sample", (*common, "render.samples=1", "render.denoise=off"), o.workers, o.rounds, o.block)
    table = Table(title=f"{o.rounds} blocks of {o.block} pictures, {shares}")
    for head in ROWS:
        table.add_column(head, justify="right")
    cells = rows(usual, least, o.preset)
    for row in cells:
        table.add_row(*row)
    Console(width=150).print(table)
    if o.write:
        text = f"{made_on()}\n\n{shares}; medians (least to largest) of {o.rounds} blocks of {o.block} pictures."
        write_section(TITLE, f"{text}\n\n{markdown_table(ROWS, cells)}")
    print(json.dumps(figures(usual, least, shares)))


if __name__ == "__main__":
    main()
