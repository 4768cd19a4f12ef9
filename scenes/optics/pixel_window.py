"""Parts of the image grid, as half-open boxes of pixels: which of them an object can reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.optics.lens import project_rows
from scanstage.scenes.plan import CameraPlan

Box = tuple[int, int, int, int]

OUTLINE = 33
LENS_MARGIN_PX = 2
WIDEST_TANGENT = 5.0


def pixel_box(mask: npt.NDArray[np.bool_], offset_xy: tuple[int, int] = (0, 0)) -> Box | None:
    """Tight half-open box (x, y, w, h) of a mask's True pixels; None where there are none."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return None
    x, y = int(columns[0]), int(rows[0])
    return (x + offset_xy[0], y + offset_xy[1], int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


def object_window(camera: CameraPlan, object_to_world: Float, points: Float) -> tuple[Box, Box]:
    """Pixels that an object's projection can reach: inside the image, and in all.

    The latter are bounded by one frame beyond each border. Both are empty where the object is behind the camera.

    Args:
        camera: of the picture.
        object_to_world: (4, 4).
        points: (3, N) of the object, in its own frame, at least the corners of its convex hull.
    """
    width, height = camera.resolution_wh
    frame, everywhere = (0, 0, width, height), (-width, -height, 3 * width, 3 * height)
    object_to_camera = np.linalg.inv(np.array(camera.camera_to_world)) @ object_to_world
    # (3, N): reductions along rows are many times as fast as along the short side.
    points = object_to_camera[:3, :3] @ points + object_to_camera[:3, 3:]
    fisheye = camera.lens is not None and camera.lens.model == "fisheye"
    nearest, farthest = points[2].min(), points[2].max()
    if farthest <= camera.near_m and not fisheye:
        return (0, 0, 0, 0), (0, 0, 0, 0)
    if nearest <= camera.near_m:
        return frame, everywhere
    if camera.lens is not None:
        outline = _outline(points)
        if outline is None:
            return frame, everywhere
        points = outline
    u, v, _ = project_rows(camera, points)
    margin = LENS_MARGIN_PX if camera.lens is not None else 0
    low, high = np.array([u.min(), v.min()]) - margin, np.array([u.max(), v.max()]) + margin
    if np.isnan([low, high]).any():
        return frame, everywhere
    low, high = np.clip(low, -1e8, 1e8), np.clip(high, -1e8, 1e8)
    x, y = (int(v) for v in np.floor(low))
    right, bottom = (int(v) for v in np.ceil(high))
    reach = intersect((x, y, right - x, bottom - y), everywhere)
    return intersect(reach, frame), reach


def _outline(points: Float) -> Float | None:
    """Rays along the outline of the rectangle, in the plane z = 1, that holds the points; None where it is too wide.

    Points and rays are (3, N).

    A lens maps that plane without tearing it, so the image of the outline encloses the image of all that lies within;
    the corners of a mesh alone would not, since its straight edges become curves.
    """
    plane = points[:2] / points[2]
    low, high = plane.min(axis=1), plane.max(axis=1)
    if max(np.abs(low).max(), np.abs(high).max()) > WIDEST_TANGENT:
        return None
    x, y = np.linspace(low[0], high[0], OUTLINE), np.linspace(low[1], high[1], OUTLINE)
    ends = np.ones(OUTLINE)
    edges = [(x, low[1] * ends), (x, high[1] * ends), (low[0] * ends, y), (high[0] * ends, y)]
    return np.concatenate([np.stack([u, v, ends]) for u, v in edges], axis=1)


def grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A mask with all pixels about its own, across corners too."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)), bool)


def box_edges(box: Box) -> Box:
    """A box (x, y, w, h) as left, top, right, bottom."""
    x, y, w, h = box
    return (x, y, x + w, y + h)


def edge_distance(a: Box, b: Box) -> int:
    """The largest distance, in pixels, between an edge of one box and the same edge of the other."""
    return max(abs(p - q) for p, q in zip(box_edges(a), box_edges(b), strict=True))


def hangs_by_a_pixel(mask: npt.NDArray[np.bool_]) -> bool:
    """Whether one pixel, apart from the rest, decides an edge of a mask's box: without it the box is 2 px smaller."""
    for axis in (0, 1):
        counts = mask.sum(axis=axis)
        there = np.flatnonzero(counts)
        if len(there) < 2:
            continue
        for end, inner in ((there[0], there[1]), (there[-1], there[-2])):
            if counts[end] == 1 and abs(int(inner) - int(end)) > 1:
                return True
    return False


def intersect(a: Box, b: Box) -> Box:
    """The common part; empty where there is none."""
    x, y = max(a[0], b[0]), max(a[1], b[1])
    w, h = min(a[0] + a[2], b[0] + b[2]) - x, min(a[1] + a[3], b[1] + b[3]) - y
    return (x, y, w, h) if w > 0 and h > 0 else (0, 0, 0, 0)


def beyond_the_image(
    cast: Callable[..., npt.NDArray[np.bool_]], window: Box, reach: Box, inside: npt.NDArray[np.bool_]
) -> tuple[int, Box | None]:
    """Count amodal pixels outside the image and find the box of all amodal pixels.

    Args:
        cast: from a box, and a stride, to which of its pixels the object alone covers.
        window, reach: see :func:`object_window`.
        inside: the object's pixels in the window.
    """
    inner = pixel_box(inside, window[:2])
    if reach == window:
        return 0, inner
    # Far outside counts need no exactness to the pixel: bound the work by a stride.
    stride = max(1, int(np.ceil(np.sqrt(reach[2] * reach[3] / 400_000))))
    outside, boxes = 0, [inner]
    for strip in _around(window, reach):
        hits = cast(strip, stride)
        outside += int(hits.sum()) * stride * stride
        if (box := pixel_box(hits)) is not None:
            x, y, w, h = (v * stride for v in box)
            boxes.append(intersect((strip[0] + x, strip[1] + y, w, h), strip))
    return outside, union(b for b in boxes if b is not None)


def _around(inner: Box, outer: Box) -> list[Box]:
    """The part of ``outer`` that is not in ``inner`` (inside it), as up to four boxes."""
    if not inner[2]:
        return [outer]
    (x, y, w, h), (ox, oy, ow, oh) = inner, outer
    strips = [
        (ox, oy, ow, y - oy),
        (ox, y + h, ow, oy + oh - y - h),
        (ox, y, x - ox, h),
        (x + w, y, ox + ow - x - w, h),
    ]
    return [s for s in strips if s[2] > 0 and s[3] > 0]


def union(boxes: Iterable[Box]) -> Box | None:
    """The smallest box that holds all; None of none."""
    found = list(boxes)
    if not found:
        return None
    x, y = min(b[0] for b in found), min(b[1] for b in found)
    return (x, y, max(b[0] + b[2] for b in found) - x, max(b[1] + b[3] for b in found) - y)
