"""A desk or counter before a wall, with other things along its back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Desk
from scanstage.scenes.randomize.stages.clutter import put_along
from scanstage.scenes.randomize.stages.stage_build import (
    FLOOR_M,
    TABLE_HEIGHT_M,
    Outlook,
    StageBuild,
    StageParts,
    Support,
)
from scanstage.scenes.randomize.stages.surface_materials import (
    DESK_TEXTURES,
    FLOOR_TEXTURES,
    draw_surface,
    draw_wall,
)
from scanstage.scenes.randomize.stages.table_stage import put_table
from scanstage.scenes.values.draws import Draws

FAR_M = 100.0
STRIP = 0.3
"""Share of a desk's depth that clutter takes, at its back."""
KEPT_OFF_M = 0.04


def draw_desk(config: Desk, draws: Draws, base: Path) -> StageBuild:
    """A top at z = 0, objects on its front part, things along +Y and the wall behind them."""
    half = np.array([draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m")])
    count = draws.whole(config.clutter, "stage.clutter")
    material = draw_surface(config.looks, draws, "stage.looks", DESK_TEXTURES, base)
    parts = StageParts()
    put_table(parts, half, 0.0, material)
    if config.floor is not None:
        floor = draw_surface(config.floor, draws, "stage.floor", FLOOR_TEXTURES, base)
        parts.floor(floor, z=-TABLE_HEIGHT_M)
    back, far = half[1] + 0.01, FLOOR_M / 2
    if config.wall is not None:
        wall = draw_wall(config.wall, draws, "stage.wall", base)
        parts.box("wall", [-far, back, -TABLE_HEIGHT_M], [far, back + 0.1, 2.0], wall)
    strip = STRIP * 2 * half[1] if count else 0.0
    start = np.array([-half[0] + 0.03, half[1] - strip, 0.0])
    put_along(parts, start, 2 * half[0] - 0.06, strip - 0.015, count, draws.rng("stage.things"))
    # What is left of the top, in front of the strip and off its edges.
    free = np.array([half[0] - KEPT_OFF_M, half[1] - strip / 2 - KEPT_OFF_M])
    support = Support(np.array([0.0, -strip / 2, 0.0]), free)
    limit = back - 0.08 if config.wall is not None else FAR_M
    interior = (np.array([-FAR_M, -FAR_M, 0.02 - TABLE_HEIGHT_M]), np.array([FAR_M, limit, FAR_M]))
    return StageBuild(
        "desk",
        tuple(parts.surfaces),
        tuple(parts.blocks),
        (support,),
        interior,
        outlook=Outlook((-50.0, 50.0), (12.0, 50.0)),
    )
