"""What lens, sensor and processor add to a picture: depth of field, motion blur, exposure, noise, colour, tone."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from scanstage.scenes.config.sections.camera_settings import (
    CameraConfig,
    DepthOfField,
    MotionBlur,
    SensorNoise,
    Sharpening,
    WhiteBalance,
)
from scanstage.scenes.config.sections.run_config import OutputConfig
from scanstage.scenes.optics.geometry import Float, blackbody_rgb, to_vector3
from scanstage.scenes.plan import CameraPlan, MotionPlan, NoisePlan, ObjectPlan, PostPlan, ProcessorPlan, Rgb
from scanstage.scenes.values.draws import Draws

LEAST_DISC_PX = 2.0
"""Diameter of the disc that blurs what is infinitely far, a sigma of half a pixel: of less, nobody sees anything."""
BLOCKS_UNTIL = 0.5
"""Scaled down by this much or more, a picture shows no blocks of its compression any more: each is 4 px or less."""
_IN_PIXELS = ("blur_px", "chromatic_aberration_px", "noise", "sharpening", "detail", "stream_quality")
NEUTRAL_MIRED = 1e6 / 6504
"""Of daylight (D65), the white of sRGB."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec.709


def draw_optics(
    config: CameraConfig, camera: CameraPlan, center: Float, draws: Draws, by_look: bool = False
) -> CameraPlan:
    """The camera with depth of field and its own motion, as configured.

    Args:
        config: the configured part.
        camera: where it stands.
        center: (3,) centre of the objects, metres, world frame.
        draws: of the picture.
        by_look: whether the depth of field is a look's and not asked for: then all is sharp where blur would hardly be
            seen, since a lens that blurs costs fine texture (light can't be denoised apart from colours then).
    """
    if config.depth_of_field is not None:
        camera = _with_aperture(config.depth_of_field, config, camera, center, draws)
    if by_look and camera.fx * camera.aperture_m < LEAST_DISC_PX * camera.focus_m:
        camera = replace(camera, aperture_m=0.0)
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


def draw_post(config: CameraConfig, own: CameraConfig, output: OutputConfig, draws: Draws) -> PostPlan:
    """Draw exposure, tone, what lens, sensor and processor add, and the quality of the file.

    Args:
        config: the configured part, as :func:`camera_looks.with_look` gives it.
        own: the same without what its look gives.
        output: gives the file's quality.
        draws: of the picture.
    """
    drawn = _draw_post(config, output, draws)
    native = draws.value(config.native_width_px, "camera.native_width_px")
    if native == "none" or native <= config.resolution[0]:
        return drawn
    given = {key for key in _IN_PIXELS if getattr(own, key) is not None}
    return scaled_down(drawn, config.resolution[0] / float(native), given)


def scaled_down(post: PostPlan, factor: float, kept: Collection[str] = ()) -> PostPlan:
    """What is left of a camera's blur, noise, sharpening and compression where its picture is scaled down.

    Pixels of the smaller picture are means of blocks. Noise is scaled as that of brightness is.

    Args:
        post: as the camera has it.
        factor: of the width, below 1.
        kept: keys of the camera's config that are to stay as they are.
    """
    changes: dict[str, Any] = {}
    if "blur_px" not in kept:
        changes["blur_px"] = post.blur_px * factor
    if "chromatic_aberration_px" not in kept:
        changes["aberration_px"] = post.aberration_px * factor
    if "noise" not in kept and (noise := post.noise) is not None:
        left = variance_of_means(noise.grain_px, 1 / factor)
        changes["noise"] = replace(
            noise, shot=noise.shot * left, read=noise.read * left**0.5, grain_px=noise.grain_px * factor
        )
    if (processor := post.processor) is not None:
        if "sharpening" not in kept:
            # A seam of less than a pixel's width is seen by the share of a pixel that it takes.
            radius = max(processor.sharpening_px * factor, 0.5)
            processor = replace(processor, sharpening=processor.sharpening * factor, sharpening_px=radius)
        if "detail" not in kept:
            processor = replace(processor, detail=min(processor.detail / factor, 1.0))
        if "stream_quality" not in kept and factor <= BLOCKS_UNTIL:
            processor = replace(processor, stream_quality=None)
        changes["processor"] = processor
    return replace(post, **changes)


def variance_of_means(grain_px: float, side_px: float) -> float:
    """Variance that means of square blocks of noise have, of the noise's own.

    In a row of n pixels those d apart correlate by rho(d) = exp(-d^2 / (4 g^2)), g the grain's sigma; their mean
    has 1/n + 2/n * sum over d < n of (1 - d/n) rho(d) of the variance, and a block the square of that.

    Args:
        grain_px: sigma of the Gaussian over which neighbours are alike.
        side_px: of the blocks, 1 or more, whole or not.
    """
    apart = np.arange(1, math.ceil(side_px))
    alike = np.exp(-(apart**2) / (4 * max(grain_px, 1e-3) ** 2))
    return float((1 + 2 * ((1 - apart / side_px) * alike).sum()) / side_px) ** 2


def _draw_post(config: CameraConfig, output: OutputConfig, draws: Draws) -> PostPlan:
    exposure = draws.value(config.exposure, "camera.exposure")
    return PostPlan(
        None if exposure == "auto" else float(exposure),
        draws.number(config.exposure_bias_ev, "camera.exposure_bias_ev"),
        draws.value(config.tone, "camera.tone"),
        draws.number(config.vignetting, "camera.vignetting"),
        draws.number(config.chromatic_aberration_px, "camera.chromatic_aberration_px"),
        None if config.noise is None else _noise(config.noise, draws),
        draws.whole(output.quality, "output.quality"),
        draws.number(config.blur_px, "camera.blur_px"),
        _processor(config, draws),
    )


def _noise(config: SensorNoise, draws: Draws) -> NoisePlan:
    return NoisePlan(
        draws.number(config.shot, "camera.noise.shot"),
        draws.number(config.read, "camera.noise.read"),
        int(draws.rng("camera.noise.seed").integers(2**32)),
        draws.number(config.grain_px, "camera.noise.grain_px"),
        draws.number(config.chroma, "camera.noise.chroma"),
    )


def _processor(config: CameraConfig, draws: Draws) -> ProcessorPlan | None:
    """None where it would change nothing."""
    balance = WhiteBalance() if config.white_balance is None else config.white_balance
    sharpening = Sharpening() if config.sharpening is None else config.sharpening
    quality = draws.value(config.stream_quality, "camera.stream_quality")
    drawn = ProcessorPlan(
        draws.number(balance.auto, "camera.white_balance.auto"),
        _cast(
            draws.number(balance.shift_mired, "camera.white_balance.shift_mired"),
            draws.number(balance.tint, "camera.white_balance.tint"),
        ),
        draws.number(config.black_point, "camera.black_point"),
        draws.number(config.contrast, "camera.contrast"),
        draws.number(config.saturation, "camera.saturation"),
        draws.number(sharpening.amount, "camera.sharpening.amount"),
        draws.number(sharpening.radius_px, "camera.sharpening.radius_px"),
        draws.number(config.detail, "camera.detail"),
        None if quality == "none" else round(quality),
    )
    return None if replace(drawn, sharpening_px=1.0) == ProcessorPlan() else drawn


def _cast(shift_mired: float, tint: float) -> Rgb:
    """Gains on linear RGB that leave a grey card as bright (Rec.709) as it was.

    The card looks as under a black body so many mired (1e6 / kelvin) beyond that of NEUTRAL_MIRED; tint takes green
    back by stops.
    """
    if shift_mired == 0 and tint == 0:
        return (1.0, 1.0, 1.0)
    seen = np.array(blackbody_rgb(1e6 / (NEUTRAL_MIRED + shift_mired)))
    gains = seen / np.array(blackbody_rgb(1e6 / NEUTRAL_MIRED)) * np.array([1.0, 2.0**-tint, 1.0])
    return to_vector3(gains / float(gains @ LUMINANCE))


def _with_aperture(
    config: DepthOfField, camera_config: CameraConfig, camera: CameraPlan, center: Float, draws: Draws
) -> CameraPlan:
    """Diameter of the entrance pupil: focal length / f-number, the focal length that of the sensor it is said of."""
    f_number = draws.value(config.f_number, "camera.depth_of_field.f_number")
    if config.focus_m is None:
        focus = _depth(camera, center)
    else:
        focus = draws.number(config.focus_m, "camera.depth_of_field.focus_m")
    if f_number == "none":
        return replace(camera, focus_m=focus)
    if config.sensor_mm is None:
        width_mm = draws.number(camera_config.sensor_mm, "camera.sensor_mm")
    else:
        width_mm = draws.number(config.sensor_mm, "camera.depth_of_field.sensor_mm")
    aperture = camera.fx / camera.resolution_wh[0] * width_mm / 1000 / float(f_number)
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
