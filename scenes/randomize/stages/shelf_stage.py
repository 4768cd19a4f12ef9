"""A shelf on a wall."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Shelf
from scanstage.scenes.plan import SurfaceMaterial
from scanstage.scenes.randomize.stages.clutter import fill_board
from scanstage.scenes.randomize.stages.stage_build import Outlook, StageBuild, StageParts, Support
from scanstage.scenes.randomize.stages.surface_materials import SHELF_TEXTURES, WALL_TEXTURES, draw_surface
from scanstage.scenes.values.draws import Draws

BOARD_M = 0.02
BACK_M = 0.008
WALL_M = 5.0


def draw_shelf(config: Shelf, draws: Draws, base: Path) -> StageBuild:
    """Boards whose lowest is at z = 0, between a back at +Y and two sides; full bays beside it."""
    half_w, half_d = (draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m"))
    boards, gap = draws.whole(config.boards, "stage.boards"), draws.number(config.gap_m, "stage.gap_m")
    material = draw_surface(config.looks, draws, "stage.looks", SHELF_TEXTURES, base)
    parts = StageParts()
    supports = _put_bay(parts, "", 0.0, (half_w, half_d), boards, gap, material)
    if config.wall is not None:
        wall = draw_surface(config.wall, draws, "stage.wall", WALL_TEXTURES, base)
        low = [-WALL_M, half_d + BACK_M, -WALL_M / 2]
        parts.box("wall", low, [WALL_M, half_d + BACK_M + 0.1, WALL_M], wall)
    if config.neighbours:
        # Objects can't get there, but for those that fall.
        rng = draws.rng("stage.neighbours")
        for name, x in (("left_", -2 * half_w - BOARD_M), ("right_", 2 * half_w + BOARD_M)):
            beside = StageParts()
            for i, there in enumerate(_put_bay(beside, name, x, (half_w, half_d), boards, gap, material)):
                low = there.center - np.array([*there.half, 0.0]) + [0.005, 0.01, 0.0]
                fill_board(beside, f"{name}carton_{i}", low, there.center + np.array([*there.half, gap]), rng)
            parts.surfaces += beside.surfaces
    # Boards are looked at from the open side, at about their own height.
    outlook = Outlook((-35.0, 35.0), (-5.0, 25.0))
    return StageBuild("shelf", tuple(parts.surfaces), tuple(parts.blocks), tuple(supports), outlook=outlook)


def _put_bay(
    parts: StageParts,
    name: str,
    x: float,
    half: tuple[float, float],
    boards: int,
    gap: float,
    material: SurfaceMaterial,
) -> list[Support]:
    """Add one bay about ``x``; returns where things can stand in it."""
    half_w, half_d = half
    step, top = gap + BOARD_M, boards * (gap + BOARD_M) - BOARD_M
    supports = []
    for i in range(boards + 1):
        z = i * step
        parts.box(f"{name}board_{i}", [x - half_w, -half_d, z - BOARD_M], [x + half_w, half_d, z], material)
        if i < boards:
            supports.append(Support(np.array([x, 0.0, z]), np.array([half_w - 0.01, half_d - 0.01])))
    for side, edge in (("left", -half_w), ("right", half_w)):
        ends = sorted((x + edge, x + edge + math.copysign(BOARD_M, edge)))
        # The inner side of a neighbour is the bay's own.
        if name and (x > 0) == (side == "left"):
            continue
        parts.box(f"{name}side_{side}", [ends[0], -half_d, -BOARD_M], [ends[1], half_d, top + BOARD_M], material)
    back = ([x - half_w, half_d, -BOARD_M], [x + half_w, half_d + BACK_M, top + BOARD_M])
    parts.box(f"{name}back", *back, material)
    return supports
