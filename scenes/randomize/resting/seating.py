"""From where bodies lie by their convex parts to where their real surfaces do: small moves, no dynamics.

Each body wants to sink by what it hovers; no contact may penetrate. The nearest such moves are a least-distance
problem, which non-negative least squares solve (Lawson and Hanson, *Solving Least Squares Problems*, 1974, ch. 23).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.randomize.resting.real_contacts import Contacts

LEAST_TOLERANCE_M = 1e-3
TOLERANCE = 0.005
"""Nothing may penetrate, or hover, by more than this share of its extent, or 1 mm if that is more."""
_FARTHEST = 0.03  # of a body's extent that it may sink at once


def _tolerances(contacts: Contacts, extents: Float) -> Float:
    """(N,) metres, of the smaller body of each contact."""
    known = np.append(extents, np.inf)  # what is fixed has the number -1 or less
    return np.maximum(LEAST_TOLERANCE_M, TOLERANCE * known[np.maximum(contacts.bodies, -1)].min(axis=1))


def contact_fault(contacts: Contacts, gaps: Float, extents: Float) -> float:
    """The worst of what bodies at rest do, in tolerances: up to 1 all is well.

    Args:
        contacts: of all bodies.
        gaps: (N,) real distances at them.
        extents: (B,) of the bodies, metres.

    Returns:
        the deepest penetration or the largest distance of a body from all that could carry it; inf for one in the air.
    """
    shares = gaps / _tolerances(contacts, extents)
    nearest = np.full(len(extents), np.inf)
    for side, sign in ((0, -1.0), (1, 1.0)):  # normals point from the first to the second: up means it carries that
        carried = (contacts.bodies[:, side] >= 0) & (sign * contacts.normals[:, 2] > 0)
        np.minimum.at(nearest, contacts.bodies[carried, side], shares[carried])
    return float(max(nearest.max(initial=0.0), -shares.min(initial=0.0)))


def seating_moves(contacts: Contacts, gaps: Float, centers: Float, extents: Float) -> Float | None:
    """Moves that let bodies touch what carries them and nothing penetrate, to first order.

    Args:
        contacts: of all bodies.
        gaps: (N,) real distances at them.
        centers: (B, 3) about which bodies turn, metres.
        extents: (B,) metres.

    Returns:
        (B, 6) shifts in metres and rotation vectors in radians; None where there are none.
    """
    there = np.isfinite(gaps)
    unit = LEAST_TOLERANCE_M * float(np.median(extents)) / 0.1  # so that numbers are about 1
    rows = np.zeros((int(there.sum()), len(extents), 6))
    sinks, counts = np.zeros(len(extents)), np.zeros(len(extents))
    for side, sign in ((0, -1.0), (1, 1.0)):
        body = contacts.bodies[there, side]
        moves = np.flatnonzero(body >= 0)
        body, normals = body[moves], contacts.normals[there][moves]
        arms = contacts.points[there][moves] - centers[body]
        rows[moves, body, :3] = sign * normals
        rows[moves, body, 3:] = sign * np.cross(arms, normals) / (extents[body, None] / 2)
        carries = sign * normals[:, 2] > 0.3
        hover = np.clip(gaps[there][moves], 0.0, _FARTHEST * extents[body])
        np.add.at(sinks, body[carries], hover[carries])
        np.add.at(counts, body[carries], 1.0)
    wanted = np.zeros((len(extents), 6))
    wanted[:, 2] = -sinks / np.maximum(counts, 1.0)
    flat, start = rows.reshape(len(rows), -1), wanted.ravel() / unit
    least = -gaps[there] / unit - flat @ start
    system = np.concatenate([flat.T, least[None]])
    goal = np.append(np.zeros(flat.shape[1]), 1.0)
    try:
        multipliers, _ = nnls(system, goal)
    except RuntimeError:  # no convergence
        return None
    residual = system @ multipliers - goal
    if abs(residual[-1]) < 1e-9:  # no move is enough
        return None
    moves6: Float = ((start - residual[:-1] / residual[-1]) * unit).reshape(-1, 6)
    moves6[:, 3:] /= extents[:, None] / 2
    return moves6
