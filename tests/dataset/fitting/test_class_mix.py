"""How often classes are picked: their labels in the photos, by what a pick yields. By hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from support.tables import table

from scanstage.dataset.fitting.class_mix import class_mix, class_shares
from scanstage.scenes.bank.planned_labels import PlannedLabels

BOX = (10.0, 10.0, 20.0, 20.0)


def planned(names: tuple[str, ...], placed: dict[str, int]) -> PlannedLabels:
    return PlannedLabels(0, {}, (100, 80), names, np.zeros((len(names), 7)), Counter(placed))


PHOTOS = table([[("owl", BOX)] * 3 + [("mouse", BOX)]] * 10)


def test_a_class_that_is_seldom_seen_is_picked_more_often() -> None:
    """Of two placed owls one is seen, of two mice both: for 3 owls to a mouse, 6 owls to a mouse are picked."""
    bank = [planned(("owl", "mouse", "mouse"), {"owl": 2, "mouse": 2})]
    mix = class_mix(PHOTOS, ("owl", "mouse"), bank, np.ones(1), False)
    assert mix.shares == {"owl": 0.75, "mouse": 0.25}
    assert mix.yields == {"owl": 0.5, "mouse": 1.0}
    assert mix.weights == {"owl": 1.0, "mouse": pytest.approx(1 / 6, abs=1e-3)}
    assert mix.unseen == ()


def test_pictures_count_by_their_weights() -> None:
    bank = [planned(("owl",), {"owl": 2}), planned(("owl", "owl"), {"owl": 2})]
    mix = class_mix(PHOTOS, ("owl",), bank, np.array([0.2, 0.8]), False)
    assert mix.yields == {"owl": pytest.approx(0.9)}


def test_a_class_that_no_photo_shows_is_picked_seldom() -> None:
    mix = class_mix(PHOTOS, ("owl", "mouse", "fox"), [planned(("owl",), {"owl": 1})], np.ones(1), True)
    assert mix.unseen == ("fox",)
    assert mix.weights is not None
    assert 0 < mix.weights["fox"] < 0.1
    assert class_shares(PHOTOS, ("owl", "mouse", "fox"))["fox"] == pytest.approx(0.5 / 40.5)


def test_a_class_that_is_never_seen_is_not_picked_without_end() -> None:
    mix = class_mix(PHOTOS, ("owl", "mouse"), [planned(("mouse",), {"owl": 5, "mouse": 1})], np.ones(1), False)
    assert mix.yields["owl"] == 0.02


def test_even_classes_stay_evenly_picked() -> None:
    """Each of four once a photo: as a config does that says nothing, and never a class twice."""
    names = ("owl", "mouse", "fox", "hen")
    photos = table([[(n, BOX) for n in names]] * 10, classes=names)
    bank = [planned(names, dict.fromkeys(names, 1))]
    assert class_mix(photos, names, bank, np.ones(1), True).weights is None
    assert class_mix(photos, names, bank, np.ones(1), False).weights is not None


def test_repeats_are_no_even_picking() -> None:
    """As many owls as mice in all, but three of one kind in each photo."""
    photos = table([[("owl", BOX)] * 3, [("mouse", BOX)] * 3] * 10)
    assert class_mix(photos, ("owl", "mouse"), [planned(("owl",), {"owl": 1})], np.ones(1), True).weights is not None


def test_one_class_alone() -> None:
    photos = table([[("owl", BOX)] * 3] * 10, classes=("owl",))
    bank = [planned(("owl",), {"owl": 1})]
    for is_evenly in (True, False):
        assert class_mix(photos, ("owl",), bank, np.ones(1), is_evenly).weights == {"owl": 1.0}


def test_photos_of_few_scenes_say_little_of_classes() -> None:
    """Ten photos of one scene are one: which of six classes it shows is chance. Ten scenes alike are none."""
    names = ("owl", "mouse", "fox", "hen", "ram", "cow")
    photos = table([[(n, BOX) for n in names[:4]]] * 10, classes=names)
    bank = [planned(names, dict.fromkeys(names, 1))]
    one_scene = class_mix(photos, names, bank, np.ones(1), True, independent=0.1)
    assert one_scene.weights is None
    assert one_scene.unseen == ("ram", "cow")
    assert one_scene.shares["ram"] == pytest.approx(0.5 / 5)
    ten_scenes = class_mix(photos, names, bank, np.ones(1), True)
    assert ten_scenes.weights is not None
    assert ten_scenes.weights["ram"] < 0.1
