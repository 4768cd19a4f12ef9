from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.scenes.balance.quotas import LEAST_YIELD, deal, deficits, deficits_of_shares, quotas, yields

amounts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 200), min_size=1)


def even_pressure(pictures: int):
    return lambda c: np.zeros(pictures)


def test_posterior_mean_by_hand() -> None:
    # Together 40 of 60 are kept; with the prior of 4 placements at 0.8: (40 + 3.2) / 64 = 0.675.
    # a: (30 + 4 * 0.675) / (40 + 4) = 0.743181…; b: (10 + 2.7) / 24 = 0.529166…; c, never placed, is at the mean.
    found = yields({"a": 40, "b": 20, "c": 0}, {"a": 30, "b": 10, "c": 0})
    assert found == {"a": pytest.approx(32.7 / 44), "b": pytest.approx(12.7 / 24), "c": pytest.approx(0.675)}
    assert yields({"a": 0}, {"a": 0}) == {"a": pytest.approx(0.8)}


@given(amounts, st.integers(0, 100))
def test_a_yield_lies_between_what_was_seen_and_all_classes(placed: dict[str, int], percent: int) -> None:
    kept = {c: n * percent // 100 for c, n in placed.items()}
    for c, rate in yields(placed, kept).items():
        assert 0 < rate <= 1
        seen = kept[c] / placed[c] if placed[c] else 0.5
        assert abs(rate - seen) <= 1 - placed[c] / (placed[c] + 4) + 1e-12, "the prior is worth four placements"


def test_deficits() -> None:
    assert deficits({"a": 5, "b": 5}, {"a": 3, "b": 9}) == {"a": 2.0, "b": 0.0}


def test_quotas_by_hand() -> None:
    # Weights D / y: a 10 / 0.5 = 20, b 10 / 1 = 10; of 9 slots 6 and 3.
    lacking, rates = {"a": 10.0, "b": 10.0, "c": 0.0}, {"a": 0.5, "b": 1.0, "c": 0.1}
    assert quotas(lacking, rates, 9, capped=True) == {"a": 6, "b": 3, "c": 0}
    # Of 30 slots 20 and 10; but a lacks only 10, and never gets more.
    assert quotas(lacking, rates, 30, capped=True) == {"a": 10, "b": 10, "c": 0}
    assert quotas(lacking, rates, 30, capped=False) == {"a": 20, "b": 10, "c": 0}


@given(amounts, st.integers(0, 300), st.booleans(), st.data())
def test_quotas_fill_slots_but_never_more(lacking: dict[str, int], slots: int, capped: bool, data) -> None:
    rates = {c: data.draw(st.floats(0.0, 1.0)) for c in lacking}
    given_ = quotas(lacking, rates, slots, capped)
    assert given_.keys() == lacking.keys()
    total = sum(given_.values())
    assert total == (min(slots, sum(lacking.values())) if capped else slots if any(lacking.values()) else 0)
    for c, n in given_.items():
        assert 0 <= n <= (lacking[c] if capped else slots)
        assert n == 0 or lacking[c] > 0


@given(amounts, st.integers(1, 300), st.data())
def test_uncapped_quotas_are_in_proportion(lacking: dict[str, int], slots: int, data) -> None:
    rates = {c: data.draw(st.floats(0.0, 1.0)) for c in lacking}
    weights = {c: n / max(rates[c], LEAST_YIELD) for c, n in lacking.items()}
    if not (whole := sum(weights.values())):
        return
    for c, n in quotas(lacking, rates, slots, capped=False).items():
        assert abs(n - slots * weights[c] / whole) < 1


def test_deficits_of_shares_by_hand() -> None:
    # Nothing kept yet, 30 slots, shares a third and two thirds, yields 1 and 0.5: K / 3 + (2 K / 3) / 0.5 = 30: K = 18.
    found = deficits_of_shares({"a": 1 / 3, "b": 2 / 3}, {"a": 0, "b": 0}, {"a": 1.0, "b": 0.5}, 30)
    assert found == {"a": pytest.approx(6), "b": pytest.approx(12)}
    # a has more than it could ever need: everything goes to b, and K = 10 / (1 / 2) = 20, less than a's 50 suggest.
    found = deficits_of_shares({"a": 0.5, "b": 0.5}, {"a": 50, "b": 0}, {"a": 1.0, "b": 1.0}, 10)
    assert found == {"a": 0.0, "b": pytest.approx(10)}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(1, 400), st.data())
def test_deficits_of_shares_fill_the_slots(kept: list[int], slots: int, data) -> None:
    weights = data.draw(st.lists(st.integers(0, 20), min_size=len(kept), max_size=len(kept)).filter(any))
    names = [str(i) for i in range(len(kept))]
    shares = {c: w / sum(weights) for c, w in zip(names, weights, strict=True)}
    rates = {c: data.draw(st.floats(0.0, 1.0)) for c in names}
    found = deficits_of_shares(shares, dict(zip(names, kept, strict=True)), rates, slots)
    needed = sum(d / max(rates[c], LEAST_YIELD) for c, d in found.items())
    assert needed == pytest.approx(slots, rel=1e-6)
    assert all(found[c] == 0 for c in names if not shares[c])


hands = st.lists(st.integers(1, 6), min_size=1, max_size=10)


@given(hands, st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(0, 5))
def test_a_deal_is_complete_and_within_its_rooms(rooms: list[int], wanted: list[int], seed: int) -> None:
    left, given_ = sum(rooms), {}
    for i, n in enumerate(wanted):
        given_[str(i)] = min(n, left)
        left -= given_[str(i)]
    noted: list[tuple[str, int]] = []
    rng = np.random.default_rng(seed)
    dealt = deal(given_, rooms, even_pressure(len(rooms)), lambda c, p: noted.append((c, p)), rng)
    assert [len(hand) <= room for hand, room in zip(dealt, rooms, strict=True)] == [True] * len(rooms)
    flat = [(c, p) for p, hand in enumerate(dealt) for c in hand]
    assert sorted(flat) == sorted(noted)
    assert {c: sum(1 for d, _ in flat if d == c) for c in given_} == given_


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 5))
def test_no_class_is_twice_in_a_picture_while_others_have_room(pictures: int, classes: int, seed: int) -> None:
    given_ = dict.fromkeys("abcdef"[:classes], pictures)
    rng = np.random.default_rng(seed)
    dealt = deal(given_, [classes] * pictures, even_pressure(pictures), lambda c, p: None, rng)
    assert all(len(set(hand)) == len(hand) for hand in dealt)


def test_a_deal_follows_the_pressure() -> None:
    # Of four pictures two are at night, where a has been shown 9 times already: both of its two go to the day.
    night = np.array([True, False, True, False])
    counts = {"a": np.array([9, 0]), "b": np.array([0, 9])}

    def pressure(c: str) -> np.ndarray:
        return np.where(night, counts[c][0], counts[c][1]).astype(float)

    def note(c: str, picture: int) -> None:
        counts[c][0 if night[picture] else 1] += 1

    for seed in range(5):
        counts = {"a": np.array([9, 0]), "b": np.array([0, 9])}
        dealt = deal({"a": 2, "b": 2}, [2] * 4, pressure, note, np.random.default_rng(seed))
        assert [("a" in hand, "b" in hand) for hand in dealt] == [(False, True), (True, False)] * 2


def test_a_deal_follows_its_generator() -> None:
    def once(seed: int) -> list[list[str]]:
        rng = np.random.default_rng(seed)
        return deal({"a": 9, "b": 5, "c": 3}, [4, 3, 2, 5, 4, 1], even_pressure(6), lambda c, p: None, rng)

    assert once(1) == once(1)
    assert any(once(1) != once(s) for s in range(2, 6))
