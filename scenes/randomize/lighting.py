"""Light of a picture: environment image or ambient colour, and lamps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.sections.light_settings import BUILTIN_HDRIS, HdriConfig, LampConfig, LightConfig
from scanstage.scenes.config.sections.value_types import Place
from scanstage.scenes.inputs.image_files import hdri_width
from scanstage.scenes.optics.geometry import (
    Float,
    aim_lamp,
    blackbody_rgb,
    direction,
    reach_inside,
    srgb_to_linear,
    to_matrix4,
)
from scanstage.scenes.plan import BackgroundPlan, LampPlan, WorldPlan
from scanstage.scenes.randomize.environments import draw_environment, wanted_place
from scanstage.scenes.values.draws import Draws

SUN_DISTANCE_M = 100.0
BUILTIN_PX = 1024
"""Width of Blender's own environment images."""


def draw_world(
    config: LightConfig, draws: Draws, base: Path, image: str | None = None, stage: Place = "any"
) -> WorldPlan:
    """Draw the light from all around.

    Args:
        config: the configured part.
        draws: of the picture.
        base: folder that relative paths start from.
        image: the environment image, where it is not to be drawn.
        stage: where the stage belongs.
    """
    if config.ambient is not None:  # which excludes an HDRI
        color = srgb_to_linear(str(draws.value(config.ambient.color, "light.ambient.color")))
        return WorldPlan(None, 0.0, draws.number(config.ambient.strength, "light.ambient.strength"), color)
    hdri = hdri_config(config) or HdriConfig()
    image = image or draw_environment(hdri, wanted_place(hdri, stage), draws, base)
    rotation = math.radians(draws.number(hdri.rotation_deg, "light.hdri.rotation_deg"))
    return WorldPlan(image, rotation, draws.number(hdri.strength, "light.hdri.strength"))


def hdri_config(config: LightConfig) -> HdriConfig | None:
    """The environment images to choose from: those given or, without ambient light, the default ones."""
    return config.hdri or (HdriConfig() if config.ambient is None else None)


def panorama_width(world: WorldPlan, background: BackgroundPlan) -> int | None:
    """Pixels of the environment image that the camera sees behind all, once around; None: it sees none.

    Raises InputError where the file can't be read.
    """
    if background.kind != "hdri" or world.hdri is None:
        return None
    return BUILTIN_PX if world.hdri.startswith("builtin:") else hdri_width(Path(world.hdri))


def check_builtin_hdri(image: str) -> None:
    """Raise InputError where ``builtin:<name>`` is unknown."""
    if image.removeprefix("builtin:") not in BUILTIN_HDRIS:
        raise InputError(f"light.hdri.image: there is no {image}", f"builtin are: {', '.join(BUILTIN_HDRIS)}")


def draw_lamps(
    configs: list[LampConfig], target: Float, interior: tuple[Float, Float] | None, draws: Draws
) -> tuple[LampPlan, ...]:
    """Draw all lamps; they stand around ``target`` (3,), inside the room where there is one, and shine at it."""
    lamps = []
    for i, config in enumerate(configs):
        for n in range(draws.whole(config.count, f"light.lamps.{i}.count")):
            lamps.append(_draw_lamp(config, target, interior, draws, f"light.lamps.{i}.{n}"))
    return tuple(lamps)


def _draw_lamp(
    config: LampConfig, target: Float, interior: tuple[Float, Float] | None, draws: Draws, name: str
) -> LampPlan:
    azimuth = math.radians(draws.number(config.azimuth_deg, f"{name}.azimuth_deg"))
    elevation = math.radians(draws.number(config.elevation_deg, f"{name}.elevation_deg"))
    sun = config.kind == "sun"
    distance = SUN_DISTANCE_M if sun else draws.number(config.distance_m, f"{name}.distance_m")
    kelvin = draws.number(config.temperature_k, f"{name}.temperature_k")
    if sun:
        size = math.radians(draws.number(config.angle_deg, f"{name}.angle_deg"))
    else:
        size = draws.number(config.size_m, f"{name}.size_m")
    towards = direction(azimuth, elevation)
    if interior is not None and not sun:
        distance = min(distance, reach_inside(target, towards, *interior))
    position = np.asarray(target) + distance * towards
    power = draws.number(config.power, f"{name}.power")
    return LampPlan(config.kind, to_matrix4(aim_lamp(position, target)), power, blackbody_rgb(kelvin), size, kelvin)
