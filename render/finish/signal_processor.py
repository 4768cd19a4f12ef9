"""What a camera's processor makes of the sensor's signal: white balance, tone, colour, sharpening, compression."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.textures.srgb import srgb_from_linear
from scanstage.scenes.plan import ProcessorPlan

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

GREY_NORM = 6
"""Minkowski norm of :func:`light_color`: Finlayson and Trezzi's (2004) shades of grey, at its best."""
MOST_GAIN = 2.0
"""Automatic white balance makes no channel stronger or weaker than by this: cameras leave deep colours of light."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec.601, as JPEG has it
_STEPS = 65535


def balance_white(signal: Floats, processor: ProcessorPlan) -> Floats:
    """The linear signal with the light's colour taken out as far as the camera does it, and with its error.

    Args:
        signal: (H, W, 3) float32, linear, 1 is white.
        processor: gives both.

    Returns:
        (H, W, 3) float32. Its Rec.709 luminance is kept for a grey card.
    """
    gains = np.array(processor.white_balance)
    if processor.auto_white_balance:
        full = np.clip(1 / light_color(signal), 1 / MOST_GAIN, MOST_GAIN)
        gains = gains * full**processor.auto_white_balance
    if (gains == 1).all():
        return signal
    return signal * gains.astype(np.float32)


def light_color(signal: Floats) -> npt.NDArray[np.float64]:
    """(3,) linear RGB of the light, as shades of grey estimates it; green is 1.

    What is brighter than white says nothing, as a sensor is full there; every fourth row and column is enough.
    """
    seen = np.minimum(signal[::4, ::4].reshape(-1, 3), 1.0).astype(np.float64)
    squares = seen * seen
    color = np.maximum((squares**3).mean(axis=0) ** (1 / GREY_NORM), 1e-6)
    return np.asarray(color / color[1])


def process(display: Floats, processor: ProcessorPlan) -> Image:
    """From the toned signal to the camera's picture, in the order in which a camera does it.

    Args:
        display: (H, W, 3) float32, linear 0..1, after the tone curve.
        processor: what to do.

    Returns:
        (H, W, 3) uint8 sRGB.
    """
    codes = np.round(np.clip(display, 0.0, 1.0) * _STEPS).astype(np.uint16)
    shown = _curve(processor.black_point, processor.contrast)[codes]
    if processor.saturation != 1:
        grey = (shown @ LUMA)[..., None]
        shown = np.clip(grey + np.float32(processor.saturation) * (shown - grey), 0.0, 1.0)
    if processor.sharpening:
        shown = sharpen(shown, processor.sharpening, processor.sharpening_px)
    pixels = np.round(np.clip(shown, 0.0, 1.0) * 255).astype(np.uint8)
    if processor.detail < 1 or processor.stream_quality is not None:
        pixels = through_stream(pixels, processor.detail, processor.stream_quality)
    return pixels


def sharpen(shown: Floats, amount: float, sigma_px: float) -> Floats:
    """Unsharp masking: brightness, less its Gaussian blur, is added ``amount`` times to all channels.

    Args:
        shown: (H, W, 3) float32 display values.
        amount: of the difference.
        sigma_px: of the blur.
    """
    luma = shown @ LUMA
    seam = luma - cv2.GaussianBlur(luma, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(shown + np.float32(amount) * seam[..., None], np.float32)


def through_stream(pixels: Image, detail: float, quality: int | None) -> Image:
    """A picture as it arrives: scaled down, compressed as JPEG with half the resolution of colour, scaled up again.

    Args:
        pixels: (H, W, 3) uint8 sRGB.
        detail: factor on width and height on the way.
        quality: of the JPEG, or None.
    """
    height, width = pixels.shape[:2]
    if detail < 1:
        size = (max(1, round(width * detail)), max(1, round(height * detail)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if quality is not None:
        half_chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *half_chroma])
        if not done:
            raise ValueError("can't encode a picture as JPEG")
        pixels = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    if pixels.shape[:2] != (height, width):
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return pixels


@lru_cache(maxsize=16)
def _curve(black_point: float, contrast: float) -> Floats:
    """(65536,) sRGB display values by linear ones: an S-curve of slope ``contrast`` in the middle, then black moved.

    Either half is a power, so that black, middle and white stay where they are: ``(2 v)^c / 2`` below the middle.
    """
    v = srgb_from_linear(np.linspace(0.0, 1.0, _STEPS + 1))
    if contrast != 1:
        v = np.where(v < 0.5, (2 * v) ** contrast / 2, 1 - (2 * (1 - v)) ** contrast / 2)
    return np.clip(black_point + (1 - black_point) * v, 0.0, 1.0).astype(np.float32)
