"""Circumstances of a picture, and of an object in it, as a few named values: what a class must not go along with."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any

import numpy as np

from scanstage.scenes.plan import FramePlan, ObjectPlan

SIDE_BANDS, SIDE_SECTORS = 4, 6
SIDES = SIDE_BANDS * SIDE_SECTORS
PICTURE_FACTORS = ("hdri", "background", "stage", "surface", "lamp_temperature", "distance", "elevation", "look")
OBJECT_FACTORS = ("viewing_direction",)
WARM_K, COOL_K = 3500.0, 5000.0
ELEVATION_STEP_DEG = 20


def picture_factors(plan: FramePlan) -> dict[str, str]:
    """Values of PICTURE_FACTORS, and of the picture's variables that are texts or truth values.

    ``distance`` is binned by powers of two in metres, ``elevation`` by 20 degrees, ``lamp_temperature`` by the first
    lamp: warm below 3,500 K, cool above 5,000 K.
    """
    camera = plan.factors["camera"]
    background = plan.background
    values: dict[str, Any] = {
        "hdri": "ambient" if plan.world.hdri is None else PurePath(plan.world.hdri).name.removeprefix("builtin:"),
        "background": background.kind if background.image is None else PurePath(background.image).name,
        "stage": plan.factors["stage"],
        "surface": (plan.factors["surface"] or "plain").removeprefix("builtin:"),
        "lamp_temperature": _temperature(plan),
        "distance": _distance(camera["distance_m"]),
        "elevation": _elevation(camera["elevation_deg"]),
        "look": plan.factors.get("look") or "none",  # older plans have none
    }
    variables = plan.factors["variables"]
    return {k: str(v) for k, v in values.items()} | {
        k: str(v) for k, v in variables.items() if isinstance(v, (str, bool))
    }


def side_of(plan: FramePlan, item: ObjectPlan) -> int:
    """From which side the camera sees an object: one of 24 sectors of equal area on the sphere about its origin.

    Four bands of equal height along the asset's z axis (Archimedes: equal areas), six sectors each.
    """
    camera = np.array(plan.camera.camera_to_world)[:3, 3]
    towards = (np.linalg.inv(np.array(item.object_to_world)) @ np.append(camera, 1.0))[:3]
    towards /= np.linalg.norm(towards)
    band = min(int((towards[2] + 1) / 2 * SIDE_BANDS), SIDE_BANDS - 1)
    sector = int((math.atan2(towards[1], towards[0]) % (2 * math.pi)) / (2 * math.pi) * SIDE_SECTORS) % SIDE_SECTORS
    return band * SIDE_SECTORS + sector


def _temperature(plan: FramePlan) -> str:
    if not plan.lamps:
        return "none"
    kelvin = plan.lamps[0].temperature_k
    return "warm" if kelvin < WARM_K else "cool" if kelvin > COOL_K else "neutral"


def _distance(metres: float) -> str:
    low = 2.0 ** math.floor(math.log2(metres))
    return f"{low:g} to {2 * low:g} m"


def _elevation(degrees: float) -> str:
    low = ELEVATION_STEP_DEG * math.floor(degrees / ELEVATION_STEP_DEG)
    return f"{low} to {low + ELEVATION_STEP_DEG} degrees"
