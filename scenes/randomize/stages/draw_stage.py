"""Draws the stage that a config asks for.

The surface that objects rest on (a shelf's lowest board) has its upper side at z = 0; open sides face -Y.
"""

from __future__ import annotations

from pathlib import Path

from scanstage.scenes.config.sections.stage_settings import (
    Bin,
    Conveyor,
    Corner,
    Desk,
    Ground,
    NoStage,
    Room,
    Shelf,
    Stage,
    Table,
)
from scanstage.scenes.randomize.stages.bin_stage import draw_bin
from scanstage.scenes.randomize.stages.conveyor_stage import draw_conveyor
from scanstage.scenes.randomize.stages.desk_stage import draw_desk
from scanstage.scenes.randomize.stages.floor_stages import draw_corner, draw_ground, draw_room
from scanstage.scenes.randomize.stages.shelf_stage import draw_shelf
from scanstage.scenes.randomize.stages.stage_build import Load, StageBuild
from scanstage.scenes.randomize.stages.table_stage import draw_table
from scanstage.scenes.values.draws import Draws


def draw_stage(
    config: Stage, draws: Draws, base: Path, shadow_catcher: bool = False, load: Load | None = None
) -> StageBuild:
    """Draw a stage.

    Args:
        config: of the stage.
        draws: of the picture.
        base: folder that relative paths in the config start from.
        shadow_catcher: a ground shows nothing but shadows.
        load: what it is to carry; None is a handful of things.
    """
    match config:
        case NoStage():
            return StageBuild("none")
        case Ground():
            return draw_ground(config, draws, base, shadow_catcher)
        case Table():
            return draw_table(config, draws, base)
        case Shelf():
            return draw_shelf(config, draws, base)
        case Room():
            return draw_room(config, draws, base)
        case Bin():
            return draw_bin(config, draws, base, load or Load())
        case Corner():
            return draw_corner(config, draws, base)
        case Desk():
            return draw_desk(config, draws, base)
        case Conveyor():
            return draw_conveyor(config, draws, base)
