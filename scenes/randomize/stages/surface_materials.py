"""From configured looks to a drawn surface material."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from scanstage.assets.textures.surface_textures import SURFACES
from scanstage.scenes.config.sections.run_config import ObjectsConfig, WearKind
from scanstage.scenes.config.sections.stage_settings import Looks
from scanstage.scenes.inputs.image_files import PHOTO_SUFFIXES, list_images, located
from scanstage.scenes.optics.geometry import srgb_to_linear
from scanstage.scenes.plan import MaterialJitter, Rgb, SurfaceMaterial, WearPlan
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
PAINTS = ("#efece4", "#e3dfd4", "#f3f2ee", "#c9d0cf", "#cdd6da", "#d6cbb8", "#b7bfb2", "#8f9ea8", "#b89c86")
"""Of walls indoors."""
WALL_TEXTURES = ("plaster", "plaster", "concrete", "tiles")
FLOOR_TEXTURES = ("wood_planks", "wood_planks", "tiles", "concrete", "terrazzo", "fabric")
"""Of floors indoors."""
WORKSHOP_TEXTURES = ("concrete", "concrete", "terrazzo", "tiles")
INDOOR_WALLS = ("none", "none", "none", "plaster", "concrete", "tiles")
SHELF_TEXTURES = ("wood_grain", "wood_planks", "plaster")
DESK_TEXTURES = ("wood_grain", "wood_grain", "wood_planks", "marble", "granite", "none", "concrete", "linen")
BIN_TEXTURES = {"cardboard": ("cardboard",), "plastic": ("none",), "metal": ("brushed_metal",)}
METAL_TEXTURES = ("brushed_metal", "none")
ANY_TEXTURES = tuple(SURFACES)

LEAST_SHARE = 0.25
"""Of an object's wear that each kind has."""
WEAR_SPAN_M = 8.0
"""How far apart objects are cut out of the pattern of wear: so near its origin that small numbers keep all digits."""
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


def coated(texture: str, rng: np.random.Generator) -> SurfaceMaterial:
    """A material of a built-in texture, for things that no config describes: its palette and gloss are drawn."""
    style = SURFACES[texture]
    dark, light = style.palettes[int(rng.integers(len(style.palettes)))]
    low, high = style.roughness
    offset = (float(rng.random()), float(rng.random()))
    return SurfaceMaterial(
        dark, light, f"builtin:{texture}", None, style.size_m, offset, 0.0, low + float(rng.random()) * (high - low),
        style.metallic, bump_m=style.bump_m, joint_roughness=style.joint_roughness,
    )  # fmt: skip


def draw_wall(looks: Looks, draws: Draws, name: str, base: Path) -> SurfaceMaterial:
    """Draw a wall's material: most walls that people live and work between are painted evenly."""
    drawn = draw_surface(looks, draws, name, INDOOR_WALLS, base)
    if drawn.texture is not None or drawn.image is not None or looks.color is not None:
        return drawn
    coat = painted(draws.rng(f"{name}.paint"), PAINTS)
    return replace(drawn, color_a=coat.color_a, color_b=coat.color_b)


def painted(
    rng: np.random.Generator, colors: tuple[str, ...] = (), roughness: tuple[float, float] = (0.3, 0.8)
) -> SurfaceMaterial:
    """An even colour, one of ``colors`` (sRGB ``#rrggbb``) or a muted one, of a gloss within ``roughness``."""
    color = srgb_to_linear(colors[int(rng.integers(len(colors)))]) if colors else _muted_of(rng)
    low, high = roughness
    return SurfaceMaterial(color, color, roughness=low + (high - low) * float(rng.random()))


def draw_jitter(config: ObjectsConfig, draws: Draws, name: str) -> MaterialJitter:
    """Draw the changes to one scan's materials. ``name``: of the object, e.g. ``objects.3``."""
    fields = ("hue", "saturation", "value", "roughness", "metallic", "specular")
    drawn = {f: draws.number(getattr(config.material, f), f"{name}.material.{f}") for f in fields}
    return MaterialJitter(**drawn, wear=_draw_wear(config, draws, f"{name}.wear"))


def _draw_wear(config: ObjectsConfig, draws: Draws, name: str) -> WearPlan | None:
    """What happens to one thing differs from what happens to the next: each kind takes a share of the whole."""
    amount = draws.number(config.wear, name)
    if amount == 0:
        return None
    rng = draws.rng(f"{name}.kinds")
    shares = {kind: LEAST_SHARE + (1 - LEAST_SHARE) * float(rng.random()) for kind in get_args(WearKind)}
    x, y, z = (WEAR_SPAN_M * float(c) for c in rng.random(3))
    kinds = {kind: amount * share for kind, share in shares.items() if kind in config.wear_kinds}
    return WearPlan(**kinds, offset_m=(x, y, z))


def _color(looks: Looks, draws: Draws, name: str) -> Rgb | None:
    return None if looks.color is None else srgb_to_linear(str(draws.value(looks.color, f"{name}.color")))


def _muted(draws: Draws, name: str) -> Rgb:
    """A colour that things are painted in: any hue, seldom garish, neither black nor glaring."""
    return _muted_of(draws.rng(f"{name}.muted"))


def _muted_of(rng: np.random.Generator) -> Rgb:
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
