"""What the pictures are for: trains a small detector on them and tests it on real photos.

One detector (:mod:`detector`), one budget, whatever the pictures: so sets can be compared. Prints AP50 and AP (COCO's),
and per class AP50 and recall at IoU 0.5.

    pip install -e ".[training]"
    python benchmarks/training.py --real PHOTOS --config configs/groceries.yaml --images 240
    python benchmarks/training.py --real PHOTOS --dataset output/groceries          # a set, or a COCO export
    python benchmarks/training.py --real PHOTOS --config … --images 80 --ablate     # a row for each thing switched off
    python benchmarks/training.py --real PHOTOS --config … --images 80 --screen     # half of them off in each set
    python benchmarks/training.py --real PHOTOS --config … --rare 6                 # rare classes, and balance

PHOTOS is a folder of real photos with boxes in COCO's form: ``annotations/instances.json`` and ``images/``, or
``NAME.json`` beside a folder ``NAME``. Sets and scores are kept in ``--work`` and taken from there the next time.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from ablations import Row, ablations, rare_rows
from detector import CenterNet, detections, find_weights, loss
from detector_data import CocoSet, augment, class_names, fit, load_training, read_image, targets
from results import made_on, markdown_table, write_section
from screening import effects, screened
from training_scores import Budget, Made, Score, keep, kept, score_file

LEARNING_RATE = 1e-3
BATCH = 8
WARM_UP = 100
DEFAULT_WORK = Path(tempfile.gettempdir()) / "scanstage-training"


def generate(config: Path, row: Row, images: int, out: Path) -> float:
    """Make the set of a row where it isn't there already; returns the CPU seconds that took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "scanstage", "generate", str(config), "--out", str(out), "--images", str(images)]
    for override in row.overrides:
        command += ["--set", override]
    subprocess.run(command, check=True, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train(coco: CocoSet, classes: Sequence[str], budget: Budget, seed: int, limit: int = 0) -> CenterNet:
    """A detector trained on a set."""
    torch.manual_seed(seed)
    torch.set_num_threads(budget.threads)
    rng = random.Random(seed)
    pictures = load_training(coco, classes, budget.size_wh, limit)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = CenterNet(len(classes), find_weights()).to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    for step in range(budget.iterations):
        cosine = 0.5 * (1 + np.cos(np.pi * step / budget.iterations)) + 0.01
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / WARM_UP) * cosine
        batch = [augment(rng.choice(pictures), budget.size_wh, rng) for _ in range(BATCH)]
        images = torch.from_numpy(np.stack([image for image, _ in batch])).permute(0, 3, 1, 2)
        heat, wanted, known = (
            torch.from_numpy(a).to(device) for a in targets([b for _, b in batch], len(classes), budget.size_wh)
        )
        logits, boxes = network(images.to(device, memory_format=torch.channels_last))
        value = loss(logits, boxes, heat, wanted, known)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"  step {step + 1} of {budget.iterations}, loss {value.item():.2f}", file=sys.stderr, flush=True)
    return network.eval()


@torch.no_grad()
def test(network: CenterNet, real: CocoSet, classes: Sequence[str], budget: Budget) -> Score:
    """The detector's score on real photos."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    device = next(network.parameters()).device
    with contextlib.redirect_stdout(io.StringIO()):  # COCO's code prints
        truth = COCO(str(real.annotations))
        ids = {c["name"]: c["id"] for c in truth.dataset["categories"]}
        found = []
        for entry in truth.dataset["images"]:
            image, scale = fit(read_image(real.path(entry["file_name"])), budget.size_wh)
            logits, boxes = network(torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(device))
            for score, c, box in zip(*(t.cpu().tolist() for t in detections(logits[0], boxes[0])), strict=True):
                bbox = [v / scale for v in box]
                found.append({"image_id": entry["id"], "category_id": ids[classes[c]], "score": score, "bbox": bbox})
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.catIds = [ids[c] for c in classes]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision, recall = evaluation.eval["precision"][0, :, :, 0, -1], evaluation.eval["recall"][0, :, 0, -1]
    by_class = {
        name: None if recall[k] < 0 else (float(precision[:, k].mean()), float(recall[k]))
        for k, name in enumerate(classes)
    }
    return Score(float(evaluation.stats[0]), float(evaluation.stats[1]), by_class)


@dataclass(frozen=True)
class Result:
    """A row of the table: its set, and a score by seed."""

    row: Row
    made: Made
    scores: tuple[Score, ...]

    def mean(self, of: str) -> float:
        """Mean over seeds of ``ap`` or ``ap50``."""
        return statistics.fmean(getattr(s, of) for s in self.scores)

    def spread(self, of: str) -> float:
        """Largest less smallest over seeds."""
        values = [getattr(s, of) for s in self.scores]
        return max(values) - min(values)

    def class_mean(self, names: Sequence[str], which: int = 0) -> float:
        """Mean AP50 (0) or recall (1) over classes that the photos show, and over seeds."""
        return statistics.fmean(
            found[which] for s in self.scores for name in names if (found := s.by_class[name]) is not None
        )


def measure(args: argparse.Namespace, row: Row, real: CocoSet, budget: Budget) -> Result:
    """Make the set of a row, train on it once for each seed, and test; what is known from an earlier time is taken."""
    folder = row.dataset or args.work / row.folder(args.config, args.images)
    found = []
    for seed in args.seeds:
        file = score_file(folder, args.real, budget, seed, args.limit)
        known = kept(file) if row.dataset is None else None  # a set that was given may have changed
        if known is None:
            made = make(args, row, folder)  # of an earlier time scores may be there without their set
            known = trained(folder, real, budget, seed, args.limit), made
            if row.dataset is None:
                keep(file, *known)
        found.append(known)
        print(f"{row.name}, seed {seed}: AP50 {known[0].ap50:.3f}, AP {known[0].ap:.3f}", flush=True)
    return Result(row, found[-1][1], tuple(score for score, _ in found))


def make(args: argparse.Namespace, row: Row, folder: Path) -> Made:
    """The set of a row, made where it isn't there already."""
    cpu_s = None
    if row.dataset is None:
        note = folder.with_suffix(".cpu_s")
        if not note.exists():
            note.write_text(f"{generate(args.config, row, args.images, folder):.0f}")
        cpu_s = float(note.read_text())
    document = CocoSet.find(folder).document()
    shown = {image["id"] for image in document["images"][: args.limit or None]}
    labels = sum(a["image_id"] in shown and not a.get("iscrowd") for a in document["annotations"])
    return Made(len(shown), labels, cpu_s)


def trained(folder: Path, real: CocoSet, budget: Budget, seed: int, limit: int) -> Score:
    """Train on a set and test."""
    training = CocoSet.find(folder)
    classes = class_names(real, training)
    started = time.perf_counter()
    score = test(train(training, classes, budget, seed, limit), real, classes, budget)
    print(f"  trained in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return score


def table(results: Sequence[Result]) -> str:
    """A row each: what was switched off, the size of the set, and the figures, with the change against the first."""
    heads = ["set", "pictures", "labels", "CPU-s to make", "AP50", "AP", "change of AP50", "spread over seeds"]
    rows = []
    for r in results:
        change = "" if r is results[0] else f"{100 * (r.mean('ap50') - results[0].mean('ap50')):+.1f}"
        cpu_s = "" if r.made.cpu_s is None else f"{r.made.cpu_s:.0f}"
        figures = [f"{r.mean('ap50'):.3f}", f"{r.mean('ap'):.3f}", change, f"{100 * r.spread('ap50'):.1f}"]
        rows.append([r.row.name, str(r.made.pictures), str(r.made.labels), cpu_s, *figures])
    return markdown_table(heads, rows)


def effect_table(names: Sequence[str], matrix: npt.NDArray[np.bool_], results: Sequence[Result]) -> str:
    """What each switch costs or gains that is off, in points; the worst first."""
    found = effects(names, matrix, [[(s.ap50, s.ap) for s in r.scores] for r in results])

    rows = [
        [e.name, f"{e.ap50:+.1f} ± {e.ap50_error:.1f}", f"{e.ap:+.1f} ± {e.ap_error:.1f}"]
        for e in sorted(found, key=lambda e: e.ap50)
    ]
    return markdown_table(["set", "change of AP50", "change of AP"], rows)


def class_table(result: Result) -> str:
    """By class: AP50 and recall, means over seeds."""
    names = [n for n, found in result.scores[0].by_class.items() if found is not None]
    rows = [[n, f"{result.class_mean([n]):.2f}", f"{result.class_mean([n], 1):.2f}"] for n in names]
    return markdown_table(["class", "AP50", "recall"], rows)


def rare_table(results: Sequence[Result], rare: Sequence[str]) -> str:
    """AP50 of the rare classes and of the others."""
    others = [n for n in results[0].scores[0].by_class if n not in rare]
    rows = [[r.row.name, f"{r.class_mean(rare):.3f}", f"{r.class_mean(others):.3f}"] for r in results]
    return markdown_table(["set", f"AP50 of {len(rare)} rare classes", f"AP50 of {len(others)} others"], rows)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--real", type=Path, required=True, help="folder of real photos with boxes")
    add("--config", type=Path, help="of the set to make")
    add("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="for all sets")
    add("--dataset", type=Path, action="append", default=[], help="a set that is there, in place of --config")
    add("--images", type=int, default=240, help="pictures of a set")
    add("--limit", type=int, default=0, help="train on the first so many of them")
    add("--seeds", type=int, nargs="+", default=[0], help="of the training")
    add("--iterations", type=int, default=600)
    add("--size", default="448x256", help="of the detector's image")
    add("--threads", type=int, default=0, help="of the training; 0: as many as there are cores")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--ablate", action="store_true", help="a row for each setting that is switched off")
    what.add_argument("--screen", action="store_true", help="each setting's worth, from sets that lack half of them")
    what.add_argument("--rare", type=int, default=0, metavar="N", help="so many classes are rare, then balanced")
    add("--only", nargs="+", default=[], metavar="ROW", help="of the settings, those with these words")
    add("--rare-share", type=float, default=0.05, help="of the others' share")
    add("--work", type=Path, default=DEFAULT_WORK, help="sets and scores are kept here")
    add("--write", metavar="TITLE", help="rewrite the section of this title in benchmarks/RESULTS.md")
    args = parser.parse_args(arguments)
    if (args.config is None) == (not args.dataset):
        parser.error("give either --config or --dataset")
    if args.dataset and (args.ablate or args.screen or args.rare):
        parser.error("--ablate, --screen and --rare make sets: they need --config")
    return args


def main() -> None:
    """Make, train, test, print."""
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    width, height = map(int, args.size.split("x"))
    budget = Budget(args.iterations, (width, height), args.threads or torch.get_num_threads())
    real = CocoSet.find(args.real)
    rare: list[str] = []
    if args.dataset:
        rows = [Row(str(d), dataset=d) for d in args.dataset]
    elif args.ablate:
        rows = ablations(args.config, args.overrides, args.only)
    elif args.screen:
        switches = ablations(args.config, args.overrides, args.only)
        matrix, rows = screened(switches)
    elif args.rare:
        rare, rows = rare_rows(args.config, args.overrides, args.rare, args.rare_share)
    else:
        rows = [Row(args.config.stem, tuple(args.overrides))]
    results = [measure(args, row, real, budget) for row in rows]
    text = [table(results), class_table(results[0])]
    if args.screen:
        text.insert(0, effect_table([row.name for row in switches[1:]], matrix, results))
    if rare:
        text.append(f"Rare: {', '.join(rare)}.\n\n{rare_table(results, rare)}")
    print("\n\n".join(["", *text]))
    if args.write:
        write_section(args.write, "\n\n".join([made_on(), *text]))
    figures = {"ap50": results[0].mean("ap50"), "ap": results[0].mean("ap"), "pictures": results[0].made.pictures}
    if rare:
        figures["ap50_rare"] = results[-1].class_mean(rare)
        figures["ap50_rare_unbalanced"] = results[0].class_mean(rare)
    print(json.dumps({**figures, "iterations": args.iterations, "seeds": args.seeds}))


if __name__ == "__main__":
    main()
