"""Bodies whose parts are not where their surfaces are come to lie on their surfaces: judged on the real meshes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from support.hollow_shapes import cup, sectors

from scanstage.scenes.randomize.physics import Body, RestingPose, World
from scanstage.scenes.randomize.resting.real_contacts import Contacts, RealSurface
from scanstage.scenes.randomize.resting.seating import contact_fault
from scanstage.scenes.randomize.settling import seated
from scanstage.scenes.randomize.stages.stage_build import Block

GROUND = Block(np.array([0.0, 0.0, -0.1]), np.array([2.0, 2.0, 0.1]), np.eye(3))
BALL = trimesh.creation.icosphere(subdivisions=4, radius=0.05)
BOX = trimesh.creation.box((0.12, 0.1, 0.06))


def surface(mesh: trimesh.Trimesh) -> RealSurface:
    scene = EmbreeScene()
    TriangleMesh(scene, np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32))
    return RealSurface(scene, 1.0, float(mesh.extents.max()))


def body(mesh: trimesh.Trimesh, factor: float, *parts: np.ndarray) -> Body:
    """A body whose hull and parts are larger than its surface by a factor, about its origin."""
    hull = np.asarray(mesh.convex_hull.vertices) * factor
    return Body(hull, tuple(p * factor for p in parts), surface(mesh))


def lowest(mesh: trimesh.Trimesh, pose: RestingPose) -> float:
    return float((np.asarray(mesh.vertices) @ pose.rotation.T + pose.position)[:, 2].min())


@pytest.mark.parametrize("factor", [1.03, 0.97, 1.0])
def test_a_stack_comes_to_touch(factor: float) -> None:
    world = World([body(BOX, factor), body(BALL, factor)], [GROUND])
    world.put(0, RestingPose(np.eye(3), np.array([0.0, 0.0, 0.031])))
    world.put(1, RestingPose(np.eye(3), np.array([0.0, 0.0, 0.115])))
    assert world.settle().settled
    before = lowest(BOX, world.poses()[0])
    found = seated(world)
    assert found.fault <= 1
    box, ball = found.poses
    assert abs(lowest(BOX, box)) < 1e-3
    assert abs(lowest(BALL, ball) - 0.06 - lowest(BOX, box)) < 1.5e-3
    np.testing.assert_allclose(box.rotation, np.eye(3), atol=0.02)
    if factor != 1.0:
        assert abs(before) > 5e-4, "the parts fit already: the test shows nothing"


@pytest.mark.parametrize("factor", [1.02, 0.98])
def test_a_ball_in_a_cup_touches_the_real_cup(factor: float) -> None:
    vessel = cup(radius=0.06, height=0.08, wall=0.006)
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.02)
    world = World([body(vessel, factor, *sectors(vessel, 12, 0.03)), body(ball, factor)], [GROUND])
    world.put(0, RestingPose(np.eye(3), np.array([0.0, 0.0, 0.0005])))
    world.put(1, RestingPose(np.eye(3), np.array([0.01, 0.0, 0.05])))
    assert world.settle().settled
    found = seated(world)
    assert found.fault <= 1
    floor = found.poses[0].position[2] + 0.006
    assert abs(lowest(ball, found.poses[1]) - floor) < 1.2e-3
    assert abs(lowest(vessel, found.poses[0])) < 1e-3


def test_faults_are_what_they_say() -> None:
    up = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    contacts = Contacts(np.array([[-1, 0], [0, 1]]), np.zeros((2, 3)), up, np.zeros(2))
    extents = np.array([0.1, 1.0])
    assert contact_fault(contacts, np.array([0.0, 0.0]), extents) == 0
    assert contact_fault(contacts, np.array([0.0, -0.002]), extents) == pytest.approx(2)
    assert contact_fault(contacts, np.array([0.003, 0.0]), extents) == pytest.approx(3)
    assert contact_fault(contacts, np.array([0.0, np.inf]), extents) == np.inf
    only = Contacts(np.array([[-1, 0]]), np.zeros((1, 3)), up[:1], np.zeros(1))
    assert contact_fault(only, np.zeros(1), extents) == np.inf, "the second body lies on nothing"
