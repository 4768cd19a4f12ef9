"""UDIM tiles: one image for each unit square of texture coordinates, of which each becomes a material of its own.

The square from (u, v) to (u + 1, v + 1) has the number 1001 + u + 10 v, for u of 0 to 9. A file's name holds it
(``skin.1001.png``), or stands for all with ``<UDIM>``; with ``<UVTILE>`` it holds ``u1_v1``, which counts from 1
(Mudbox), or from 0 where a 0 is in it (ZBrush).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

import numpy as np
import numpy.typing as npt

FIRST = 1001
NO_TILE = 1000
"""Number of what lies in no tile: it stands for a file that isn't there."""
_ROW = 10
_LAST = 1999
_MARK = re.compile(r"<udim>|%\(udim\)d|<uvtile>", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)1\d{3}(?!\d)(?=[^/\\]*$)(?!.*(?<!\d)1\d{3}(?!\d))")  # the last one of a name
_PLACE = re.compile(r"(?<![a-z0-9])(u)(\d{1,2})(_v)(\d{1,3})(?![a-z0-9])(?=[^/\\]*$)", re.IGNORECASE)
_SLACK = 1e-3  # of a tile; coordinates are rounded


def tile_of_faces(corner_uv: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """(F,) number of the tile that the middle of each of (F, 3, 2) triangles lies in, :data:`NO_TILE` elsewhere."""
    with np.errstate(invalid="ignore"):
        u, v = np.nan_to_num(np.floor(corner_uv.mean(axis=1, dtype=np.float64)), nan=-1.0, posinf=-1.0, neginf=-1.0).T
    number = FIRST + u + _ROW * v
    return np.where((u >= 0) & (u < _ROW) & (v >= 0) & (number <= _LAST), number, NO_TILE).astype(np.int64)


def corner_of(tile: int) -> tuple[int, int]:
    """(u, v) of a tile's lower left corner."""
    return (0, 0) if tile == NO_TILE else ((tile - FIRST) % _ROW, (tile - FIRST) // _ROW)


def across(corner_uv: npt.NDArray[np.float32]) -> int:
    """How many of (F, 3, 2) triangles, in coordinates of their own tile, reach into another."""
    return int(((corner_uv < -_SLACK) | (corner_uv > 1 + _SLACK)).any(axis=(1, 2)).sum())


def is_pattern(reference: str) -> bool:
    """Whether a file's name stands for all tiles."""
    return _MARK.search(reference) is not None


def named_tile(reference: str) -> int | None:
    """The number of the tile that a file's name may hold."""
    if found := _NUMBER.search(reference):
        return int(found[0])
    if found := _PLACE.search(reference):
        u, v = (int(found[k]) - _first(found) for k in (2, 4))
        return FIRST + u + _ROW * v if u < _ROW and FIRST + u + _ROW * v <= _LAST else None
    return None


def _first(place: re.Match[str]) -> int:
    """What a name with ``u1_v1`` counts from."""
    return 0 if 0 in (int(place[2]), int(place[4])) else 1


def of_tile(reference: str, tile: int) -> str:
    """The name of one tile's file, by a pattern or by the name of another tile's; as it is where it has no number."""
    u, v = (-1, -1) if tile == NO_TILE else corner_of(tile)
    if is_pattern(reference):
        by_place = f"u{u + 1}_v{v + 1}"
        return _MARK.sub(lambda mark: by_place if "uvtile" in mark[0].lower() else str(tile), reference)
    if _NUMBER.search(reference):
        return _NUMBER.sub(str(tile), reference, count=1)
    return _PLACE.sub(lambda m: f"{m[1]}{u + _first(m)}{m[3]}{v + _first(m)}", reference, count=1)


def are_tiles(
    references: Iterable[str], tiles: Collection[int], is_there: Callable[[str], bool], lone: Callable[[str], None]
) -> bool:
    """Whether the textures of a material are tiles.

    They are where a name says so, and where faces lie in other tiles than the one that is named, whose files are there:
    else what lies beyond a texture repeats it.

    Args:
        references: their names.
        tiles: in which the material's faces lie.
        is_there: whether there is a file of that name.
        lone: is told a name that is one of the tiles', where no other's file is there.
    """
    named = list(references)
    if any(is_pattern(reference) for reference in named):
        return True
    others = {r: [of_tile(r, t) for t in tiles if t not in (NO_TILE, named_tile(r))] for r in named}
    others = {r: names for r, names in others.items() if named_tile(r) in tiles and names}
    if any(is_there(name) for names in others.values() for name in names):
        return True
    for reference in others:
        lone(reference)
    return False
