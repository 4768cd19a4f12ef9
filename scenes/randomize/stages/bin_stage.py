"""A carton, tote or metal bin, which objects lie in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Bin, Looks
from scanstage.scenes.optics.geometry import Float, transform
from scanstage.scenes.plan import SurfaceMaterial
from scanstage.scenes.randomize.stages.stage_build import (
    TABLE_HEIGHT_M,
    Load,
    Outlook,
    StageBuild,
    StageParts,
    Support,
)
from scanstage.scenes.randomize.stages.surface_materials import (
    BIN_TEXTURES,
    FLOOR_TEXTURES,
    TABLE_TEXTURES,
    draw_surface,
)
from scanstage.scenes.randomize.stages.table_stage import put_table
from scanstage.scenes.values.draws import Draws

WALL_M = {"cardboard": 0.005, "plastic": 0.0035, "metal": 0.0025}
"""Thickness of walls, at a bin of :data:`USUAL_M`; larger ones have thicker walls."""
USUAL_M = 0.4
PLASTICS = (
    "#1f4e8c", "#2b6cb0", "#7d8186", "#4a4d50", "#a51f1f", "#c9a21a",
    "#2f6b3a", "#d8d8d4", "#17181a", "#c8642a", "#5f88a8",
)  # fmt: skip
LOWEST_VIEW_DEG, HIGHEST_VIEW_DEG = 35.0, 85.0


def draw_bin(config: Bin, draws: Draws, base: Path, load: Load) -> StageBuild:
    """A bin whose floor is at z = 0, on a table or on the floor."""
    made_of = str(draws.value(config.made_of, "stage.made_of"))
    half, height = _inside(config, draws, load)
    size = 2 * float(half.max())
    wall = WALL_M[made_of] * max(0.5, size / USUAL_M)
    rng = draws.rng("stage.bin")
    material = _material(config.looks, made_of, draws, base)
    parts = StageParts()
    outer = half + wall
    parts.box("bin_floor", [-outer[0], -outer[1], -wall], [*outer, 0.0], material)
    for name, axis, sign in (("left", 0, -1), ("right", 0, 1), ("front", 1, -1), ("back", 1, 1)):
        low, high = np.array([-outer[0], -outer[1], 0.0]), np.array([*outer, height])
        if sign < 0:
            high[axis] = -half[axis]
        else:
            low[axis] = half[axis]
        if axis == 0:  # between the two others
            low[1], high[1] = -half[1], half[1]
        parts.box(f"bin_{name}", low, high, material, bevel_m=wall / 4)
    if made_of == "cardboard":
        if rng.random() < draws.number(config.flaps, "stage.flaps"):
            _put_flaps(parts, half, wall, height, material, rng)
    else:
        _put_rim(parts, outer, wall, height, material)
    _put_below(parts, config, draws, base, outer, -wall)
    # A heap is seen to half its depth beyond the near wall, from all around.
    steepest = math.degrees(math.atan2(height, float(half.min())))
    lowest = min(max(steepest + 3.0, LOWEST_VIEW_DEG), 70.0)
    return StageBuild(
        "bin",
        tuple(parts.surfaces),
        tuple(parts.blocks),
        (Support(np.zeros(3), half.copy(), walled=True),),
        outlook=Outlook(elevation_deg=(lowest, HIGHEST_VIEW_DEG)),
    )


def _inside(config: Bin, draws: Draws, load: Load) -> tuple[Float, float]:
    """Half sizes (x, y) of the floor and the height of the walls, metres: as given, or to fit what comes in."""
    rng = draws.rng("stage.fit")
    aspect, share = math.exp(float(rng.uniform(-0.35, 0.35))), float(rng.random())
    area = load.area_m2 / draws.number(config.heaped, "stage.heaped")
    least = 1.25 * load.widest_m
    fitting = [max(math.sqrt(area) * a, least) for a in (math.sqrt(aspect), 1 / math.sqrt(aspect))]
    given = (config.width_m, config.depth_m)
    edges = [
        fit if value is None else draws.number(value, f"stage.{name}")
        for fit, value, name in zip(fitting, given, ("width_m", "depth_m"), strict=True)
    ]
    if config.height_m is not None:
        return np.array(edges) / 2, draws.number(config.height_m, "stage.height_m")
    # Over low walls a heap would fall out.
    layers = max(1.0, load.area_m2 / (edges[0] * edges[1]))
    height = load.typical_m * (0.5 + 0.8 * share) * layers
    return np.array(edges) / 2, float(np.clip(height, 0.2 * min(edges), 0.7 * min(edges)))


def _material(looks: Looks, made_of: str, draws: Draws, base: Path) -> SurfaceMaterial:
    given = looks.model_fields_set
    if made_of == "plastic" and not {"color", "texture", "image"} & given:
        rng = draws.rng("stage.plastic")
        plain = {"color": PLASTICS[int(rng.integers(len(PLASTICS)))]}
        looks = looks.model_copy(
            update=plain if "roughness" in given else {**plain, "roughness": 0.25 + 0.35 * rng.random()}
        )
    return draw_surface(looks, draws, "stage.looks", BIN_TEXTURES[made_of], base)


def _put_rim(parts: StageParts, outer: Float, wall: float, height: float, material: SurfaceMaterial) -> None:
    """A collar around the upper edge, outside, as totes have one that they are carried by."""
    wide, high = 3 * wall, 6 * wall
    x, y = outer
    for name, low, high_ in (
        ("front", [-x - wide, -y - wide], [x + wide, -y]),
        ("back", [-x - wide, y], [x + wide, y + wide]),
        ("left", [-x - wide, -y], [-x, y]),
        ("right", [x, -y], [x + wide, y]),
    ):
        parts.box(f"rim_{name}", [*low, height - high], [*high_, height], material, bevel_m=wall / 2)


def _put_flaps(
    parts: StageParts, half: Float, wall: float, height: float, material: SurfaceMaterial, rng: np.random.Generator
) -> None:
    """Four flaps that hang outwards from the upper edge, as far as each likes; half as long as the carton is deep."""
    length = float(half.min()) * 0.98
    outer = half + wall
    for i, (axis, sign) in enumerate(((0, -1), (0, 1), (1, -1), (1, 1))):
        tilt = float(rng.uniform(-0.35, 1.25))  # above or below the level, outwards
        across = 2 * float(half[1 - axis]) - 0.004
        angle = {(0, 1): 0.0, (1, 1): math.pi / 2, (0, -1): math.pi, (1, -1): -math.pi / 2}[(axis, sign)]
        hinge = np.array([0.0, 0.0, height])
        hinge[axis] = sign * float(outer[axis])
        c, s = math.cos(tilt), math.sin(tilt)
        down = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])  # +X goes down by tilt
        ca, sa = math.cos(angle), math.sin(angle)
        turn = np.array([[ca, -sa, 0.0], [sa, ca, 0.0], [0.0, 0.0, 1.0]])
        pose = transform(turn @ down, hinge)
        low, high = [-0.5 * wall, -across / 2, -wall], [length, across / 2, 0.0]
        parts.box(f"flap_{i}", low, high, material, pose=pose, bevel_m=wall / 4)


def _put_below(parts: StageParts, config: Bin, draws: Draws, base: Path, outer: Float, z: float) -> None:
    on = str(draws.value(config.stands_on, "stage.stands_on"))
    if on == "floor":
        reach = max(4.0, 8 * float(outer.max()))
        parts.floor(draw_surface(config.under, draws, "stage.under", FLOOR_TEXTURES, base), z=z, half_m=reach)
        return
    rng = draws.rng("stage.below")
    room = np.array([0.7, 0.45]) * (1 + 0.3 * rng.random(2))
    half = np.maximum(room, 1.6 * outer)
    # No legs where the table had to grow out of all proportion.
    put_table(
        parts,
        half,
        z,
        draw_surface(config.under, draws, "stage.under", TABLE_TEXTURES, base),
        bool(half[1] < TABLE_HEIGHT_M),
    )
