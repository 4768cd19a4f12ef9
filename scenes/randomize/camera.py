"""Where the camera stands and what lens it has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scanstage.scenes.config.sections.camera_settings import BrownConrady, CameraConfig, Fisheye, Intrinsics
from scanstage.scenes.optics.field_of_view import half_view, horizontal_view, middle_ray
from scanstage.scenes.optics.geometry import Float, direction, look_at, reach_inside, to_matrix4
from scanstage.scenes.optics.lens import LENS_COEFFICIENTS, rays
from scanstage.scenes.plan import CameraPlan, LensPlan
from scanstage.scenes.randomize.framed_subject import Sphere, Subject
from scanstage.scenes.values.draws import Draws

OFF_CENTER_OF_ONE = 0.8
STEEPEST = math.radians(80)
"""Half the angle that what is framed spans at most, as seen from outside of its sphere."""
NEARER_THE_MIDDLE = (1.0, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class Shot:
    """A camera that was drawn.

    Attributes:
        camera: the plan.
        target: (3,) centre of what it frames, metres.
        drawn: for the record (degrees, metres).
    """

    camera: CameraPlan
    target: Float
    drawn: dict[str, Any]


def draw_camera(config: CameraConfig, subject: Subject, interior: tuple[Float, Float] | None, draws: Draws) -> Shot:
    """Draw a camera that looks at all of a subject, or at one part of it.

    Args:
        config: the configured part.
        subject: what can be framed.
        interior: lowest and highest corner of the space that the camera must stay in, or None. The camera moves
            nearer where it would leave it.
        draws: of the picture.
    """
    matrix = _intrinsics(config, draws)
    optics = CameraPlan(config.resolution, *matrix, to_matrix4(np.eye(4)), lens=_lens(config.distortion, draws))
    azimuth = draws.number(config.azimuth_deg, "camera.azimuth_deg")
    elevation = draws.number(config.elevation_deg, "camera.elevation_deg")
    roll = draws.number(config.roll_deg, "camera.roll_deg")
    framing = str(draws.value(config.framing, "camera.framing"))
    framed = _framed(framing, subject, draws)
    jitter = draws.number(config.look_at_jitter, "camera.look_at_jitter")
    target = framed.center + _aim_error(draws) * framed.radius * jitter
    distance = _distance(config, optics, framed.radius, framing, draws)
    towards = direction(math.radians(azimuth), math.radians(elevation))
    if interior is not None:
        distance = min(distance, reach_inside(target, towards, *interior))
    eye = target + distance * towards
    place = _place_in_frame(config, framing, draws)
    pose = _aimed(optics, eye, target, math.radians(roll), place)
    plan = replace(
        optics,
        camera_to_world=to_matrix4(pose),
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
    return Shot(plan, framed.center, drawn | ({} if framing == "objects" else {"framing": framing}))


def _framed(framing: str, subject: Subject, draws: Draws) -> Sphere:
    """What the camera looks at and keeps its distance by."""
    if framing == "object":
        return draws.pick(list(subject.parts), "camera.framed")
    return subject.midst() if framing == "midst" else subject.whole


def _distance(config: CameraConfig, optics: CameraPlan, radius: float, framing: str, draws: Draws) -> float:
    """How far from the middle of a sphere the camera stands, metres.

    Half the angle that the sphere spans is the share asked for of half the view. More than all of the view is had by
    going nearer still, in proportion, and into the sphere at last: not all of it is objects.
    """
    if config.distance_m is not None:
        return draws.number(config.distance_m, "camera.distance_m")
    key = "fill" if framing == "objects" else "object_fill"
    fill = draws.number(getattr(config, key), f"camera.{key}")
    view = half_view(optics)
    distance = radius / math.sin(min(fill * view, STEEPEST))
    return distance if fill <= 1 else distance * min(1.0, max(STEEPEST, view) / (fill * view))


def _place_in_frame(config: CameraConfig, framing: str, draws: Draws) -> tuple[float, float]:
    """Where in the frame the target is to be: (x, y), from -1 (left, top) to 1 (right, bottom); 0 is the middle."""
    if config.off_center is None:
        reach = OFF_CENTER_OF_ONE if framing == "object" else 0.0
    else:
        reach = draws.number(config.off_center, "camera.off_center")
    if not reach:
        return 0.0, 0.0
    x, y = draws.rng("camera.off_center.place").uniform(-reach, reach, 2)
    return float(x), float(y)


def _aimed(optics: CameraPlan, eye: Float, target: Float, roll: float, place: tuple[float, float]) -> Float:
    """(4, 4) camera_to_world at ``eye`` that shows ``target`` at a place of the image, wherever its axis is."""
    if place == (0.0, 0.0):
        return _turned(look_at(eye, target, roll), middle_ray(optics))
    ray = _ray_at(optics, place)
    level = _level_pose(eye, target, roll, ray)
    return _turned(look_at(eye, target, roll), ray) if level is None else level


def _ray_at(optics: CameraPlan, place: tuple[float, float]) -> Float:
    """(3,) unit vector through a place of the image; nearer the middle where the lens sees nothing there."""
    width, height = optics.resolution_wh
    for share in NEARER_THE_MIDDLE:
        column, row = (1 + share * place[0]) * width / 2 - 0.5, (1 + share * place[1]) * height / 2 - 0.5
        ray = rays(optics, np.array([column]), np.array([row]))[0]
        if not np.isnan(ray[0]):
            return np.asarray(ray / np.linalg.norm(ray))
    return middle_ray(optics)


def _turned(pose: Float, ray: Float) -> Float:
    """A pose with its optical axis turned so that ``ray`` points where the axis did: by the shortest turn."""
    x, y, z = ray
    # I + [v] + [v]^2 / (1 + c), v = ray x axis, c = ray . axis.
    cross = np.array([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
    pose[:3, :3] = pose[:3, :3] @ (np.eye(3) + cross + cross @ cross / (1 + z))
    return pose


def _level_pose(eye: Float, target: Float, roll: float, ray: Float) -> Float | None:
    """(4, 4) camera_to_world at ``eye`` that sees ``target`` along ``ray`` and is panned and tilted, not rolled.

    The shortest turn would tilt the horizon: a person who wants something in a corner turns a
    camera. Level, its tilt t follows from how steeply the target lies below: with r the ray of a camera without
    ``roll``, and d the direction to the target, -r_y cos t + r_z sin t = d_z; its pan from what is left. None where no
    tilt does it (straight below).
    """
    c, s = math.cos(roll), math.sin(roll)
    x, y, z = c * ray[0] - s * ray[1], s * ray[0] + c * ray[1], ray[2]
    towards = (target - eye) / np.linalg.norm(target - eye)
    reach = math.hypot(y, z)
    if abs(towards[2]) >= reach:
        return None
    tilt = math.atan2(y, z) + math.asin(towards[2] / reach)
    ahead = y * math.sin(tilt) + z * math.cos(tilt)
    pan = math.atan2(towards[1], towards[0]) - math.atan2(-x, ahead)
    forward = np.array([math.cos(tilt) * math.cos(pan), math.cos(tilt) * math.sin(pan), math.sin(tilt)])
    right = np.array([math.sin(pan), -math.cos(pan), 0.0])
    down = np.cross(forward, right)
    pose = np.eye(4)
    # As :func:`geometry.look_at` rolls.
    pose[:3, :3] = np.stack([right * c + down * s, down * c - right * s, forward], axis=1)
    pose[:3, 3] = eye
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
