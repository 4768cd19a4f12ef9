"""What becomes of pictures that are fitted to pictures that were fitted …: ``fit.py --generations N`` runs it.

The first generation is fitted to 1,000 pictures of a hidden config, each next one to 1,000 of the one before. Once as
they come; and once as people would take them who throw away what looks odd: of each generation the twentieth farthest
from the middle of all labels is left out, so that it collapses. Told are

- spread: standard deviation of what the config draws, by that of the hidden one, the mean (of logarithms) over the
  values that labels determine
- labels: the same of what labels say of a picture
- stale: whether `scanstage drift` tells the generation's pictures from the first ones, and by what
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hidden_configs import Truth, after_fit, base_config, hide, planned
from odd_labels import oddness, without_odd
from results import made_on, markdown_table, write_section

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.dataset.analysis.dataset_table import DatasetTable
from scanstage.dataset.analysis.label_summaries import TypicalLabels, label_summaries, typical_labels
from scanstage.dataset.likeness.compared_pictures import SeenPictures, picked
from scanstage.dataset.likeness.drift import Drift, find_drift
from scanstage.dataset.likeness.photo_snapshot import Snapshot
from scanstage.dataset.likeness.picture_features import PLAIN
from scanstage.render.commands.like_photos.fit_labels import LabelFit, fit_labels

PICTURES = 1000
THROWN_AWAY = 0.05
NUMBER = 0
"""Of the hidden config."""


@dataclass(frozen=True)
class Generation:
    """What one came to.

    Attributes:
        spread: of what is drawn, and of what labels say, by those of the hidden config.
        drift: against the hidden config's pictures.
    """

    spread: tuple[float, float]
    drift: Drift

    def row(self, number: int, how: str) -> list[str]:
        """Of the table."""
        moved = [t.name for t in self.drift.tests if t.has_moved]
        said = "yes: " + ", ".join(moved[:4]) + (" …" if len(moved) > 4 else "") if self.drift.is_stale else "no"
        return [how, str(number), f"{self.spread[0]:.2f}", f"{self.spread[1]:.2f}", said]


def run_generations(generations: int, bank: int, write: bool) -> None:
    """Measure it, print it, and write it into benchmarks/RESULTS.md if asked."""
    use_one_blas_thread()
    base, free = base_config()
    hidden, truths = hide(base, free, np.random.default_rng((1, NUMBER)))
    first = planned(hidden, PICTURES)
    typical = typical_labels([first])
    rows = []
    for how, thrown_away in (("as they come", 0.0), ("odd ones thrown away", THROWN_AWAY)):
        table = first
        for number in range(1, generations + 1):
            kept = picked(table, without_odd(oddness(table, typical), thrown_away))
            fit = fit_labels(base, kept, list(range(len(kept.pictures))), bank)
            table = planned(after_fit(base, fit, 100 + number), PICTURES)
            spread = spread_left(fit, truths), labels_left(first, table, typical)
            found = Generation(spread, find_drift(Snapshot("", seen(first)), seen(table)))
            rows.append(found.row(number, how))
            print(*rows[-1], sep=" | ", flush=True)
    text = markdown_table(["", "generation", "spread", "labels' spread", "stale"], rows)
    print(text)
    if write:
        write_section("Fit, generations", f"{made_on()}\n\n{text}")


def spread_left(fit: LabelFit, truths: Sequence[Truth]) -> float:
    """Of what is drawn, over values that labels determine."""
    pairs = [
        (fit.terms[v.value.path].deviation, t.spread)
        for v, t in zip(fit.found.values, truths, strict=True)
        if v.determined
    ]
    return float(np.exp(np.mean([np.log(max(found, 1e-3) / true) for found, true in pairs])))


def labels_left(first: DatasetTable, now: DatasetTable, typical: TypicalLabels) -> float:
    """Of what labels say of a picture."""
    spreads = [label_summaries(t, typical).std(axis=0) for t in (first, now)]
    there = spreads[0] > 1e-6
    return float(np.exp(np.mean(np.log(np.maximum(spreads[1][there], 1e-6) / spreads[0][there]))))


def seen(table: DatasetTable) -> SeenPictures:
    """As drift takes pictures; nothing is known of pixels, which weren't rendered."""
    return SeenPictures(table.name, table, {PLAIN: np.zeros((len(table.pictures), 1))})
