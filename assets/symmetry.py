"""Turns that leave a body as it was: poses that differ by one of them show the same, and none of them is wrong.

What one turn does, its opposite and its repetitions do as well, so a few turns of a body are kept, from which
:meth:`Symmetries.transforms` makes the others. Mirror images are none: nothing can be turned into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector3 = tuple[float, float, float]

MOST = 100
"""Declared axes or transforms of an asset."""
MOST_TRANSFORMS = 200
"""Of a body whose turns can be counted: a drum with a hundred sides has as many."""
RIGID_TOLERANCE = 1e-2
"""What a matrix that people write with two or three decimals may lack of a rotation."""
_ROUNDING = 1e-9
_SAME_ROTATION = 0.02  # of a matrix's norm: 0.8 degrees, where the finest turn is 3.6
_SAME_PLACE = 0.02  # of the largest translation


@dataclass(frozen=True)
class SymmetryAxis:
    """A line about which every turn leaves the body as it was.

    Attributes:
        axis: its direction, of length 1, in the asset's frame.
        offset_m: a point on it, metres, in the asset's frame.
    """

    axis: Vector3
    offset_m: Vector3


@dataclass(frozen=True)
class Symmetries:
    """All turns that leave an asset as it was, in its own frame and metres. Without any it is false.

    Attributes:
        continuous: axes of any turn.
        discrete: rigid transforms, each 16 numbers of a 4 x 4 matrix row by row; what follows from them isn't listed.
    """

    continuous: tuple[SymmetryAxis, ...] = ()
    discrete: tuple[tuple[float, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.continuous or self.discrete)

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> Symmetries:
        """Of what ``asset.json`` holds. Raises ValueError, KeyError or TypeError for what is no such turn."""
        if max(len(d["continuous"]), len(d["discrete"])) > MOST:
            raise ValueError(f"more than {MOST} symmetries")
        axes = tuple(SymmetryAxis(unit_vector(a["axis"]), _three(a["offset_m"])) for a in d["continuous"])
        return cls(axes, tuple(rigid_transform(m) for m in d["discrete"]))

    def scaled(self, factor: float) -> Symmetries:
        """Those of the asset ``factor`` times as large."""
        axes = tuple(SymmetryAxis(a.axis, _three([v * factor for v in a.offset_m])) for a in self.continuous)
        lengths = (3, 7, 11)
        moved = tuple(tuple(v * factor if i in lengths else v for i, v in enumerate(m)) for m in self.discrete)
        return Symmetries(axes, moved)

    def transforms(self) -> list[Matrix]:
        """(4, 4) matrices, metres: all that follow from the discrete ones, without the one that moves nothing.

        Those that only turn about a continuous axis, or differ from another by such a turn, are left out. Raises
        ValueError where there is no end of them, so that no body can have them.
        """
        given = [np.array(m, np.float64).reshape(4, 4) for m in self.discrete]
        place = _SAME_PLACE * max((float(np.linalg.norm(m[:3, 3])) for m in given), default=0.0) + 1e-6
        known = [np.eye(4)]
        for base in known:  # grows while it is gone through
            for turn in given:
                made = turn @ base
                same = next((k for k in known if np.linalg.norm(k[:3, :3] - made[:3, :3]) < _SAME_ROTATION), None)
                if same is None:
                    known.append(made)
                elif np.linalg.norm(same[:3, 3] - made[:3, 3]) > place:
                    raise ValueError("their axes don't meet in one point: no body has all of them")
                if len(known) > MOST_TRANSFORMS:
                    raise ValueError(f"more than {MOST_TRANSFORMS} turns follow from them: no body has all of them")
        return self._apart(known)

    def _apart(self, transforms: list[Matrix]) -> list[Matrix]:
        """But the first, those that no turn about a continuous axis makes of one before."""
        kept = transforms[:1]
        for made in transforms[1:]:
            steps = [made @ np.linalg.inv(k) for k in kept]
            if not any(_turns_about(axis, step) for axis in self.continuous for step in steps):
                kept.append(made)
        return kept[1:]


def _turns_about(axis: SymmetryAxis, transform: Matrix) -> bool:
    direction, point = np.array(axis.axis), np.array(axis.offset_m)
    moved = transform[:3, :3] @ point + transform[:3, 3]
    near = _SAME_PLACE * float(np.linalg.norm(point)) + 1e-6
    along = np.linalg.norm(transform[:3, :3] @ direction - direction) < _SAME_ROTATION
    return bool(along and np.linalg.norm(moved - point) < near)


def rotation_about(axis: Sequence[float], angle_rad: float) -> Matrix:
    """(3, 3) rotation by an angle about a direction of length 1 (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * (cross @ cross))


def turn(axis: Sequence[float], offset_m: Sequence[float], turns: int) -> tuple[float, ...]:
    """The transform, 16 numbers, by one of ``turns`` equal parts of a full turn about a line."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_about(axis, 2 * np.pi / turns)
    matrix[:3, 3] = np.array(offset_m) - matrix[:3, :3] @ np.array(offset_m)
    return tuple(float(v) for v in np.round(matrix.ravel(), 12) + 0.0)  # no 1e-17, and no -0.0


def unit_vector(xyz: Sequence[Any]) -> Vector3:
    """A direction of length 1. Raises ValueError where there is none."""
    vector = np.array(_three(xyz))
    length = float(np.linalg.norm(vector))
    if not length > 1e-9:
        raise ValueError("an axis has no direction")
    if abs(length - 1) > _ROUNDING:  # what has been made so stays as it is, to the last digit
        vector /= length
    return _three(vector.tolist())


def rigid_transform(numbers: Sequence[Any]) -> tuple[float, ...]:
    """16 numbers as those of the nearest rigid transform.

    Raises ValueError where they aren't nearly one: where they scale, shear, mirror or don't turn.
    """
    matrix = np.array([float(v) for v in numbers], np.float64)
    if matrix.shape != (16,) or not np.isfinite(matrix).all() or np.abs(matrix).max() > 1e6:
        raise ValueError("it isn't sixteen finite numbers")
    matrix = matrix.reshape(4, 4)
    if np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise ValueError("its last row isn't 0, 0, 0, 1")
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > RIGID_TOLERANCE:
        raise ValueError("it scales or shears")
    if np.linalg.det(rotation) < 0:
        raise ValueError("it mirrors, which no turn does")
    if np.linalg.norm(rotation - np.eye(3)) < _SAME_ROTATION:
        raise ValueError("it doesn't turn")
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _ROUNDING:
        left, _, right = np.linalg.svd(rotation)
        matrix[:3, :3] = left @ right
    return tuple(float(v) for v in np.round(matrix.ravel(), 12) + 0.0)


def _three(xyz: Sequence[Any]) -> Vector3:
    x, y, z = (float(v) for v in xyz)
    if not all(abs(v) < 1e12 for v in (x, y, z)):  # false for what is not a number
        raise ValueError("a coordinate is not finite")
    return x, y, z
