"""From linear radiance to an 8-bit picture: metering, background, lens and sensor, processor."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.render.engine.passes import Passes
from scanstage.render.finish.sensor import expose_sensor, grainy, soften
from scanstage.render.finish.signal_processor import balance_white, process, through_stream
from scanstage.scenes.backplates.shown_photo import linear_photo
from scanstage.scenes.backplates.tone_curve import MIDDLE_GREY, camera_curve, inverse_camera_curve
from scanstage.scenes.plan import BackgroundPlan, CameraPlan, NoisePlan, PostPlan

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

OBJECTS_SHARE = 0.4
"""How much the objects, rather than the whole frame, decide the automatic exposure."""
HIGHLIGHT = 1.6
"""The brightest percent of a metered picture is held below this multiple of white, by at most HIGHLIGHT_EV stops."""
HIGHLIGHT_EV = 1.0
OBJECTS_EV = 2.5
"""The brightest part of the objects, 3 % of them, is held below the same by at most so many stops: before a dark
background the mean would burn them out."""
BLACK = 1e-5
PHOTO_CHROMA = 0.5
SEEN, BLOCK_PX = 0.02, 8
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
    matched = background.kind == "backplate"
    if matched and background.blur_px:
        soft = soften(np.dstack([passes.radiance, passes.alpha]), background.blur_px)
        passes = replace(passes, radiance=soft[..., :3], alpha=soft[..., 3])
    light = passes.radiance * np.float32(2.0**ev)
    if matched and background.noise:
        light = with_photo_noise(light, background, post)
    if behind is not None:
        # A photo is exposed already; a bias is the whole picture's.
        seen = _light(behind, post) * np.float32(2.0**post.bias_ev if background.kind == "backplate" else 1.0)
        light = light + (1.0 - passes.alpha[..., None]) * seen
    signal = expose_sensor(light, post, camera)
    if post.processor is None:
        pixels = encode_srgb(_toned(signal, post))
    else:
        pixels = process(_toned(balance_white(signal, post.processor), post), post.processor)
    if matched and background.jpeg_quality is not None:
        pixels = _compressed_like_photo(pixels, passes.alpha, background.jpeg_quality)
    return pixels, float(ev)


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


def _toned(light: Floats, post: PostPlan) -> Floats:
    return camera_curve(light) if post.tone == "filmic" else np.clip(light, 0.0, 1.0)


def _light(display: Floats, post: PostPlan) -> Floats:
    return inverse_camera_curve(display) if post.tone == "filmic" else display


def with_photo_noise(light: Floats, background: BackgroundPlan, post: PostPlan) -> Floats:
    """Light of the objects with the photo's noise, which was measured in sRGB values.

    A small change of an sRGB value s is one of its linear value by the slope of the transfer function, about
    ``2.4 s^1.4 / 1.055``; the tone curve between is taken back.

    Args:
        light: (H, W, 3), premultiplied by coverage: where nothing is, no noise comes.
        background: whose noise.
        post: gives the tone curve.
    """
    plan = NoisePlan(0.0, 0.0, background.noise_seed, background.grain_px, PHOTO_CHROMA)
    display = _toned(np.maximum(light, 0.0), post)
    # What is measured is brightness; the mean of three channels has a third of one channel's variance.
    drawn = grainy(light.shape, plan, np.random.default_rng(background.noise_seed)) * np.float32(np.sqrt(3.0))
    shown = np.clip(display, 0.0, 1.0) ** np.float32(1 / 2.4)
    there = light.max(axis=-1, keepdims=True) > 0
    noisy = display + there * np.float32(background.noise * 2.4) * shown ** np.float32(1.4) * drawn
    return np.where(there, _light(np.clip(noisy, 0.0, 1.0), post), light)


def _compressed_like_photo(pixels: Image, alpha: Floats, quality: int) -> Image:
    """The picture with what is rendered, and its JPEG blocks, compressed; the photo has been already."""
    seen = cv2.dilate((alpha > SEEN).astype(np.uint8), np.ones((BLOCK_PX, BLOCK_PX), np.uint8)) > 0
    return np.where(seen[..., None], through_stream(pixels, 1.0, quality), pixels)


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
    return linear_photo(background.image, shape_hw[0], shape_hw[1])
