"""Very large scans made handy before anything else looks at them: many places move onto a neighbour of theirs.

Which ones, a hash says, and not how the surface runs: the triangles that this leaves are still an order of magnitude
finer than those of simplification, for which it is the first step. Borders, seams of texture and edges of materials
stay as they are, and what would tear or pinch the surface is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.topology import Floats, Ints, degenerate

_REPAIRS = 4
_LAST = 1 << 40  # behind all ranks
_AT_ONCE = 1 << 20  # faces

Values = npt.NDArray[Any]


def representatives(positions: Floats, faces: Ints, face_material: Ints, corner_values: list[Values]) -> Ints:
    """(P,) for each place the neighbour that it moves onto; its own number where it stays.

    Args:
        positions: (P, 3), each at one place.
        faces: (F, 3).
        face_material: (F,).
        corner_values: (F, 3, K) each: UVs, colours.
    """
    free = _inner(len(positions), faces, face_material, corner_values)
    moved = _onto_seeds(faces, free)
    for _ in range(_REPAIRS):
        torn = _torn(positions, moved[faces])
        if not torn.any():
            break
        back = torn[moved]
        moved[back] = np.flatnonzero(back)
    return moved


def _onto_seeds(faces: Ints, free: npt.NDArray[np.bool_]) -> Ints:
    """(P,) onto which neighbour each free place moves: the first, by a hash, of those that come first around them."""
    n = len(free)
    rank = np.where(free, np.arange(n) * 2654435761 & 0xFFFFFFFF, _LAST)  # Knuth: no two are equal
    least = rank.copy()
    for k in range(3):
        for m in (1, 2):
            np.minimum.at(least, faces[:, k], rank[faces[:, (k + m) % 3]])
    seed = np.where(free & (least == rank), rank, _LAST)
    nearest = seed.copy()
    for k in range(3):
        for m in (1, 2):
            np.minimum.at(nearest, faces[:, k], seed[faces[:, (k + m) % 3]])
    of_rank = np.argsort(rank, kind="stable")
    moves = np.flatnonzero(free & (nearest < _LAST))
    moved = np.arange(n)
    moved[moves] = of_rank[np.searchsorted(rank[of_rank], nearest[moves])]
    return moved


def _torn(positions: Floats, faces: Ints) -> npt.NDArray[np.bool_]:
    """(P,) places at edges with more than two triangles, and of triangles without any area."""
    n = len(positions)
    faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
    a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    key = np.sort(np.minimum(a, b) * n + np.maximum(a, b))
    more = key[2:][key[2:] == key[:-2]]
    torn = np.zeros(n, dtype=bool)
    torn[more // n] = True
    torn[more % n] = True
    for rows in _in_pieces(len(faces)):
        torn[faces[rows][degenerate(positions, faces[rows])]] = True
    return torn


def one_corner(faces: Ints, n_positions: int) -> Ints:
    """(P,) a corner (0..3F) at each place; 0 where there is none."""
    found = np.zeros(n_positions, np.int64)
    for rows in _in_pieces(len(faces)):
        found[faces[rows].ravel()] = np.arange(3 * rows.start, 3 * rows.start + faces[rows].size)
    return found


def _inner(n: int, faces: Ints, face_material: Ints, corner_values: list[Values]) -> npt.NDArray[np.bool_]:
    """(P,) whether triangles close around a place, all of one material and with the same values there."""
    # Around a closed fan each neighbour is once the next corner and once the one before: the sums are the same.
    around = np.zeros(n)
    for k in range(3):
        around += np.bincount(faces[:, k], faces[:, (k + 1) % 3], n)
        around -= np.bincount(faces[:, k], faces[:, (k + 2) % 3], n)
    good = around == 0
    corner = one_corner(faces, n)
    for rows in _in_pieces(len(faces)):
        here = faces[rows]
        same = face_material[corner[here] // 3] == face_material[rows, None]
        for values in corner_values:
            flat = values.reshape(-1, values.shape[-1])
            same &= (flat[corner[here]] == values[rows]).all(axis=-1)
        good[here[~same]] = False
    return good


def _in_pieces(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE))
