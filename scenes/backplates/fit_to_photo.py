"""A plan before a photo: lit by it, and as soft and noisy as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from scanstage.scenes.backplates.photo_camera import heading_of, seen_horizon
from scanstage.scenes.backplates.photo_character import PhotoCharacter, measure_character
from scanstage.scenes.backplates.photo_facts import photo_facts
from scanstage.scenes.backplates.photo_light import PhotoLight, measure_light
from scanstage.scenes.backplates.shown_photo import linear_photo, shown_photo
from scanstage.scenes.backplates.tone_curve import inverse_camera_curve
from scanstage.scenes.optics.geometry import aim_lamp, to_matrix4
from scanstage.scenes.plan import FramePlan, LampPlan, SurfacePlan, WorldPlan
from scanstage.scenes.values.draws import Draws

HORIZON_STEP = 0.02
"""Horizons are rounded to that: what is measured of a photo is then measured once for many pictures."""
DISTANCE_M = 100.0
SOFTEST_DEG, HARDEST_DEG = 24.0, 5.0
"""How large the key light looks: a window across the room, or a lamp."""
DAYLIGHT_K = 6504.0
FINE_QUALITY = 96
"""Compression of that quality and above isn't seen."""


def lit_by_photo(plan: FramePlan, draws: Draws) -> FramePlan:
    """The plan with the light of its backplate: its environment, a key light, its floor and its exposure.

    Raises InputError where the photo can't be read.
    """
    path, camera = plan.background.image, plan.camera
    assert path is not None
    horizon = round(seen_horizon(camera) / HORIZON_STEP) * HORIZON_STEP
    light = _light(path, camera.resolution_wh, horizon, plan.post.tone)
    ahead = heading_of(camera)
    world = WorldPlan(path, ahead, (1 - light.key_share) * light.irradiance / math.pi, horizon=horizon)
    post = plan.post if plan.post.exposure_ev is not None else replace(plan.post, exposure_ev=0.0)
    surfaces = tuple(_floor(s, light) if s.shadow_catcher else s for s in plan.surfaces)
    key = _key(light, ahead, draws)
    return replace(plan, world=world, lamps=(*plan.lamps, key), post=post, surfaces=surfaces)


def as_soft_as_photo(plan: FramePlan, draws: Draws) -> FramePlan:
    """The plan with what was measured of its backplate's softness, noise and compression.

    Raises InputError where the photo can't be read.
    """
    background, size = plan.background, plan.camera.resolution_wh
    assert background.image is not None
    found = _character(background.image, size)
    fitted = replace(
        background,
        blur_px=found.blur_px,
        noise=found.noise,
        grain_px=found.grain_px,
        noise_seed=int(draws.rng("background.noise").integers(2**32)),
        jpeg_quality=_shown_quality(background.image, size),
    )
    return replace(plan, background=fitted)


@lru_cache(maxsize=256)
def _light(path: str, size_wh: tuple[int, int], horizon: float, tone: str) -> PhotoLight:
    photo = linear_photo(path, size_wh[1], size_wh[0])
    return measure_light(inverse_camera_curve(photo) if tone == "filmic" else photo, horizon)


@lru_cache(maxsize=256)
def _character(path: str, size_wh: tuple[int, int]) -> PhotoCharacter:
    return measure_character(shown_photo(path, size_wh[1], size_wh[0]))


def _shown_quality(path: str, size_wh: tuple[int, int]) -> int | None:
    """Of a photo's compression in the frame: scaled down, its blocks and their errors shrink."""
    facts = photo_facts(Path(path))
    if facts.jpeg_quality is None:
        return None
    scale = min(1.0, max(s / p for s, p in zip(size_wh, facts.size_wh, strict=True)))
    quality = round(100 - (100 - facts.jpeg_quality) * scale**2)
    return None if quality >= FINE_QUALITY else quality


def _key(light: PhotoLight, ahead: float, draws: Draws) -> LampPlan:
    elevation = math.radians(light.key_elevation_deg)
    bearing = ahead - math.radians(light.key_right_deg)  # to the right is clockwise
    towards = np.array(
        [math.cos(elevation) * math.cos(bearing), math.cos(elevation) * math.sin(bearing), math.sin(elevation)]
    )
    size = math.radians(draws.rng("background.key").uniform(HARDEST_DEG, SOFTEST_DEG))
    power = light.key_share * light.irradiance / math.sin(elevation)
    matrix = to_matrix4(aim_lamp(DISTANCE_M * towards, np.zeros(3)))
    return LampPlan("sun", matrix, power, light.color, size, DAYLIGHT_K)


def _floor(surface: SurfacePlan, light: PhotoLight) -> SurfacePlan:
    return replace(surface, material=replace(surface.material, color_a=light.floor, color_b=light.floor))
