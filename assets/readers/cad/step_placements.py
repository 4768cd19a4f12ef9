"""Placements in the text of a STEP file that Open CASCADE doesn't follow: those that mirror or scale.

It turns what should be mirrored, and scales by the inverse; an operator that lacks some of its supertypes' attributes
it doesn't see at all.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from scanstage.assets.readers.cad.step_entities import Entities, Entity, entities_at, named_by, references, text_of

_OPERATOR = re.compile(rb"#(\d+)\s*=\s*CARTESIAN_TRANSFORMATION_OPERATOR_3D\s*\(")
_MAPPED = re.compile(rb"#(\d+)\s*=\s*MAPPED_ITEM\s*\(")
_RELATION = re.compile(rb"WITH_TRANSFORMATION\s*\(\s*#(\d+)")
_ATTRIBUTES = 8
"""Of an operator: name, name and description, two axes, origin, scale, the third axis."""
_AXES = ((-5, (1.0, 0.0, 0.0)), (-4, (0.0, 1.0, 0.0)), (-1, (0.0, 0.0, 1.0)))
"""At which place each axis stands, and what it is where none does (ISO 10303-42)."""
_EQUAL = 1e-6


def placements_not_followed(data: bytes) -> int:
    """How many shapes stand where they shouldn't, or as they shouldn't; ``data`` without comments."""
    numbers = {int(match[1]) for match in _OPERATOR.finditer(data)}
    if not numbers:
        return 0
    mapped = entities_at(data, {int(match[1]) for match in _MAPPED.finditer(data)})
    users = [n for item in mapped.values() for n in named_by(data, item, 2)]
    users += [int(match[1]) for match in _RELATION.finditer(data)]
    operators = entities_at(data, numbers.intersection(users))
    named = {n for operator in operators.values() for place, _ in _AXES for n in named_by(data, operator, place)}
    directions = entities_at(data, named)
    odd = {n for n, operator in operators.items() if not _is_followed(data, operator, directions)}
    return sum(n in odd for n in users)


def _is_followed(data: bytes, operator: Entity, directions: Entities) -> bool:
    axes = np.array([_direction(data, operator, place, usual, directions) for place, usual in _AXES])
    return (
        len(operator.arguments) == _ATTRIBUTES
        and abs(_number(text_of(data, operator, -2), 1.0) - 1) < _EQUAL
        and float(np.linalg.det(axes)) > -_EQUAL
    )


def _direction(
    data: bytes, operator: Entity, place: int, usual: tuple[float, ...], directions: Entities
) -> npt.NDArray[np.float64]:
    numbers = references(text_of(data, operator, place))
    ratios = text_of(data, directions.get(numbers[0]) if numbers else None, 1).strip(b"()").split(b",")
    found = np.array([_number(ratio, np.nan) for ratio in ratios])
    return found if found.shape == (3,) and np.isfinite(found).all() else np.array(usual)


def _number(text: bytes, usual: float) -> float:
    try:
        return float(text)
    except ValueError:
        return usual
