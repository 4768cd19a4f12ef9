"""How odd a picture's labels are among others: people who pick pictures throw such away first."""

from __future__ import annotations

import numpy as np

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats, Ints
from scanstage.dataset.analysis.label_summaries import TypicalLabels, label_summaries


def oddness(table: DatasetTable, typical: TypicalLabels) -> Floats:
    """(N,) squared distance from the middle of all, in standard deviations of each number of labels."""
    summaries = label_summaries(table, typical)
    off = (summaries - np.median(summaries, axis=0)) / np.maximum(summaries.std(axis=0), 1e-9)
    found: Floats = np.square(off).sum(axis=1)
    return found


def without_odd(odd: Floats, share: float) -> Ints:
    """Which pictures are left without that share of the oddest ones, in their order."""
    order = np.argsort(odd, kind="stable")
    return np.sort(order[: round((1 - share) * len(order))])
