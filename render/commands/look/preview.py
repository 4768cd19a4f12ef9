"""Pictures with their labels, shaded instead of rendered: a sheet of them in seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.dataset.report.contact_sheet import failed_cell, lay_out, plan_cell
from scanstage.dataset.report.label_drawing import class_colors
from scanstage.render.bookkeeping.progress import OnProgress, Progress
from scanstage.render.bookkeeping.resume import refuse_nothing
from scanstage.render.commands.dataset_forecast import pictures_of
from scanstage.scenes.picture_sequence.picture_source import open_source
from scanstage.scenes.picture_sequence.planned_picture import RefusedPicture
from scanstage.scenes.picture_sequence.selection import Frames, Selection, in_words
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.shading import Shader

COLUMNS_UP_TO_9, COLUMNS = 3, 4
MOST_PREVIEWED = 200


@dataclass(frozen=True)
class Preview:
    """A sheet of pictures.

    Attributes:
        sheet: (H, W, 3) uint8 RGB.
        failed: pictures on it that can't be planned; their cells say why.
    """

    sheet: npt.NDArray[np.uint8]
    failed: int


def draw_preview(planner: Planner, frames: Frames, on_progress: OnProgress) -> Preview:
    """Draw pictures; without ``frames`` the first nine.

    Raises InputError where there are no such pictures, or more than a sheet shows.
    """
    source = open_source(planner)
    asked = pictures_of(source, frames) if frames else range(min(9, source.expected))
    if len(asked) > MOST_PREVIEWED:
        raise InputError(
            f"{option('frames')} {in_words((asked[0], asked[-1]))}: a sheet shows at most {MOST_PREVIEWED} pictures"
        )
    shader = Shader(planner.catalogue, planner.caster)
    colors = class_colors(planner.catalogue.label_classes)
    skeletons = {a.meta.asset_id: a.meta.skeleton for found in planner.catalogue.by_class.values() for a in found}
    cells: list[npt.NDArray[np.uint8]] = []
    failed = 0
    on_progress(Progress("drawing", len(asked)))
    for picture in source.pictures(Selection((asked[0], asked[-1]), through=asked[-1])):
        if isinstance(picture, RefusedPicture):
            failed += 1
            size = planner.config.camera.resolution
            cells.append(failed_cell(f"picture {picture.index}: no plan", "\n".join(picture.problems), size))
        else:
            planned = picture.planned
            cells.append(plan_cell(planned, shader.shade(planned), planner.config.labels, colors, skeletons))
        on_progress(Progress("drawing", len(asked), len(cells), len(cells), failed))
    if not cells:
        refuse_nothing(frames, source)
    return Preview(lay_out(cells, COLUMNS_UP_TO_9 if len(cells) <= 9 else COLUMNS), failed)
