"""A conveyor belt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Conveyor, Looks
from scanstage.scenes.plan import SurfaceMaterial
from scanstage.scenes.randomize.stages.stage_build import FLOOR_M, Outlook, StageBuild, StageParts, Support
from scanstage.scenes.randomize.stages.surface_materials import (
    METAL_TEXTURES,
    WORKSHOP_TEXTURES,
    coated,
    draw_surface,
    painted,
)
from scanstage.scenes.values.draws import Draws

HEIGHT_M = 0.85
BELT_M = 0.012
FRAME_M = 0.035
SHARE_USED = 0.3
"""Objects are on so much of the belt's length, in its middle."""
_RUBBER = ("#1b1c1d", "#26282a", "#303a34", "#1f3a2c", "#233242", "#3a3b3c", "#b9b6ae", "#d8d6d0")
_FRAMES = ("#b4b8bb", "#8e9397", "#d0d2d2", "#2f3f57", "#c46a1f", "#d9b233", "#2e3133")


def draw_conveyor(config: Conveyor, draws: Draws, base: Path) -> StageBuild:
    """A belt at z = 0 along X, between the sides of its frame, which stand up as rails."""
    half_w = draws.number(config.width_m, "stage.width_m") / 2
    half_l = draws.number(config.length_m, "stage.length_m") / 2
    rail = draws.number(config.rails, "stage.rails")
    rng = draws.rng("stage.conveyor")
    rubber, metal = _rubber(config.belt, draws, base, rng), _metal(config.frame, draws, base, rng)
    parts = StageParts()
    parts.box("belt", [-half_l, -half_w, -BELT_M], [half_l, half_w, 0.0], rubber, bevel_m=BELT_M / 8)
    parts.box("bed", [-half_l, -half_w, -0.1], [half_l, half_w, -BELT_M], metal, solid=False)
    gap = 0.004
    for name, sign in (("front", -1), ("back", 1)):
        y = sorted((sign * (half_w + gap), sign * (half_w + gap + FRAME_M)))
        parts.box(f"side_{name}", [-half_l, y[0], -0.14], [half_l, y[1], 0.012], metal)
        if rail > 0:
            _put_rail(parts, name, y, half_l, rail, rng)
    for i, x in enumerate(np.linspace(-half_l + 0.15, half_l - 0.15, 3)):
        for name, sign in (("front", -1), ("back", 1)):
            y = sorted((sign * (half_w + gap), sign * (half_w + gap + FRAME_M)))
            parts.box(f"leg_{name}_{i}", [x - 0.025, y[0], -HEIGHT_M], [x + 0.025, y[1], -0.14], metal, solid=False)
    if config.floor is not None:
        floor = draw_surface(config.floor, draws, "stage.floor", WORKSHOP_TEXTURES, base)
        parts.floor(floor, z=-HEIGHT_M, half_m=max(FLOOR_M / 2, 1.5 * half_l))
    support = Support(np.zeros(3), np.array([half_l * SHARE_USED, half_w - 0.015]))
    outlook = Outlook(elevation_deg=(25.0, 80.0))
    return StageBuild("conveyor", tuple(parts.surfaces), tuple(parts.blocks), (support,), outlook=outlook)


def _put_rail(
    parts: StageParts, name: str, y: list[float], half_l: float, rail: float, rng: np.random.Generator
) -> None:
    """A guide above the frame's side: a bar on posts, or a closed skirt."""
    material = coated("brushed_metal", rng)
    middle = (y[0] + y[1]) / 2
    if rail < 0.04:
        parts.box(f"rail_{name}", [-half_l, middle - 0.006, 0.01], [half_l, middle + 0.006, 0.012 + rail], material)
        return
    parts.box(f"rail_{name}", [-half_l, middle - 0.008, rail - 0.02], [half_l, middle + 0.008, rail + 0.012], material)
    for i, x in enumerate(np.arange(-half_l + 0.1, half_l, 0.5)):
        low, high = [x - 0.008, middle - 0.005, 0.01], [x + 0.008, middle + 0.005, rail]
        parts.box(f"post_{name}_{i}", low, high, material, bevel_m=0.001)


def _rubber(looks: Looks, draws: Draws, base: Path, rng: np.random.Generator) -> SurfaceMaterial:
    """A belt's colour on a fine weave, unless the config says otherwise."""
    drawn = draw_surface(looks, draws, "stage.belt", ("fabric",), base)
    if looks.texture != "any" or looks.image is not None:
        return drawn
    color = drawn.color_b if looks.color is not None else painted(rng, _RUBBER).color_a
    dark = (color[0] * 0.75, color[1] * 0.75, color[2] * 0.75)
    rough = drawn.roughness if looks.roughness is not None else 0.45 + 0.3 * float(rng.random())
    return replace(drawn, color_a=dark, color_b=color, roughness=rough, bump_m=drawn.bump_m / 4)


def _metal(looks: Looks, draws: Draws, base: Path, rng: np.random.Generator) -> SurfaceMaterial:
    """Brushed steel, or a machine's paint."""
    drawn = draw_surface(looks, draws, "stage.frame", METAL_TEXTURES, base)
    if drawn.texture is not None or drawn.image is not None or looks.color is not None:
        return drawn
    coat = painted(rng, _FRAMES, (0.3, 0.55))
    return replace(drawn, color_a=coat.color_a, color_b=coat.color_b)
