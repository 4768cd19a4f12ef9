from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scanstage.assets.library.primitives import build_primitive
from scanstage.scenes.optics.geometry import to_matrix4
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LensPlan,
    MotionPlan,
    ObjectPlan,
    PostPlan,
    WorldPlan,
)
from scanstage.scenes.sight.coverage import can_sample, coverage
from scanstage.scenes.sight.visibility import Caster

DISTANCE_M, EDGE_PX = 1.0, 12.0
CAMERA = CameraPlan((32, 24), 100.0, 100.0, 16.0, 12.0, to_matrix4(np.eye(4)), focus_m=DISTANCE_M)


@pytest.fixture(scope="module")
def caster() -> Caster:
    return Caster(lambda asset_id: build_primitive(asset_id.removeprefix("primitive/")))


def half_plane(camera: CameraPlan = CAMERA, edge_px: float = EDGE_PX, motion: MotionPlan | None = None) -> FramePlan:
    """A square before the camera whose left edge is ``edge_px`` from the image's, and which fills all to its right."""
    matrix = np.diag([10.0, 10.0, 1.0, 1.0])
    matrix[:3, 3] = ((edge_px - 16.0) / 100.0 + 5.0, 0.0, DISTANCE_M)
    item = ObjectPlan(1, "primitive/plane", "square", to_matrix4(matrix), motion=motion)
    world, behind = WorldPlan(None, 0.0, 1.0), BackgroundPlan("color")
    return FramePlan(0, 0, camera, (), world, behind, (), (item,), PostPlan())


def test_a_pixel_is_covered_by_the_part_that_lies_in_it(caster: Caster) -> None:
    row = coverage(half_plane(edge_px=12.5), caster)[10]
    assert np.array_equal(np.unique(np.delete(row, [11, 12, 13])), [0, 1])
    assert abs(row[12] - 0.5) < 0.07, "through the middle of the pixel"
    low, high = coverage(half_plane(edge_px=12.3), caster)[10][[12, 11]]
    assert 0.5 < low < 0.9, "more of it where the edge lies to the left"
    assert high < 0.1


def test_what_is_in_focus_stays_sharp_and_what_is_not_spreads(caster: Caster) -> None:
    open_lens = replace(CAMERA, aperture_m=0.1)
    sharp = coverage(half_plane(CAMERA), caster)[10]
    focused = coverage(half_plane(open_lens), caster)[10]
    soft = coverage(half_plane(replace(open_lens, focus_m=3.0)), caster)[10]
    assert np.abs(focused - sharp).max() < 0.07
    # The circle of confusion: aperture * focal * |1 / distance - 1 / focus| = 6.7 px wide.
    assert np.count_nonzero((soft > 0.02) & (soft < 0.98)) in range(6, 10)
    assert soft[12] + soft[11] == pytest.approx(1, abs=0.12)


def test_what_moves_covers_as_long_as_it_is_there(caster: Caster) -> None:
    moving = MotionPlan(translation_m=(0.08, 0.0, 0.0))  # 8 px
    row = coverage(half_plane(motion=moving), caster)[10]
    assert row[[6, 10, 13, 18]] == pytest.approx([0, 0.31, 0.69, 1], abs=0.06)


def test_which_lenses_are_followed() -> None:
    fisheye = replace(CAMERA, lens=LensPlan("fisheye", (0.0, 0.0, 0.0, 0.0)))
    assert all(can_sample(c) for c in (CAMERA, replace(CAMERA, aperture_m=0.1), fisheye))
    assert not can_sample(replace(fisheye, aperture_m=0.1))
