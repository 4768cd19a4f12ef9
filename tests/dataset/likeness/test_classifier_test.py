from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import mannwhitneyu

from scanstage.dataset.likeness.classifier_test import (
    PENALTY,
    areas,
    auc_of,
    components,
    fitted,
    standardised,
    tell_apart,
)


def test_the_fit_is_the_optimum() -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(80, 4))
    is_second = (rng.random(80) < 1 / (1 + np.exp(-columns @ [1.0, -0.5, 0, 0] - 0.4))).astype(float)
    x = np.hstack([columns, np.ones((80, 1))])

    def loss(beta: np.ndarray) -> float:
        score = x @ beta
        return float(np.logaddexp(0, score).sum() - is_second @ score + PENALTY / 2 * np.square(beta[:-1]).sum())

    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    both = np.stack([is_second, 1 - is_second], axis=1)
    found = fitted(columns, both)
    np.testing.assert_allclose(found[:, 0], best, atol=2e-3)
    np.testing.assert_allclose(found[:, 1], -found[:, 0], atol=1e-9, err_msg="many at once are each by itself")


def test_areas_are_those_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 6, (40, 2)).astype(float)  # with ties
    is_second = rng.random((40, 2)) < 0.4
    for k in range(2):
        a, b = scores[is_second[:, k], k], scores[~is_second[:, k], k]
        expected = mannwhitneyu(a, b).statistic / (len(a) * len(b))
        assert areas(scores, is_second)[k] == pytest.approx(expected)
    assert np.isnan(areas(scores, np.zeros((40, 2), np.bool_))).all()


def test_it_guesses_where_nothing_differs_and_is_right_where_all_does() -> None:
    rng = np.random.default_rng(2)
    second = np.arange(120) >= 60
    first, other = ~second[None], second[None]
    noise = standardised(rng.normal(size=(120, 10)))[0]
    guessed = np.array([rng.permutation(second) for _ in range(100)])
    assert auc_of(noise)(~guessed, guessed).mean() == pytest.approx(0.5, abs=0.02)
    apart = noise.copy()
    apart[second, 3] += 8
    assert auc_of(apart)(first, other)[0] > 0.999
    assert np.isnan(auc_of(np.zeros((120, 0)))(first, other)).all()


def test_deals_of_different_pictures_are_fitted_by_themselves() -> None:
    rng = np.random.default_rng(3)
    columns = standardised(rng.normal(size=(90, 5)))[0]
    first, second = np.zeros((2, 90), np.bool_), np.zeros((2, 90), np.bool_)
    first[0, :30] = first[1, 10:40] = second[0, 30:60] = second[1, 40:70] = True
    together = auc_of(columns)(first, second)
    alone = [auc_of(columns)(first[k : k + 1], second[k : k + 1])[0] for k in (0, 1)]
    np.testing.assert_allclose(together, alone)


def test_what_gives_it_away_comes_out() -> None:
    rng = np.random.default_rng(4)
    columns = rng.normal(size=(200, 6))
    second = np.arange(200) >= 100
    columns[second, 2] += 2
    told = tell_apart(standardised(columns)[0], second)
    assert told.importance.argmax() == 2
    assert told.auc > 0.85
    assert told.probability[second].mean() > 0.7
    odd = columns.copy()
    odd[150, 2] = 9
    assert tell_apart(standardised(odd)[0], second).probability.argmax() == 150


def test_constant_columns_are_left_out() -> None:
    values = np.array([[1.0, 5, 2], [2, 5, 4], [3, 5, 9]])
    scaled, kept = standardised(values)
    assert kept.tolist() == [0, 2]
    np.testing.assert_allclose([scaled.mean(axis=0), scaled.std(axis=0)], [[0, 0], [1, 1]], atol=1e-12)
    assert components(np.ones((8, 3))).shape == (8, 0)
    found = components(np.random.default_rng(0).normal(size=(40, 100)))
    np.testing.assert_allclose(found.T @ found / 40, np.eye(found.shape[1]), atol=1e-9)
