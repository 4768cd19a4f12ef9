"""From configured looks to a drawn surface material."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from scanstage.assets.textures.surface_textures import SURFACES
from scanstage.scenes.config.sections.run_config import JitterConfig
from scanstage.scenes.config.sections.stage_settings import Looks
from scanstage.scenes.inputs.image_files import PHOTO_SUFFIXES, list_images, located
from scanstage.scenes.optics.geometry import srgb_to_linear
from scanstage.scenes.plan import MaterialJitter, Rgb, SurfaceMaterial
from scanstage.scenes.values.draws import Draws

TABLE_TEXTURES = (
    "wood_grain",
    "wood_planks",
    "marble",
    "granite",
    "terrazzo",
    "linen",
    "fabric",
    "checks",
    "stripes",
    "cork",
    "brushed_metal",
    "concrete",
)
GROUND_TEXTURES = ("wood_planks", "concrete", "tiles", "terrazzo", "granite", "marble", "fabric")
WALL_TEXTURES = ("plaster", "plaster", "concrete", "tiles")
SHELF_TEXTURES = ("wood_grain", "wood_planks", "plaster")
ANY_TEXTURES = tuple(SURFACES)

DARKER = 0.45
PHOTO_M = 1.0
"""Edge that a photo covers on a surface unless texture_size_m says otherwise."""


def draw_surface(looks: Looks, draws: Draws, name: str, suited: tuple[str, ...], base: Path) -> SurfaceMaterial:
    """Draw a surface's material.

    Args:
        looks: the configured part.
        draws: of the picture.
        name: stream prefix, e.g. ``stage.looks``.
        suited: textures that ``any`` chooses from.
        base: folder that relative paths start from.

    Returns:
        A material whose ``texture`` is ``builtin:<name>`` or None and whose ``image`` is an absolute path or None.
    """
    rng = draws.rng(f"{name}.detail")
    offset = (float(rng.random()), float(rng.random()))
    turn = float(rng.integers(4)) * math.pi / 2
    gloss = float(rng.random())
    texture = str(draws.value(looks.texture, f"{name}.texture"))
    if texture == "any":
        texture = str(draws.pick(list(suited), f"{name}.any"))
    if texture == "none":
        color = _color(looks, draws, name) or _muted(draws, name)
        material = SurfaceMaterial(color, color, roughness=0.3 + 0.6 * gloss)
    else:
        style = SURFACES[texture]
        dark, light = draws.pick(list(style.palettes), f"{name}.palette")
        if (color_or_none := _color(looks, draws, name)) is not None:
            light = color_or_none
            dark = (light[0] * DARKER, light[1] * DARKER, light[2] * DARKER)
        low, high = style.roughness
        bump = draws.number(looks.bump, f"{name}.bump")
        material = SurfaceMaterial(
            dark, light, f"builtin:{texture}", None, style.size_m, offset, turn, low + gloss * (high - low),
            style.metallic, bump_m=style.bump_m * bump, joint_roughness=style.joint_roughness,
        )  # fmt: skip
    if looks.image is not None:
        files = list_images(located(looks.image, base), PHOTO_SUFFIXES)
        image = str(draws.pick(list(files), f"{name}.image"))
        material = replace(
            material, texture=None, image=image, texture_size_m=PHOTO_M, metallic=0.0, bump_m=0.0, joint_roughness=None
        )
    return _overridden(material, looks, draws, name)


def draw_jitter(config: JitterConfig, draws: Draws, name: str) -> MaterialJitter:
    """Draw the changes to one scan's materials."""
    fields = ("hue", "saturation", "value", "roughness", "metallic", "specular")
    return MaterialJitter(**{f: draws.number(getattr(config, f), f"{name}.{f}") for f in fields})


def _color(looks: Looks, draws: Draws, name: str) -> Rgb | None:
    return None if looks.color is None else srgb_to_linear(str(draws.value(looks.color, f"{name}.color")))


def _muted(draws: Draws, name: str) -> Rgb:
    """A colour that things are painted in: any hue, seldom garish, neither black nor glaring."""
    rng = draws.rng(f"{name}.muted")
    level = 0.05 + 0.55 * rng.random()
    tint = 0.5 + 0.5 * rng.random(3)
    return (float(level * tint[0]), float(level * tint[1]), float(level * tint[2]))


def _overridden(material: SurfaceMaterial, looks: Looks, draws: Draws, name: str) -> SurfaceMaterial:
    given = {
        field: draws.number(value, f"{name}.{field}")
        for field in ("texture_size_m", "roughness", "metallic")
        if (value := getattr(looks, field)) is not None
    }
    return replace(material, **given)  # type: ignore[arg-type]
