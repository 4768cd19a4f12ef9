"""Things to place, and places beside those of their group."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.randomize.physics import RestingPose

CLOSE = 1.35
"""Neighbours stand apart by at most this multiple of how near they could."""


@dataclass(frozen=True)
class Item:
    """Something to place.

    Attributes:
        name: for messages.
        hull: (H, 3) vertices of its convex hull in the asset's frame, metres, scaled.
        parts: convex parts that it collides by, as ``hull``; none: the hull.
        group: items of the same one come to lie beside each other; None: anywhere.
    """

    name: str
    hull: Float
    parts: tuple[Float, ...] = ()
    group: int | None = None

    @cached_property
    def radius(self) -> float:
        """Radius of a sphere about the hull's box centre that holds it, metres."""
        return float(np.linalg.norm(self.hull - self.middle, axis=1).max())

    @cached_property
    def middle(self) -> Float:
        """(3,) centre of the hull's bounding box."""
        return (self.hull.min(axis=0) + self.hull.max(axis=0)) / 2


Placed = tuple[Item, RestingPose]


def around(middle: Float, closest: float, count: int, rng: np.random.Generator) -> Float:
    """(count, 2) spots around a (2,) middle, from ``closest`` to somewhat farther away, metres."""
    angles = rng.uniform(0, 2 * math.pi, count)
    away = closest * rng.uniform(1.0, CLOSE, count)
    return np.asarray(middle + np.column_stack([np.cos(angles), np.sin(angles)]) * away[:, None])


def one_of_group(items: list[Item], placed: Iterable[int], group: int | None, rng: np.random.Generator) -> int | None:
    """Index of one of those ``placed`` that the group holds; None where it holds none of them."""
    there = [] if group is None else [i for i in placed if items[i].group == group]
    return there[int(rng.integers(len(there)))] if there else None
