"""Objects on the floor: a square of ground, a corner of a room, a whole room."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Corner, Ground, Room
from scanstage.scenes.optics.geometry import aim_lamp, blackbody_rgb, to_matrix4, transform
from scanstage.scenes.plan import LampPlan, SurfaceMaterial, SurfacePlan
from scanstage.scenes.randomize.stages.stage_build import (
    FLOOR_M,
    SLAB_M,
    Block,
    Outlook,
    StageBuild,
    StageParts,
    Support,
)
from scanstage.scenes.randomize.stages.surface_materials import (
    FLOOR_TEXTURES,
    GROUND_TEXTURES,
    WALL_TEXTURES,
    coated,
    draw_surface,
    draw_wall,
    painted,
)
from scanstage.scenes.values.draws import Draws

CATCHER = SurfaceMaterial((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), roughness=1.0)
ROOM_HEIGHT_M = 2.6
FAR_M = 100.0
"""How far a camera may go where no wall stands."""
SKIRTING_COLORS = ("#f2f0ea", "#e4e1d8", "#d8d4c8", "#5a5a5c", "#3a342f")
KEPT_OFF_M = 0.08
"""Cameras and lamps stay so far from walls."""


def draw_ground(config: Ground, draws: Draws, base: Path, shadow_catcher: bool) -> StageBuild:
    """A square at z = 0; as ``shadow_catcher`` it shows nothing but shadows."""
    half = draws.number(config.size_m, "stage.size_m") / 2
    # Relief would show in the shadows that a catcher catches.
    material = CATCHER if shadow_catcher else draw_surface(config.looks, draws, "stage.looks", GROUND_TEXTURES, base)
    matrix = to_matrix4(transform(np.eye(3), np.zeros(3), np.array([2 * half, 2 * half, 1.0])))
    surface = SurfacePlan("ground", "primitive/plane", matrix, material, shadow_catcher)
    block = Block(np.array([0.0, 0.0, -SLAB_M / 2]), np.array([half, half, SLAB_M / 2]), np.eye(3))
    return StageBuild("ground", (surface,), (block,), (Support(np.zeros(3), np.array([half, half])),))


def draw_corner(config: Corner, draws: Draws, base: Path) -> StageBuild:
    """Floor at z = 0, objects on its middle, a wall at +Y and perhaps one at -X or +X."""
    half = np.array([draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m")])
    walls = str(draws.value(config.walls, "stage.walls"))
    floor = draw_surface(config.floor, draws, "stage.floor", FLOOR_TEXTURES, base)
    wall = draw_wall(config.wall, draws, "stage.wall", base)
    rng = draws.rng("stage.skirting")
    far, thick = max(FLOOR_M / 2, 3 * float(half.max())), 0.1
    ends = {-1: -half[0] - 0.02 if walls == "left" else -far, 1: half[0] + 0.02 if walls == "right" else far}
    back = half[1] + 0.02
    parts = StageParts()
    parts.floor(floor, half_m=far)
    parts.box("wall_back", [-far, back, 0.0], [far, back + thick, ROOM_HEIGHT_M], wall)
    for side, name in ((-1, "left"), (1, "right")):
        if walls == name:
            x = sorted((ends[side], ends[side] + side * thick))
            parts.box(f"wall_{name}", [x[0], -far, 0.0], [x[1], back, ROOM_HEIGHT_M], wall)
    if config.skirting:
        height, deep = 0.05 + 0.06 * rng.random(), 0.01 + 0.006 * rng.random()
        board = coated("wood_grain", rng) if rng.random() < 0.3 else painted(rng, SKIRTING_COLORS, (0.25, 0.5))
        parts.box("skirting_back", [ends[-1], back - deep, 0.0], [ends[1], back, height], board)
        for side, name in ((-1, "left"), (1, "right")):
            if walls == name:
                x = sorted((ends[side], ends[side] - side * deep))
                parts.box(f"skirting_{name}", [x[0], -far, 0.0], [x[1], back, height], board)
    # Between two walls the camera stands where both are behind the objects.
    azimuth = {"back": (-45.0, 45.0), "left": (-10.0, 60.0), "right": (-60.0, 10.0)}[walls]
    low = np.array([ends[-1] + KEPT_OFF_M if walls == "left" else -FAR_M, -FAR_M, KEPT_OFF_M])
    high = np.array([ends[1] - KEPT_OFF_M if walls == "right" else FAR_M, back - KEPT_OFF_M, FAR_M])
    return StageBuild(
        "corner",
        tuple(parts.surfaces),
        tuple(parts.blocks),
        (Support(np.zeros(3), half - 0.02),),
        (low, high),
        outlook=Outlook(azimuth, (12.0, 55.0)),
    )


def draw_room(config: Room, draws: Draws, base: Path) -> StageBuild:
    """Floor at z = 0, four walls, a ceiling and its light."""
    half = draws.number(config.size_m, "stage.size_m") / 2
    height = draws.number(config.height_m, "stage.height_m")
    floor = draw_surface(config.floor, draws, "stage.floor", GROUND_TEXTURES, base)
    walls = draw_surface(config.walls, draws, "stage.walls", WALL_TEXTURES, base)
    thick, outer = 0.1, half + 0.1
    parts = StageParts()
    for name, low, high, material in (
        ("floor", [-outer, -outer, -thick], [outer, outer, 0.0], floor),
        ("ceiling", [-outer, -outer, height], [outer, outer, height + thick], walls),
        ("wall_south", [-outer, -outer, 0.0], [outer, -half, height], walls),
        ("wall_north", [-outer, half, 0.0], [outer, outer, height], walls),
        ("wall_west", [-outer, -half, 0.0], [-half, half, height], walls),
        ("wall_east", [half, -half, 0.0], [outer, half, height], walls),
    ):
        parts.box(name, low, high, material, bevel_m=0.0)  # only faces are seen from inside
    kelvin = draws.number(config.light_k, "stage.light_k")
    position = np.array([0.0, 0.0, height - 0.02])
    lamp = LampPlan(
        "area",
        to_matrix4(aim_lamp(position, np.zeros(3))),
        draws.number(config.light_w, "stage.light_w"),
        blackbody_rgb(kelvin),
        min(1.2, half),
        kelvin,
    )
    margin = 0.1
    interior = (
        np.array([margin - half, margin - half, margin]),
        np.array([half - margin, half - margin, height - margin]),
    )
    supports = (Support(np.zeros(3), np.array([half, half]) * 0.7),)
    return StageBuild("room", tuple(parts.surfaces), tuple(parts.blocks), supports, interior, (lamp,), enclosed=True)
