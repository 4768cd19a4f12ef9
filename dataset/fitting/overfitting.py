"""How well a fit does on photos that it hasn't seen, and whether it copies those that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import norm, rankdata

from scanstage.dataset.analysis.dataset_table import DatasetTable, Floats
from scanstage.dataset.analysis.label_summaries import SUMMARIES, TypicalLabels, label_summaries
from scanstage.dataset.likeness.classifier_test import standardised, tell_apart
from scanstage.dataset.likeness.two_sample import gaussian_kernels, unbiased_mmd

MOST_GIVEAWAYS = 5
COPIED = 0.01
"""Chance of being told of copies where there are none."""


@dataclass(frozen=True)
class PhotosAgainst:
    """Photos against planned pictures, by their labels.

    Attributes:
        auc: of a classifier that is to tell them apart; .5 where it can't.
        distance: maximum mean discrepancy, squared, unbiased.
    """

    auc: float
    distance: float


@dataclass(frozen=True)
class FitTest:
    """Before and after a fit.

    Attributes:
        before, after: photos that were kept out (those that were fitted, where none were) against pictures of each.
        fitted: photos that were fitted against pictures of the fitted config.
        is_held_out: whether any were kept out.
        copying: see :func:`copying_score`; None without photos that were kept out.
        giveaways: summaries that tell photos from fitted pictures, with how much the area falls without them.
    """

    before: PhotosAgainst
    after: PhotosAgainst
    fitted: PhotosAgainst
    is_held_out: bool
    copying: float | None
    giveaways: tuple[tuple[str, float], ...]

    @property
    def is_copying(self) -> bool:
        """Whether pictures are nearer to the photos that were fitted than other photos are."""
        return self.copying is not None and self.copying < float(norm.ppf(COPIED))

    def to_json(self) -> dict[str, Any]:
        """As ``fit.json`` has it."""
        pairs = {"before": self.before, "after": self.after, "after_on_fitted": self.fitted}
        return {
            "held_out": self.is_held_out,
            **{name: {"auc": round(a.auc, 4), "mmd2": round(a.distance, 5)} for name, a in pairs.items()},
            "copying_z": None if self.copying is None else round(self.copying, 3),
            "copies": self.is_copying,
            "giveaways": [[name, round(value, 4)] for name, value in self.giveaways],
        }


def judge_fit(
    fitted: DatasetTable, held: DatasetTable, before: DatasetTable, after: DatasetTable, typical: TypicalLabels
) -> FitTest:
    """Compare photos with planned pictures by their labels.

    Args:
        fitted, held: photos that were fitted, and that were kept out.
        before, after: planned pictures of the config as it was, and as it became.
        typical: of classes, the same for all.
    """
    fit, out, old, new = (label_summaries(t, typical) for t in (fitted, held, before, after))
    return judge_summaries(fit, out, old, new, SUMMARIES)


def judge_summaries(fit: Floats, out: Floats, old: Floats, new: Floats, names: Sequence[str]) -> FitTest:
    """The same by (n, S) summaries of each, whose columns have names."""
    has_held = len(out) > 0
    judged = out if has_held else fit
    columns = np.concatenate([judged, new])
    scaled, there = standardised(columns)
    told = tell_apart(scaled, np.arange(len(columns)) >= len(judged))
    order = np.argsort(-told.importance)[:MOST_GIVEAWAYS]
    giveaways = tuple((names[there[k]], float(told.importance[k])) for k in order if told.importance[k] > 0.005)
    return FitTest(
        _against(judged, old),
        _against(judged, new),
        _against(fit, new),
        has_held,
        copying_score(fit, out, new) if has_held else None,
        giveaways,
    )


def _against(real: Floats, planned: Floats) -> PhotosAgainst:
    columns, _ = standardised(np.concatenate([real, planned]))
    second = np.arange(len(columns)) >= len(real)
    distance = float(unbiased_mmd(gaussian_kernels(columns))(~second[None], second[None])[0])
    return PhotosAgainst(tell_apart(columns, second).auc, distance)


def copying_score(fitted: Floats, held: Floats, planned: Floats) -> float:
    """Are planned pictures nearer to fitted photos than other photos are? A z-score; far below 0, they are copies.

    Mann and Whitney's U of distances to the nearest fitted photo, over all of space (Meehan et al. 2020, equation 2
    with one cell).

    Args:
        fitted: (n, S) summaries of the photos that were fitted.
        held: (m, S) of photos that were kept out.
        planned: (N, S) of planned pictures.
    """
    scaled, _ = standardised(np.concatenate([fitted, held, planned]))
    near, others, drawn = np.split(scaled, np.cumsum([len(fitted), len(held)]))
    tree = cKDTree(near)
    distances = [tree.query(points)[0] for points in (others, drawn)]
    m, n = len(distances[0]), len(distances[1])
    ranks = rankdata(np.concatenate(distances))
    u = ranks[m:].sum() - n * (n + 1) / 2
    return float((u - m * n / 2) / np.sqrt(m * n * (m + n + 1) / 12))
