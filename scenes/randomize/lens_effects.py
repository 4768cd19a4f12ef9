"""What lens and sensor add to a picture: depth of field, motion blur, exposure, vignetting, aberration, noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from scanstage.scenes.config.sections.camera_settings import CameraConfig, DepthOfField, MotionBlur
from scanstage.scenes.config.sections.run_config import OutputConfig
from scanstage.scenes.optics.geometry import Float, to_vector3
from scanstage.scenes.plan import CameraPlan, MotionPlan, NoisePlan, ObjectPlan, PostPlan
from scanstage.scenes.values.draws import Draws


def draw_optics(config: CameraConfig, camera: CameraPlan, center: Float, draws: Draws) -> CameraPlan:
    """The camera with depth of field and its own motion, as configured.

    Args:
        config: the configured part.
        camera: where it stands.
        center: (3,) centre of the objects, metres, world frame.
        draws: of the picture.
    """
    if config.depth_of_field is not None:
        camera = _with_aperture(config.depth_of_field, config, camera, center, draws)
    blur = config.motion_blur
    if blur is not None and blur.of == "camera":
        camera = replace(camera, motion=_motion(blur, camera, _depth(camera, center), draws, "camera.motion_blur"))
    return camera


def draw_motion(
    config: MotionBlur | None, camera: CameraPlan, objects: tuple[ObjectPlan, ...], draws: Draws
) -> tuple[ObjectPlan, ...]:
    """The objects, each with a motion of its own where that is configured."""
    if config is None or config.of != "objects":
        return objects
    moving = []
    for item in objects:
        depth = _depth(camera, np.array(item.object_to_world)[:3, 3])
        motion = _motion(config, camera, depth, draws, f"camera.motion_blur.{item.instance_id}")
        moving.append(replace(item, motion=motion))
    return tuple(moving)


def draw_post(config: CameraConfig, output: OutputConfig, draws: Draws) -> PostPlan:
    """Draw exposure, tone, what the sensor adds, and the quality of the file."""
    exposure = draws.value(config.exposure, "camera.exposure")
    noise = None
    if config.noise is not None:
        shot = draws.number(config.noise.shot, "camera.noise.shot")
        read = draws.number(config.noise.read, "camera.noise.read")
        noise = NoisePlan(shot, read, int(draws.rng("camera.noise.seed").integers(2**32)))
    return PostPlan(
        None if exposure == "auto" else float(exposure),
        draws.number(config.exposure_bias_ev, "camera.exposure_bias_ev"),
        config.tone,
        draws.number(config.vignetting, "camera.vignetting"),
        draws.number(config.chromatic_aberration_px, "camera.chromatic_aberration_px"),
        noise,
        draws.whole(output.quality, "output.quality"),
    )


def _with_aperture(
    config: DepthOfField, camera_config: CameraConfig, camera: CameraPlan, center: Float, draws: Draws
) -> CameraPlan:
    """Diameter of the entrance pupil: focal length / f-number, the focal length that of the configured sensor."""
    width_mm = draws.number(camera_config.sensor_mm, "camera.sensor_mm")
    focal_m = camera.fx / camera.resolution_wh[0] * width_mm / 1000
    aperture = focal_m / draws.number(config.f_number, "camera.depth_of_field.f_number")
    if config.focus_m is None:
        focus = _depth(camera, center)
    else:
        focus = draws.number(config.focus_m, "camera.depth_of_field.focus_m")
    return replace(camera, aperture_m=aperture, focus_m=focus)


def _depth(camera: CameraPlan, point: Float) -> float:
    """Depth of a world point along the camera's z axis, at least the near distance."""
    pose = np.array(camera.camera_to_world)
    return max(float((point - pose[:3, 3]) @ pose[:3, 2]), camera.near_m)


def _motion(config: MotionBlur, camera: CameraPlan, depth_m: float, draws: Draws, name: str) -> MotionPlan | None:
    """A streak of the configured length in the image plane at ``depth_m``, and a turn about a random axis.

    None where both are 0: a picture without blur is rendered faster.
    """
    length_m = draws.number(config.length_px, f"{name}.length_px") * depth_m / camera.fx
    angle = math.radians(draws.number(config.rotation_deg, f"{name}.rotation_deg"))
    if length_m == 0 and angle == 0:
        return None
    rng = draws.rng(f"{name}.direction")
    heading = rng.uniform(0, 2 * math.pi)
    pose = np.array(camera.camera_to_world)
    along = math.cos(heading) * pose[:3, 0] + math.sin(heading) * pose[:3, 1]
    axis = rng.normal(size=3)
    return MotionPlan(to_vector3(length_m * along), to_vector3(angle * axis / np.linalg.norm(axis)))
