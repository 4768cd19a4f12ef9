"""Boxes with rounded edges, for stages: real edges catch the light, and a razor-sharp one gives a picture away.

A primitive is unit-sized and scaled into place, unevenly, which would scale its bevel too. So the bevel is part of the
id: ``primitive/box_X_Y_Z`` is the unit box whose edges are rounded by 2^-X of its width, 2^-Y of its depth and 2^-Z of
its height. Scaled to the box that the exponents were chosen for, that is the wanted bevel within a factor of the square
root of two, so a few dozen meshes serve all stages, and what is cast is what is rendered.
"""

from __future__ import annotations

import math
import os
import re
from functools import lru_cache

import numpy as np

from scanstage.assets.asset import META_FILE, Asset, MeshArrays
from scanstage.assets.files.user_folders import cached
from scanstage.assets.library.primitives import Part, primitive_arrays, store_primitive
from scanstage.assets.meshes.parametric import Indices, Points

BEVEL_VERSION = 1
"""Raise it when the shape changes: caches of other versions are then left alone, not mixed."""
SEGMENTS = 3
LARGEST, SMALLEST = 3, 14
"""Exponents: a bevel is at most an eighth of an edge, and at least 2^-14 of it."""
_ID = re.compile(r"primitive/box_(\d{1,2})_(\d{1,2})_(\d{1,2})")


def bevelled_box_id(size_m: tuple[float, float, float], bevel_m: float) -> str:
    """The asset of a box of ``size_m`` (x, y, z) with edges rounded by about ``bevel_m``, metres, or as it allows."""
    exponents = (round(math.log2(edge / bevel_m)) for edge in size_m)
    return "primitive/box_" + "_".join(str(min(max(e, LARGEST), SMALLEST)) for e in exponents)


def bevelled_box(asset_id: str) -> Asset | None:
    """The asset of an id that :func:`bevelled_box_id` gives, written into the cache on first use; None for another id.

    Raises OSError where the cache can't be written, InputError where it was damaged.
    """
    found = _ID.fullmatch(asset_id)
    if found is None or not all(LARGEST <= int(e) <= SMALLEST for e in found.groups()):
        return None
    x, y, z = (int(e) for e in found.groups())
    name = f"box_{x}_{y}_{z}"
    if asset_id != f"primitive/{name}":
        return None  # a zero before a number: plans don't write that
    folder = cached(f"bevelled-v{BEVEL_VERSION}/primitive/{name}")
    present = os.path.isfile(folder / META_FILE)  # noqa: PTH113
    return Asset.open(folder) if present else store_primitive(folder, name, build_bevelled_box((x, y, z)))


def build_bevelled_box(exponents: tuple[int, int, int]) -> MeshArrays:
    """The unit box that stands on z = 0, its edges rounded by 2^-exponent of its size along each axis.

    The six flat faces share no vertex with the bevel, so that smooth shading leaves them flat.
    """
    reach = 2.0 ** -np.asarray(exponents, np.float64)
    parts: list[Part] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            parts.append(_flat(axis, sign, reach))
    parts.append(_bevel(reach))
    return primitive_arrays(parts)


def _flat(axis: int, sign: float, reach: Points) -> Part:
    corners = np.full((4, 3), 0.5 * sign)
    along, up = (axis + 1) % 3, (axis + 2) % 3
    corners[:, along] = np.array([-1, 1, 1, -1]) * sign * (0.5 - reach[along])
    corners[:, up] = np.array([-1, -1, 1, 1]) * (0.5 - reach[up])
    return corners + np.array([0.0, 0.0, 0.5]), np.array([[0, 1, 2], [0, 2, 3]])


def _bevel(reach: Points) -> Part:
    """All edges and corners as one smooth surface."""
    pieces = []
    octant, triangles = _octant()
    arc = octant[[k for k, n in enumerate(octant) if n[2] == 0]]
    arc = arc[np.argsort(arc[:, 1])]
    for signs in np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3):
        faces = triangles if signs.prod() > 0 else triangles[:, ::-1]
        pieces.append((_rounded(octant * signs, signs, reach), faces))
    for axis in range(3):
        across = np.roll(arc, axis + 1, axis=1)  # in the plane of the two other axes
        for s in (-1, 1):
            for t in (-1, 1):
                signs = np.ones(3)
                signs[(axis + 1) % 3], signs[(axis + 2) % 3] = s, t
                ends = [signs * np.where(np.arange(3) == axis, e, 1) for e in (-1, 1)]
                rows = np.stack([_rounded(across * end, end, reach) for end in ends])
                pieces.append((rows.reshape(-1, 3), _strip(s * t > 0)))
    starts = np.cumsum([0, *(len(v) for v, _ in pieces[:-1])])
    vertices = np.concatenate([v for v, _ in pieces])
    faces = np.concatenate([f + start for (_, f), start in zip(pieces, starts, strict=True)])
    _, first, index = np.unique(np.round(vertices, 9), axis=0, return_index=True, return_inverse=True)
    return vertices[first], index.reshape(-1)[faces]


def _rounded(normals: Points, signs: Points, reach: Points) -> Points:
    """Points of the corner (or edge) at ``signs`` whose surface looks along ``normals`` (N, 3), before scaling."""
    return np.asarray(signs * (0.5 - reach) + normals * reach + np.array([0.0, 0.0, 0.5]))


@lru_cache(maxsize=1)
def _octant() -> tuple[Points, Indices]:
    """Unit normals over the octant of positive directions, and its triangles, counter-clockwise from outside."""
    n = SEGMENTS
    number = {(i, j): k for k, (i, j) in enumerate((i, j) for i in range(n + 1) for j in range(n + 1 - i))}
    points = np.array([[np.sin(np.pi / 2 * c / n) for c in (i, j, n - i - j)] for i, j in number])
    triangles = []
    for i, j in number:
        if i + j < n:
            triangles.append((number[i, j], number[i + 1, j], number[i, j + 1]))
        if i + j < n - 1:
            triangles.append((number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]))
    return points / np.linalg.norm(points, axis=1, keepdims=True), np.array(triangles)


def _strip(outwards: bool) -> Indices:
    """Triangles between two rows of an edge's arc."""
    k = np.arange(SEGMENTS)
    low, high = k, k + SEGMENTS + 1
    faces = np.concatenate([np.stack([low, low + 1, high], 1), np.stack([low + 1, high + 1, high], 1)])
    return faces if outwards else faces[:, ::-1]
