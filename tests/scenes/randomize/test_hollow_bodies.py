"""What is hollow holds things, and what is a ring goes over a peg: bodies of several parts in the physics engine."""

from __future__ import annotations

import numpy as np
import trimesh
from support.hollow_shapes import cup, ring, sectors

from scanstage.scenes.randomize.physics import Block, Body, RestingPose, World

GROUND = Block(np.array([0.0, 0.0, -0.1]), np.array([2.0, 2.0, 0.1]), np.eye(3))
PEG = Block(np.array([0.0, 0.0, 0.1]), np.array([0.008, 0.008, 0.1]), np.eye(3))
BALL = np.asarray(trimesh.creation.icosphere(subdivisions=3, radius=0.02).vertices)


def body(mesh: trimesh.Trimesh, *parts: np.ndarray) -> Body:
    return Body(np.asarray(mesh.convex_hull.vertices), parts)


def at(x: float, y: float, z: float) -> RestingPose:
    return RestingPose(np.eye(3), np.array([x, y, z]))


def settled(world: World, *poses: RestingPose) -> tuple[RestingPose, ...]:
    for i, pose in enumerate(poses):
        world.put(i, pose)
    rest = world.settle()
    assert rest.settled
    return rest.poses


def test_a_cup_holds_a_ball_and_its_hull_does_not() -> None:
    vessel = cup(radius=0.06, height=0.08, wall=0.006)
    for parts, height in ((sectors(vessel, 12, 0.03), 0.026), ((), 0.1)):
        world = World([body(vessel, *parts), Body(BALL)], [GROUND])
        _, ball = settled(world, at(0, 0, 0.0005), at(0.01, 0, 0.12))
        if parts:
            assert abs(ball.position[2] - height) < 0.001
            assert np.linalg.norm(ball.position[:2]) < 0.06
        else:
            assert ball.position[2] > height - 0.001 or np.linalg.norm(ball.position[:2]) > 0.08


def test_a_ring_goes_over_a_peg_down_to_the_ground() -> None:
    loop = ring(radius=0.03, thickness=0.005)
    for parts, over in ((sectors(loop), True), ((), False)):
        (pose,) = settled(World([body(loop, *parts)], [GROUND, PEG]), at(0.004, 0, 0.21))
        lies_round_it = abs(pose.position[2]) < 0.001 and np.linalg.norm(pose.position[:2]) < 0.025
        assert lies_round_it == over


def test_things_inside_a_cup_do_not_overlap_it() -> None:
    vessel = cup(radius=0.06, height=0.08, wall=0.006)
    world = World([body(vessel, *sectors(vessel, 12, 0.03)), Body(BALL)], [GROUND])
    world.put(0, at(0, 0, 0.001))
    for x, overlaps in ((0.0, False), (0.03, False), (0.045, True)):
        world.put(1, at(x, 0, 0.04))
        assert world.overlaps(1) == overlaps


def test_what_rested_against_a_wall_of_the_pen_falls_when_it_goes() -> None:
    """What sleeps must be woken: nothing touches it that moved."""
    board = np.asarray(trimesh.creation.box((0.004, 0.1, 0.2)).vertices)
    world = World([Body(board)], [GROUND], pen=(np.array([0.1, 0.1]), np.zeros(2)))
    turn = np.radians(12)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    (pose,) = settled(world, RestingPose(rotation, np.array([0.077, 0, 0.1])))
    assert pose.position[2] < 0.005
