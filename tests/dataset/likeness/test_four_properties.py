from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.likeness_sets import seen
from support.tables import table

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.analysis.label_summaries import SUMMARIES
from scanstage.dataset.likeness.compared_factors import SUMMARY_TITLES, factors_of, label_columns
from scanstage.dataset.likeness.compared_pictures import (
    PictureSet,
    SeenPictures,
    labels_of,
    of_classes,
    picked,
    renamed,
)
from scanstage.dataset.likeness.four_properties import PROPERTIES, Likeness, compare_pictures, gather
from scanstage.dataset.likeness.null_bands import SURE, chances, deals_anew
from scanstage.dataset.likeness.picture_features import PLAIN

OWN = (PLAIN, "00")


def told(found: Likeness) -> set[str]:
    return {f.name for f in found.figures if f.standing.verdict != "alike"}


def test_alike_sets_are_called_alike() -> None:
    found = compare_pictures(seen(90, 1), seen(80, 2), OWN)
    assert found.verdict() == "alike"
    assert found.half == 45
    assert {p: found.verdict(p) for p in PROPERTIES} == dict.fromkeys(PROPERTIES, "alike")
    names = {f.name for f in found.figures}
    assert {"mmd", "kid", "classes", "brightness", "box_share", "auc_numbers", "auc_features"} <= names
    assert {"density", "coverage", "vendi", "near_duplicates", "even:brightness_third"} <= names
    assert all(f.standing.band[0] <= f.standing.band[1] for f in found.figures)


def test_false_alarms_are_rare() -> None:
    """Of 60 pairs of alike sets, three are expected to be told from each other."""
    deals = deals_anew(40, 40, 99)
    wrong = 0
    for seed in range(60):
        gauges = gather(seen(40, seed), seen(40, seed + 1000), PLAIN).gauges
        wrong += min(chances(gauges, deals).values()) <= SURE
    assert wrong <= 8  # binomial, 3 standard deviations


def test_what_differs_is_named() -> None:
    found = compare_pictures(seen(90, 1), seen(90, 2, brighter=0.12), OWN)
    assert {"brightness", "kid", "auc_numbers", "auc_features"} <= told(found)
    assert found.verdict("similar") == found.verdict("indistinguishable") == "off"
    assert found.giveaways[0].title.startswith("brightness")
    assert found.giveaways[0].middles[0] < found.giveaways[0].middles[1]
    assert len(found.telling) == 5
    assert found.telling[0][1] > 0.8
    brightness = next(f for f in found.figures if f.name == "brightness")
    assert brightness.moved is not None
    assert brightness.moved.value == pytest.approx(0.12, abs=0.03)
    assert {"classes"} <= told(compare_pictures(seen(90, 1), seen(90, 2, owls=0.8), OWN))


def test_repeated_pictures_are_found() -> None:
    found = compare_pictures(seen(90, 1), seen(90, 2, repeated=18), OWN)
    assert "near_duplicates" in told(found)
    assert found.verdict("varied") == "off"


def test_labels_that_vary_less_are_found() -> None:
    found = compare_pictures(seen(300, 1), seen(300, 2, narrower=0.3), OWN)
    spread = next(f for f in found.of("varied") if f.name == "labels_spread")
    assert spread.standing.verdict == "off"
    assert spread.standing.value < 0.85 < spread.standing.band[0]


def test_the_json_is_one() -> None:
    found = compare_pictures(seen(40, 1), seen(30, 2), OWN).to_json()
    again = json.loads(json.dumps(found, allow_nan=False))
    assert set(again["properties"]) == set(PROPERTIES)
    assert again["real"] == {"name": "seen 1", "pictures": 40, "labels": again["real"]["labels"]}
    assert again["pictures_a_side"] == 20
    figure = again["properties"]["similar"]["figures"][0]
    assert {"name", "title", "unit", "value", "band", "chance", "verdict"} <= set(figure)
    assert len(again["most_telling"]) == 5
    assert again["parity"]["brightness_third"]["real"]["counts"].keys() == {"owl", "mouse"}


def test_labels_alone() -> None:
    sets = [SeenPictures(s.name, s.table, total=40) for s in (seen(40, 1), seen(40, 2))]
    found = compare_pictures(*sets)
    assert [f.name for f in found.of("varied")] == ["labels_spread"]
    assert found.extractor is None
    assert found.verdict("similar") == "alike"


def test_no_labels_and_no_class_in_common() -> None:
    bare = table([[]] * 30, numbers=[{"brightness": 0.4 + 0.01 * (k % 7)} for k in range(30)], name="bare")
    features = {PLAIN: np.random.default_rng(0).normal(size=(30, 20))}
    found = compare_pictures(replace(seen(30, 1), table=bare, features=features), seen(30, 2), OWN)
    assert found.verdict("fair") is None
    assert "seen 1 has no labels: pictures alone are compared." in found.notes
    assert {f.name for f in found.figures} == {
        "kid",
        "brightness",
        "auc_numbers",
        "auc_features",
        "density",
        "coverage",
        "vendi",
        "near_duplicates",
    }
    other = renamed(seen(30, 2).table, {"owl": "eagle", "mouse": "rat"})
    with pytest.raises(InputError, match="no class in common: owl, mouse against eagle, rat"):
        compare_pictures(seen(30, 1), replace(seen(30, 2), table=other), OWN)


def test_classes_that_one_alone_has_are_told_and_left_out() -> None:
    other = renamed(seen(30, 2).table, {"owl": "eagle"})
    found = compare_pictures(seen(30, 1), replace(seen(30, 2), table=other), OWN)
    assert found.classes == ("mouse",)
    assert any("Classes of seen 1 alone, whose labels are left out: owl" in n for n in found.notes)
    assert any("mouse is the only class of both" in n for n in found.notes)
    assert any("so few tell large differences alone" in n for n in found.notes)
    assert found.verdict("fair") is None


def test_two_classes_become_one() -> None:
    made = table([[("owl", (1.0, 1.0, 9.0, 9.0)), ("mouse", (1.0, 1.0, 9.0, 9.0))]] * 3)
    one = renamed(made, {"mouse": "owl"})
    assert one.classes == ("owl",)
    assert one.counts.tolist() == [[2], [2], [2]]
    with pytest.raises(InputError, match="did you mean mouse"):
        renamed(made, {"mous": "rat"})
    assert of_classes(made, ("mouse",)).counts.tolist() == [[1], [1], [1]]
    assert picked(made, np.array([0, 2])).counts.tolist() == [[1, 1], [1, 1]]


def test_summaries_have_titles_and_masks_are_needed_on_both_sides() -> None:
    assert set(SUMMARY_TITLES) == set(SUMMARIES)
    boxes = seen(20, 1).table
    masks = seen(20, 2).table
    masks.label_numbers["area_px"][:] *= 0.6
    assert "share of the box that the mask fills" not in label_columns(boxes, masks).titles
    assert "share of the box that the mask fills" in label_columns(masks, masks).titles
    assert "labels of class owl" in label_columns(boxes, masks).titles


def test_boxes_of_other_sizes_of_pictures_are_compared_as_shares() -> None:
    made = seen(20, 1).table
    large = replace(made, pictures=tuple(replace(p, resolution_wh=(200, 160)) for p in made.pictures))
    assert "box_size_px" in {f.name for f in factors_of(made, made)}
    assert "box_size_px" not in {f.name for f in factors_of(made, large)}
    unlike = compare_pictures(seen(20, 1), replace(seen(20, 2), table=large), OWN)
    assert any("boxes are compared as shares" in n for n in unlike.notes)


def test_without_opening_pictures() -> None:
    pictures = seen(12, 1)
    found = labels_of(PictureSet("x", pictures.table, 12, lambda row: b"", True))
    assert not found.features
    assert found.total == 12
