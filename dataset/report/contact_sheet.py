"""Sheets of pictures with their labels drawn in: finished ones from disk, and planned ones before they are rendered."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from scanstage.dataset.labels.instances import make_labels
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.decoding import BROKEN, decode_rgb
from scanstage.dataset.records.picture_files import read_image
from scanstage.dataset.records.record import Record
from scanstage.dataset.report.label_drawing import Color, DroppedMark, Pixels, Skeletons, class_colors, draw_labels
from scanstage.dataset.report.label_font import label_font
from scanstage.scenes.config.sections.label_settings import LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import FramePlan
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.label_rules import judge_labels

COLUMNS = 4
CELL_WIDTH = 480
CELL_HEIGHT = 640
PLAN_CELL_WIDTH = 640
PLAN_CELL_HEIGHT = 640
GAP = 6
TITLE_PX = 20
MOST_PICTURES = 24
BACKGROUND = 24
MOST_DRAWN = 1 << 32
"""Labels times pixels: five hundred labels in a picture of 3840 x 2160."""


def contact_sheet(folder: DatasetFolder, records: Sequence[Record], classes: Sequence[str]) -> Pixels:
    """Lay the first pictures of a dataset out in a grid, labels drawn in.

    A picture that isn't the one that was recorded is not shown: its cell says so.

    Args:
        folder: of the dataset.
        records: those to show; at most 24 evenly chosen ones are.
        classes: all labelled classes.

    Returns:
        (H, W, 3) uint8 RGB. Raises OSError where a picture can't be read.
    """
    colors = class_colors(classes)
    if len(records) > MOST_PICTURES:
        records = [records[round(i)] for i in np.linspace(0, len(records) - 1, MOST_PICTURES)]
    cells = []
    for record in records:
        try:
            cells.append(_labelled(folder, record, colors))
        except BROKEN as e:
            cells.append(failed_cell(f"picture {record.index}", str(e) or repr(e), record.image.resolution_wh))
    return lay_out(cells, COLUMNS)


def _labelled(folder: DatasetFolder, record: Record, colors: Mapping[str, Color]) -> Pixels:
    width, height = record.image.resolution_wh
    if len(record.instances) * width * height > MOST_DRAWN:
        raise ValueError(f"{len(record.instances)} labels at {width} x {height} are too many to be drawn")
    pixels = decode_rgb(read_image(folder, record), (width, height))
    return draw_labels(pixels, record.instances, colors, min(CELL_WIDTH / width, CELL_HEIGHT / height))


def plan_cell(
    planned: Planned, shaded: Pixels, labels: LabelsConfig, colors: Mapping[str, Color], skeletons: Skeletons
) -> Pixels:
    """A planned picture with its labels, what was dropped and why, and a line that says what it is.

    Args:
        planned: the plan and its cast.
        shaded: (H, W, 3) uint8 RGB, see :meth:`shading.Shader.shade`.
        labels: the keep policy.
        colors: of classes.
        skeletons: by asset id.
    """
    scale = min(PLAN_CELL_WIDTH / shaded.shape[1], PLAN_CELL_HEIGHT / shaded.shape[0])
    dropped = []
    for judgement in judge_labels(planned, labels):
        x, y, _, _ = judgement.silhouette.window_xywh
        box = pixel_box(judgement.silhouette.modal, (x, y))
        if judgement.fate == "drop" and box is not None and judgement.violation is not None:
            broken = judgement.violation
            text = f"{judgement.class_name}: {broken.rule} {broken.value:.3g}"
            dropped.append(DroppedMark(box, text))
    instances = make_labels(planned, labels)[0]
    return titled(draw_labels(shaded, instances, colors, scale, dropped, skeletons), plan_title(planned.plan))


def failed_cell(title: str, reason: str, resolution_wh: tuple[int, int]) -> Pixels:
    """A cell in place of a picture that there isn't, with the reason."""
    scale = min(PLAN_CELL_WIDTH / resolution_wh[0], PLAN_CELL_HEIGHT / resolution_wh[1])
    width, height = (max(1, round(v * scale)) for v in resolution_wh)
    picture = Image.new("RGB", (width, height), (60, 30, 30))
    text = "\n".join(line for part in reason.splitlines() for line in textwrap.wrap(part, max(12, width // 8)))
    font = label_font(12)
    ImageDraw.Draw(picture).multiline_text((12, 12), text, fill=(240, 200, 190), font=font)
    return titled(np.asarray(picture), title)


def plan_title(plan: FramePlan) -> str:
    """What a plan is, in a line: number, attempt, factors."""
    factors, camera = plan.factors, plan.factors["camera"]
    parts = [f"picture {plan.index}", f"attempt {plan.attempt}", str(factors["stage"])]
    parts += [] if any(o.class_name is not None for o in plan.objects) else ["no labelled object"]
    parts += [f"{name} {_short(value)}" for name, value in factors["variables"].items()]
    parts.append(
        f"{round(camera['elevation_deg'])}° up, {round(camera['azimuth_deg'])}° round, {camera['distance_m']:.2g} m, "
        f"view {round(camera['fov_deg'])}°"
    )
    return "  ·  ".join(parts)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def titled(cell: Pixels, title: str) -> Pixels:
    """A cell below a line that says what it is, cut off where it is too long."""
    picture = Image.new("RGB", (cell.shape[1], cell.shape[0] + TITLE_PX), (BACKGROUND,) * 3)
    picture.paste(Image.fromarray(cell), (0, TITLE_PX))
    draw, font = ImageDraw.Draw(picture), label_font(11)
    while draw.textlength(title, font=font) > cell.shape[1] - 4 and len(title) > 1:
        title = title[:-2] + "…"
    draw.text((2, 2), title, fill=(225, 225, 225), font=font)
    return np.asarray(picture)


def lay_out(cells: Sequence[Pixels], columns: int) -> Pixels:
    """Put cells into a grid on dark grey; (H, W, 3) uint8 RGB."""
    height, cell_width = (max(c.shape[axis] for c in cells) for axis in (0, 1))
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (cell_width + GAP) + GAP, 3), BACKGROUND, np.uint8)
    for i, cell in enumerate(cells):
        y, x = GAP + (i // columns) * (height + GAP), GAP + (i % columns) * (cell_width + GAP)
        sheet[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return sheet
