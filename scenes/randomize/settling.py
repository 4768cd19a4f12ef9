"""How dropped bodies come to rest: no pose that a push would end, and on their real surfaces."""

from __future__ import annotations

from dataclasses import dataclass

from scanstage.scenes.randomize.physics import RestingPose, World
from scanstage.scenes.randomize.resting.seating import contact_fault, seating_moves

PUSHES = 4
SEATINGS = 3


@dataclass(frozen=True)
class Arrangement:
    """How bodies came to lie.

    Attributes:
        poses: one a body.
        settled: whether all are at rest.
        fault: largest penetration, or distance from all that carries a body, in tolerances: up to 1 is well.
    """

    poses: tuple[RestingPose, ...]
    settled: bool
    fault: float


def come_to_rest(world: World) -> Arrangement:
    """Let bodies fall, push over what stands on an edge or a tip, and seat all on their real surfaces.

    Args:
        world: with all bodies put where they start.
    """
    rest = world.settle()
    for _ in range(PUSHES):
        if not rest.settled or not world.push_over():
            break
        rest = world.resettle()
    return seated(world) if rest.settled else Arrangement(rest.poses, False, float("inf"))


def seated(world: World) -> Arrangement:
    """Bodies at rest by their parts, moved a little so that their surfaces touch; unmoved where they do."""
    best: Arrangement | None = None
    for attempt in range(SEATINGS + 1):
        contacts, gaps = world.contacts()
        fault = contact_fault(contacts, gaps, world.extents)
        if best is None or fault < best.fault:
            best = Arrangement(world.poses(), True, fault)
        if fault <= 1 or attempt == SEATINGS:
            break
        moves = seating_moves(contacts, gaps, world.centers(), world.extents)
        if moves is None:
            break
        world.shift(moves)
    assert best is not None
    return best
