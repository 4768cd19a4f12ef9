"""Whether a body that lies on something flat would tip over when it is pushed a little.

A body keeps its pose where its centre of mass is lowest: how high that is above a plane is the support function of its
hull, and tilting the body is turning the plane. No simulation is needed to see that a bolt on its tip would fall.
"""

from __future__ import annotations

import numpy as np

from scanstage.scenes.optics.geometry import Float

TILT_RAD = np.radians(12.0)
"""A pose must survive being tilted by so much: cans and bottles on their bases do, pens on their ends don't."""
_DIRECTIONS = 16
_NEUTRAL = 3e-3  # of the extent: balls and lying cans, which have facets here, roll and do not fall


def tips_towards(points: Float, extent: float) -> Float | None:
    """Where a body would fall to.

    Args:
        points: (H, 3) corners of its hull in the world's orientation, from its centre of mass, metres.
        extent: its largest side, metres.

    Returns:
        (2,) horizontal unit vector; None where the body comes back from a tilt in any direction.
    """
    angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    down = np.concatenate([np.sin(TILT_RAD) * around, np.full((_DIRECTIONS, 1), -np.cos(TILT_RAD))], axis=1)
    tilted = (points @ down.T).max(axis=0)
    lowest = int(tilted.argmin())
    if tilted[lowest] > -points[:, 2].min() - _NEUTRAL * extent:
        return None
    # What is down when the body is tilted is where it falls to.
    direction: Float = around[lowest]
    return direction
