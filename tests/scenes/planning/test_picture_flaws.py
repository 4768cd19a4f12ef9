from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.sheets_of_paper import BEHIND, COVER, Sheet, lid, sheets

from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.planning.picture_flaws import find_flaw
from scanstage.scenes.sight.grazed_boxes import GRAZE_PX
from scanstage.scenes.sight.label_rules import judge


@pytest.mark.parametrize(
    ("beside", "fragile"), [(-0.3, True), (-GRAZE_PX / 2, True), (GRAZE_PX / 2, True), (GRAZE_PX * 2, False)]
)
def test_a_box_that_a_gap_decides(beside: float, fragile: bool) -> None:
    """Whether the cast sees the object through the gap, or a ray a thousandth of a pixel beside it."""
    plan, caster = sheets(COVER, BEHIND, lid(beside))
    plan = replace(plan, factors={"camera": {"distance_m": 1.0}})
    seen = caster.cast(plan)
    judged = judge(plan, seen, LabelsConfig.model_validate({}))
    flaw = find_flaw(plan, seen, judged, lambda _: np.zeros((2, 3)), caster)
    assert flaw == ("the box of an object hangs by a single pixel" if fragile else None)


@pytest.mark.parametrize(("least_px", "fragile"), [(1, True), (60, False)])
def test_a_small_box_that_nobody_trains_on_may_hang_by_a_pixel(least_px: int, fragile: bool) -> None:
    """Of what is behind, a strip of 46 pixels is seen, and one pixel through the gap."""
    plan, caster = sheets(COVER, Sheet(2.0, (70, 40, 112, 63)))
    plan = replace(plan, factors={"camera": {"distance_m": 1.0}})
    seen = caster.cast(plan)
    rules = {"min_pixels": least_px, "min_visible_fraction": 0, "on_violation": "ignore"}
    judged = judge(plan, seen, LabelsConfig.model_validate(rules))
    assert [j.fate for j in judged] == ["label", "label" if fragile else "ignore"]
    flaw = find_flaw(plan, seen, judged, lambda _: np.zeros((2, 3)), caster)
    assert flaw == ("the box of an object hangs by a single pixel" if fragile else None)
