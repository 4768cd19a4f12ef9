"""A fit of a toy, whose boxes follow from values by a formula: the truth is found, and what can't be known is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.toy_bank import CLASSES, COUNT, FREE, SIZE, ToyPlanner, photo_table

from scanstage.dataset.fitting import fit_values as module
from scanstage.dataset.fitting import told_by_labels
from scanstage.dataset.fitting.bank_table import ComparedLabels
from scanstage.dataset.fitting.config_terms import config_term
from scanstage.dataset.fitting.fit_values import FitTask, FoundValues, fit_values


def truth(rng: np.random.Generator) -> Mapping[str, Any]:
    return {
        "toy_size": float(np.exp(rng.uniform(np.log(0.08), np.log(0.25)))),
        "toy_count": int(rng.integers(2, 6)),
        "toy_hidden": 0.9,
    }


@pytest.fixture(scope="module")
def fitted() -> tuple[FoundValues, ToyPlanner, list[int]]:
    planner, rounds = ToyPlanner(), []
    photos = ComparedLabels(CLASSES, photo_table(truth, 150, 1))
    task = FitTask(FREE, np.tile([0.5, 0.29], (3, 1)), photos, range(150), size=800, seed=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BOOTSTRAPS", 25)
        patch.setattr(told_by_labels, "TREES", 25)
        return fit_values(task, planner, rounds.append), planner, rounds


def test_the_truth_is_found(fitted) -> None:  # type: ignore[no-untyped-def]
    size, count, _ = fitted[0].values
    low, high = SIZE.to_unit([0.08, 0.25])
    assert size.determined
    assert size.explained > 0.8
    assert size.mean == pytest.approx((low + high) / 2, abs=0.03)
    assert size.deviation == pytest.approx((high - low) / 12**0.5, abs=0.03)
    assert count.mean == pytest.approx(COUNT.to_unit([2, 3, 4, 5]).mean(), abs=0.03)


def test_intervals_hold_the_truth(fitted) -> None:  # type: ignore[no-untyped-def]
    size, count, _ = fitted[0].values
    for value, mean in ((size, SIZE.to_unit([0.08, 0.25]).mean()), (count, COUNT.to_unit([2, 3, 4, 5]).mean())):
        low, high = value.mean_interval
        assert low - 0.02 <= mean <= high + 0.02
        assert 0 < high - low < 0.2


def test_what_labels_do_not_tell_is_left(fitted) -> None:  # type: ignore[no-untyped-def]
    found, planner, _ = fitted
    hidden = found.values[2]
    assert hidden.explained < 0.05
    assert not hidden.determined
    assert not hidden.moved
    assert found.axes == (0, 1)
    assert planner.asked == [[True] * 3, *[[True, True, False]] * 3]


def test_it_plans_as_many_as_were_asked_for_in_rounds(fitted) -> None:  # type: ignore[no-untyped-def]
    found, _, rounds = fitted
    assert rounds == [0, 1, 2, 3]
    assert len(found.pictures) == 800
    assert found.weights().sum() == pytest.approx(1)
    assert found.match.effective > 60
    assert found.match.misfit < 5 * found.expected


def test_what_a_config_says_of_it(fitted) -> None:  # type: ignore[no-untyped-def]
    found = fitted[0]
    size, count = config_term(found, 0), config_term(found, 1)
    (kind, said) = next(iter(size.value.items()))
    assert kind in ("log_uniform", "normal")
    if kind == "log_uniform":
        assert said == pytest.approx([0.08, 0.25], rel=0.25)
    shares = count.value.get("choice")
    if shares is None:
        assert count.value == {"integer": [2, 5]}
    else:
        assert sum(v for k, v in shares.items() if 2 <= k <= 5) > 0.9


def test_kinds_are_told_apart_where_values_go_along_with_each_other() -> None:
    def draw(rng: np.random.Generator) -> dict[str, float | int]:
        if rng.random() < 0.4:
            return {"toy_size": rng.uniform(0.3, 0.5), "toy_count": int(rng.integers(1, 3)), "toy_hidden": 0.5}
        return {"toy_size": rng.uniform(0.05, 0.09), "toy_count": int(rng.integers(5, 8)), "toy_hidden": 0.5}

    photos = photo_table(draw, 200, 4)
    usual = np.array([(0.5, 0.29), (0.5, 0.29), (0.5, 0.29)])
    found = fit_values(FitTask(FREE, usual, ComparedLabels(CLASSES, photos), list(range(200)), 1500), ToyPlanner())
    assert found.shape.components > 1
    far = int(np.argmax([found.shape.marginal(found.theta, 1, k)[0] @ found.shape.marginal(found.theta, 1, k)[1]
                         for k in range(found.shape.components)]))  # fmt: skip
    assert found.shape.shares(found.theta)[far] == pytest.approx(0.6, abs=0.15)
    labels = photos.counts.sum(axis=1)
    assert (found.belongs[labels > 4, far] > 0.5).mean() > 0.95
    assert (found.belongs[labels < 4, far] < 0.5).mean() > 0.95
