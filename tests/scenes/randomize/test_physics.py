"""Overlap of placed bodies, judged by MuJoCo."""

from __future__ import annotations

import mujoco
import numpy as np
import trimesh

from scanstage.scenes.optics.geometry import random_rotation
from scanstage.scenes.randomize.physics import OVERLAP_TOLERANCE, Body, RestingPose, World
from scanstage.scenes.randomize.stages.stage_build import Block

GROUND = Block(np.array([0.0, 0.0, -0.1]), np.array([2.0, 2.0, 0.1]), np.eye(3))


def bodies(count: int) -> list[Body]:
    shapes = [trimesh.creation.box((0.1, 0.06, 0.04)), trimesh.creation.icosphere(subdivisions=2, radius=0.05)]
    return [Body(np.asarray(shapes[i % 2].convex_hull.vertices) * (1 + 0.1 * i)) for i in range(count)]


def in_contact(world: World, index: int) -> bool:
    """As :meth:`World.overlaps`, from the contacts of everything with everything."""
    model, data = world._model, world._data
    mujoco.mj_forward(model, data)
    geoms = set(np.flatnonzero(model.geom_bodyid == world._first_body + index).tolist())
    touching = [c for c in data.contact if geoms & {int(c.geom[0]), int(c.geom[1])}]
    return any(c.dist < -OVERLAP_TOLERANCE for c in touching)


def test_a_body_overlaps_what_it_touches_and_not_what_others_touch() -> None:
    rng = np.random.default_rng(6)
    found = []
    for _ in range(20):
        world = World(bodies(4), [GROUND])
        for index in range(4):
            world.put(index, RestingPose(random_rotation(rng), rng.uniform((-0.1, -0.1, 0.02), (0.1, 0.1, 0.22))))
        found += [(world.overlaps(index), in_contact(world, index)) for index in range(4)]
    assert [a for a, _ in found] == [b for _, b in found]
    assert {a for a, _ in found} == {True, False}


def test_asking_for_overlaps_changes_nothing_of_what_follows() -> None:
    rests = []
    for ask in (False, True):
        world = World(bodies(3), [GROUND])
        for index in range(3):
            world.put(index, RestingPose(np.eye(3), np.array([0.02 * index, 0.0, 0.1 + 0.15 * index])))
            if ask:
                assert not world.overlaps(index)
        rests.append(world.settle())
    assert rests[0].settled
    for a, b in zip(rests[0].poses, rests[1].poses, strict=True):
        assert np.array_equal(a.position, b.position)
        assert np.array_equal(a.rotation, b.rotation)
