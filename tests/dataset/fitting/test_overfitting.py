"""How well a fit does, and whether pictures copy photos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from support.toy_bank import photo_table

from scanstage.dataset.analysis.label_summaries import SUMMARIES, typical_labels
from scanstage.dataset.fitting.bank_table import bank_table
from scanstage.dataset.fitting.overfitting import COPIED, copying_score, judge_fit

BOUND = float(norm.ppf(COPIED))


def summaries(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(count, len(SUMMARIES)))


def test_copies_are_told() -> None:
    """Three in ten are copies of photos that were fitted, with a little noise."""
    told = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        fitted, held, planned = summaries(200, rng), summaries(60, rng), summaries(300, rng)
        planned[:90] = fitted[rng.integers(0, 200, 90)] + rng.normal(0, 0.02, (90, len(SUMMARIES)))
        told += copying_score(fitted, held, planned) < BOUND
    assert told >= 9


def test_no_copies_are_told_where_there_are_none() -> None:
    scores = []
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        scores.append(copying_score(summaries(200, rng), summaries(60, rng), summaries(300, rng)))
    assert (np.array(scores) < BOUND).sum() <= 2
    assert np.mean(scores) == pytest.approx(0, abs=0.5)


def few(rng: np.random.Generator) -> Mapping[str, Any]:
    return {"toy_size": float(rng.uniform(0.1, 0.2)), "toy_count": int(rng.integers(2, 5)), "toy_hidden": 0.5}


def many(rng: np.random.Generator) -> Mapping[str, Any]:
    return {"toy_size": float(rng.uniform(0.05, 0.1)), "toy_count": int(rng.integers(5, 8)), "toy_hidden": 0.5}


def test_before_and_after() -> None:
    sets = ((few, 100, 11), (few, 40, 12), (many, 150, 13), (few, 150, 14))
    fitted, held, before, after = (photo_table(draw, count, seed) for draw, count, seed in sets)
    found = judge_fit(fitted, held, before, after, typical_labels([after]))
    assert found.is_held_out
    assert found.before.auc > 0.95
    assert found.after.auc < 0.65
    assert found.before.distance > 10 * abs(found.after.distance)
    assert not found.is_copying
    stays = judge_fit(fitted, held, before, before, typical_labels([before]))
    assert {"labels", "size"} & {name for name, _ in stays.giveaways}
    said = json.loads(json.dumps(found.to_json()))
    assert said["held_out"] is True
    assert said["copies"] is False
    assert said["before"]["auc"] == pytest.approx(found.before.auc, abs=1e-4)


def test_without_photos_that_were_kept_out() -> None:
    fitted, planned = photo_table(few, 60, 1), photo_table(few, 80, 2)
    nothing = bank_table("none", ("owl", "mouse"), [])
    found = judge_fit(fitted, nothing, planned, planned, typical_labels([planned]))
    assert not found.is_held_out
    assert found.copying is None
    assert not found.is_copying
    assert found.to_json()["copying_z"] is None
