"""Which named points the camera sees: a ball's front and back, and what stands before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.asset import Asset
from scanstage.assets.library.primitives import primitive_assets
from scanstage.scenes.optics.geometry import look_at, to_matrix4, transform
from scanstage.scenes.plan import (
    BackgroundPlan,
    CameraPlan,
    FramePlan,
    LensPlan,
    ObjectPlan,
    PostPlan,
    SurfaceMaterial,
    SurfacePlan,
    WorldPlan,
)
from scanstage.scenes.sight.seen_keypoints import NamedPoints, see_keypoints
from scanstage.scenes.sight.visibility import Caster

R = 0.04  # the toy ball's radius; its centre is at z = R in its frame
BALL = {
    "front": (0.0, -R, R),
    "back": (0.0, R, R),
    "left": (-R, 0.0, R),
    "top": (0.0, 0.0, 2 * R),
    "sunk": (0.0, -R * 0.97, R),
    "deep": (0.0, 0.0, R),
}
# "left" and "top" lie on the equator, which the ball itself hides from this camera, by about the tolerance.
CLEAR = {"front": 2, "back": 1, "sunk": 2, "deep": 1}
NAMED = {"ball/toy": NamedPoints(BALL, R * 2 * 3**0.5)}
GREY = SurfaceMaterial((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def caster(toy_library: Path) -> Caster:
    primitives = primitive_assets()
    return Caster(lambda name: (primitives.get(name) or Asset.open(toy_library / name)).mesh())


def frame(*objects: ObjectPlan, surfaces: tuple[SurfacePlan, ...] = (), **camera: object) -> FramePlan:
    """Seen along +Y from a metre before the origin, at the height of the ball's centre."""
    pose = to_matrix4(look_at(np.array([0.0, -1.0, R]), np.array([0.0, 0.0, R])))
    view = replace(CameraPlan((160, 120), 200.0, 200.0, 80.0, 60.0, pose), **camera)
    return FramePlan(0, 0, view, (), WorldPlan(None, 0, 1), BackgroundPlan("hdri"), surfaces, objects, PostPlan())


def thing(instance_id: int, asset: str, x: float, y: float, z: float, scale: float = 1.0) -> ObjectPlan:
    matrix = to_matrix4(transform(np.eye(3), np.array([x, y, z]), scale))
    return ObjectPlan(instance_id, asset, asset.split("/")[0], matrix)


def flags(plan: FramePlan, caster: Caster, instance_id: int = 1) -> dict[str, int]:
    return {p.name: p.visibility for p in see_keypoints(plan, NAMED, caster)[instance_id]}


def test_front_and_back_of_a_ball(caster: Caster) -> None:
    plan = frame(thing(1, "ball/toy", 0, 0, 0))
    found = flags(plan, caster)
    assert {name: found[name] for name in CLEAR} == CLEAR
    front = see_keypoints(plan, NAMED, caster)[1][0]
    assert front.xy_px == pytest.approx((80.0, 60.0))
    assert front.position_m == pytest.approx((0.0, 0.0, 1.0 - R))


def test_scale_changes_nothing_but_the_place(caster: Caster) -> None:
    large = frame(thing(1, "ball/toy", 0, 0, R - 2 * R, 2.0))
    found = flags(large, caster)
    assert {name: found[name] for name in CLEAR} == CLEAR
    assert see_keypoints(large, NAMED, caster)[1][0].position_m == pytest.approx((0.0, 0.0, 1.0 - 2 * R))


def test_what_stands_before_it_hides_it(caster: Caster) -> None:
    ball = thing(1, "ball/toy", 0, 0, 0)
    wall = to_matrix4(transform(np.eye(3), np.array([0.0, -0.5, -0.5]), np.array([1.0, 0.02, 1.0])))
    hidden = dict.fromkeys(BALL, 1)
    assert flags(frame(ball, thing(2, "box/toy", 0, -0.5, 0)), caster) == hidden
    stage = SurfacePlan("wall", "primitive/box", wall, GREY)
    assert flags(frame(ball, surfaces=(stage,)), caster) == hidden
    assert flags(frame(ball, surfaces=(replace(stage, shadow_catcher=True),)), caster)["front"] == 2
    distractor = replace(thing(2, "box/toy", 0, -0.5, 0), class_name=None)
    assert flags(frame(ball, distractor), caster) == hidden


def test_outside_is_neither(caster: Caster) -> None:
    aside = see_keypoints(frame(thing(1, "ball/toy", 0.42, 0, 0)), NAMED, caster)[1]  # the border is at x = 0.4
    by_name = {p.name: p for p in aside}
    assert by_name["left"].visibility == 2
    assert by_name["top"].visibility == 0
    assert by_name["top"].xy_px is not None
    assert by_name["top"].xy_px[0] > 160
    behind = see_keypoints(frame(thing(1, "ball/toy", 0, -2, 0)), NAMED, caster)[1]
    assert {p.visibility for p in behind} == {0}
    assert {p.xy_px for p in behind} == {None}


def test_a_fisheye_looks_behind_itself(caster: Caster) -> None:
    lens = LensPlan("fisheye", (0.0, 0.0, 0.0, 0.0))
    plan = frame(thing(1, "ball/toy", 0.6, -1.2, 0), lens=lens, fx=30.0, fy=30.0)  # 108 degrees off the axis
    found = {p.name: p for p in see_keypoints(plan, NAMED, caster)[1]}
    assert found["left"].position_m[2] < 0
    assert found["left"].visibility == 2
    assert found["deep"].visibility == 1


def test_objects_without_points_and_distractors_have_none(caster: Caster) -> None:
    plan = frame(thing(1, "box/toy", 0, 0, 0), replace(thing(2, "ball/toy", 0, 0.2, 0), class_name=None))
    assert see_keypoints(plan, NAMED, caster) == {}


def test_what_is_nearer_than_the_clip_distance_hides_nothing(caster: Caster) -> None:
    """A speck right before the lens is not in the picture, so it hides no point either."""
    ball, speck = thing(1, "ball/toy", 0, 0, 0), thing(2, "ball/toy", 0, -0.95, R - 0.004, scale=0.1)
    for lens in (None, LensPlan("fisheye", (0.0, 0.0, 0.0, 0.0))):
        assert flags(frame(ball, speck, near_m=0.01, lens=lens), caster)["front"] == 1
        assert flags(frame(ball, speck, near_m=0.06, lens=lens), caster)["front"] == 2
