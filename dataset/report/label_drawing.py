"""Labels drawn into a picture: masks, boxes, names, keypoints; what is ignored or dropped in styles of its own."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from scanstage.dataset.labels.instances import Instance
from scanstage.dataset.labels.poses import KeypointLabel, PointPx
from scanstage.dataset.report.label_font import label_font
from scanstage.dataset.report.name_tags import MOST_LETTERS, NameTags

Pixels = npt.NDArray[np.uint8]
Color = tuple[int, int, int]
Skeletons = Mapping[str, Sequence[tuple[str, str]]]

MASK_OPACITY = 0.12
MOST_TAGGED, LEAST_TAGGED_PX = 25, 60
"""Where more labels are in a picture, tags would hide what they name: small ones have their colour alone."""
HATCH_PX, HATCH_OPACITY = 7, 0.6
DASH_PX = (5, 4)
DROPPED: Color = (205, 205, 205)
DARK: Color = (38, 38, 38)
FAR_PX = 1e5
NAMED_POINTS_FROM_PX = 140
"""Names of visible keypoints are written where the object's box is at least so wide on the sheet."""


@dataclass(frozen=True)
class DroppedMark:
    """An object that is seen and has no label.

    Attributes:
        bbox_xywh: of its visible pixels.
        text: its class and why.
    """

    bbox_xywh: tuple[int, int, int, int]
    text: str


def class_colors(classes: Sequence[str]) -> dict[str, Color]:
    """A distinct RGB colour for each class: hues a golden angle apart."""
    golden = (math.sqrt(5) - 1) / 2
    colors = (colorsys.hsv_to_rgb((0.02 + golden * i) % 1, 0.75 if i % 2 else 0.95, 1.0) for i in range(len(classes)))
    return {c: (int(255 * r), int(255 * g), int(255 * b)) for c, (r, g, b) in zip(classes, colors, strict=True)}


def draw_labels(
    image: Pixels,
    instances: Sequence[Instance],
    colors: Mapping[str, Color],
    scale: float = 1.0,
    dropped: Sequence[DroppedMark] = (),
    skeletons: Skeletons | None = None,
) -> Pixels:
    """Draw labels into a picture.

    A label has a tinted mask, its outline, a box and its class; one that is to be ignored a hatched mask and a dashed
    box in its colour; what was dropped a dashed grey box with the reason. Keypoints are dots, occluded ones rings.

    Args:
        image: (H, W, 3) uint8 RGB.
        instances: labels of the picture.
        colors: see :func:`class_colors`.
        scale: size of the result; labels are scaled with it, lines and text are not.
        dropped: what else is marked.
        skeletons: by asset id, pairs of keypoints joined by a line.

    Returns:
        (H * scale, W * scale, 3) uint8 RGB.
    """
    height, width = (max(1, round(s * scale)) for s in image.shape[:2])
    canvas = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if scale != 1 else image.copy()
    for instance in instances:
        mask = instance.mask.decode().astype(np.uint8)
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) if scale != 1 else mask
        _tint(canvas, mask, colors[instance.class_name], instance.ignore)
    return _draw_marks(canvas, instances, colors, scale, dropped, skeletons or {})


def _tint(canvas: Pixels, mask: Pixels, color: Color, hatched: bool) -> None:
    where = mask > 0
    opacity = np.full(mask.shape, MASK_OPACITY, np.float32)
    if hatched:
        rows, columns = np.indices(mask.shape)
        opacity = np.where((rows + columns) % HATCH_PX < 2, HATCH_OPACITY, 0.08).astype(np.float32)
    share = opacity[where][:, None]
    canvas[where] = (canvas[where] * (1 - share) + np.array(color, np.float32) * share).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, color, 1, cv2.LINE_AA)


def _draw_marks(
    canvas: Pixels,
    instances: Sequence[Instance],
    colors: Mapping[str, Color],
    scale: float,
    dropped: Sequence[DroppedMark],
    skeletons: Skeletons,
) -> Pixels:
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    tags, few = NameTags(draw, picture.size), len(instances) <= MOST_TAGGED
    for mark in dropped:
        box = _corners(mark.bbox_xywh, scale)
        _dashed(draw, box, DROPPED)
        tags.put(box, mark.text, DARK, DROPPED)
    for instance in instances:
        color, box = colors[instance.class_name], _corners(instance.bbox_xywh, scale)
        if instance.ignore:
            _dashed(draw, box, color)
            if few or box[2] - box[0] >= LEAST_TAGGED_PX:
                tags.put(box, f"{instance.class_name} (ignored)", DARK, _light(color))
        else:
            draw.rectangle(box, outline=color)
            if few or box[2] - box[0] >= LEAST_TAGGED_PX:
                tags.put(box, instance.class_name, color, _ink(color))
    for instance in instances:
        _draw_keypoints(draw, instance, colors[instance.class_name], scale, skeletons.get(instance.asset_id, ()))
    return np.asarray(picture)


def _ink(fill: Color) -> Color:
    """Black or white, whichever reads on a colour (Rec. 601 luma)."""
    return (0, 0, 0) if 0.299 * fill[0] + 0.587 * fill[1] + 0.114 * fill[2] > 110 else (255, 255, 255)


def _light(color: Color) -> Color:
    """Halfway to white: reads on what is dark."""
    return ((color[0] + 255) // 2, (color[1] + 255) // 2, (color[2] + 255) // 2)


def _corners(bbox_xywh: tuple[int, int, int, int], scale: float) -> tuple[float, float, float, float]:
    x, y, w, h = (v * scale for v in bbox_xywh)
    # A box can be thinner than a pixel of the sheet.
    return (x, y, max(x, x + w - 1), max(y, y + h - 1))


def _dashed(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], color: Color) -> None:
    left, top, right, bottom = box
    on, off = DASH_PX
    draw.rectangle(box, outline=DARK)
    left, top = max(left, -on), max(top, -on)  # a broken record's box may be as wide as numbers go
    right, bottom = min(right, draw.im.size[0]), min(bottom, draw.im.size[1])
    for x in np.arange(left, right + 1, on + off):
        for y in (top, bottom):
            draw.line((x, y, min(x + on, right), y), fill=color)
    for y in np.arange(top, bottom + 1, on + off):
        for x in (left, right):
            draw.line((x, y, x, min(y + on, bottom)), fill=color)


def _draw_keypoints(
    draw: ImageDraw.ImageDraw,
    instance: Instance,
    color: Color,
    scale: float,
    skeleton: Sequence[tuple[str, str]],
) -> None:
    inside = {p.name: p for p in instance.keypoints if p.visibility and _is_near(p.xy_px)}
    at = {name: (p.xy_px[0] * scale, p.xy_px[1] * scale) for name, p in inside.items() if p.xy_px is not None}
    for a, b in skeleton:
        if a in at and b in at:
            draw.line((*at[a], *at[b]), fill=(0, 0, 0), width=3)
            draw.line((*at[a], *at[b]), fill=_light(color), width=1)
    named = instance.bbox_xywh[2] * scale >= NAMED_POINTS_FROM_PX
    for name, point in inside.items():
        _draw_point(draw, point, at[name], color, named)


def _is_near(xy_px: PointPx | None) -> bool:
    return xy_px is not None and max(map(abs, xy_px)) < FAR_PX


def _draw_point(
    draw: ImageDraw.ImageDraw, point: KeypointLabel, xy: tuple[float, float], color: Color, named: bool
) -> None:
    x, y = xy
    if point.visibility == 2:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(0, 0, 0))
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(255, 255, 255))
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=color)
    else:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), outline=(0, 0, 0))
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=color)
    if named and point.visibility == 2:
        font = label_font(9)
        name = point.name[:MOST_LETTERS]
        draw.text((x + 6, y - 6), name, fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=(0, 0, 0))
