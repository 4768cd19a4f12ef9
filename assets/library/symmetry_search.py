"""Turns that may leave an asset as it was: found by turning its surface, judged by what then lies where.

Tried are turns about the principal axes of its surface and the axes of its frame, through the centre of its surface: by
halves to sixths of a full turn, and by any angle; and across an axis of three or more turns, where no principal axis is
told, half turns about what fits best. For each it is said how far the turned surface is from where it was,
and on how much of it another colour lies there: a can is round, its label isn't. Nothing is decided here; what is close
enough to be worth a question is a candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scanstage.assets.asset import Asset, MeshArrays
from scanstage.assets.library.sampled_surface import Floats, SampledSurface
from scanstage.assets.library.surface_look import base_color, base_color_pixels
from scanstage.assets.symmetry import Symmetries, SymmetryAxis, Vector3, rotation_about, turn, unit_vector
from scanstage.assets.textures.srgb import srgb_from_linear

ANY = 0
"""Parts of a full turn, where it may be any."""
LARGEST_OFF = 0.03
"""Of the width about the axis: what the shape of a candidate may be off by. Scans are never exact."""
_NOISE = 0.001  # of the diameter: a scanner's, which is not less where a rod is thin
LARGEST_OTHER_COLOR = 0.02
"""Share of the surface on which another colour may lie."""
_COLOR_STEP = 0.1  # of 0..1 in sRGB, in any channel: more than shading in a texture, less than print
_PARTS = (2, 3, 4, 5, 6)
_POINTS = 3000
_WORST = 99.5  # percentile: one triangle that sticks out is no handle
_GOLDEN_RAD = np.pi * (3 - np.sqrt(5))
_ANGLES = 8
_ALIKE_DEG = 5.0


@dataclass(frozen=True)
class SymmetryCandidate:
    """A turn, and what speaks against it.

    Attributes:
        axis: its direction, of length 1, asset frame.
        offset_m: a point on it, metres.
        turns: equal parts of a full turn; :data:`ANY` where it may be any.
        off_m: how far 99.5 % of the turned surface are at most from the surface.
        off: the same, as a share of the asset's width about the axis.
        other_color: share of the surface on which another colour lies after the turn; None where it has but one.
    """

    axis: Vector3
    offset_m: Vector3
    turns: int
    off_m: float
    off: float
    other_color: float | None

    @property
    def shape_only(self) -> bool:
        """Whether print or paint tells the turned one apart."""
        return self.other_color is not None and self.other_color > LARGEST_OTHER_COLOR


def symmetries_of(candidates: Sequence[SymmetryCandidate]) -> Symmetries:
    """Candidates as an asset holds them."""
    return Symmetries(
        tuple(SymmetryAxis(c.axis, c.offset_m) for c in candidates if c.turns == ANY),
        tuple(turn(c.axis, c.offset_m, c.turns) for c in candidates if c.turns != ANY),
    )


def find_symmetries(asset: Asset) -> list[SymmetryCandidate]:
    """Candidates, axis by axis: none that follows from another of the same looks.

    Raises InputError where the asset's files are missing or broken.
    """
    look = _TurnedLook(asset)
    groups: list[list[Vector3]] = [[unit_vector(a)] for a in np.eye(3)]
    _, principal = np.linalg.eigh(look.spread)
    for direction in principal.T[::-1]:
        _join(groups, direction)
    found = [look.best(group) for group in groups]
    for turns, axis in [(max(c.turns for c in cs), cs[0].axis) for cs in found if cs and cs[0].turns != ANY]:
        for direction in look.across(axis, turns) if turns > 2 else ():
            _join(groups, direction)
    found = [look.best(group) for group in groups]
    return list(_without_the_same([c for cs in found for c in _telling(cs)]))


def off_after(mesh: MeshArrays, symmetries: Symmetries) -> float:
    """How far symmetries of an asset leave its turned surface from where it was, at most; share of its diameter."""
    surface = SampledSurface(mesh)
    points = surface.points(*surface.sample(_POINTS, seed=2))
    turned = [points @ m[:3, :3].T + m[:3, 3] for m in symmetries.transforms()]
    for axis in symmetries.continuous:
        offset = np.array(axis.offset_m)
        turned += [(points - offset) @ rotation_about(axis.axis, a).T + offset for a in _angles(ANY)]
    worst = max((float(np.percentile(surface.nearest(p)[0], _WORST)) for p in turned), default=0.0)
    return worst / _diameter(points)


class _TurnedLook:
    """An asset's surface and colours, to be compared with themselves."""

    def __init__(self, asset: Asset) -> None:
        self._mesh, self._materials = asset.mesh(), asset.meta.materials
        self._pixels = base_color_pixels(asset)
        self._surface = SampledSurface(self._mesh)
        places = self._surface.sample(_POINTS, seed=2)
        self._points = self._surface.points(*places)
        self._center = self._surface.center_m
        self.spread = self._surface.spread
        self._colors = self._srgb(*places)
        self._plain = float(np.ptp(self._colors, axis=0).max()) < _COLOR_STEP

    def best(self, axes: Sequence[Vector3]) -> list[SymmetryCandidate]:
        """All candidates of the axis that fits best; of equals, of the first."""
        judged = [[c for n in (ANY, *_PARTS) if (c := self.judged(axis, n)) is not None] for axis in axes]
        return min(judged, key=lambda cs: (-len(cs), round(sum(c.off for c in cs) / max(len(cs), 1), 3)))

    def across(self, axis: Vector3, turns: int) -> Iterator[Floats]:
        """Directions at right angles to an axis, about which half turns fit best.

        Where there are any there are as many as turns, and between each two of them another.
        """
        first = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
        first /= np.linalg.norm(first)
        between = np.pi / turns
        angle, step = 0.0, np.radians(1)
        tried = np.arange(0.0, between, step)
        for points in (self._points[:: _POINTS // 300] - self._center, self._points - self._center):
            offs = [self._mean_off(points, rotation_about(axis, a) @ first) for a in tried]
            angle = float(tried[int(np.argmin(offs))])
            tried = angle + np.linspace(-step, step, 21)
        yield rotation_about(axis, angle) @ first
        yield rotation_about(axis, angle + between) @ first

    def _mean_off(self, about: Floats, axis: Floats) -> float:
        turned = about @ rotation_about(axis.tolist(), np.pi).T + self._center
        return float(self._surface.nearest(turned)[0].mean())

    def judged(self, axis: Vector3, turns: int) -> SymmetryCandidate | None:
        """The turn as a candidate; None where the shape is too far off."""
        about = self._points - self._center
        width = 2 * float(np.linalg.norm(np.cross(about, axis), axis=1).max())
        most = max(LARGEST_OFF * width, _NOISE * _diameter(about))
        off = other = 0.0
        for angle in _angles(turns):
            turned = about @ rotation_about(axis, angle).T + self._center
            distance, faces, weights = self._surface.nearest(turned)
            off = max(off, float(np.percentile(distance, _WORST)))
            if off > most:
                return None
            steps = np.abs(self._srgb(faces, weights) - self._colors).max(axis=1)
            other = max(other, float((steps > _COLOR_STEP).mean()))
        x, y, z = (float(v) for v in self._center)
        return SymmetryCandidate(axis, (x, y, z), turns, off, off / width, None if self._plain else other)

    def _srgb(self, faces: Any, weights: Floats) -> Floats:
        """(N, 3) in 0..1."""
        linear = base_color(self._mesh, self._materials, self._pixels, faces, weights)
        return np.asarray(srgb_from_linear(linear.clip(0, 1)))


def _angles(turns: int) -> list[float]:
    """What has to be tried: for any angle several, no two of them parts of the same turn."""
    return [2 * np.pi / turns] if turns else [float(k * _GOLDEN_RAD) for k in range(1, _ANGLES + 1)]


def _diameter(points: Floats) -> float:
    return float(np.linalg.norm(np.ptp(points, axis=0)))


def _join(groups: list[list[Vector3]], direction: Floats) -> None:
    """Put a direction to those that may mean the same, or to none."""
    upward = unit_vector(direction * np.sign(direction[np.abs(direction).argmax()]))
    near = [g for g in groups if abs(float(np.dot(g[0], upward))) > np.cos(np.radians(_ALIKE_DEG))]
    if near:
        near[0].append(upward)
    else:
        groups.append([upward])


def _telling(candidates: list[SymmetryCandidate]) -> Iterator[SymmetryCandidate]:
    """Of turns about one axis those that don't follow from another that looks as much the same."""
    for c in candidates:
        others = [
            o for o in candidates if o is not c and (o.turns == ANY or (c.turns != ANY and o.turns % c.turns == 0))
        ]
        if not any(c.shape_only or not o.shape_only for o in others):
            yield c


def _without_the_same(candidates: list[SymmetryCandidate]) -> Iterator[SymmetryCandidate]:
    """Without the half turns across a round axis that another half turn gives together with it."""
    round_axes = [np.array(c.axis) for c in candidates if c.turns == ANY]
    if len(round_axes) > 3:  # a ball: the axes of its frame say it
        yield from (c for c in candidates if c.turns == ANY and max(np.abs(c.axis)) > 1 - 1e-9)
        return
    across: list[SymmetryCandidate] = []
    told: list[SymmetryCandidate] = []
    for c in candidates:
        if max(np.abs(c.axis)) < 1 - 1e-9 and _follows(c, told):
            continue
        told.append(c)
        if c.turns == 2 and any(abs(float(axis @ c.axis)) < np.sin(np.radians(_ALIKE_DEG)) for axis in round_axes):
            across.append(c)
        else:
            yield c
    if across:
        yield min(across, key=lambda c: (c.shape_only, round(c.off, 3)))


def _follows(candidate: SymmetryCandidate, others: list[SymmetryCandidate]) -> bool:
    """Whether it is made of others of the same looks."""
    if candidate.turns == ANY:
        return False
    made = rotation_about(candidate.axis, _angles(candidate.turns)[0])
    try:
        known = symmetries_of([o for o in others if candidate.shape_only or not o.shape_only]).transforms()
    except ValueError:  # their axes nearly meet
        return False
    return any(np.abs(k[:3, :3] - made).max() < np.radians(_ALIKE_DEG) for k in known)
