from __future__ import annotations

import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.analysis.comparison import SAME_CLASSES, Difference, compare_tables
from scanstage.dataset.analysis.dataset_table import DatasetTable


def drawn(pictures: int, seed: int, brighter: float = 0.0, owls: float = 0.5, a_picture: int = 4) -> DatasetTable:
    rng = np.random.default_rng(seed)
    held = [
        [
            ("owl" if rng.random() < owls else "mouse", (float(x), float(y), float(w), float(w)))
            for x, y, w in zip(rng.uniform(0, 60, n), rng.uniform(0, 40, n), rng.uniform(5, 40, n), strict=True)
        ]
        for n in rng.integers(1, 2 * a_picture, pictures)
    ]
    numbers = [{"brightness": float(v)} for v in rng.normal(0.5 + brighter, 0.1, pictures)]
    factors = [{"time": str(t)} for t in rng.choice(["day", "night"], pictures)]
    return table(held, factors=factors, numbers=numbers, name=f"drawn {seed}")


def by_name(ours: DatasetTable, other: DatasetTable) -> dict[str, Difference]:
    return {d.name: d for d in compare_tables(ours, other)}


def test_the_most_telling_comes_first() -> None:
    found = compare_tables(drawn(80, 1), drawn(60, 2, brighter=0.3))
    assert found[0].name == "brightness"
    assert found[0].beyond_chance > 0.3
    assert found[0].middle is not None
    assert found[0].middle[1] - found[0].middle[0] == pytest.approx(0.3, abs=0.05)
    assert [d.beyond_chance for d in found] == sorted((d.beyond_chance for d in found), reverse=True)


def test_two_of_a_kind_differ_by_chance_alone() -> None:
    found = [d for seed in range(10) for d in compare_tables(drawn(50, seed), drawn(40, seed + 100))]
    assert len(found) == 90
    told = {seed for seed in range(10) if any(d.beyond_chance > 0 for d in found[9 * seed : 9 * seed + 9])}
    assert len(told) <= 2, "nothing at all is told of nineteen pairs in twenty"


def test_labels_of_a_picture_belong_together() -> None:
    """Twenty equal boxes in one picture are one draw: what they differ by is chance in a dataset of few pictures."""

    def piles(seed: int) -> DatasetTable:
        rng = np.random.default_rng(seed)
        return table([[("owl", (1.0, 1.0, float(w), float(w)))] * 20 for w in rng.uniform(5, 40, 8)])

    chances = [by_name(piles(seed), piles(seed + 50))["box_size_px"] for seed in range(8)]
    assert np.median([d.by_chance[1] for d in chances]) > 0.5
    assert sum(d.beyond_chance > 0 for d in chances) <= 2


def test_distances_by_hand() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    ours, other = table([[("owl", box)] * 3 + [("mouse", box)]]), table([[("owl", box)] + [("mouse", box)] * 3])
    classes = by_name(ours, other)[SAME_CLASSES]
    assert classes.distance == pytest.approx(0.5)
    assert classes.shares == {"owl": (0.75, 0.25), "mouse": (0.25, 0.75)}
    small, large = table([[("owl", box)]] * 4), table([[("owl", (0.0, 0.0, 40.0, 40.0))]] * 4)
    assert by_name(small, large)["box_size_px"].distance == 1
    assert "box_size_px" not in by_name(small, small), "what is the same everywhere can't differ"


def test_what_only_one_has_is_left_out() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    photos = table([[("owl", box)], [("mouse", (0.0, 0.0, 20.0, 10.0))]], classes=("mouse", "owl", "eagle"))
    found = by_name(drawn(20, 1), photos)
    assert {"visible_fraction", "time", "brightness"}.isdisjoint(found)
    assert {"aspect", "labels", SAME_CLASSES} <= set(found)
    assert found[SAME_CLASSES].shares is not None
    assert set(found[SAME_CLASSES].shares) == {"owl", "mouse", "eagle"}, "classes go by their names"
    assert [sum(found["aspect"].to_json()["counts"][k]) for k in (0, 1)] == [drawn(20, 1).labels, 2]


def test_nothing_against_nothing() -> None:
    assert compare_tables(table([]), table([])) == ()
