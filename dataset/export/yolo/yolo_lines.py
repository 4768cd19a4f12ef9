"""Labels as lines of YOLO's text files: class, then numbers in shares of the picture's width and height.

The forms are those that Ultralytics reads: ``detect`` x y w h of the box's centre and size; ``segment`` corners of one
polygon; ``pose`` a box, then x y visibility of each keypoint; ``obb`` four corners of an oriented box.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import Instance, keypoint_triples
from scanstage.dataset.labels.mask_polygons import one_polygon, outlines
from scanstage.dataset.labels.rle_mask import RunMask

Task = Literal["detect", "segment", "pose", "obb"]
_Points = npt.NDArray[np.float64]


def detect_line(instance: Instance, number: int, resolution_wh: tuple[int, int]) -> str:
    """The box of what is seen."""
    return _line(number, _box(instance, resolution_wh))


def segment_line(instance: Instance, number: int, resolution_wh: tuple[int, int]) -> str:
    """The outline of what is seen, pieces and holes joined by lines without width."""
    width, height = map(_shares, resolution_wh)
    corners = one_polygon(instance.mask.runs()).tolist()
    return " ".join([str(number), *(text for x, y in corners for text in (width[x], height[y]))]) + "\n"


def pose_line(
    instance: Instance, number: int, resolution_wh: tuple[int, int], category: Category, most_points: int
) -> str:
    """The box, and ``most_points`` keypoints: the category's own in its order, then zeros."""
    numbers = [*_box(instance, resolution_wh)]
    for x, y, visibility in keypoint_triples(instance, category.keypoints):
        numbers += [*(np.array((x, y)) / resolution_wh).clip(0, 1), visibility]
    return _line(number, [*numbers, *[0] * (3 * (most_points - len(category.keypoints)))])


def obb_line(instance: Instance, number: int, resolution_wh: tuple[int, int], way: Literal["mask", "ground"]) -> str:
    """Four corners in order around, drawn in to the picture where they leave it: Ultralytics refuses others.

    ``mask``: of the smallest rectangle about what is seen. ``ground``: of the side of the object's box in space that
    faces down, as the camera projects it, a quadrilateral; where a corner of it is behind the camera, as ``mask``.
    """
    corners = ground_corners(instance) if way == "ground" else None
    if corners is None:
        corners = smallest_rectangle(instance.mask.runs())
    return _line(number, (corners / resolution_wh).clip(0, 1).ravel())


def smallest_rectangle(mask: RunMask) -> _Points:
    """(4, 2) corners of the rectangle of least area, however turned, about a mask's pixels, edges included."""
    points = np.concatenate(outlines(mask)).astype(np.float32)
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), np.float64)


def ground_corners(instance: Instance) -> _Points | None:
    """(4, 2) pixels of the side of the object's box that faces down most; None where it can't be projected."""
    if instance.box_3d is None or instance.pose is None:
        return None
    projected = [None if p is None else np.array(p) for p in instance.box_3d.corners_px]
    # Of the box's axes, the one that stands most upright; the side below has that coordinate low or high.
    upright = np.array(instance.pose.object_to_world)[2, :3]
    axis = int(np.abs(upright).argmax())
    low = 0 if upright[axis] > 0 else 1
    a, b = (k for k in range(3) if k != axis)
    order = [(low << axis) | (i << a) | (j << b) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    corners = [projected[i] for i in order]
    found = [c for c in corners if c is not None]
    return np.stack(found) if len(found) == len(corners) else None


def most_keypoints(categories: Sequence[Category]) -> int:
    """Of any category."""
    return max((len(c.keypoints) for c in categories), default=0)


def mirrored(categories: Sequence[Category]) -> list[int] | None:
    """Which keypoint stands where each is when the picture is mirrored: names with left and right changed.

    None where the names of some category don't tell, or categories disagree: Ultralytics then mirrors no picture.
    """
    found: dict[int, int] = {}
    for category in categories:
        names = list(category.keypoints)
        swapped = [_other_side(name) for name in names]
        if names and (names == swapped or set(names) != set(swapped)):
            return None
        for place, name in enumerate(swapped):
            if found.setdefault(place, names.index(name)) != names.index(name):
                return None
    return [found[i] for i in range(most_keypoints(categories))]


def _other_side(name: str) -> str:
    for one, other in (("left", "right"), ("Left", "Right")):
        if one in name:
            return name.replace(one, other)
        if other in name:
            return name.replace(other, one)
    return name


def _box(instance: Instance, resolution_wh: tuple[int, int]) -> tuple[float, ...]:
    x, y, w, h = instance.bbox_xywh
    width, height = resolution_wh
    return (x + w / 2) / width, (y + h / 2) / height, w / width, h / height


@functools.lru_cache(maxsize=64)
def _shares(edge: int) -> tuple[str, ...]:
    """Each number of whole pixels as a share of a picture's edge: outlines have thousands, of a few hundred kinds."""
    return tuple(_text(i / edge) for i in range(edge + 1))


def _line(number: int, values: Iterable[float]) -> str:
    return " ".join([str(number), *map(_text, values)]) + "\n"


def _text(value: float) -> str:
    """Six digits: a hundredth of a pixel of the widest picture there is."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
