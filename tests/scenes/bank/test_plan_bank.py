"""A bank is the same however many processes plan it, and takes values as they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanstage.scenes.bank.free_values import free_values, open_config
from scanstage.scenes.bank.plan_bank import ArrangementTask, plan_bank
from scanstage.scenes.bank.planned_labels import PlannedLabels
from scanstage.scenes.config.load import check_config
from scanstage.scenes.planning import planning_pool
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner


@pytest.fixture
def planner(toy_library: Path, tmp_path: Path) -> Planner:
    data = {
        "assets": {"library": str(toy_library), "classes": ["box", "ball"]},
        "objects": {"count": {"integer": [2, 4]}, "placement": {"kind": "scatter"}},
        "camera": {"resolution": [64, 48]},
        "labels": {"min_pixels": 2, "min_visible_fraction": 0.0, "on_violation": "drop_label"},
        "fit": {"free": {"objects.count": [1, 6], "camera.elevation_deg": [0, 88]}},
    }
    config = check_config(data, (), tmp_path)
    return open_planner(open_config(data, tmp_path, config, free_values(config, 5), {}), tmp_path)


def same(a: PlannedLabels, b: PlannedLabels) -> bool:
    return a.class_names == b.class_names and a.values == b.values and np.array_equal(a.boxes, b.boxes)


TASKS = [
    ArrangementTask(i, {"objects_count": 3}, [{"camera_elevation_deg": 20.0}, {"camera_elevation_deg": 80.0}])
    for i in range(4)
]


def test_any_number_of_workers_plans_the_same(planner: Planner) -> None:
    here = list(plan_bank(planner, TASKS, 1))
    there = list(plan_bank(planner, TASKS, 2))
    assert [len(p) for p in here] == [len(p) for p in there]
    assert all(same(a, b) for mine, theirs in zip(here, there, strict=True) for a, b in zip(mine, theirs, strict=True))


def test_values_are_those_that_were_given_and_views_differ(planner: Planner) -> None:
    given = [{"objects_count": 3, "camera_elevation_deg": angle} for angle in (20.0, 80.0)]
    both = 0
    for pictures in plan_bank(planner, TASKS, 1):
        assert [p.values for p in pictures] in (given, given[:1], given[1:])  # a view that can't be is left out
        assert all(sum(p.placed.values()) == 3 for p in pictures)
        if len(pictures) == 2:
            both += 1
            assert pictures[0].placed == pictures[1].placed
            assert not np.array_equal(pictures[0].boxes, pictures[1].boxes)
    assert both


def test_the_same_values_seen_twice_are_two_views(planner: Planner) -> None:
    camera = {"camera_elevation_deg": 40.0}
    first, second = planner.seen_by(1, {"objects_count": 2}, [camera, camera])
    assert first is not None
    assert second is not None
    assert first.plan.camera != second.plan.camera
    assert [o.object_to_world for o in first.plan.objects] == [o.object_to_world for o in second.plan.objects]


def test_what_finds_no_room_is_left_out(toy_library: Path, tmp_path: Path) -> None:
    data = {
        "assets": {"library": str(toy_library), "classes": ["box"]},
        "objects": {"count": 90, "placement": {"kind": "upright", "density": 0.7}},
        "stage": {"kind": "shelf"},
        "camera": {"resolution": [64, 48]},
    }
    planner = open_planner(check_config(data, (), tmp_path), tmp_path)
    assert planner.seen_by(0, {}, [{}, {}]) == [None, None]
    assert list(plan_bank(planner, [ArrangementTask(0, {}, [{}, {}])], 1)) == [[]]


def test_few_tasks_start_no_process(planner: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_pool, "ProcessPoolExecutor", None)
    assert len(list(plan_bank(planner, TASKS[:1]))) == 1
