"""Looks: what phones, webcams and industrial cameras add to a picture, each drawn around what such cameras measure.

The ranges are wide on purpose: a look is a kind of camera, not one. Where they come from:

- Depth of field follows from the size of the sensor: 1/2.5 to 1/1.3 inch (5.8 to 9.8 mm wide) at f/1.5 to f/2.4 in
  phones, 1/4 to 1/3 inch at f/2 to f/2.8 in webcams, 1/2 to 1 inch at f/2.8 to f/8 on machines. At half a metre all of
  them leave the objects sharp and the far background a pixel or two soft.
- Noise: a pixel that holds N electrons has a shot variance of 1/N of white; phones hold 3,000 to 10,000 and average
  several frames, webcams 2,000 to 5,000 at gains of 1 to 8, industrial sensors 10,000 and more (EMVA 1288 data sheets).
  Demosaicing and denoising leave less, but alike among neighbours: in photos of phones, noise correlates to 0.8 from
  pixel to pixel, which is a Gaussian of 1.1 px (for sigma s, exp(-1 / 4 s^2)).
- Softness: edges of photos at their own resolution, sharpened, measure sigmas of 0.5 to 0.7 px; simple lenses and a
  stream that was scaled up, 1 to 2 px.
- White balance: automatic ones leave a third of the light's colour and errors of some tens of mired.
- All that is said in pixels is said of pictures as these cameras take them, 1,280 to 4,000 pixels wide for phones. A
  picture of 480 pixels shows little of it: as of a photo that was scaled down to train on.
- Exposure misses by about half a stop.
"""

from __future__ import annotations

from typing import Any

from scanstage.scenes.config.sections.camera_settings import CameraConfig
from scanstage.scenes.values.draws import Draws

OFF: dict[str, Any] = {
    "native_width_px": "none",
    "vignetting": 0.0,
    "chromatic_aberration_px": 0.0,
    "blur_px": 0.0,
    "exposure_bias_ev": 0.0,
    "tone": "filmic",
    "black_point": 0.0,
    "contrast": 1.0,
    "saturation": 1.0,
    "detail": 1.0,
    "stream_quality": "none",
}
"""Values of keys that neither the config nor a look gives. Sections stay None."""


def _spread(low: float, high: float) -> dict[str, Any]:
    return {"uniform": [low, high]}


def _magnitude(low: float, high: float) -> dict[str, Any]:
    return {"log_uniform": [low, high]}


LOOKS = {
    "clean": CameraConfig(),
    "phone": CameraConfig.model_validate(
        {
            "depth_of_field": {
                "f_number": _spread(1.5, 2.4),
                "sensor_mm": _spread(5.8, 9.8),
            },
            "native_width_px": _spread(1280, 4000),
            "vignetting": _spread(0.0, 0.15),
            "chromatic_aberration_px": _spread(-0.4, 0.4),
            "blur_px": _spread(0.35, 0.75),
            "noise": {
                "shot": _magnitude(2e-5, 6e-4),
                "read": _magnitude(3e-4, 2.5e-3),
                "grain_px": _spread(0.5, 1.2),
                "chroma": _spread(0.2, 0.7),
            },
            "white_balance": {
                "auto": _spread(0.5, 0.9),
                "shift_mired": {"normal": {"mean": 0, "std": 12}},
                "tint": {"normal": {"mean": 0, "std": 0.03}},
            },
            "exposure_bias_ev": _spread(-0.6, 0.5),
            "black_point": _spread(-0.03, 0.03),
            "contrast": _spread(0.9, 1.25),
            "saturation": _spread(0.9, 1.25),
            "sharpening": {"amount": _spread(0.2, 0.9), "radius_px": _spread(0.7, 1.3)},
            "stream_quality": {"integer": [85, 95]},
        }
    ),
    "webcam": CameraConfig.model_validate(
        {
            "depth_of_field": {"f_number": _spread(2.0, 2.8), "sensor_mm": _spread(3.2, 4.8)},
            "native_width_px": {"choice": [640, 1280, 1920]},
            "vignetting": _spread(0.1, 0.4),
            "chromatic_aberration_px": _spread(-1.0, 1.0),
            "blur_px": _spread(0.6, 1.3),
            "noise": {
                "shot": _magnitude(2e-4, 2e-3),
                "read": _magnitude(1e-3, 5e-3),
                "grain_px": _spread(0.5, 1.4),
                "chroma": _spread(0.4, 1.0),
            },
            "white_balance": {
                "auto": _spread(0.3, 0.9),
                "shift_mired": {"normal": {"mean": 0, "std": 25}},
                "tint": {"normal": {"mean": 0, "std": 0.07}},
            },
            "exposure_bias_ev": _spread(-0.7, 0.6),
            "black_point": _spread(-0.02, 0.07),
            "contrast": _spread(0.85, 1.25),
            "saturation": _spread(0.65, 1.1),
            "sharpening": {"amount": _spread(0.2, 1.2), "radius_px": _spread(0.9, 1.6)},
            "detail": _spread(0.6, 1.0),
            "stream_quality": {"integer": [50, 80]},
        }
    ),
    "industrial": CameraConfig.model_validate(
        {
            "depth_of_field": {
                "f_number": _spread(2.8, 8.0),
                "sensor_mm": _spread(6.4, 12.8),
            },
            "native_width_px": _spread(1200, 2500),
            "vignetting": _spread(0.0, 0.12),
            "chromatic_aberration_px": _spread(-0.3, 0.3),
            "blur_px": _spread(0.35, 0.7),
            "noise": {
                "shot": _magnitude(3e-5, 3e-4),
                "read": _magnitude(5e-4, 2e-3),
                "grain_px": _spread(0.3, 0.6),
            },
            "white_balance": {
                "auto": _spread(0.6, 1.0),
                "shift_mired": {"normal": {"mean": 0, "std": 6}},
                "tint": {"normal": {"mean": 0, "std": 0.02}},
            },
            "exposure_bias_ev": _spread(-0.5, 0.5),
            "tone": "standard",
            "saturation": _spread(0.7, 1.0),
        }
    ),
}
"""By the names that ``camera.look`` takes: a camera whose keys stand in for those that a config doesn't give."""
LOOK_KEYS = (*OFF, "depth_of_field", "noise", "white_balance", "sharpening")


def draw_look(config: CameraConfig, draws: Draws) -> str | None:
    """The name of the picture's look, or None."""
    return None if config.look is None else str(draws.value(config.look, "camera.look"))


def with_look(config: CameraConfig, name: str | None) -> CameraConfig:
    """The camera with a look's keys where its own are None, and with OFF where those are too."""
    look = CameraConfig() if name is None else LOOKS[name]
    update = {}
    for key in LOOK_KEYS:
        if getattr(config, key) is None:
            given = getattr(look, key)
            update[key] = OFF.get(key) if given is None else given
    return config.model_copy(update=update)
