"""What the bank says of a plan's labels is what its record would say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scanstage.dataset.labels.instances import make_labels
from scanstage.scenes.bank.planned_labels import BOX_COLUMNS, planned_labels
from scanstage.scenes.config.load import check_config
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.planning.preflight import open_planner


def crowded(toy_library: Path, tmp_path: Path, **labels: object) -> Planner:
    """Objects that hide each other, some of them cut by the border."""
    data = {
        "assets": {"library": str(toy_library), "classes": ["box", "ball"]},
        "objects": {"count": 6, "placement": {"kind": "scatter", "density": 0.3}},
        "camera": {"resolution": [80, 60], "elevation_deg": 15, "fill": 1.4},
        "labels": {"min_pixels": 6, **labels},
    }
    return open_planner(check_config(data, (), tmp_path), tmp_path)


@pytest.mark.parametrize("rule", ["drop_label", "ignore"])
def test_labels_are_those_of_the_record(rule: str, toy_library: Path, tmp_path: Path) -> None:
    planner = crowded(toy_library, tmp_path, min_visible_fraction=0.3, on_violation=rule)
    at_border = occluded = ignored = 0
    for index in range(20):
        (good,) = planner.seen_by(index, {}, [{}])
        if good is None:
            continue
        instances, _ = make_labels(planner.complete(good), planner.config.labels)
        kept = [i for i in instances if not i.ignore]
        found = planned_labels(good, planner.config.labels)
        expected = [(*i.bbox_xywh, i.area_px, i.visible_fraction, i.truncated_fraction) for i in kept]
        assert found.boxes.shape == (len(kept), len(BOX_COLUMNS))
        assert [tuple(row) for row in found.boxes.tolist()] == expected
        assert list(found.class_names) == [i.class_name for i in kept]
        assert found.placed == Counter(o.class_name for o in good.plan.objects)
        assert (found.arrangement, found.resolution_wh) == (index, (80, 60))
        at_border += sum(i.bbox_xywh[0] == 0 or i.bbox_xywh[0] + i.bbox_xywh[2] == 80 for i in kept)
        occluded += sum(i.visible_fraction < 0.95 for i in kept)
        ignored += len(instances) - len(kept)
    assert at_border >= 2
    assert occluded >= 2
    assert (ignored > 0) == (rule == "ignore")


def test_a_picture_may_have_none(toy_library: Path, tmp_path: Path) -> None:
    data = {
        "assets": {"library": str(toy_library), "classes": ["box"]},
        "objects": {"count": 0},
        "camera": {"resolution": [64, 48]},
    }
    planner = open_planner(check_config(data, (), tmp_path), tmp_path)
    good = next(v for index in range(5) for v in planner.seen_by(index, {}, [{}]) if v is not None)
    found = planned_labels(good, planner.config.labels)
    assert found.boxes.shape == (0, len(BOX_COLUMNS))
    assert found.class_names == ()
    assert not found.placed
