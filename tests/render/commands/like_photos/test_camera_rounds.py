"""A camera's fit on a toy of ten values: most cameras keep to narrow settings, and are to be found so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from scanstage.dataset.fitting import fit_values as module
from scanstage.dataset.fitting import told_by_labels
from scanstage.dataset.fitting.fit_values import FitTask, fit_values
from scanstage.render.commands.like_photos.fit_appearance import ROUNDS
from scanstage.scenes.bank.free_values import named_value

VALUES = 10
FREE = tuple(named_value(f"toy.value_{k}", (0.0, 1.0)) for k in range(VALUES))
MEANS = np.linspace(0.25, 0.75, VALUES)
SPREAD = 0.04


@dataclass(frozen=True)
class Toy:
    arrangement: int
    values: Mapping[str, Any]


def seen(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of (N, VALUES): each is measured, and no more than nearly so."""
    return values + rng.normal(scale=0.05, size=values.shape)


def test_narrow_values_are_found_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BOOTSTRAPS", 2)
    monkeypatch.setattr(told_by_labels, "TREES", 5)
    rng = np.random.default_rng(1)
    photos = seen(np.clip(rng.normal(MEANS, SPREAD, (100, VALUES)), 0, 1), rng)
    noise = np.random.default_rng(2)

    def plan(arrangements: np.ndarray, cameras: np.ndarray, chosen: np.ndarray) -> list[Toy]:
        rows = [dict(zip([v.name for v in FREE], row, strict=True)) for row in cameras[:, 0]]
        return [Toy(k, row) for k, row in enumerate(rows)]

    summaries: list[np.ndarray] = []

    def summarise(planned: Sequence[Toy], first: int) -> tuple[np.ndarray, np.ndarray]:
        new = planned[sum(map(len, summaries)) :]
        summaries.append(seen(np.array([list(toy.values.values()) for toy in new]), noise))
        return np.concatenate(summaries), photos

    usual = np.tile([0.5, 0.29], (VALUES, 1))
    task = FitTask(FREE, usual, summarise, range(100), 1500, views=1, kinds=False, rounds=ROUNDS)
    found = fit_values(task, plan)
    assert all(value.determined for value in found.values)
    assert [value.mean for value in found.values] == pytest.approx(MEANS, abs=0.05)
    assert np.mean([value.deviation for value in found.values]) < 1.6 * SPREAD
