"""Symmetries of a scan, as its keypoint file declares them (:mod:`keypoint_files`).

::

    symmetries:
      continuous:
        - {axis: z}                                    # any turn about the upright axis
        - {axis: [0, 0, 1], offset: [0, 0, 0]}         # the same, written out
      discrete:
        - {axis: x, turns: 2}                          # a half turn; turns: 4 are quarters
        - [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]

They are in the asset's frame, not in the file's as keypoints are: metres, Z up, the origin at the centre of the base.
Without ``offset`` an axis goes through the centre of the bounding box. What follows from the given ones is left out: a
quarter turn implies a half one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import did_you_mean, shown
from scanstage.assets.symmetry import MOST, Symmetries, SymmetryAxis, Vector3, rigid_transform, turn, unit_vector

FINEST = 100
"""Parts of a full turn; what has more sides is as good as round."""
_AXES: dict[Any, Vector3] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
_KINDS = ("continuous", "discrete")


@dataclass(frozen=True)
class DeclaredTurn:
    """A turn about a line.

    Attributes:
        axis: of length 1.
        offset_m: a point on the line; None is the centre of the bounding box.
        turns: equal parts of a full turn; 0 is any.
    """

    axis: Vector3
    offset_m: Vector3 | None
    turns: int = 0


@dataclass(frozen=True)
class DeclaredSymmetries:
    """What a file declares, before it is known where the asset's middle is.

    Attributes:
        turns: continuous and discrete ones.
        transforms: the 16 numbers of each matrix.
    """

    turns: tuple[DeclaredTurn, ...] = ()
    transforms: tuple[tuple[float, ...], ...] = ()

    def about(self, center_m: Vector3) -> Symmetries:
        """Those of an asset with the middle of its bounding box at ``center_m``.

        Raises InputError where no body can have all of them.
        """
        placed = [(t, t.offset_m or center_m) for t in self.turns]
        axes = tuple(SymmetryAxis(t.axis, offset) for t, offset in placed if not t.turns)
        discrete = (turn(t.axis, offset, t.turns) for t, offset in placed if t.turns)
        found = Symmetries(axes, (*discrete, *self.transforms))
        try:
            found.transforms()
        except ValueError as e:
            raise InputError(f"symmetries: {e}", "check the axes, and where they lie: metres, Z up") from e
        return found


def read_symmetries(given: Any, problems: list[str]) -> DeclaredSymmetries:
    """What stands under ``symmetries``; what is wrong with it is added to ``problems``."""
    if not isinstance(given, dict) or not given:
        problems.append(f"symmetries: expected continuous: […] and discrete: […], got {shown(given)}")
        return DeclaredSymmetries()
    for key in itertools.islice((k for k in given if k not in _KINDS), MOST):
        problems.append(f"symmetries.{shown(key)}: unknown key{did_you_mean(key, _KINDS)}")
    turns: list[DeclaredTurn] = []
    transforms: list[tuple[float, ...]] = []
    for kind in _KINDS:
        entries = given.get(kind, [])
        if not isinstance(entries, list):
            problems.append(f"symmetries.{kind}: expected a list, got {shown(entries)}")
            continue
        if len(entries) > MOST:
            problems.append(f"symmetries.{kind}: {len(entries)} are more than an asset may have ({MOST})")
            continue
        for i, entry in enumerate(entries):
            where = f"symmetries.{kind}.{i}"
            if isinstance(entry, list) and kind == "discrete":
                transforms += _transform(entry, where, problems)
            else:
                turns += _turn(entry, kind, where, problems)
    return DeclaredSymmetries(tuple(turns), tuple(transforms))


def _turn(entry: Any, kind: str, where: str, problems: list[str]) -> list[DeclaredTurn]:
    """The turn, or none where something is wrong with it."""
    keys = ("axis", "offset") if kind == "continuous" else ("axis", "offset", "turns")
    if not isinstance(entry, dict):
        matrix = "" if kind == "continuous" else ", or a matrix of four rows of four"
        problems.append(f"{where}: expected {{{', '.join(f'{k}: …' for k in keys)}}}{matrix}, got {shown(entry)}")
        return []
    before = len(problems)
    for key in itertools.islice((k for k in entry if k not in keys), MOST):
        problems.append(f"{where}.{shown(key)}: unknown key{did_you_mean(key, keys)}")
    axis = _axis(entry.get("axis"), where, problems)
    offset = None
    if "offset" in entry and (offset := _numbers(entry["offset"])) is None:
        problems.append(f"{where}.offset: expected three finite numbers, metres, got {shown(entry['offset'])}")
    turns = entry.get("turns", 0)
    if kind == "discrete" and not (type(turns) is int and 2 <= turns <= FINEST):
        problems.append(f"{where}.turns: expected a whole number from 2 to {FINEST}, got {shown(entry.get('turns'))}")
    return [DeclaredTurn(axis, offset, turns)] if axis and len(problems) == before else []


def _axis(given: Any, where: str, problems: list[str]) -> Vector3 | None:
    if isinstance(given, str) and given in _AXES:
        return _AXES[given]
    if (numbers := _numbers(given)) is not None:
        try:
            return unit_vector(numbers)
        except ValueError:
            problems.append(f"{where}.axis: {shown(given)} has no direction")
            return None
    problems.append(f"{where}.axis: expected x, y, z or three finite numbers, got {shown(given)}")
    return None


def _transform(rows: list[Any], where: str, problems: list[str]) -> list[tuple[float, ...]]:
    whole = len(rows) == 4 and all(isinstance(row, list) and len(row) == 4 for row in rows)
    numbers = [v for row in rows for v in row] if whole else rows
    if len(numbers) != 16 or not all(_is_number(v) for v in numbers):
        problems.append(f"{where}: expected a matrix of four rows of four finite numbers, got {shown(rows)}")
        return []
    try:
        return [rigid_transform(numbers)]
    except ValueError as e:
        problems.append(f"{where}: {e}")
        return []


def _numbers(given: Any) -> Vector3 | None:
    if not isinstance(given, list) or len(given) != 3 or not all(_is_number(v) for v in given):
        return None
    return float(given[0]), float(given[1]), float(given[2])


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) < 1e6 and math.isfinite(value)
