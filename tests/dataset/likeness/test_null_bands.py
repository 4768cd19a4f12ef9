from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.analysis.dataset_table import Floats
from scanstage.dataset.likeness.null_bands import (
    DEALS,
    SURE,
    Bools,
    Gauge,
    Statistic,
    chances,
    deals_anew,
    draws_of_both,
    half_size,
    real_splits,
    standings,
)


def mean_gap(values: np.ndarray) -> Statistic:
    def of(first: Bools, second: Bools) -> Floats:
        return np.abs(first @ values / first.sum(axis=1) - second @ values / second.sum(axis=1))

    return of


def test_who_stands_where() -> None:
    splits, draws, deals = real_splits(11, 20, 30), draws_of_both(11, 20, 30), deals_anew(11, 20, 30)
    assert half_size(11, 20) == 5
    assert half_size(11, 3) == 3
    for dealt, size in ((splits, 5), (draws, 5)):
        assert (dealt.first.sum(axis=1) == size).all()
        assert (dealt.second.sum(axis=1) == size).all()
        assert not (dealt.first & dealt.second).any()
    assert not (splits.first | splits.second)[:, 11:].any(), "real against real"
    assert not draws.first[:, 11:].any()
    assert not draws.second[:, :11].any()
    assert deals.first.shape == (31, 31)
    assert deals.first[0].tolist() == [True] * 11 + [False] * 20
    assert (deals.first.sum(axis=1) == 11).all()
    assert (deals.first ^ deals.second).all()


def test_anything_is_told_of_alike_sets_one_time_in_twenty() -> None:
    """Over twelve figures that go along with each other."""
    rng = np.random.default_rng(0)
    deals = deals_anew(20, 20, 99)
    told = 0
    for _ in range(300):
        common = rng.normal(size=40)
        values = [common + rng.normal(size=40) for _ in range(6)] + [rng.exponential(size=40) for _ in range(6)]
        found = chances({str(k): Gauge(mean_gap(v)) for k, v in enumerate(values)}, deals)
        told += min(found.values()) <= SURE
    assert 5 <= told <= 27  # binomial: 15 expected, 3 standard deviations


def test_a_difference_is_found_and_named() -> None:
    rng = np.random.default_rng(1)
    values = {str(k): rng.normal(size=120) for k in range(5)}
    values["3"][60:] += 1.5
    found = standings({name: Gauge(mean_gap(v)) for name, v in values.items()}, 60, 60)
    assert [name for name, s in found.items() if s.verdict != "alike"] == ["3"]
    standing = found["3"]
    assert standing.chance == pytest.approx(1 / (DEALS + 1))
    assert standing.verdict == "off"
    assert standing.value > standing.band[1] > standing.band[0] >= 0


def test_what_is_certain_may_still_be_small() -> None:
    """Halves of 4,000 differ by more than what 4,000 against 4,000 can tell."""
    values = np.random.default_rng(2).normal(size=8000)
    values[:4000] -= values[:4000].mean()
    values[4000:] += 0.055 - values[4000:].mean()
    standing = standings({"a": Gauge(mean_gap(values))}, 4000, 4000)["a"]
    assert standing.chance <= SURE
    assert standing.verdict == "slightly off"
    assert standing.value <= standing.band[1]


def test_low_may_be_the_bad_end() -> None:
    values = np.random.default_rng(3).normal(size=80)
    values[40:] *= 0.2

    def spread(_: Bools, second: Bools) -> Floats:
        return np.array([values[s].std() for s in second])

    narrower = Gauge(spread, "low")
    standing = standings({"spread": narrower}, 40, 40)["spread"]
    assert standing.verdict == "off"
    assert standing.value < standing.band[0]
    values[40:] *= 25
    assert standings({"spread": narrower}, 40, 40)["spread"].verdict == "alike", "wider isn't asked for"


def test_what_cannot_be_said_surprises_nobody() -> None:
    def never(first: Bools, second: Bools) -> Floats:
        return np.full(len(first), np.nan)

    def always(first: Bools, second: Bools) -> Floats:
        return np.zeros(len(first))

    found = standings({"never": Gauge(never), "always": Gauge(always)}, 10, 10)
    assert {s.verdict for s in found.values()} == {"alike"}
    assert np.isnan(found["never"].value)
    assert chances({}, deals_anew(5, 5, 3)) == {}
