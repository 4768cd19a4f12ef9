"""Side by side: scanstage's ``standard`` against a plain loop at the peer's defaults, alternating in one run.

    python benchmarks/peer.py [--rounds 2] [--pictures 8] [--judged 8] [--window 0.2] [--truth DIR] [--workers 1]
                              [--labels 1 1000 10000] [--write]
    python benchmarks/peer.py --rounds 4 --pictures 12 --judged 12 --window 1 --labels 1 1000 10000 100000   # hours

Both make the same pictures of ``workload.yaml``: same plans, meshes, textures, HDRIs, resolution, threads and bpy.
Rounds alternate, there and back. ``peer_loop.py`` says what the plain loop does; it is *given* its plans, while
scanstage's time holds planning, physics, cast, checks and records too, from the call to the last record of each block.
Starting and loading scans counts on neither side: a small picture with every scan in it goes before. CPU seconds and
memory are those of all processes of a side (scanstage: coordinator and workers); memory is the peak of their sum,
resident.

Quality is that of the first ``--judged`` of the very pictures that were timed, against the truth (``peer_quality.py``)
in a window of ``--window`` of the frame in each direction. The truth takes its time: it is kept in ``--truth``. Labels:
``peer_labels.py``. Takes a quarter of an hour on two cores the first time, half as long with the truth there. The last
line is JSON: ``pictures_ratio``, ``cpu_ratio``, ``memory_ratio`` (ours by theirs), ``psnr_difference_db`` (ours minus
theirs, mean over pictures).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from peer_labels import LabelCost, label_costs
from peer_quality import Judgement, judge, true_radiance, window_of
from peer_sides import Block, MemoryWatch, Ours, Plain, warm_up_plan
from results import made_on, markdown_table, write_section
from rich.console import Console
from rich.table import Table

from scanstage.render.blender.freed_memory import return_freed_memory
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.inputs.catalogue import Catalogue
from scanstage.scenes.planning.preflight import open_inputs

WORKLOAD = Path(__file__).with_name("workload.yaml")
TRUTH = Path(__file__).parents[1] / "output" / "peer_truth"
TITLE = "Side by side with a loop at the peer's defaults (`peer.py`)"
WARM_UP = 6
"""Pictures planned before anything is timed: the planner has seen most scans then."""


@dataclass(frozen=True)
class Contest:
    """All that was measured: blocks of both sides by round, peak memory, judged pictures."""

    ours: list[Block]
    plain: list[Block]
    memory: dict[str, int]
    parts: dict[str, list[int]]
    judged: list[Judgement]
    split: str


def compete(config: RunConfig, catalogue: Catalogue, options: argparse.Namespace, root: Path) -> Contest:
    """Run both sides, then judge."""
    ours = Ours(config, catalogue, WORKLOAD.parent, root)
    plain = Plain(catalogue, config.render.threads or 0, root, root / "plain.log")
    try:
        for i in range(WARM_UP):
            planned = ours.planner.plan(10_000 + i)
        warm_up = [warm_up_plan(planned, catalogue)]
        ours.start(warm_up)
        plain.start(warm_up)
        judged = frozenset(range(options.judged))
        with MemoryWatch({ours.name: ours.pids, plain.name: plain.pids}) as memory:
            blocks = _alternate(ours, plain, options.rounds, options.pictures, judged)
        ours.close()
        found = []
        for index in sorted(judged)[: options.rounds * options.pictures]:
            planned = ours.planner.plan(index)
            window = window_of(planned, options.window)
            found.append(judge(ours, plain, planned, true_radiance(plain, planned, window, options.truth), window))
            print(f"judged {index}: ours {found[-1].ours_db:.1f} dB, plain {found[-1].plain_db:.1f} dB", flush=True)
    finally:
        ours.close()
        plain.close()
    shares = ours.shares
    split = f"{shares.workers} worker{'s' if shares.workers > 1 else ''} with {shares.threads} threads"
    return Contest(*blocks, memory.peak, memory.parts, found, split)


def _alternate(
    ours: Ours, plain: Plain, rounds: int, pictures: int, judged: frozenset[int]
) -> tuple[list[Block], list[Block]]:
    mine, theirs = [], []
    for i in range(rounds):
        indices = list(range(i * pictures, (i + 1) * pictures))
        plans = [ours.planner.plan(index) for index in indices]
        for side in (ours, plain) if i % 2 == 0 else (plain, ours):
            if side is ours:
                mine.append(ours.make(indices, judged))
            else:
                theirs.append(plain.make(plans, judged))
        a, b = mine[-1].wall_s / pictures, theirs[-1].wall_s / pictures
        print(f"round {i + 1}: ours {a:.2f} s a picture, plain loop {b:.2f} s", flush=True)
    return mine, theirs


def figures_of(contest: Contest, labels: list[LabelCost], pictures: int) -> dict[str, object]:
    """What the last line says."""
    rounds = list(zip(contest.ours, contest.plain, strict=True))
    memory = {name: peak / 1e6 for name, peak in contest.memory.items()}
    ours_mb, plain_mb = memory.values()
    mean = {side: statistics.mean(getattr(j, side) for j in contest.judged) for side in ("ours_db", "plain_db")}
    return {
        "pictures_ratio": round(statistics.median(b.wall_s / a.wall_s for a, b in rounds), 3),
        "cpu_ratio": round(statistics.median(a.cpu_s / b.cpu_s for a, b in rounds), 3),
        "memory_ratio": round(ours_mb / plain_mb, 3),
        "psnr_difference_db": round(mean["ours_db"] - mean["plain_db"], 2),
        "ours": _side(contest.ours, pictures, ours_mb, mean["ours_db"]),
        "plain": _side(contest.plain, pictures, plain_mb, mean["plain_db"]),
        "ours_processes_mb": [round(part / 1e6) for part in contest.parts["scanstage"]],
        "pictures_ratio_by_round": [round(b.wall_s / a.wall_s, 2) for a, b in rounds],
        "psnr_by_picture": [[j.index, j.hdri, round(j.ours_db, 2), round(j.plain_db, 2)] for j in contest.judged],
        "labels": [{k: round(v, 5) for k, v in asdict(cost).items()} for cost in labels],
    }


def _side(blocks: list[Block], pictures: int, memory_mb: float, psnr_db: float) -> dict[str, float]:
    wall_s = statistics.median(block.wall_s for block in blocks) / pictures
    return {
        "pictures_an_hour": round(3600 / wall_s, 1),
        "wall_s": round(wall_s, 3),
        "cpu_s": round(statistics.median(block.cpu_s for block in blocks) / pictures, 2),
        "memory_mb": round(memory_mb, 1),
        "psnr_db": round(psnr_db, 2),
    }


HEADS = ("", "pictures/h", "s/picture", "CPU s/picture", "peak MB", "PSNR dB")
LABEL_HEADS = ("pictures there", "ours: record", "ours: export", "theirs: read and rewrite")


def tables(figures: dict[str, object], labels: list[LabelCost], split: str) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of the two tables."""
    ours, plain = (figures[side] for side in ("ours", "plain"))
    assert isinstance(ours, dict)
    assert isinstance(plain, dict)
    rows = [[f"scanstage, {split}", *map(str, ours.values())], ["plain loop", *map(str, plain.values())]]
    costs = [[f"{c.pictures:,}", *(f"{1000 * s:.1f} ms" for s in (c.record_s, c.export_s, c.append_s))] for c in labels]
    return rows, costs


def report(figures: dict[str, object], labels: list[LabelCost], split: str, options: argparse.Namespace) -> None:
    """Print tables and the JSON line; rewrite the section where asked for."""
    rows, costs = tables(figures, labels, split)
    for title, heads, lines in (("640x480, same pictures", HEADS, rows), ("CPU of labels", LABEL_HEADS, costs)):
        table = Table(title=title)
        for head in heads:
            table.add_column(head, justify="right")
        for line in lines:
            table.add_row(*line)
        Console(width=130).print(table)
    if options.write:
        write_section(TITLE, _markdown(figures, rows, costs, options))
    print(json.dumps(figures))


def _markdown(
    figures: dict[str, object], rows: list[list[str]], costs: list[list[str]], options: argparse.Namespace
) -> str:
    said = (
        f"Pictures an hour: {figures['pictures_ratio']} times the plain loop's (rounds "
        f"{figures['pictures_ratio_by_round']}); CPU {figures['cpu_ratio']}, memory {figures['memory_ratio']} of its; "
        f"PSNR {figures['psnr_difference_db']} dB above it, over {options.judged} pictures in a window of "
        f"{options.window:g} of the frame. Planning counts as ours alone; starting and loading of scans for neither."
    )
    of_labels = ["CPU of one more picture's labels:", markdown_table(LABEL_HEADS, costs)]
    return "\n\n".join([made_on(), markdown_table(HEADS, rows), said, *of_labels])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=8, help="of each round and side")
    parser.add_argument("--judged", type=int, default=8, help="pictures compared with the truth")
    parser.add_argument("--window", type=float, default=0.2, help="that is compared, as a share of the frame's sides")
    parser.add_argument("--truth", type=Path, default=TRUTH, help="folder that keeps the truth")
    parser.add_argument("--workers", type=int, default=1, help="of scanstage; 0 lets it choose")
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 1000, 10_000], help="numbers of pictures")
    parser.add_argument("--size", default="640x480", help=argparse.SUPPRESS)
    parser.add_argument("--strips", type=Path, help="folder for PNGs: truth, ours and theirs side by side")
    parser.add_argument("--write", action="store_true", help="rewrite the section in RESULTS.md")
    options = parser.parse_args()
    return_freed_memory()  # as the command line does
    width, height = options.size.split("x")
    overrides = [f"camera.resolution=[{width}, {height}]", "render.device=cpu"]
    overrides += [f"workers.count={options.workers}"] if options.workers else []
    config = load_config(WORKLOAD, overrides)
    catalogue = open_inputs(config, WORKLOAD.parent)
    with tempfile.TemporaryDirectory() as folder:
        contest = compete(config, catalogue, options, Path(folder))
        labels = label_costs(options.labels, Path(folder) / "labels")
    if options.strips:
        options.strips.mkdir(parents=True, exist_ok=True)
        for found in contest.judged:
            cv2.imwrite(str(options.strips / f"{found.index:03d}.png"), np.ascontiguousarray(found.strip[..., ::-1]))
    report(figures_of(contest, labels, options.pictures), labels, contest.split, options)


if __name__ == "__main__":
    main()
