"""What a camera looks at: the labelled objects, or what stands for them in a picture without any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.randomize.stages.stage_build import StageBuild
from scanstage.scenes.values.draws import Draws

IMAGINED_DENSITY = 0.3
"""Share of the floor that objects cover which aren't there: about the middle of what placements take by default."""


@dataclass(frozen=True)
class Sphere:
    """A ball about something: (3,) centre in the world and radius, metres."""

    center: Float
    radius: float


@dataclass(frozen=True)
class Subject:
    """What a camera can look at.

    Attributes:
        whole: all of it together.
        parts: each thing of it, at least one.
    """

    whole: Sphere
    parts: tuple[Sphere, ...]

    def midst(self) -> Sphere:
        """As if a thing of middling size lay where the middle of all is."""
        return Sphere(self.whole.center, float(np.median([p.radius for p in self.parts])))


def ball_about(points: Float) -> Sphere:
    """A sphere about the centre of the bounding box of (N, 3) points that holds them, metres."""
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    return Sphere(center, float(np.linalg.norm(points - center, axis=1).max()))


def subject_of(hulls: Sequence[Float]) -> Subject:
    """Things that are there, by the (N, 3) vertices of their hulls in the world; at least one."""
    return Subject(ball_about(np.concatenate(hulls)), tuple(ball_about(hull) for hull in hulls))


def imagined_subject(radii: Sequence[float], stage: StageBuild, draws: Draws) -> Subject:
    """Where things could lie that aren't there, so that pictures without any are taken as those with some are.

    Args:
        radii: of a sphere about each, metres; at least one.
        stage: that they could lie on.
        draws: of the picture.
    """
    rng = draws.rng("imagined.places")
    sizes = np.array(radii)
    half = np.full(2, max(np.sqrt(4 * np.square(sizes).sum() / IMAGINED_DENSITY) / 2, sizes.max()))
    middle = np.zeros(3)
    if stage.supports:
        support = stage.supports[int(rng.integers(len(stage.supports)))]
        half = np.minimum(half, support.half)
        slack = (support.half - half) * 0.5
        middle = support.center + np.append(rng.uniform(-1, 1, 2) * slack, 0.0)
    places = middle + np.column_stack([rng.uniform(-1, 1, (len(sizes), 2)) * half, sizes])
    ends = np.concatenate([places - sizes[:, None], places + sizes[:, None]])
    return Subject(ball_about(ends), tuple(Sphere(p, float(r)) for p, r in zip(places, sizes, strict=True)))
