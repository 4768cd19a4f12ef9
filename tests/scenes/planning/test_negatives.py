"""Pictures without a labelled object: asked for by count or by share, planned once, never for want of a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.load import load_config
from scanstage.scenes.optics.geometry import apply
from scanstage.scenes.optics.lens import project_local
from scanstage.scenes.picture_sequence.picture_source import open_source, plan_one
from scanstage.scenes.picture_sequence.selection import Selection
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.sight.cast_plan import Planned

BASE = "assets: {library: %s}\ncamera: {resolution: [64, 48]}\nobjects: {count: %s, placement: {kind: %s}}\n"


def planner(
    folder: Path, library: Path, count: str = "{integer: [1, 2]}", extra: str = "", kind: str = "upright"
) -> Planner:
    path = folder / "c.yaml"
    path.write_text(BASE % (library, count, kind) + extra)
    return open_planner(load_config(path), folder)


def labelled(planned: Planned) -> int:
    return sum(o.class_name is not None for o in planned.plan.objects)


@pytest.mark.parametrize("kind", ["drop", "upright", "scatter"])
@pytest.mark.parametrize("stage", ["table", "ground", "shelf", "room", "none"])
def test_a_count_of_none_is_a_picture_on_any_stage(tmp_path: Path, toy_library: Path, kind: str, stage: str) -> None:
    if (stage == "none" and kind != "scatter") or (stage == "shelf" and kind == "drop"):
        pytest.skip("nothing to rest on")
    it = planner(tmp_path, toy_library, "0", f"stage: {{kind: {stage}}}\n", kind)
    for i in range(3):
        planned = it.plan(i)
        assert planned.plan.objects == ()
        assert planned.seen.silhouettes == ()
        assert planned.plan.attempt % 20 < 2, "it isn't refused for want of a label"


def test_counts_from_none_on_are_drawn(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "{integer: [0, 2]}")
    assert {labelled(it.plan(i)) for i in range(12)} == {0, 1, 2}


def test_the_share_of_negatives_is_kept_and_moves_no_other_picture(tmp_path: Path, toy_library: Path) -> None:
    without, some = (planner(tmp_path, toy_library, extra=e) for e in ("", "negatives: 0.3"))
    numbers = range(40)
    negative = [i for i in numbers if some.count_labelled(i, {}) == 0]
    assert 5 <= len(negative) <= 20
    for i in numbers[:8]:
        assert labelled(some.plan(i)) == (0 if i in negative else labelled(without.plan(i)))
        if i not in negative:
            assert some.plan(i).plan == without.plan(i).plan


def test_a_negative_stays_one_however_often_it_is_planned(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, extra="negatives: 0.5\ndistractors: {count: 2}")
    for i in range(6):
        for number in (0, 1, 20, 240, 481):
            assert (labelled(it.attempt(i, None, number)) == 0) == (it.count_labelled(i, {}) == 0)


def test_pictures_with_objects_still_need_a_label(tmp_path: Path, toy_library: Path) -> None:
    it = planner(tmp_path, toy_library, "{choice: [0, 1]}", "labels: {min_pixels: 3000}")
    wanted = [it.count_labelled(i, {}) for i in range(8)]
    assert set(wanted) == {0, 1}
    for i, n in enumerate(wanted):
        if n:
            with pytest.raises(InputError, match="no object is visible enough"):
                it.plan(i)
        else:
            assert labelled(it.plan(i)) == 0


@pytest.mark.parametrize("framing", ["objects", "object"])
def test_the_camera_looks_at_distractors_where_there_are_no_others(
    tmp_path: Path, toy_library: Path, framing: str
) -> None:
    extra = "negatives: 1\ndistractors: {count: 3}\n"
    it = planner(tmp_path, toy_library, extra=extra)
    it.config = it.config.model_copy(update={"camera": it.config.camera.model_copy(update={"framing": framing})})
    for i in range(4):
        assert max(s.visible_px for s in it.plan(i).seen.silhouettes) > 20


def test_the_camera_looks_where_objects_could_lie(tmp_path: Path, toy_library: Path) -> None:
    """An empty table is seen from as near as one with things on it, and not always at its middle."""
    empty, full = planner(tmp_path, toy_library, "0"), planner(tmp_path, toy_library, "3")
    distances: list[list[float]] = []
    middles = []
    for it in (empty, full):
        distances.append([it.plan(i).plan.factors["camera"]["distance_m"] for i in range(12)])
    for i in range(12):
        camera = empty.plan(i).plan.camera
        middle = project_local(camera, apply(np.linalg.inv(np.array(camera.camera_to_world)), np.zeros((1, 3))))[0]
        middles.append(middle[:2])
    assert 0.5 < np.median(distances[0]) / np.median(distances[1]) < 2
    assert np.ptp(np.array(middles), axis=0).min() > 5


BALANCED = """
assets: {library: %s, classes: [box, ball]}
objects: {count: 2, placement: {kind: upright, density: 0.5}}
stage: {kind: ground}
camera: {resolution: [48, 36], elevation_deg: 40}
labels: {min_pixels: 8}
negatives: 0.35
balance: %s
"""


def balanced(folder: Path, library: Path, balance: str, extra: str = "") -> Any:
    path = folder / "b.yaml"
    path.write_text(BALANCED % (library, balance) + extra)
    return open_source(open_planner(load_config(path), folder))


@pytest.mark.parametrize("balance", ["{target: {box: 12, ball: 7}}", "{target: {box: 8, ball: 8}, count: images}"])
def test_a_balanced_run_meets_its_targets_beside_negatives(tmp_path: Path, toy_library: Path, balance: str) -> None:
    source = balanced(tmp_path, toy_library, balance)
    found = [p.planned for p in source.pictures(Selection())]
    numbers = [p.plan.index for p in found]
    assert numbers == list(range(len(found)))
    negative = [p.plan.index for p in found if not p.plan.objects]
    assert negative == [i for i in numbers if source.planner.count_labelled(i, {}) == 0]
    assert negative
    assert dict(source.controller.counted) == dict(source.targets.counts)
    assert source.controller.tally.planned == len(found)
    again = balanced(tmp_path, toy_library, balance)
    assert plan_one(again, negative[-1]).plan == found[negative[-1]].plan


def test_a_balanced_run_of_so_many_pictures_has_negatives_among_them(tmp_path: Path, toy_library: Path) -> None:
    source = balanced(tmp_path, toy_library, "{target: uniform}", "images: 24")
    found = [p.planned for p in source.pictures(Selection())]
    assert len(found) == 24
    assert sum(not p.plan.objects for p in found) == sum(source.planner.count_labelled(i, {}) == 0 for i in range(24))
    kept = source.controller.tally.kept
    assert abs(kept["box"] - kept["ball"]) <= 1


@pytest.mark.parametrize("changes", ["objects: {count: 0}", "negatives: 1.0", "objects: {count: {choice: [0]}}"])
def test_balance_without_any_object_is_refused(tmp_path: Path, toy_library: Path, changes: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"assets: {{library: {toy_library}}}\nbalance: {{target: {{box: 3, '*': 0}}}}\n{changes}\n")
    with pytest.raises(InputError, match="none is to show a labelled object"):
        load_config(path)
    # Where variables decide it is seen once they are drawn.
    path.write_text(
        f"assets: {{library: {toy_library}}}\nbalance: {{target: {{box: 3, '*': 0}}}}\n"
        "variables: {n: 0}\nobjects: {count: {var: n}}\n"
    )
    with pytest.raises(InputError, match="none of the first 64 pictures"):
        list(open_source(open_planner(load_config(path), tmp_path)).pictures(Selection()))
