from __future__ import annotations

import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.analysis.class_ties import Tie, find_ties
from scanstage.dataset.analysis.dataset_table import DatasetTable

BOX = (10.0, 10.0, 20.0, 20.0)


def drawn(pictures: int, seed: int, owls_at_night: float = 0.5, classes: int = 6) -> DatasetTable:
    """Pictures of day and night, three labels each; an owl is put into a picture of the night with that chance."""
    rng = np.random.default_rng(seed)
    names = ["owl", *(f"class{k}" for k in range(1, classes))]
    times = rng.choice(["day", "night"], pictures)
    held = []
    for time in times:
        found = [str(c) for c in rng.choice(names[1:], 2)]
        likely = owls_at_night if time == "night" else 1 - owls_at_night
        found.append("owl" if rng.random() < likely else str(rng.choice(names[1:])))
        held.append([(c, BOX) for c in found])
    stages = rng.choice(["table", "floor", "shelf"], pictures)
    factors = [{"time": str(t), "stage": str(s), "look": "clean"} for t, s in zip(times, stages, strict=True)]
    return table(held, names, factors)


def by_factor(made: DatasetTable) -> dict[str, Tie]:
    return {tie.factor: tie for tie in find_ties(made)}


def test_a_class_of_the_night_is_found_and_nothing_else() -> None:
    ties = by_factor(drawn(200, seed=1, owls_at_night=0.9))
    assert set(ties) == {"time", "stage"}, "what has one value can't be tied"
    first = ties["time"].pairs[0]
    assert first.class_name == "owl"
    assert (first.value, first.times_even > 1.25) in {("night", True), ("day", False)}
    assert ties["time"].chance < 0.01
    assert ties["time"].strength is not None
    assert ties["time"].by_chance is not None
    assert ties["time"].strength > ties["time"].by_chance[1]
    assert ties["stage"].pairs == ()


def test_chance_alone_is_told_of_one_dataset_in_fifty_at_most() -> None:
    told = sum(any(tie.pairs for tie in find_ties(drawn(60, seed))) for seed in range(100, 150))
    assert told <= 2


def test_by_hand() -> None:
    # Owls 8 of day and 2 of night, mice 4 and 6: expected 6, 4, 6, 4; chi² = 4/6 + 4/4 + 4/6 + 4/4 = 10/3, n = 20.
    held = [[("owl", BOX)]] * 10 + [[("mouse", BOX)]] * 10
    factors = [{"time": t} for t in ["day"] * 8 + ["night"] * 2 + ["day"] * 4 + ["night"] * 6]
    tie = by_factor(table(held, factors=factors))["time"]
    assert tie.counts.tolist() == [[8, 2], [4, 6]]
    assert tie.strength == pytest.approx(np.sqrt(10 / 3 / 20))


def test_a_class_that_follows_from_the_value_has_a_tie_of_one() -> None:
    held = [[("owl", BOX)]] * 10 + [[("mouse", BOX)]] * 10
    tie = by_factor(table(held, factors=[{"time": t} for t in ["night"] * 10 + ["day"] * 10]))["time"]
    assert tie.strength == pytest.approx(1)
    assert {p.labels for p in tie.pairs} == {0, 10}


def test_pictures_are_shuffled_whole() -> None:
    """Nine owls in one picture of the night are one meeting, not nine."""
    held = [[("owl", BOX)] * 9] + [[("owl", BOX)]] * 9 + [[("mouse", BOX)]] * 20
    factors = [{"time": "night"}] + [{"time": "day"}] * 19 + [{"time": "night"}] * 10
    assert by_factor(table(held, factors=factors))["time"].pairs == ()


def test_sides_that_a_class_is_seen_from() -> None:
    rng = np.random.default_rng(3)
    held = [[("owl", BOX), ("mouse", BOX)] for _ in range(150)]
    azimuth = np.where(np.arange(300) % 2 == 0, rng.uniform(0, 60, 300), rng.uniform(-180, 180, 300))
    made = table(held, view_azimuth_deg=azimuth, view_elevation_deg=np.degrees(np.arcsin(rng.uniform(-1, 1, 300))))
    ties = by_factor(made)
    assert ("owl", "0 to 60 degrees") in {(p.class_name, p.value) for p in ties["viewing_sector"].pairs}
    assert ties["viewing_height"].pairs == ()
    assert ties["viewing_height"].values[0] == "from below"


def test_labels_of_a_picture_are_seen_from_like_sides() -> None:
    """Upright things of one class a picture, and a camera that knows nothing of classes: no tie, by whole pictures."""
    told = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        held = [[(str(rng.choice(["owl", "mouse", "hare", "newt"])), BOX)] * 12 for _ in range(50)]
        heights = np.repeat(np.degrees(np.arcsin(rng.uniform(-1, 1, 50))), 12) + rng.normal(0, 1, 600)
        made = table(
            held,
            ["owl", "mouse", "hare", "newt"],
            view_azimuth_deg=rng.uniform(-180, 180, 600),
            view_elevation_deg=np.clip(heights, -90, 90),
        )
        told += any(tie.pairs for tie in find_ties(made))
    assert told <= 1


def test_a_value_for_each_picture_is_no_circumstance() -> None:
    made = table([[("owl", BOX), ("mouse", BOX)]] * 200, factors=[{"photo": f"{i}.jpg"} for i in range(200)])
    assert by_factor(made)["photo"].strength is None


def test_nothing_to_be_tied() -> None:
    assert find_ties(table([])) == ()
    few = by_factor(table([[("owl", BOX)]] * 2, factors=[{"time": "day"}, {"time": "night"}]))["time"]
    assert few.strength is None
    assert few.to_json()["counts"] == []
