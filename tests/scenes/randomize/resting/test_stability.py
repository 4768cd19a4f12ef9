"""What a push would bring down, by geometry, and that the engine agrees."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from scanstage.scenes.randomize.physics import Body, RestingPose, World
from scanstage.scenes.randomize.resting.stability import tips_towards
from scanstage.scenes.randomize.settling import come_to_rest
from scanstage.scenes.randomize.stages.stage_build import Block

GROUND = Block(np.array([0.0, 0.0, -0.1]), np.array([2.0, 2.0, 0.1]), np.eye(3))
CAN = trimesh.creation.cylinder(radius=0.033, height=0.1, sections=64)
PEN = trimesh.creation.cylinder(radius=0.004, height=0.14, sections=16)
BALL = trimesh.creation.icosphere(subdivisions=3, radius=0.04)
EGG = trimesh.creation.icosphere(subdivisions=4, radius=0.02)
EGG.apply_scale([1, 1, 1.5])
SIDE = Rotation.from_euler("x", 90, degrees=True).as_matrix()


def lean(degrees: float) -> np.ndarray:
    return Rotation.from_euler("y", degrees, degrees=True).as_matrix()


@pytest.mark.parametrize(
    ("mesh", "rotation", "tips"),
    [
        (CAN, np.eye(3), False),
        (CAN, SIDE, False),
        (BALL, np.eye(3), False),
        (BALL, lean(33), False),
        (EGG, SIDE, False),
        (PEN, SIDE, False),
        (PEN, np.eye(3), True),
        (EGG, np.eye(3), True),
        (CAN, lean(np.degrees(np.arctan2(0.033, 0.05))), True),
    ],
    ids=["can", "lying can", "ball", "turned ball", "lying egg", "lying pen", "pen", "egg", "can on its rim"],
)
def test_what_tips(mesh: trimesh.Trimesh, rotation: np.ndarray, tips: bool) -> None:
    points = np.asarray(mesh.convex_hull.vertices) @ rotation.T
    assert (tips_towards(points, float(mesh.extents.max())) is not None) == tips


def test_it_tips_to_the_near_side() -> None:
    points = np.asarray(CAN.vertices) @ lean(np.degrees(np.arctan2(0.033, 0.05)) + 2).T
    direction = tips_towards(points, 0.1)
    assert direction is not None
    assert direction[0] > 0.9


@pytest.mark.parametrize(("mesh", "height"), [(PEN, 0.07), (EGG, 0.03)])
def test_what_balances_is_pushed_over(mesh: trimesh.Trimesh, height: float) -> None:
    world = World([Body(np.asarray(mesh.vertices)), Body(np.asarray(CAN.vertices))], [GROUND])
    world.put(0, RestingPose(np.eye(3), np.array([0.0, 0.0, height])))
    world.put(1, RestingPose(np.eye(3), np.array([0.5, 0.0, 0.05])))
    rest = world.settle()
    assert rest.poses[0].position[2] > 0.9 * height, "it doesn't balance: the test shows nothing"
    found = come_to_rest(world)
    assert found.settled
    assert abs(found.poses[0].rotation[2, 2]) < 0.3
    assert found.poses[1].rotation[2, 2] > 0.999
    np.testing.assert_allclose(found.poses[1].position, [0.5, 0, 0.05], atol=1e-3)
