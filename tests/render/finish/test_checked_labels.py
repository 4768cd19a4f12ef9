"""Labels against what an engine has rendered: exact for what is trained on, and where much of it is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanstage.dataset.check.check_labels import check_agreement
from scanstage.dataset.labels.agreement import CHECKED_FROM_PX
from scanstage.dataset.labels.poses import camera_info
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.render.finish.checked_labels import CheckedLabels, check_labels
from scanstage.scenes.config.load import load_config
from scanstage.scenes.planning.preflight import open_planner
from scanstage.scenes.sight.cast_plan import Planned

CONFIG = (
    "assets: {library: %s}\nobjects: {count: 2, placement: {kind: upright}}\n"
    "camera: {resolution: [48, 36], fill: 0.4}\n"
    "labels: {min_pixels: 1, min_visible_fraction: 0, on_violation: ignore}\n"
)


def rendered(folder: Path, library: Path, least_px: int) -> tuple[Planned, CheckedLabels]:
    """A picture of small objects, of which the engine sees the first three pixels wider than the cast does."""
    path = folder / "c.yaml"
    path.write_text(CONFIG % library)
    planned = open_planner(load_config(path), folder).plan(0)
    config = load_config(path, [f"labels.min_pixels={least_px}"])
    ids = planned.seen.instance_ids
    engine_ids = ids.copy()
    rows, columns = np.nonzero(ids == 1)
    assert 0 < len(rows) < CHECKED_FROM_PX - 3
    middle = rows[columns.argmin()]
    engine_ids[middle, columns.min() - 3 : columns.min()] = 1
    return planned, check_labels(planned, engine_ids, engine_ids, "cast", config, ())


@pytest.mark.parametrize(("least_px", "exact"), [(1, True), (1000, False)])
def test_small_boxes_are_checked_where_they_are_labels(
    tmp_path: Path, toy_library: Path, least_px: int, exact: bool
) -> None:
    planned, found = rendered(tmp_path, toy_library, least_px)
    assert [i.ignore for i in found.instances] == [not exact] * 2
    assert list(found.wrong) == ["instance 1: boxes of cast and cycles differ by 3 px"] * exact

    # Whoever checks the dataset later judges as the run did.
    plan = planned.plan
    image = ImageInfo("000000.jpg", plan.camera.resolution_wh, "0" * 64)
    made_by, camera = {"engine": "cycles"}, camera_info(plan.camera)
    record = Record(0, image, found.instances, found.unlabelled, found.agreement, made_by, 0.0, plan, camera)
    assert [kind for kind, _ in check_agreement(record)] == ["disagreement"] * exact
    large = tuple(replace(a, engine_px=CHECKED_FROM_PX) for a in found.agreement)
    assert "disagreement" in {kind for kind, _ in check_agreement(replace(record, agreement=large))}
