"""Stages: the surfaces that objects rest on and that stand around them.

Every part is a unit box or plane scaled into place, so the same description is rendered, cast and collided with.
The surface that objects rest on (a shelf's lowest board) has its upper side at z = 0; a shelf's open side faces -Y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Ground, NoStage, Room, Shelf, Stage, Table
from scanstage.scenes.optics.geometry import Float, aim_lamp, blackbody_rgb, to_matrix4, transform
from scanstage.scenes.plan import LampPlan, SurfaceMaterial, SurfacePlan
from scanstage.scenes.randomize.physics import Block
from scanstage.scenes.randomize.surface_materials import (
    GROUND_TEXTURES,
    SHELF_TEXTURES,
    TABLE_TEXTURES,
    WALL_TEXTURES,
    draw_surface,
)
from scanstage.scenes.values.draws import Draws

TABLE_HEIGHT_M = 0.74
TOP_M = 0.03
BOARD_M = 0.02
SLAB_M = 0.2
WALL_M = 5.0
CATCHER = SurfaceMaterial((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), roughness=1.0)


@dataclass(frozen=True)
class Support:
    """A level rectangle that can carry objects: centre (3,) of its upper side and half sizes (x, y), metres."""

    center: Float
    half: Float


@dataclass(frozen=True)
class StageBuild:
    """A drawn stage.

    Attributes:
        kind: as configured.
        surfaces: what is rendered and cast.
        blocks: what objects collide with.
        supports: where objects can rest, lowest first; empty for no stage.
        interior: lowest and highest corner (3,) of where cameras, lamps and objects must stay; None: anywhere.
        lamps: lights that belong to the stage.
    """

    kind: str
    surfaces: tuple[SurfacePlan, ...] = ()
    blocks: tuple[Block, ...] = ()
    supports: tuple[Support, ...] = ()
    interior: tuple[Float, Float] | None = None
    lamps: tuple[LampPlan, ...] = ()


def draw_stage(config: Stage, draws: Draws, base: Path, shadow_catcher: bool = False) -> StageBuild:
    """Draw a stage; ``shadow_catcher`` makes a ground show nothing but shadows."""
    match config:
        case NoStage():
            return StageBuild("none")
        case Ground():
            return _ground(config, draws, base, shadow_catcher)
        case Table():
            return _table(config, draws, base)
        case Shelf():
            return _shelf(config, draws, base)
        case Room():
            return _room(config, draws, base)


def _box(name: str, low: Float, high: Float, material: SurfaceMaterial) -> tuple[SurfacePlan, Block]:
    """A box between two corners, as a surface (the unit box stands on z = 0) and as a block."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    center = (low + high) / 2
    matrix = transform(np.eye(3), np.array([center[0], center[1], low[2]]), high - low)
    return SurfacePlan(name, "primitive/box", to_matrix4(matrix), material), Block(center, (high - low) / 2, np.eye(3))


def _ground(config: Ground, draws: Draws, base: Path, shadow_catcher: bool) -> StageBuild:
    half = draws.number(config.size_m, "stage.size_m") / 2
    # Relief would show in the shadows that a catcher catches.
    material = CATCHER if shadow_catcher else draw_surface(config.looks, draws, "stage.looks", GROUND_TEXTURES, base)
    matrix = to_matrix4(transform(np.eye(3), np.zeros(3), np.array([2 * half, 2 * half, 1.0])))
    surface = SurfacePlan("ground", "primitive/plane", matrix, material, shadow_catcher)
    block = Block(np.array([0.0, 0.0, -SLAB_M / 2]), np.array([half, half, SLAB_M / 2]), np.eye(3))
    return StageBuild("ground", (surface,), (block,), (Support(np.zeros(3), np.array([half, half])),))


def _table(config: Table, draws: Draws, base: Path) -> StageBuild:
    half = np.array([draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m")])
    material = draw_surface(config.looks, draws, "stage.looks", TABLE_TEXTURES, base)
    parts = [_box("table_top", np.array([*-half, -TOP_M]), np.array([*half, 0.0]), material)]
    if config.legs:
        leg, inset = 0.03, half - 0.08
        for i, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
            x, y = sx * inset[0], sy * inset[1]
            low, high = np.array([x - leg, y - leg, -TABLE_HEIGHT_M]), np.array([x + leg, y + leg, -TOP_M])
            parts.append(_box(f"table_leg_{i}", low, high, material))
    surfaces, blocks = zip(*parts, strict=True)
    # Keep objects off the very edge: nobody puts a mug there.
    return StageBuild("table", surfaces, blocks[:1], (Support(np.zeros(3), half - 0.04),))


def _shelf(config: Shelf, draws: Draws, base: Path) -> StageBuild:
    half_w, half_d = (draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m"))
    boards, gap = draws.whole(config.boards, "stage.boards"), draws.number(config.gap_m, "stage.gap_m")
    material = draw_surface(config.looks, draws, "stage.looks", SHELF_TEXTURES, base)
    step, top = gap + BOARD_M, boards * (gap + BOARD_M) - BOARD_M
    parts, supports = [], []
    for i in range(boards + 1):
        z = i * step
        low, high = np.array([-half_w, -half_d, z - BOARD_M]), np.array([half_w, half_d, z])
        parts.append(_box(f"board_{i}", low, high, material))
        if i < boards:
            supports.append(Support(np.array([0.0, 0.0, z]), np.array([half_w - 0.01, half_d - 0.01])))
    for name, x in (("side_left", -half_w), ("side_right", half_w)):
        low = np.array([min(x, x + math.copysign(BOARD_M, x)), -half_d, -BOARD_M])
        high = np.array([max(x, x + math.copysign(BOARD_M, x)), half_d, top + BOARD_M])
        parts.append(_box(name, low, high, material))
    back = (np.array([-half_w, half_d, -BOARD_M]), np.array([half_w, half_d + 0.008, top + BOARD_M]))
    parts.append(_box("back", *back, material))
    if config.wall is not None:
        wall = draw_surface(config.wall, draws, "stage.wall", WALL_TEXTURES, base)
        low, high = np.array([-WALL_M, back[1][1], -WALL_M / 2]), np.array([WALL_M, back[1][1] + 0.1, WALL_M])
        parts.append(_box("wall", low, high, wall))
    surfaces, blocks = zip(*parts, strict=True)
    return StageBuild("shelf", surfaces, blocks, tuple(supports))


def _room(config: Room, draws: Draws, base: Path) -> StageBuild:
    half = draws.number(config.size_m, "stage.size_m") / 2
    height = draws.number(config.height_m, "stage.height_m")
    floor = draw_surface(config.floor, draws, "stage.floor", GROUND_TEXTURES, base)
    walls = draw_surface(config.walls, draws, "stage.walls", WALL_TEXTURES, base)
    thick, outer = 0.1, half + 0.1
    parts = [
        _box("floor", np.array([-outer, -outer, -thick]), np.array([outer, outer, 0.0]), floor),
        _box("ceiling", np.array([-outer, -outer, height]), np.array([outer, outer, height + thick]), walls),
        _box("wall_south", np.array([-outer, -outer, 0.0]), np.array([outer, -half, height]), walls),
        _box("wall_north", np.array([-outer, half, 0.0]), np.array([outer, outer, height]), walls),
        _box("wall_west", np.array([-outer, -half, 0.0]), np.array([-half, half, height]), walls),
        _box("wall_east", np.array([half, -half, 0.0]), np.array([outer, half, height]), walls),
    ]
    surfaces, blocks = zip(*parts, strict=True)
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
    return StageBuild("room", surfaces, blocks, supports, interior, (lamp,))
