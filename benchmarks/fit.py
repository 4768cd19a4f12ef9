"""How well `scanstage fit` finds what a hidden config drew, from the labels of its pictures alone.

Hidden configs are drawn: each value's distribution (uniform, normal, a range of whole numbers), the classes' weights,
and values that labels can't tell. Pictures are planned as a run would, n of them are given to the fit as if they were
photos with boxes, and what it finds is compared with the truth:

- mean, of values that are determined: off by so much of the range; within 5 % is asked for
- spread (standard deviation), of the same: off by so much of itself; within 25 %
- intervals: how often those of 90 % hold the true mean, and the true spread
- classes: total variation between the hidden config's labels and the fitted one's, of 1,000 planned pictures each
- AUC: of a classifier that is to tell 500 further pictures of the hidden config from those of the config before the
  fit, and after
- flagged: values that labels can't tell, and that are said to be so
- kinds: how often kinds of pictures are told apart; hidden values have nothing to do with each other

and copies: how often a set is caught in which 30 % of the pictures are copies of fitted ones, and one of none is.

    python benchmarks/fit.py --hidden 20 --sizes 300 --write
    python benchmarks/fit.py --first 10 --hidden 10 --sizes 300 --write     # goes on from a run of the first ten
    python benchmarks/fit.py --beside ...                                   # others run too: notes no seconds
    python benchmarks/fit.py --appearance 8 --write                         # cameras, from pixels: fit_cameras.py
    python benchmarks/fit.py --parity --write                               # classes tied to kinds: fit_parity.py
    python benchmarks/fit.py --generations 5 --write                        # fits to fits: fit_generations.py
    python benchmarks/fit.py --hidden 20 --sizes 50 300 1000 --write        # hours on two cores
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fit_cameras import run_cameras
from fit_generations import run_generations
from fit_parity import run_parity
from hidden_configs import MUTE, Truth, after_fit, base_config, hide, planned, rows
from results import made_on, markdown_table, write_section

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import label_summaries, typical_labels
from scanstage.dataset.fitting.overfitting import copying_score, judge_fit
from scanstage.render.commands.like_photos.fit_labels import BaseConfig, LabelFit, fit_labels, plan_of

HELD = 500
PLANNED = 1000
COPIED = 0.3
COPY_TRIALS = 40


@dataclass
class Tally:
    """What fits to sets of one size came to."""

    means: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    mean_held: list[bool] = field(default_factory=list)
    spread_held: list[bool] = field(default_factory=list)
    classes: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    flagged: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    by_key: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def judge(
    base: BaseConfig,
    of_base: DatasetTable,
    hidden: DatasetTable,
    truths: Sequence[Truth],
    held: DatasetTable,
    size: int,
    bank: int,
    tally: Tally,
) -> float:
    """Fit to ``size`` of the hidden config's pictures, and note how that went; ``of_base`` are pictures before it.

    Returns the seconds that the fit took.
    """
    photos = rows(hidden, 0, size)
    started = time.monotonic()
    fit = fit_labels(base, photos, list(range(len(photos.pictures))), bank)
    seconds = time.monotonic() - started
    tally.kinds.append(max(1, len(fit.kinds)))
    note_values(fit, truths, tally)
    after = plan_of(after_fit(base, fit), PLANNED, True)
    tested = judge_fit(photos, held, of_base, after, fit.typical)
    tally.before.append(tested.before.auc)
    tally.after.append(tested.after.auc)
    shares = [t.counts.sum(axis=0) / t.labels for t in (hidden, after)]
    tally.classes.append(float(np.abs(shares[0] - shares[1]).sum() / 2))
    return seconds


def note_values(fit: LabelFit, truths: Sequence[Truth], tally: Tally) -> None:
    """How near values are to the truth."""
    for fitted, truth in zip(fit.found.values, truths, strict=True):
        if truth.value.path in MUTE:
            tally.flagged.append(not fitted.determined)
            continue
        if not fitted.determined:
            continue
        term = fit.terms[truth.value.path]
        off, spread = term.mean - truth.mean, term.deviation / truth.spread - 1
        tally.means.append(abs(off))
        tally.spreads.append(abs(spread))
        tally.mean_held.append(fitted.mean_interval[0] <= truth.mean <= fitted.mean_interval[1])
        tally.spread_held.append(fitted.deviation_interval[0] <= truth.spread <= fitted.deviation_interval[1])
        tally.by_key.setdefault(truth.value.path, []).append((off, spread))


def copies(hidden: DatasetTable) -> tuple[float, float]:
    """How often 30 % of copies are told, and how often copies are told where there are none."""
    summaries = label_summaries(hidden, typical_labels([hidden]))
    rng = np.random.default_rng(0)
    told = {True: 0, False: 0}
    for _ in range(COPY_TRIALS):
        order = rng.permutation(len(summaries))
        fitted, held, fresh = summaries[order[:240]], summaries[order[240:300]], summaries[order[300:600]]
        for is_copying in told:
            planned = fresh.copy()
            if is_copying:
                some = rng.permutation(len(planned))[: round(COPIED * len(planned))]
                planned[some] = fitted[rng.integers(len(fitted), size=len(some))]
            told[is_copying] += copying_score(fitted, held, planned) < -2.326
    return told[True] / COPY_TRIALS, told[False] / COPY_TRIALS


def percent(values: Sequence[float], quantile: float) -> str:
    """A quantile, in percent."""
    return f"{100 * float(np.quantile(values, quantile)):.1f} %" if len(values) else "–"


def share(values: Sequence[bool]) -> str:
    """Of those that are so, in percent."""
    return f"{100 * float(np.mean(values)):.0f} %" if len(values) else "–"


def table_of(tallies: dict[int, Tally]) -> str:
    """All figures, a row a size."""
    head = [
        "photos", "fits", "mean off: median, 95 %", "within 5 % of the range", "spread off: median", "within 25 %",
        "intervals hold mean, spread", "classes, total variation: median, most", "AUC before: least",
        "AUC after: median, most, at most .55", "flagged", "kinds told apart, of none",
        "seconds with nothing else running: median, most",
    ]  # fmt: skip
    body = []
    for size, t in sorted(tallies.items()):
        body.append([
            str(size),
            str(len(t.classes)),
            f"{percent(t.means, 0.5)}, {percent(t.means, 0.95)}",
            share([m <= 0.05 for m in t.means]),
            percent(t.spreads, 0.5),
            share([s <= 0.25 for s in t.spreads]),
            f"{share(t.mean_held)}, {share(t.spread_held)}",
            f"{np.median(t.classes):.3f}, {max(t.classes):.3f}",
            f"{min(t.before):.2f}",
            f"{np.median(t.after):.3f}, {max(t.after):.3f}, {share([a <= 0.55 for a in t.after])}",
            share(t.flagged),
            share([k > 1 for k in t.kinds]),
            f"{np.median(t.seconds):.0f}, {max(t.seconds):.0f}, of {len(t.seconds)}" if t.seconds else "–",
        ])  # fmt: skip
    return markdown_table(head, body)


def read_log(path: Path) -> dict[int, Tally]:
    """Figures of a run before."""
    return {int(size): Tally(**found) for size, found in json.loads(path.read_text("utf-8")).items()}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=20, help="hidden configs")
    parser.add_argument("--first", type=int, default=0, help="number of the first one; the log's figures count")
    parser.add_argument("--sizes", type=int, nargs="+", default=[300], help="photos that fits are given")
    parser.add_argument("--bank", type=int, default=10_000, help="pictures that each fit plans")
    log = Path(tempfile.gettempdir()) / "scanstage-fit.json"
    parser.add_argument("--log", type=Path, default=log, help="figures so far, which --first goes on from")
    parser.add_argument("--beside", action="store_true", help="something else is running: seconds aren't noted")
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument(
        "--appearance", type=int, default=0, help="hidden cameras to be found from pixels, in place of it"
    )
    parser.add_argument(
        "--parity", action="store_true", help="a class that comes in one kind of picture, in place of it"
    )
    parser.add_argument("--generations", type=int, default=0, help="each fitted to the one before, in place of it")
    parser.add_argument("--light", type=Path, help="folder in which rendered pictures are kept between such runs")
    options = parser.parse_args()
    if options.appearance:
        run_cameras(options.appearance, options.light, options.write)
        return
    if options.generations:
        run_generations(options.generations, options.bank, options.write)
        return
    if options.parity:
        run_parity(options.bank, options.write)
        return
    use_one_blas_thread()
    base, free = base_config()
    tallies = read_log(options.log) if options.first else {}
    for size in options.sizes:
        tallies.setdefault(size, Tally())
    of_base = plan_of(base, HELD, True)
    for number in range(options.first, options.first + options.hidden):
        hidden_config, truths = hide(base, free, np.random.default_rng((1, number)))
        most = max(*options.sizes, 300)
        table = planned(hidden_config, most + HELD)
        hidden, held = rows(table, 0, most), rows(table, most, most + HELD)
        for size in options.sizes:
            tally = tallies[size]
            seconds = judge(base, of_base, hidden, truths, held, size, options.bank, tally)
            tally.seconds += [] if options.beside else [seconds]
            before, after = tally.before[-1], tally.after[-1]
            last = {key: [round(x, 3) for x in found[-1]] for key, found in tally.by_key.items()}
            told = f"{seconds:.0f} s, AUC {before:.2f} to {after:.3f}, classes {tally.classes[-1]:.3f}"
            print(f"{number}, {size} photos: {told}, kinds {tally.kinds[-1]}, {last}", flush=True)
        options.log.write_text(json.dumps({s: vars(t) for s, t in tallies.items()}, default=float), "utf-8")
    caught, cried = copies(table)
    copied = f"Copies of 30 % are caught in {caught:.0%} of {COPY_TRIALS} trials, and told in {cried:.0%} without any."
    text = f"{table_of(tallies)}\n\n{copied}"
    print(text)
    if options.write:
        write_section("Fit", f"{made_on()}\n\n{text}")


if __name__ == "__main__":
    main()
