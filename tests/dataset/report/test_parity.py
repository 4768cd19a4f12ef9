from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.dataset.report.parity import impact_ratio, parity, parity_difference
from scanstage.scenes.picture_order import Entry, Order, Shown

CLASSES = ("owl", "mouse")
EMPTY = Order(0, 0, (), ())


def pictures(*groups: tuple[int, str, int, int]) -> list[Entry]:
    """Groups of (pictures, light, owls in each, mice in each); sides go round."""
    entries = []
    for count, light, owls, mice in groups:
        for _ in range(count):
            names = ["owl"] * owls + ["mouse"] * mice
            side = len(entries) % 24
            entries.append(Entry(EMPTY, 0, tuple(Shown(c, c, side, None) for c in names), {"light": light}))
    return entries


def test_by_hand() -> None:
    # P(day | owl) = 0.8, P(day | mouse) = 0.5: differences 0.3 for day and for night; 0.5 / 0.8 and 0.2 / 0.5.
    shares = np.array([[0.8, 0.2], [0.5, 0.5]])
    assert parity_difference(shares) == pytest.approx(0.3)
    assert impact_ratio(shares) == pytest.approx(0.4)
    assert impact_ratio(np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])) == 1, "a value that never occurs says nothing"
    assert impact_ratio(np.array([[1.0, 0.0], [0.5, 0.5]])) == 0


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_bounds(classes: int, values: int, seed: int) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(values), classes)
    assert 0 <= impact_ratio(shares) <= 1
    assert 0 <= parity_difference(shares) <= 1
    assert impact_ratio(np.repeat(shares[:1], 3, axis=0)) == pytest.approx(1)


def test_tables_and_figures() -> None:
    found = parity(pictures((40, "day", 2, 0), (10, "day", 0, 5), (10, "night", 2, 5)), CLASSES)["light"]
    assert found["values"] == ["day", "night"]
    assert found["counts"] == {"owl": {"day": 80, "night": 20}, "mouse": {"day": 50, "night": 50}}
    assert found["share"]["owl"] == {"day": pytest.approx(0.8), "night": pytest.approx(0.2)}
    assert found["demographic_parity_difference"] == pytest.approx(0.3)
    assert found["disparate_impact_ratio"] == pytest.approx(0.4)
    assert found["flagged"]


def test_what_goes_along_is_told_from_chance() -> None:
    strong = parity(pictures((100, "day", 1, 0), (100, "night", 0, 1)), CLASSES)["light"]
    assert strong["disparate_impact_ratio"] == 0
    assert strong["beyond_chance"]
    assert strong["by_chance"] > 0.6
    even = parity(pictures((100, "day", 1, 1), (100, "night", 1, 1)), CLASSES)["light"]
    assert (even["disparate_impact_ratio"], even["flagged"], even["beyond_chance"]) == (1, False, False)
    # Few pictures: 4 to 2 and 3 to 3. It is flagged, but that is what chance gives.
    few = parity(pictures((3, "day", 1, 1), (1, "day", 1, 0), (2, "night", 1, 1), (1, "night", 0, 1)), CLASSES)["light"]
    assert few["disparate_impact_ratio"] < 0.8
    assert (few["flagged"], few["beyond_chance"]) == (True, False)


def test_chance_alone_is_rarely_taken_for_more() -> None:
    """At most one in twenty by design; of 40 seeds 8 or more would be at the 1e-4 level."""
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = [(1, str(rng.choice(["a", "b", "c"])), int(rng.integers(3)), int(rng.integers(3))) for _ in range(60)]
        wrong += parity(pictures(*groups), CLASSES)["light"]["beyond_chance"]
    assert wrong < 8


def test_labels_of_one_picture_are_not_independent() -> None:
    """Ten pictures of twenty labels each say as little as ten pictures: chance is worse than for 200 labels apart."""
    together = parity(pictures((5, "day", 20, 0), (5, "night", 0, 20)), CLASSES)["light"]["by_chance"]
    apart = parity(pictures((100, "day", 1, 0), (100, "night", 0, 1)), CLASSES)["light"]["by_chance"]
    assert together < apart - 0.2


def test_directions_are_told_by_height_and_sector() -> None:
    found = parity(pictures((48, "day", 1, 1)), CLASSES)
    assert found["viewing_height"]["values"] == [
        "from below",
        "from slightly below",
        "from slightly above",
        "from above",
    ]
    assert len(found["viewing_sector"]["values"]) == 6
    assert found["viewing_height"]["share"]["owl"]["from above"] == pytest.approx(0.25)
    assert found["viewing_sector"]["share"]["owl"]["60 to 120 degrees"] == pytest.approx(1 / 6)


def test_what_is_lost_or_not_planned_does_not_count() -> None:
    base = pictures((10, "day", 1, 1), (10, "night", 1, 1))
    lost = Entry(EMPTY, 0, (Shown("owl", "owl", 0, "min_pixels"),), {"light": "day"})
    failed = Entry(EMPTY, None, (), {})
    assert parity([*base, failed], CLASSES)["light"] == parity(base, CLASSES)["light"]
    assert parity([*base, lost], CLASSES)["light"]["counts"] == parity(base, CLASSES)["light"]["counts"]


def test_too_few_labels_give_no_figures() -> None:
    found = parity(pictures((20, "day", 1, 0), (2, "night", 1, 1)), CLASSES)["light"]
    assert found["left_out"] == ["mouse"]
    assert found["disparate_impact_ratio"] is None
    assert not found["flagged"]
    assert set(parity([], CLASSES)) == {"viewing_height", "viewing_sector"}
