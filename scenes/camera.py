"""Where the camera stands and what lens it has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scenes.config.camera import CameraConfig
from scenes.draws import Draws
from scenes.geometry import Float, direction, look_at, reach_inside, to_matrix4
from scenes.plan import CameraPlan


def draw_camera(
    config: CameraConfig, center: Float, radius: float, interior: tuple[Float, Float] | None, draws: Draws
) -> tuple[CameraPlan, dict[str, Any]]:
    """Draw a camera that looks at the objects.

    Args:
        config: the configured part.
        center: (3,) centre of the objects, metres.
        radius: of a sphere about it that holds them, metres.
        interior: lowest and highest corner of the space that the camera must stay in, or None. The camera moves
            nearer where it would leave it.
        draws: of the picture.

    Returns:
        The plan, and what was drawn, for the record (degrees, metres).
    """
    width, height = config.resolution
    focal_px = _focal_px(config, width, draws)
    azimuth = draws.number(config.azimuth_deg, "camera.azimuth_deg")
    elevation = draws.number(config.elevation_deg, "camera.elevation_deg")
    roll = draws.number(config.roll_deg, "camera.roll_deg")
    target = center + _aim_error(draws) * radius * draws.number(config.look_at_jitter, "camera.look_at_jitter")
    if config.distance_m is not None:
        distance = draws.number(config.distance_m, "camera.distance_m")
    else:
        fill = draws.number(config.fill, "camera.fill")
        half_view = math.atan(min(width, height) / 2 / focal_px)
        distance = radius / math.sin(min(fill * half_view, math.radians(80)))
    towards = direction(math.radians(azimuth), math.radians(elevation))
    if interior is not None:
        distance = min(distance, reach_inside(target, towards, *interior))
    eye = target + distance * towards
    plan = CameraPlan(
        (width, height),
        focal_px,
        focal_px,
        width / 2,
        height / 2,
        to_matrix4(look_at(eye, target, math.radians(roll))),
        near_m=max(1e-4, min(0.01, distance / 100)),
        far_m=max(1000.0, distance * 100),
    )
    drawn = {
        "azimuth_deg": azimuth % 360,
        "elevation_deg": elevation,
        "distance_m": distance,
        "roll_deg": roll,
        "fov_deg": math.degrees(2 * math.atan(width / 2 / focal_px)),
    }
    return plan, drawn


def _focal_px(config: CameraConfig, width: int, draws: Draws) -> float:
    """Focal length in pixels: f = w / 2 / tan(fov / 2), or focal length by sensor width."""
    if config.fov_deg is not None:
        return width / 2 / math.tan(math.radians(draws.number(config.fov_deg, "camera.fov_deg")) / 2)
    return width * draws.number(config.focal_mm, "camera.focal_mm") / draws.number(config.sensor_mm, "camera.sensor_mm")


def _aim_error(draws: Draws) -> Float:
    """(3,) uniform in the unit ball."""
    rng = draws.rng("camera.look_at")
    v = rng.normal(size=3)
    return np.asarray(v / np.linalg.norm(v) * rng.random() ** (1 / 3))
