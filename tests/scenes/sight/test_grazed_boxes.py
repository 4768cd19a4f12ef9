from __future__ import annotations

from dataclasses import replace

import pytest
from support.sheets_of_paper import BEHIND, COVER, Sheet, lid, sheets

from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import LensPlan
from scanstage.scenes.sight.grazed_boxes import GRAZE_PX, has_grazed_box

NEAR, FAR = GRAZE_PX / 2, GRAZE_PX * 2


def fragile(*given: Sheet, target: int, lens: LensPlan | None = None) -> bool:
    plan, caster = sheets(*given, lens=lens)
    return has_grazed_box(plan, caster.cast(plan), caster, [target])


def test_a_gap_just_beside_a_pixel_that_is_far_from_the_rest() -> None:
    plan, caster = sheets(COVER, BEHIND, lid(NEAR))
    seen = caster.cast(plan)
    assert pixel_box(seen.instance_ids == 2) == (110, 40, 20, 40), "the cast sees nothing through the gap"
    assert has_grazed_box(plan, seen, caster, [2])
    assert not has_grazed_box(plan, seen, caster, [1]), "another object's box"


@pytest.mark.parametrize(
    "hole",
    [
        (80.5 + NEAR, 55, 88, 66),
        (72, 55, 80.5 - NEAR, 66),
        (75, 60.5 + NEAR, 88, 66),
        (75, 55, 88, 60.5 - NEAR),
        (80.5 + NEAR / 2, 60.5 + NEAR / 2, 88, 66),
    ],
)
def test_whichever_side_the_gap_is_on(hole: tuple[float, float, float, float]) -> None:
    assert fragile(COVER, BEHIND, Sheet(0.9, (70, 50, 90, 70), hole), target=2)


def test_a_gap_that_no_ray_grazes() -> None:
    assert not fragile(COVER, BEHIND, lid(FAR), target=2)
    assert not fragile(replace(COVER, hole=None), BEHIND, target=2)
    assert not fragile(BEHIND, COVER, target=1)


def test_the_objects_own_edge_in_a_gap() -> None:
    """The cast misses the object even alone: its edge passes beside the centre."""
    for beside, expected in ((NEAR, True), (FAR, False)):
        target = replace(BEHIND, outer=(80.5 + beside, 40, 130, 80))
        plan, caster = sheets(COVER, target)
        seen = caster.cast(plan)
        assert seen.instance_ids[60, 80] == 0
        assert not seen.silhouettes[1].in_image(seen.silhouettes[1].amodal, (120, 160))[60, 80]
        assert has_grazed_box(plan, seen, caster, [2]) is expected


@pytest.mark.parametrize("name", ["stage", "sheet"])
def test_something_else_is_seen_in_the_gap(name: str) -> None:
    other = Sheet(1.5, (75, 55, 90, 65), name=name)
    assert not fragile(COVER, BEHIND, lid(NEAR), other, target=2)
    assert fragile(COVER, BEHIND, lid(NEAR), replace(other, depth=2.5), target=2)


def test_an_outline_that_moves_by_a_pixel() -> None:
    """The gap is beside what is seen of the object: 1 px more is within what cast and engine may differ by."""
    for right, expected in ((81.2, False), (81.7, True)):
        assert fragile(replace(COVER, outer=(50, 30, right, 90)), BEHIND, lid(NEAR), target=2) is expected


def test_inside_the_box_it_changes_nothing() -> None:
    assert not fragile(COVER, replace(BEHIND, outer=(40, 20, 130, 100)), lid(NEAR), target=2)


def test_lenses() -> None:
    """An engine has the ideal fisheye; with other lenses it renders another picture than the one that was cast."""
    scene = (COVER, BEHIND, lid(NEAR))
    assert fragile(*scene, target=2, lens=LensPlan("fisheye", (0.0,) * 4))
    assert not fragile(COVER, BEHIND, lid(FAR), target=2, lens=LensPlan("fisheye", (0.0,) * 4))
    brown = LensPlan("brown_conrady", (-0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert not fragile(*scene, target=2, lens=brown)
