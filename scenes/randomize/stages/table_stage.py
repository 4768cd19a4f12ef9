"""A table: top and legs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanstage.scenes.config.sections.stage_settings import Table
from scanstage.scenes.optics.geometry import Float
from scanstage.scenes.plan import SurfaceMaterial
from scanstage.scenes.randomize.stages.stage_build import TABLE_HEIGHT_M, StageBuild, StageParts, Support
from scanstage.scenes.randomize.stages.surface_materials import TABLE_TEXTURES, draw_surface
from scanstage.scenes.values.draws import Draws

TOP_M = 0.03
LEG_M = 0.06


def draw_table(config: Table, draws: Draws, base: Path) -> StageBuild:
    """A table whose top is at z = 0."""
    half = np.array([draws.number(getattr(config, k), f"stage.{k}") / 2 for k in ("width_m", "depth_m")])
    material = draw_surface(config.looks, draws, "stage.looks", TABLE_TEXTURES, base)
    parts = StageParts()
    put_table(parts, half, 0.0, material, config.legs)
    # Keep objects off the very edge: nobody puts a mug there.
    return StageBuild("table", tuple(parts.surfaces), tuple(parts.blocks), (Support(np.zeros(3), half - 0.04),))


def put_table(parts: StageParts, half: Float, top: float, material: SurfaceMaterial, legs: bool = True) -> None:
    """Add a table of half sizes (x, y) whose top is at height ``top``, metres; legs carry nothing."""
    parts.box("table_top", [-half[0], -half[1], top - TOP_M], [half[0], half[1], top], material)
    if legs:
        inset, leg = half - 0.08, LEG_M / 2
        for i, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
            x, y = sx * inset[0], sy * inset[1]
            low, high = [x - leg, y - leg, top - TABLE_HEIGHT_M], [x + leg, y + leg, top - TOP_M]
            parts.box(f"table_leg_{i}", low, high, material, solid=False)
