"""Masks as polygons along the edges of pixels: exact, also with holes and in several pieces.

A polygon's corners are corners of pixels, so the mask 0 <= x < 1, 0 <= y < 1 is (0, 0), (1, 0), (1, 1), (0, 1), and a
polygon's bounding box is the mask's half-open one. A format that has no holes is told a **keyhole**: the outline goes
along a line to the hole, around it the other way, and back along the same line, which has no width. By the even-odd
rule, which pycocotools and OpenCV fill by, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.rle_mask import RunMask

Polygon = npt.NDArray[np.int32]
"""(N, 2) x, y in pixels; the last corner is joined to the first."""
_MOST_SEARCHED = 200


def polygons(mask: RunMask) -> list[Polygon]:
    """One polygon for each piece of the mask, holes joined to it; pixels that touch at a corner are one piece."""
    rings, parents = _rings(mask)
    holes: dict[int, list[Polygon]] = {place: [] for place, parent in enumerate(parents) if parent < 0}
    for ring, parent in zip(rings, parents, strict=True):
        if parent >= 0:
            holes[parent].append(ring)
    return [_joined(rings[place], those) for place, those in holes.items()]


def one_polygon(mask: RunMask) -> Polygon:
    """All of a mask as one polygon, its pieces joined by lines without width. (0, 2) of a mask without pixels."""
    pieces = polygons(mask)
    return _joined(pieces[0], pieces[1:]) if pieces else np.zeros((0, 2), np.int32)


def outlines(mask: RunMask) -> list[Polygon]:
    """Rings about the pixels: around pieces, and of their holes."""
    return _rings(mask)[0]


def _rings(mask: RunMask) -> tuple[list[Polygon], list[int]]:
    """Rings about the pixels, and for each hole the place of the ring that it is in; -1 of those around pieces.

    OpenCV's contours (Suzuki and Abe 1985) go through the centres of border pixels. Of a picture twice as large, the
    border pixels 2 x (a left border) and 2 x + 1 (a right one) lie at either side of the pixel x, so half of the next
    number is the edge that they lie at: x, or x + 1. The same holds around holes, whose border is of the mask too.
    """
    pixels, left, top = _cut_out(mask)
    twice = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(twice, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return [], []
    rings = [_corners((contour[:, 0] + 1) // 2 + (left, top)) for contour in contours]
    return rings, np.asarray(hierarchy)[0, :, 3].tolist()


def _corners(points: npt.NDArray[np.int_]) -> Polygon:
    """Points of a ring without those that are there twice in a row or on the line between their neighbours."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    return points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]].astype(np.int32)


def _cut_out(mask: RunMask) -> tuple[npt.NDArray[np.uint8], int, int]:
    """The pixels of the mask's box, 1 where it is, and the box's left and top."""
    box = mask.box()
    if box is None:
        return np.zeros((1, 1), np.uint8), 0, 0
    left, top, width, height = box
    rows = mask.size_hw[0]
    columns = np.zeros(width * rows, np.uint8)
    for start, end in zip((mask.starts - left * rows).tolist(), (mask.ends - left * rows).tolist(), strict=True):
        columns[start:end] = 1
    return np.ascontiguousarray(columns.reshape(width, rows).T[top : top + height]), left, top


def _joined(ring: Polygon, others: Sequence[Polygon]) -> Polygon:
    """All as one, by lines without width: each from its leftmost corner to the nearest there is, and back.

    Very many, as noise has, all from the ring's first corner: a search for each takes the square of their number.
    """
    if len(others) > _MOST_SEARCHED:
        return np.concatenate([ring, ring[:1], *(part for o in others for part in (o, o[:1], ring[:1]))])
    for other in others:
        j = int(other[:, 0].argmin())
        i = int(((ring.astype(np.int64) - other[j]) ** 2).sum(axis=1).argmin())
        ring = np.concatenate([ring[: i + 1], other[j:], other[: j + 1], ring[i:]])
    return ring
