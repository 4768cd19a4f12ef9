"""From where bodies lie by their convex parts to where their real surfaces do, and how well they lie there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanstage.scenes.randomize.physics import PUSH_DROPPED, Contact, RestingPose, World

LEAST_TOLERANCE_M = 1e-3
TOLERANCE = 0.005
"""Nothing may penetrate, or hover, by more than this share of its extent, or 1 mm if that is more."""


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


def come_to_rest(world: World, extents: Sequence[float], rng: np.random.Generator) -> Arrangement:
    """Let bodies fall, push them until all lie well, and seat them on their real surfaces where that is needed.

    Args:
        world: with all bodies put where they start.
        extents: of the bodies, metres.
        rng: directions of the pushes.
    """
    settled = world.settle().settled and world.tip(rng, PUSH_DROPPED)[1]
    return seated(world, extents, settled)


def seated(world: World, extents: Sequence[float], settled: bool) -> Arrangement:
    """Bodies at rest by their parts, on their real surfaces: unmoved where these touch too."""
    before = Arrangement(world.rest(settled).poses, settled, contact_fault(world.contacts(), extents, every=True))
    if not settled or before.fault <= 1:
        return before
    still = world.seat()
    after = Arrangement(world.rest(still).poses, still, contact_fault(world.contacts(), extents, every=False))
    return after if still and after.fault < before.fault else before


def contact_fault(contacts: Sequence[Contact], extents: Sequence[float], every: bool) -> float:
    """The worst of contacts, in tolerances.

    Args:
        contacts: of bodies at rest.
        extents: of the bodies, metres.
        every: whether each pair that touches by its parts must touch really; otherwise each body something.
    """
    worst = 0.0
    nearest: defaultdict[tuple[int, ...], float] = defaultdict(lambda: np.inf)
    for c in contacts:
        bodies = [i for i in (c.first, c.second) if i >= 0]
        tolerance = max(LEAST_TOLERANCE_M, TOLERANCE * min(extents[i] for i in bodies))
        worst = max(worst, -c.gap_m / tolerance)
        for key in [(c.first, c.second)] if every else [(i,) for i in bodies]:
            nearest[key] = min(nearest[key], c.gap_m / tolerance)
    return max([worst, *nearest.values()])
