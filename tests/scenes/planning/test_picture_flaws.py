from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.sheets_of_paper import BEHIND, COVER, lid, sheets

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
