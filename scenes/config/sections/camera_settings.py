"""Config of the camera: where it stands, its lens, its sensor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from scanstage.assets.messages.wording import shown
from scanstage.scenes.config.sections.section import Section
from scanstage.scenes.config.sections.value_types import Degrees, Elevation, Number, NumberOr, Share, Text
from scanstage.scenes.values.distributions import AnyValue, LogUniform, Uniform, outcomes

WIDEST_PINHOLE_DEG = 170
_SIZE = re.compile(r"(\d{1,6})\s*[xX×]\s*(\d{1,6})")
Coefficient = Annotated[AnyValue, Number(-1000, 1000)]
LOOK_NAMES = ("clean", "industrial", "phone", "webcam")
"""What each is: :mod:`camera_looks`."""


class Intrinsics(Section):
    """A pinhole camera's matrix, in pixels; the centre of the first pixel is at (0.5, 0.5)."""

    fx: Annotated[AnyValue, Number(1, 1e6)] = Field(description="focal length by pixel width")
    fy: Annotated[AnyValue, Number(1, 1e6)] | None = Field(None, description="by pixel height; default: fx")
    cx: Annotated[AnyValue, Number(-1e5, 1e5)] | None = Field(None, description="principal point; default: the middle")
    cy: Annotated[AnyValue, Number(-1e5, 1e5)] | None = Field(None, description="principal point; default: the middle")


def _intrinsics_source(value: Any) -> str:
    return "file" if isinstance(value, (str, Path)) else "numbers"


IntrinsicsSource = Annotated[
    Annotated[Intrinsics, Tag("numbers")] | Annotated[Path, Tag("file")], Discriminator(_intrinsics_source)
]


class BrownConrady(Section):
    """Radial and tangential distortion, as OpenCV's calibrateCamera gives it (k4 to k6: its rational model)."""

    model: Literal["brown_conrady"] = Field("brown_conrady", description="radial and tangential, the default")
    k1: Coefficient = Field(0.0, description="radial, with r^2")
    k2: Coefficient = Field(0.0, description="radial, with r^4")
    p1: Coefficient = Field(0.0, description="tangential")
    p2: Coefficient = Field(0.0, description="tangential")
    k3: Coefficient = Field(0.0, description="radial, with r^6")
    k4: Coefficient = Field(0.0, description="radial, of the denominator, with r^2")
    k5: Coefficient = Field(0.0, description="radial, of the denominator, with r^4")
    k6: Coefficient = Field(0.0, description="radial, of the denominator, with r^6")


class Fisheye(Section):
    """Kannala-Brandt distortion, as OpenCV's fisheye module gives it. All zero is the equidistant fisheye. Cycles."""

    model: Literal["fisheye"] = Field("fisheye", description="equidistant fisheye with distortion")
    k1: Coefficient = Field(0.0, description="with theta^3")
    k2: Coefficient = Field(0.0, description="with theta^5")
    k3: Coefficient = Field(0.0, description="with theta^7")
    k4: Coefficient = Field(0.0, description="with theta^9")


def _distortion_model(value: Any) -> str:
    return str(value.get("model", "brown_conrady") if isinstance(value, dict) else getattr(value, "model", ""))


Distortion = Annotated[
    Annotated[BrownConrady, Tag("brown_conrady")] | Annotated[Fisheye, Tag("fisheye")],
    Discriminator(_distortion_model),
]


class DepthOfField(Section):
    """Blur of what is out of focus. Labels stay those of a pinhole in the lens's centre."""

    f_number: Annotated[AnyValue, NumberOr("none", low=0.1, high=256)] = Field(
        description="smaller blurs more; none: all is sharp"
    )
    match_background: Share = Field(
        0.0,
        description="the lens opens at least so far that it blurs what is far away as much as an HDRI's own pixels, "
        "enlarged, are soft: 1 wholly, 0.5 half as much; labelled objects stay sharp. 0: the f-number alone counts",
    )
    focus_m: Annotated[AnyValue, Number(1e-3, 1e4)] | None = Field(
        None, description="distance that is sharp; default: the objects' centre"
    )
    sensor_mm: Annotated[AnyValue, Number(1, 200)] | None = Field(
        None,
        description="width of the sensor that the f-number is of: a small one has a short lens, so much in focus "
        "(full frame 36, 2/3 inch 8.8, phones 5 to 10, webcams 3 to 5); default: camera.sensor_mm",
    )


class MotionBlur(Section):
    """Blur of what moves while the shutter is open. Labels are those of the middle of the exposure."""

    of: Literal["camera", "objects"] = Field("camera", description="what moves: the camera, or each object by itself")
    length_px: Annotated[AnyValue, Number(0, 1000)] = Field(
        0.0, description="length of the streak at the objects' distance, in a random direction of the image plane"
    )
    rotation_deg: Annotated[AnyValue, Number(0, 180)] = Field(
        0.0, description="turn during the exposure about a random axis"
    )


class SensorNoise(Section):
    """Poisson-Gaussian noise: the variance of a linear signal x (1 is white) is ``shot * x + read**2``."""

    shot: Annotated[AnyValue, Number(0, 1)] = Field(0.0, description="variance of white by photon noise, e.g. 0.0005")
    read: Annotated[AnyValue, Number(0, 1)] = Field(0.0, description="standard deviation of black, e.g. 0.004")
    grain_px: Annotated[AnyValue, Number(0, 20)] = Field(
        0.0,
        description="how far noise is alike among neighbours, as after demosaicing and denoising: sigma of a Gaussian, "
        "of colour noise twice that; the variance stays",
    )
    chroma: Share = Field(1.0, description="share of colour noise that the camera's denoiser leaves; 0: grey noise")


class WhiteBalance(Section):
    """How the camera takes the light's colour out, and what it leaves or adds by mistake."""

    auto: Share = Field(0.0, description="how far it makes the picture's light neutral by itself: 0 not, 1 wholly")
    shift_mired: Annotated[AnyValue, Number(-110, 400)] = Field(
        0.0, description="error of colour temperature, in mired (1e6 / kelvin): above 0 warmer; 10 is just seen"
    )
    tint: Annotated[AnyValue, Number(-1, 1)] = Field(
        0.0, description="error between green and magenta, in stops: above 0 green is weaker"
    )


class Sharpening(Section):
    """Unsharp masking of the finished picture's brightness, as cameras do it: edges get a light and a dark seam."""

    amount: Annotated[AnyValue, Number(0, 10)] = Field(0.0, description="0: none; 0.5 is common, 1.5 is strong")
    radius_px: Annotated[AnyValue, Number(0.3, 20)] = Field(1.0, description="sigma of the seam")


class CameraConfig(Section):
    """Where the camera stands, what lens it has and how it exposes."""

    resolution: tuple[Annotated[int, Field(ge=16, le=16384)], Annotated[int, Field(ge=16, le=16384)]] = Field(
        (640, 480), description="width and height in pixels: [640, 480], or 640x480"
    )
    framing: Annotated[AnyValue, Text("objects", "object", "midst")] = Field(
        "objects",
        description="what the camera looks at and keeps its distance by: all labelled objects together; one of them, "
        "drawn; or their midst, as if one of middling size lay there. With the last two, others are cut by the border",
    )
    fill: Annotated[AnyValue, Number(0.01, 10)] = Field(
        Uniform(uniform=(0.7, 1.0)),
        description="distance by framing objects: share of the frame's shorter side that all of them span; above 1 "
        "they reach beyond the border",
    )
    object_fill: Annotated[AnyValue, Number(0.01, 3)] = Field(
        LogUniform(log_uniform=(0.08, 0.5)),
        description="distance by framing one object, or the midst of all: share of the frame's shorter side that it, "
        "or a middling one, spans by its longest diagonal",
    )
    off_center: Share | None = Field(
        None,
        description="how far off the frame's middle that what is framed may lie, as share of half the frame: its "
        "place is drawn evenly within; default: 0.8 for one object, else 0",
    )
    distance_m: Annotated[AnyValue, Number(0.01, 1000)] | None = Field(
        None, description="distance from the centre of what is framed; overrides fill and object_fill"
    )
    azimuth_deg: Degrees = Field(Uniform(uniform=(0, 360)), description="0 looks along +Y")
    elevation_deg: Elevation = Field(Uniform(uniform=(20, 60)), description="above the horizon")
    roll_deg: Annotated[AnyValue, Number(-180, 180)] = Field(0.0, description="turn about the viewing axis")
    look_at_jitter: Annotated[AnyValue, Number(0, 2)] = Field(0.1, description="how far the aim may miss, in radii")
    fov_deg: Annotated[AnyValue, Number(1, 350)] | None = Field(
        None,
        description="horizontal field of view before distortion, above 170 of a fisheye alone; instead of focal_mm",
    )
    focal_mm: Annotated[AnyValue, Number(1, 2000)] = Field(35.0, description="focal length")
    sensor_mm: Annotated[AnyValue, Number(1, 200)] = Field(36.0, description="width of the sensor")
    intrinsics: IntrinsicsSource | None = Field(
        None,
        description="fx, fy, cx, cy, or a calibration file (OpenCV's or ROS's YAML, or these four as YAML), which may "
        "bring resolution and distortion as well; overrides fov_deg and focal_mm",
    )
    distortion: Distortion | None = Field(None, description="of the lens, in OpenCV's parameters")
    look: Annotated[AnyValue, Text(*LOOK_NAMES)] | None = Field(
        None,
        description="what kind of camera took it, which draws all keys below that are not given, except motion_blur "
        "and exposure: phone, webcam, industrial (machine vision), or clean, which adds nothing",
    )
    native_width_px: Annotated[AnyValue, NumberOr("none", low=1, high=100_000)] | None = Field(
        None,
        description="width of the pictures that this kind of camera takes: in smaller ones, what a look says in pixels "
        "shrinks, as in a photo that was scaled down; none: it is said of the picture as it is; default: by the look",
    )
    depth_of_field: DepthOfField | None = Field(None, description="blur of what is out of focus; default: none")
    motion_blur: MotionBlur | None = Field(None, description="blur of what moves; default: none")
    vignetting: Share | None = Field(None, description="share of light lost in the corners; default: 0")
    chromatic_aberration_px: Annotated[AnyValue, Number(-50, 50)] | None = Field(
        None, description="shift at the corners, red outwards and blue inwards; default: 0"
    )
    blur_px: Annotated[AnyValue, Number(0, 100)] | None = Field(
        None, description="softness of lens and focus: sigma of a Gaussian; default: 0"
    )
    noise: SensorNoise | None = Field(None, description="of the sensor; default: none, or by the look")
    white_balance: WhiteBalance | None = Field(
        None, description="what the camera makes of the light's colour; default: leaves it, or by the look"
    )
    exposure: Annotated[AnyValue, NumberOr("auto", low=-30, high=30)] = Field(
        "auto", description="auto meters the picture; a number is fixed, in EV"
    )
    exposure_bias_ev: Annotated[AnyValue, Number(-10, 10)] | None = Field(
        None, description="added to the exposure, in EV; default: 0"
    )
    tone: Annotated[AnyValue, Text("filmic", "standard")] | None = Field(
        None, description="filmic: soft highlights like a camera; standard: plain sRGB, which clips; default: filmic"
    )
    black_point: Annotated[AnyValue, Number(-0.3, 0.5)] | None = Field(
        None, description="what black becomes, of 1: above 0 a veil, below 0 dark parts drown; default: 0"
    )
    contrast: Annotated[AnyValue, Number(0.2, 5)] | None = Field(
        None, description="slope of an S-curve at middle grey; default: 1"
    )
    saturation: Annotated[AnyValue, Number(0, 4)] | None = Field(
        None, description="factor on colourfulness; 0: a monochrome camera; default: 1"
    )
    sharpening: Sharpening | None = Field(None, description="as cameras do it; default: none, or by the look")
    detail: Annotated[AnyValue, Number(0.05, 1)] | None = Field(
        None, description="share of the width that the camera really delivers: scaled down by it and up; default: 1"
    )
    stream_quality: Annotated[AnyValue, NumberOr("none", low=1, high=100)] | None = Field(
        None,
        description="JPEG quality of the camera's own file or stream (4:2:0), whatever output.format is; default: none",
    )

    @field_validator("resolution", mode="before")
    @classmethod
    def _width_and_height(cls, v: Any) -> Any:
        if isinstance(v, str) and (found := _SIZE.fullmatch(v.strip())):
            return int(found[1]), int(found[2])
        if not isinstance(v, list | tuple) or len(v) != 2:
            raise ValueError(f"expected width and height in pixels, such as [640, 480] or 640x480, got {shown(v)}")
        return v

    @model_validator(mode="after")
    def _one_way_to_say_the_view(self) -> CameraConfig:
        if self.fov_deg is not None and "focal_mm" in self.model_fields_set:
            raise ValueError("fov_deg and focal_mm exclude each other: give one of them")
        return self

    @model_validator(mode="after")
    def _wide_views_need_a_fisheye(self) -> CameraConfig:
        widest = 0.0 if self.fov_deg is None else max((float(np.max(o)) for o in outcomes(self.fov_deg)), default=0.0)
        if widest > WIDEST_PINHOLE_DEG and not isinstance(self.distortion, Fisheye):
            raise ValueError(
                f"fov_deg reaches {widest:g}: above {WIDEST_PINHOLE_DEG} needs distortion: {{model: fisheye}}"
            )
        return self
