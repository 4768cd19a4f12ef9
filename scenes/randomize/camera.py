"""Where the camera stands and what lens it has."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from scanstage.scenes.config.sections.camera_settings import BrownConrady, CameraConfig, Fisheye, Intrinsics
from scanstage.scenes.optics.field_of_view import half_view, horizontal_view, middle_ray
from scanstage.scenes.optics.geometry import Float, direction, look_at, reach_inside, to_matrix4
from scanstage.scenes.optics.lens import LENS_COEFFICIENTS
from scanstage.scenes.plan import CameraPlan, LensPlan
from scanstage.scenes.values.draws import Draws


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
    matrix = _intrinsics(config, draws)
    optics = CameraPlan(config.resolution, *matrix, to_matrix4(np.eye(4)), lens=_lens(config.distortion, draws))
    azimuth = draws.number(config.azimuth_deg, "camera.azimuth_deg")
    elevation = draws.number(config.elevation_deg, "camera.elevation_deg")
    roll = draws.number(config.roll_deg, "camera.roll_deg")
    target = center + _aim_error(draws) * radius * draws.number(config.look_at_jitter, "camera.look_at_jitter")
    if config.distance_m is not None:
        distance = draws.number(config.distance_m, "camera.distance_m")
    else:
        fill = draws.number(config.fill, "camera.fill")
        distance = radius / math.sin(min(fill * half_view(optics), math.radians(80)))
    towards = direction(math.radians(azimuth), math.radians(elevation))
    if interior is not None:
        distance = min(distance, reach_inside(target, towards, *interior))
    eye = target + distance * towards
    plan = replace(
        optics,
        camera_to_world=to_matrix4(_aimed(optics, eye, target, math.radians(roll))),
        near_m=max(1e-4, min(0.01, distance / 100)),
        far_m=max(1000.0, distance * 100),
    )
    drawn = {
        "azimuth_deg": azimuth % 360,
        "elevation_deg": elevation,
        "distance_m": distance,
        "roll_deg": roll,
        "fov_deg": math.degrees(horizontal_view(optics)),
    }
    return plan, drawn


def _aimed(optics: CameraPlan, eye: Float, target: Float, roll: float) -> Float:
    """(4, 4) camera_to_world at ``eye`` that shows ``target`` in the middle of the image, wherever its axis is."""
    pose = look_at(eye, target, roll)
    x, y, z = middle_ray(optics)
    # The shortest turn from that ray to the optical axis: I + [v] + [v]^2 / (1 + c), v = ray x axis, c = ray . axis.
    cross = np.array([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
    pose[:3, :3] = pose[:3, :3] @ (np.eye(3) + cross + cross @ cross / (1 + z))
    return pose


def _intrinsics(config: CameraConfig, draws: Draws) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy in pixels: as given, or from the field of view, or focal length by sensor width.

    The field of view gives f = w / 2 / tan(fov / 2), of a fisheye f = w / fov; both leave coefficients out of account.
    """
    width, height = config.resolution
    given = config.intrinsics
    if isinstance(given, Intrinsics):
        fx = draws.number(given.fx, "camera.intrinsics.fx")
        fy = fx if given.fy is None else draws.number(given.fy, "camera.intrinsics.fy")
        cx = width / 2 if given.cx is None else draws.number(given.cx, "camera.intrinsics.cx")
        cy = height / 2 if given.cy is None else draws.number(given.cy, "camera.intrinsics.cy")
        return fx, fy, cx, cy
    if config.fov_deg is not None:
        view = math.radians(draws.number(config.fov_deg, "camera.fov_deg"))
        focal = width / view if isinstance(config.distortion, Fisheye) else width / 2 / math.tan(view / 2)
    else:
        focal_mm = draws.number(config.focal_mm, "camera.focal_mm")
        focal = width * focal_mm / draws.number(config.sensor_mm, "camera.sensor_mm")
    return focal, focal, width / 2, height / 2


def _lens(config: BrownConrady | Fisheye | None, draws: Draws) -> LensPlan | None:
    if config is None:
        return None
    names = LENS_COEFFICIENTS[config.model]
    drawn = tuple(draws.number(getattr(config, n), f"camera.distortion.{n}") for n in names)
    # A Brown-Conrady lens without distortion is a pinhole, which engines render without resampling.
    return None if config.model == "brown_conrady" and not any(drawn) else LensPlan(config.model, drawn)


def _aim_error(draws: Draws) -> Float:
    """(3,) uniform in the unit ball."""
    rng = draws.rng("camera.look_at")
    v = rng.normal(size=3)
    return np.asarray(v / np.linalg.norm(v) * rng.random() ** (1 / 3))
