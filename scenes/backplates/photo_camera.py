"""A camera that fits a photo: its focal length, its horizon, and objects where the photo shows a floor."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from scanstage.scenes.backplates.photo_facts import PhotoFacts
from scanstage.scenes.backplates.shown_photo import in_frame
from scanstage.scenes.config.sections.camera_settings import CameraConfig, Intrinsics
from scanstage.scenes.optics.geometry import Float, direction, look_at, to_matrix4
from scanstage.scenes.optics.lens import rays
from scanstage.scenes.plan import CameraPlan
from scanstage.scenes.randomize.camera import Shot
from scanstage.scenes.values.draws import Draws

Box = tuple[float, float, float, float]

USUAL_FLOOR: Box = (0.25, 0.5, 0.75, 0.85)
BELOW_HORIZON = 0.12
"""Objects stand at least so much of the frame's height below the horizon: nearer it they'd be seen along the floor."""
LEAST_DEPRESSION = math.radians(4)


def with_photo_focal(config: CameraConfig, facts: PhotoFacts) -> CameraConfig:
    """The camera with the photo's own focal length, where it is known and the config gives none by itself."""
    if facts.focal_px is None or config.intrinsics is not None or config.fov_deg is not None:
        return config
    width, height = config.resolution
    focal = facts.focal_px * max(width / facts.size_wh[0], height / facts.size_wh[1])
    return config.model_copy(update={"intrinsics": Intrinsics(fx=focal)})


def stand_on_floor(
    shot: Shot, horizon: float, floor: Box | None, height_m: float | None, facts: PhotoFacts, draws: Draws
) -> Shot:
    """A shot from the same side whose horizon is the photo's, and which shows its target on the photo's floor.

    With the horizon in row y_h, a camera without roll looks down by atan((cy - y_h) / fy). Where its target appears is
    drawn; how far off that is stays as it was, or follows from the camera's height.

    Args:
        shot: as drawn without a photo.
        horizon: share of the photo's height, from its top.
        floor: (left, top, right, bottom), shares of the photo's width and height; None: the usual.
        height_m: of the camera above the floor, metres, or None.
        facts: of the photo.
        draws: of the picture.
    """
    camera = shot.camera
    line = in_frame(horizon, facts.size_wh, camera.resolution_wh) * camera.resolution_wh[1]
    tilt = math.atan2(camera.cy - line, camera.fy)
    heading = -direction(math.radians(shot.drawn["azimuth_deg"]), 0.0)
    forward = math.cos(tilt) * heading - math.sin(tilt) * np.array([0.0, 0.0, 1.0])
    pose = look_at(np.zeros(3), forward)
    ray = pose[:3, :3] @ _ray(camera, _place(_in_view(floor, facts, camera), line / camera.resolution_wh[1], draws))
    ray[2] = min(ray[2], -math.sin(LEAST_DEPRESSION))
    ray /= np.linalg.norm(ray)
    distance = float(shot.drawn["distance_m"])
    if height_m is not None:
        distance = max((height_m - float(shot.target[2])) / -float(ray[2]), 0.05)
    pose[:3, 3] = shot.target - distance * ray
    placed = replace(
        camera,
        camera_to_world=to_matrix4(pose),
        near_m=max(1e-4, min(0.01, distance / 100)),
        far_m=max(1000.0, distance * 100),
    )
    drawn = {"elevation_deg": math.degrees(tilt), "distance_m": distance, "roll_deg": 0.0}
    return Shot(placed, shot.target, shot.drawn | drawn)


def seen_horizon(camera: CameraPlan) -> float:
    """Share of the frame's height, from its top, in which a camera's horizon lies; beyond 0..1 it is out of view."""
    pose = np.array(camera.camera_to_world)
    tilt = math.asin(max(-0.999, min(0.999, -float(pose[2, 2]))))
    return float(np.clip((camera.cy - camera.fy * math.tan(tilt)) / camera.resolution_wh[1], -3.0, 3.0))


def heading_of(camera: CameraPlan) -> float:
    """The angle in which a camera looks, seen from above: radians, counter-clockwise from +X."""
    pose = np.array(camera.camera_to_world)
    ahead = pose[:2, 2] - pose[:2, 1]  # looking straight down, the picture's top is ahead
    return math.atan2(ahead[1], ahead[0])


def _in_view(floor: Box | None, facts: PhotoFacts, camera: CameraPlan) -> Box:
    if floor is None:
        return USUAL_FLOOR
    width, height = camera.resolution_wh
    left, right = (in_frame(s, facts.size_wh[::-1], (height, width)) for s in floor[::2])
    top, bottom = (in_frame(s, facts.size_wh, (width, height)) for s in floor[1::2])
    return left, top, right, bottom


def _place(floor: Box, horizon: float, draws: Draws) -> tuple[float, float]:
    """Where in the frame the target is to be, in shares of its width and height."""
    left, top, right, bottom = floor
    top = max(top, horizon + BELOW_HORIZON)
    bottom = max(bottom, top)
    x, y = draws.rng("background.place").random(2)
    return left + float(x) * (right - left), top + float(y) * (bottom - top)


def _ray(camera: CameraPlan, place: tuple[float, float]) -> Float:
    """(3,) unit vector in the camera's frame."""
    width, height = camera.resolution_wh
    ray = rays(camera, np.array([place[0] * width - 0.5]), np.array([place[1] * height - 0.5]))[0]
    if np.isnan(ray[0]):
        ray = np.array([0.0, 0.0, 1.0])
    return np.asarray(ray / np.linalg.norm(ray))
