"""Classes by kinds of pictures, and parity."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from scanstage.dataset.analysis.dataset_table import LABEL_COLUMNS, DatasetTable, PictureLabels, PictureRow, make_table
from scanstage.dataset.fitting.kind_mix import kind_mix, yields_by_kind
from scanstage.scenes.bank.planned_labels import PlannedLabels

pytestmark = pytest.mark.unit
CLASSES = ("owl", "mouse")


def photos(names: list[tuple[str, ...]]) -> DatasetTable:
    rows = [
        (PictureRow(i, "", (64, 48)), PictureLabels(each, np.ones((len(each), len(LABEL_COLUMNS)))))
        for i, each in enumerate(names)
    ]
    return make_table("photos", CLASSES, rows, {})


def biased() -> tuple[DatasetTable, np.ndarray]:
    """100 photos by night with owls and few mice, 100 by day with mice alone."""
    table = photos([("owl", "mouse") if i % 4 == 0 else ("owl",) for i in range(100)] + [("mouse",)] * 100)
    return table, np.repeat(np.eye(2), 100, axis=0)


def test_a_bias_stays_as_it_is_in_the_photos() -> None:
    table, belongs = biased()
    found = kind_mix(table, belongs, CLASSES, np.ones((2, 2)), (0.0, 0.05))
    assert found.weights is not None
    assert found.evened == 0
    assert found.impact[0] == found.impact[1] < 0.5
    owl, mouse = found.weights["owl"], found.weights["mouse"]
    assert mouse[0] / owl[0] == pytest.approx(0.25, rel=0.02)
    assert owl[1] / mouse[1] < 0.001


def test_parity_evens_it_out_up_to_the_slack() -> None:
    table, belongs = biased()
    found = kind_mix(table, belongs, CLASSES, np.ones((2, 2)), (1.0, 0.05))
    assert found.weights is not None
    assert found.impact[0] < 0.5
    assert found.impact[1] >= 0.8
    labels = np.array([125.0, 100.0]) / 225
    picked = np.array([found.weights[c] for c in CLASSES]).T
    shares = picked / picked.sum(axis=1, keepdims=True) * labels[:, None]
    given_class = (shares / shares.sum(axis=0)).T
    apart = np.abs(given_class - labels).sum(axis=1) / 2
    assert apart.max() == pytest.approx(0.05, abs=0.005)


def test_classes_that_are_alike_have_no_weights_by_kind() -> None:
    rng = np.random.default_rng(0)
    table = photos([(str(rng.choice(CLASSES)),) for _ in range(200)])
    found = kind_mix(table, np.repeat(np.eye(2), 100, axis=0), CLASSES, np.ones((2, 2)), (1.0, 0.05))
    assert found.weights is None
    assert found.chance > 0.01


def test_yields_by_kind() -> None:
    def picture(placed: dict[str, int], labelled: tuple[str, ...]) -> PlannedLabels:
        return PlannedLabels(0, {}, (64, 48), labelled, np.zeros((len(labelled), 7)), Counter(placed))

    pictures = [picture({"owl": 2, "mouse": 1}, ("owl",)), picture({"owl": 1}, ("owl",))]
    found = yields_by_kind(pictures, np.array([0.5, 0.5]), np.eye(2), CLASSES)
    assert found.tolist() == [[0.5, 0.0], [1.0, 0.0]]
