"""Masks as polygons along the edges of pixels: exact, also with holes and in several pieces.

A polygon's corners are corners of pixels, so the mask 0 <= x < 1, 0 <= y < 1 is (0, 0), (1, 0), (1, 1), (0, 1), and a
polygon's bounding box is the mask's half-open one. A format that has no holes is told a **keyhole**: the outline goes
along a line to the hole, around it the other way, and back along the same line, which has no width. By the even-odd
rule, which pycocotools and OpenCV fill by, nothing is lost.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.rle_mask import RunMask

Polygon = npt.NDArray[np.int32]
"""(N, 2) x, y in pixels; the last corner is joined to the first."""


def polygons(mask: RunMask) -> list[Polygon]:
    """One polygon for each piece of the mask, holes joined to it; pixels that touch at a corner are two pieces."""
    rings = outlines(mask)
    pieces = [ring for ring in rings if _area(ring) > 0]
    joined = list(pieces)
    for hole in (ring for ring in rings if _area(ring) < 0):
        place = _around(pieces, hole)
        joined[place] = _joined(joined[place], hole)
    return joined


def one_polygon(mask: RunMask) -> Polygon:
    """All of a mask as one polygon, its pieces joined by lines without width. (0, 2) of a mask without pixels."""
    pieces = polygons(mask)
    if not pieces:
        return np.zeros((0, 2), np.int32)
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = _joined(whole, piece)
    return whole


def outlines(mask: RunMask) -> list[Polygon]:
    """Rings about the pixels: around pieces with positive area (clockwise as one looks, y down), holes negative."""
    starts, ends, headings = _straights(mask)
    following = _followers(starts, ends, headings).tolist()
    corners = np.stack([starts % (mask.size_hw[1] + 1), starts // (mask.size_hw[1] + 1)], axis=1).astype(np.int32)
    seen = [False] * len(following)
    rings = []
    for first in range(len(following)):
        ring = []
        at = first
        while not seen[at]:
            seen[at] = True
            ring.append(at)
            at = following[at]
        if ring:
            rings.append(corners[ring])
    return rings


_RIGHT, _DOWN, _LEFT, _UP = range(4)
_Corners = npt.NDArray[np.int64]


def _straights(mask: RunMask) -> tuple[_Corners, _Corners, npt.NDArray[np.int64]]:
    """The straight pieces of all outlines, the mask to their right: numbers of their corners, row by row; heading."""
    width = mask.size_hw[1]
    pixels, left, top = _cut_out(mask)
    found = []
    inner = pixels[1:-1, 1:-1]
    for across, heading, is_border in (
        (False, _RIGHT, inner & ~pixels[:-2, 1:-1]),
        (False, _LEFT, inner & ~pixels[2:, 1:-1]),
        (True, _UP, (inner & ~pixels[1:-1, :-2]).T),
        (True, _DOWN, (inner & ~pixels[1:-1, 2:]).T),
    ):
        edge = np.diff(is_border.astype(np.int8), axis=1, prepend=0, append=0)
        line, begin = np.nonzero(edge == 1)
        end = np.nonzero(edge == -1)[1]
        line = line + (heading in (_LEFT, _DOWN))  # the far side of the pixel
        if heading in (_LEFT, _UP):
            begin, end = end, begin
        ends = [(line, b) if across else (b, line) for b in (begin, end)]
        numbers = [(y + top) * (width + 1) + x + left for x, y in ends]
        found.append((*numbers, np.full(len(line), heading)))
    start, stop, heading_of = (np.concatenate(part) for part in zip(*found, strict=True))
    return start, stop, heading_of


def _followers(starts: _Corners, ends: _Corners, headings: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Which straight piece comes after each: the one to the right, which stays at the same pixel, or else the left."""
    keys = starts * 4 + headings
    order = np.argsort(keys)
    in_order = keys[order]

    def place(turn: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        wanted = ends * 4 + (headings + turn) % 4
        at = np.minimum(np.searchsorted(in_order, wanted), max(len(keys) - 1, 0))
        return order[at], in_order[at] == wanted

    if not len(keys):
        return keys
    (right, turns_right), (left, _) = place(1), place(3)
    return np.where(turns_right, right, left)


def _cut_out(mask: RunMask) -> tuple[npt.NDArray[np.bool_], int, int]:
    """The pixels of the mask's box with one more around, and the box's left and top."""
    box = mask.box()
    if box is None:
        return np.zeros((2, 2), bool), 0, 0
    left, top, width, height = box
    columns = mask.size_hw[0]
    steps = np.zeros(width * columns + 1, np.int8)
    np.add.at(steps, mask.starts - left * columns, 1)
    np.add.at(steps, mask.ends - left * columns, -1)
    whole = np.cumsum(steps[:-1], dtype=np.int8).reshape(width, columns).T.astype(bool)
    return np.pad(whole[top : top + height], 1), left, top


def _area(ring: Polygon) -> int:
    """Twice the area within (shoelace), by sign."""
    x, y = ring[:, 0].astype(np.int64), ring[:, 1].astype(np.int64)
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _around(rings: list[Polygon], hole: Polygon) -> int:
    """Place of the ring that a hole is in: the smallest about the pixel to the left of its leftmost edge."""
    if len(rings) == 1:
        return 0
    x = int(hole[:, 0].min())
    y = int(hole[hole[:, 0] == x, 1].min())
    beside = (x - 0.5, y + 0.5)
    within = [k for k, ring in enumerate(rings) if cv2.pointPolygonTest(ring.astype(np.float32), beside, False) > 0]
    return min(within, key=lambda k: _area(rings[k]))


def _joined(ring: Polygon, other: Polygon) -> Polygon:
    """Both as one, along the shortest line between two of their corners, there and back."""
    near = ring[:, None].astype(np.int64) - other[None]
    i, j = np.unravel_index(int((near**2).sum(axis=2).argmin()), (len(ring), len(other)))
    return np.concatenate([ring[: i + 1], other[j:], other[: j + 1], ring[i:]])
