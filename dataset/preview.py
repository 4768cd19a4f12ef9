"""The contact sheet: finished pictures with their boxes and masks drawn in, read back from disk and from records."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dataset.record import Record

Pixels = npt.NDArray[np.uint8]

COLUMNS = 4
CELL_WIDTH = 480
CELL_HEIGHT = 640
MOST_PICTURES = 24
MASK_OPACITY = 0.22


def class_colors(classes: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """A distinct RGB colour for each class: hues a golden angle apart."""
    golden = (math.sqrt(5) - 1) / 2
    colors = (colorsys.hsv_to_rgb((0.02 + golden * i) % 1, 0.75 if i % 2 else 0.95, 1.0) for i in range(len(classes)))
    return {c: (int(255 * r), int(255 * g), int(255 * b)) for c, (r, g, b) in zip(classes, colors, strict=True)}


def draw_labels(image: Pixels, record: Record, colors: dict[str, tuple[int, int, int]], scale: float = 1.0) -> Pixels:
    """Draw masks, outlines, boxes and class names into a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        record: of the picture.
        colors: see :func:`class_colors`.
        scale: size of the result; labels are scaled with it, lines and text are not.

    Returns:
        (H * scale, W * scale, 3) uint8 RGB.
    """
    height, width = (max(1, round(s * scale)) for s in image.shape[:2])
    canvas = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if scale != 1 else image.copy()
    for instance in record.instances:
        mask = instance.mask.decode().astype(np.uint8)
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST) if scale != 1 else mask
        color = np.array(colors[instance.class_name], np.float32)
        inside = mask > 0
        canvas[inside] = (canvas[inside] * (1 - MASK_OPACITY) + color * MASK_OPACITY).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, color.tolist(), 1, cv2.LINE_AA)
    return _draw_boxes(canvas, record, colors, scale)


def _draw_boxes(canvas: Pixels, record: Record, colors: dict[str, tuple[int, int, int]], scale: float) -> Pixels:
    picture = Image.fromarray(canvas)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=11)
    for instance in record.instances:
        color = colors[instance.class_name]
        x, y, w, h = (v * scale for v in instance.bbox_xywh)
        # A box can be thinner than a pixel of the sheet.
        draw.rectangle((x, y, max(x, x + w - 1), max(y, y + h - 1)), outline=color)
        left, top, right, bottom = draw.textbbox((0, 0), instance.class_name, font=font)
        text_x = min(max(x, 0), picture.width - (right - left) - 4)
        text_y = y - (bottom - top) - 5 if y > bottom - top + 5 else y + 1
        draw.rectangle((text_x, text_y, text_x + right - left + 3, text_y + bottom - top + 4), fill=color)
        draw.text((text_x + 2 - left, text_y + 2 - top), instance.class_name, fill=(0, 0, 0), font=font)
    return np.asarray(picture)


def contact_sheet(records: Sequence[Record], images: Path, classes: Sequence[str]) -> Pixels:
    """Lay the first pictures of a dataset out in a grid, labels drawn in.

    Args:
        records: those to show; at most 24 evenly chosen ones are.
        images: folder of the pictures.
        classes: all labelled classes.

    Returns:
        (H, W, 3) uint8 RGB. Raises FileNotFoundError where a picture is missing.
    """
    colors = class_colors(classes)
    if len(records) > MOST_PICTURES:
        records = [records[round(i)] for i in np.linspace(0, len(records) - 1, MOST_PICTURES)]
    cells = []
    for record in records:
        raw = cv2.imread(str(images / record.image.file_name), cv2.IMREAD_COLOR)
        if raw is None:
            raise FileNotFoundError(images / record.image.file_name)
        scale = min(CELL_WIDTH / raw.shape[1], CELL_HEIGHT / raw.shape[0])
        cells.append(draw_labels(cv2.cvtColor(raw, cv2.COLOR_BGR2RGB), record, colors, scale))
    height = max(c.shape[0] for c in cells)
    columns = min(COLUMNS, len(cells))
    gap = 6
    rows = math.ceil(len(cells) / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (CELL_WIDTH + gap) + gap, 3), 24, np.uint8)
    for i, cell in enumerate(cells):
        y, x = gap + (i // columns) * (height + gap), gap + (i % columns) * (CELL_WIDTH + gap)
        sheet[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return sheet
