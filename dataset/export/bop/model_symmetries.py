"""Symmetries of a model in ``models_info.json``, as ``get_symmetry_transformations`` of the toolkit reads them.

``symmetries_continuous`` are axes with a point on each, ``symmetries_discrete`` 4 x 4 matrices row by row. Both are in
the model's frame and millimetres. The toolkit takes discrete ones as they stand and makes none of two of them: all that
follow from the declared ones are listed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scanstage.assets.symmetry import Symmetries
from scanstage.dataset.export.bop.model_files import Floats
from scanstage.dataset.records.map_files import MM

_DIGITS = 9


def model_symmetries(symmetries: Symmetries, scale: float, center_m: Floats) -> dict[str, Any]:
    """Its part of the entry of ``models_info.json``: empty where there are none.

    Args:
        symmetries: the asset's, in its frame.
        scale: factor on the asset's size.
        center_m: (3,) see :class:`model_files.ModelFiles`.
    """
    entry: dict[str, Any] = {}
    if symmetries.continuous:
        entry["symmetries_continuous"] = [
            {"axis": list(a.axis), "offset": _offset(a.axis, scale * np.array(a.offset_m) - center_m)}
            for a in symmetries.continuous
        ]
    transforms = symmetries.transforms()
    if transforms:
        entry["symmetries_discrete"] = [_plain(_moved(t, scale, center_m).ravel()) for t in transforms]
    return entry


def _offset(axis: tuple[float, float, float], point_m: Floats) -> list[float]:
    """The axis' point nearest to the model's origin, millimetres."""
    direction = np.array(axis)
    return _plain((point_m - direction * (direction @ point_m)) * MM)


def _moved(transform: Floats, scale: float, center_m: Floats) -> Floats:
    """The transform in the model's frame: of q = s p - c, where it takes p to R p + t, it makes R q + R c + s t - c."""
    rotation = transform[:3, :3]
    moved = np.eye(4)
    moved[:3, :3] = rotation
    moved[:3, 3] = (rotation @ center_m + scale * transform[:3, 3] - center_m) * MM
    return moved


def _plain(values: Floats) -> list[float]:
    """Without the last digits, where there is nothing but rounding, and without -0.0."""
    return [float(v) for v in np.round(values, _DIGITS) + 0.0]
