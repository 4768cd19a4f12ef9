"""Wear is drawn for each scan by itself, of the kinds that are wanted, and moves nothing else of a picture."""

from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.plan import FramePlan, MaterialJitter, WearPlan
from scanstage.scenes.planning.preflight import open_planner

CONFIG = (
    "assets: {library: %s, classes: [box]}\ncamera: {resolution: [64, 48]}\n"
    "distractors: {count: 1, source: [ball]}\nobjects: {count: 3, placement: {kind: upright}%s}\n"
)


def planned(folder: Path, library: Path, keys: str) -> FramePlan:
    path = folder / "c.yaml"
    path.write_text(CONFIG % (library, keys))
    return open_planner(load_config(path), folder).plan(0).plan


def worn(plan: FramePlan) -> list[WearPlan]:
    return [o.jitter.wear for o in plan.objects if o.jitter.wear is not None]


def without(plan: FramePlan) -> FramePlan:
    objects = tuple(replace(o, jitter=replace(o.jitter, wear=None)) for o in plan.objects)
    return replace(plan, objects=objects)


def test_each_scan_is_worn_in_its_own_way_and_lies_as_it_did(tmp_path: Path, toy_library: Path) -> None:
    plain = planned(tmp_path, toy_library, "")
    used = planned(tmp_path, toy_library, ", wear: 0.5")
    assert worn(plain) == []
    assert without(used) == plain
    found = worn(used)
    assert len(found) == 4, "distractors too"
    assert len({w.offset_m for w in found}) == len({w.dust for w in found}) == 4
    assert all(0.1 < kind <= 0.5 for w in found for kind in astuple(w)[:4])
    assert FramePlan.from_json(used.to_json()) == used


def test_kinds_that_are_not_wanted_stay_away(tmp_path: Path, toy_library: Path) -> None:
    every = worn(planned(tmp_path, toy_library, ", wear: {uniform: [0.2, 1]}"))
    dusty = worn(planned(tmp_path, toy_library, ", wear: {uniform: [0.2, 1]}, wear_kinds: [dust]"))
    assert [w.dust for w in dusty] == [w.dust for w in every]
    assert all(w.scratches == w.fingerprints == w.scuffs == 0 for w in dusty)


@pytest.mark.parametrize("keys", [", wear: 1.5", ", wear: 0.5, wear_kinds: []", ", wear: 0.5, wear_kinds: [rust]"])
def test_what_there_is_not_is_refused(tmp_path: Path, toy_library: Path, keys: str) -> None:
    with pytest.raises(InputError, match=r"objects\.wear"):
        planned(tmp_path, toy_library, keys)


def test_plans_of_before_there_was_wear_are_read(tmp_path: Path, toy_library: Path) -> None:
    plan = planned(tmp_path, toy_library, "")
    text = plan.to_json()
    assert '"wear":null' in text
    assert FramePlan.from_json(text.replace(',"wear":null', "")) == plan
    assert MaterialJitter().wear is None
