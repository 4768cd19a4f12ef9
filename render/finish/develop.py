"""From linear radiance to an 8-bit picture: metering, background, lens and sensor, processor."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.sensor import expose_sensor
from scanstage.render.finish.signal_processor import balance_white, process
from scanstage.scenes.inputs.image_files import read_photo
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, PostPlan

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

MIDDLE_GREY = 0.17
OBJECTS_SHARE = 0.4
"""How much the objects, rather than the whole frame, decide the automatic exposure."""
HIGHLIGHT = 1.6
"""The brightest percent of a metered picture is held below this multiple of white, by at most HIGHLIGHT_EV stops."""
HIGHLIGHT_EV = 1.0
OBJECTS_EV = 2.5
"""The brightest part of the objects, 3 % of them, is held below the same by at most so many stops: before a dark
background the mean would burn them out."""
BLACK = 1e-5
MOST_BEYOND = 8
"""Of a backplate, once it is scaled to cover the frame: so many times the frame's height or width."""
SHOULDER = 0.35
CONTRAST = 1.15
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec.709


def develop(passes: Passes, post: PostPlan, background: BackgroundPlan, camera: CameraPlan) -> tuple[Image, float]:
    """Develop a rendered picture.

    What lens, sensor (:mod:`sensor`) and processor (:mod:`signal_processor`) do is done to the whole picture, a photo
    or colour behind the objects included: only one camera takes the picture. Else objects would be told from the photo
    by their noise and fringes; and the photo's own noise is mostly gone, since photos are scaled down to the frame. For
    that, the photo is taken back through the tone curve to light, and composed as light: pixels that an object covers
    in part mix as they do on a sensor, and shadows darken the light of the photo.

    Args:
        passes: of the engine; radiance is linear Rec.709, multiplied by alpha.
        post: exposure, lens, sensor and tone.
        background: what shows where alpha is below 1.
        camera: of the picture.

    Returns:
        (H, W, 3) uint8 sRGB, and the exposure applied, in stops.
    """
    behind = None if background.kind == "hdri" else _behind(background, passes.alpha.shape)
    ev = (meter(passes) if post.exposure_ev is None else post.exposure_ev) + post.bias_ev
    light = passes.radiance * np.float32(2.0**ev)
    if behind is not None:
        light = light + (1.0 - passes.alpha[..., None]) * _light(behind, post)
    signal = expose_sensor(light, post, camera)
    if post.processor is None:
        return encode_srgb(_toned(signal, post)), float(ev)
    return process(_toned(balance_white(signal, post.processor), post), post.processor), float(ev)


def meter(passes: Passes) -> float:
    """Automatic exposure in stops: brings the mean log luminance to middle grey, then guards highlights.

    The log average is Reinhard et al.'s key of a scene (2002, equation 1). Objects weigh more than the rest of the
    frame, so that what is labelled is neither drowned nor burnt out.
    """
    luminance = np.maximum(passes.radiance @ LUMINANCE, 1e-6)
    # Where the film is transparent, shadows on a backplate are opaque and black: not light to meter.
    seen = (passes.alpha > 0.5) & (luminance > BLACK)
    if not seen.any():
        return 0.0
    logs = np.log2(luminance)
    objects = (passes.instance_ids > 0) & seen
    key = float(logs[seen].mean())
    if objects.any():
        key = (1 - OBJECTS_SHARE) * key + OBJECTS_SHARE * float(logs[objects].mean())
    ev = float(np.log2(MIDDLE_GREY)) - key
    over = min(_stops_above_white(luminance[seen], 99, ev), HIGHLIGHT_EV)
    if objects.any():
        over = max(over, min(_stops_above_white(luminance[objects], 97, ev), OBJECTS_EV))
    return ev - over


def _stops_above_white(luminance: Floats, percentile: float, ev: float) -> float:
    return float(np.log2(max(float(np.percentile(luminance, percentile)) * 2.0**ev / HIGHLIGHT, 1.0)))


def camera_curve(linear: Floats) -> Floats:
    """A camera's tone curve: contrast about middle grey, and a soft shoulder instead of clipping.

    A power about MIDDLE_GREY; then linear up to SHOULDER and an exponential approach to white above, smooth where they
    meet. Channels are mapped one by one, so bright colours turn pale as they do on film.
    """
    grey = np.float32(MIDDLE_GREY)
    x = grey * (np.maximum(linear, 0.0) / grey) ** np.float32(CONTRAST)
    room = np.float32(1.0 - SHOULDER)
    rolled = SHOULDER + room * (1.0 - np.exp(-(np.maximum(x, SHOULDER) - SHOULDER) / room))
    return np.asarray(np.where(x <= SHOULDER, x, rolled), np.float32)


def inverse_camera_curve(display: Floats) -> Floats:
    """The light that :func:`camera_curve` maps to ``display``; what it never reaches counts as bright white."""
    room = 1.0 - SHOULDER
    below_white = np.maximum(1.0 - display, 1e-3)
    x = np.where(display <= SHOULDER, np.maximum(display, 0.0), SHOULDER - room * np.log(below_white / room))
    return np.asarray(MIDDLE_GREY * (x / MIDDLE_GREY) ** (1 / CONTRAST), np.float32)


def _toned(light: Floats, post: PostPlan) -> Floats:
    return camera_curve(light) if post.tone == "filmic" else np.clip(light, 0.0, 1.0)


def _light(display: Floats, post: PostPlan) -> Floats:
    return inverse_camera_curve(display) if post.tone == "filmic" else display


def encode_srgb(display: Floats) -> Image:
    """Linear 0..1 to 8-bit sRGB (IEC 61966-2-1), by table: steps of 1/65535 are finer than any 8-bit step."""
    codes = np.round(np.clip(display, 0.0, 1.0) * 65535.0).astype(np.uint16)
    return _srgb_table()[codes]


@lru_cache(maxsize=1)
def _srgb_table() -> Image:
    return srgb_bytes(np.linspace(0.0, 1.0, 65536))


def decode_srgb(image: Image) -> Floats:
    """8-bit sRGB to linear 0..1 float32."""
    return linear_from_srgb(image).astype(np.float32)


def _behind(background: BackgroundPlan, shape_hw: tuple[int, ...]) -> Floats:
    if background.kind == "color" or background.image is None:
        return np.broadcast_to(np.array(background.color, np.float32), (*shape_hw, 3))
    return _backplate(background.image, shape_hw[0], shape_hw[1])


@lru_cache(maxsize=4)
def _backplate(path: str, height: int, width: int) -> Floats:
    """A photo scaled to cover the frame, cropped about its centre; linear float32. Raises InputError if unreadable."""
    photo = _trimmed(read_photo(Path(path)), height, width)
    scale = max(width / photo.shape[1], height / photo.shape[0])
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    scaled = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    y, x = (size[1] - height) // 2, (size[0] - width) // 2
    return decode_srgb(np.ascontiguousarray(scaled[y : y + height, x : x + width, ::-1]))


def _trimmed(photo: Image, height: int, width: int) -> Image:
    """The middle of a photo, of proportions so unlike the frame's that scaled as a whole it could take all memory."""
    scale = max(width / photo.shape[1], height / photo.shape[0])
    for axis, side in ((0, height), (1, width)):
        kept = math.ceil(MOST_BEYOND * side / scale)
        if photo.shape[axis] > kept:
            start = (photo.shape[axis] - kept) // 2
            photo = photo[start : start + kept] if axis == 0 else photo[:, start : start + kept]
    return photo
