"""Light without noise, texture as it was sampled: what falls on surfaces is denoised apart from their colours.

A denoiser that sees a picture of few samples can't tell fine texture from noise. But diffuse light divided by the
albedo it falls on (demodulated, as in Schied et al. 2017, *Spatiotemporal variance-guided filtering*, section 4) has no
texture: it is smooth, is denoised without guides, and is multiplied by the albedo again, which was sampled more often
than the light since that costs little. Reflections hold texture in part, where roughness or reflectance follow it: they
are denoised too, and what of the texture was lost is put back by a local linear regression on the albedo (as in the
guided filter of He et al. 2013, equations 4 to 6). The sky and what glows are added as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec.709
EPSILON = 1e-3
"""Added to albedos that are divided by: black has no light to tell. More of it costs detail."""
_HOLE_PX = 9
"""What no light is known of, by the sky or black surfaces, takes that of so wide a neighbourhood."""
_EVENLY = np.float32(0.75)
"""Samples lie evenly in a pixel: noise of many falls faster than that of as many by chance."""
_NOISE_PX = 5
"""Neighbourhood by which noise of albedos is told."""
_WINDOW_PX = 13
"""Of the regression."""
_BY_CHANCE = 6.0
"""A connection between reflection and albedo that isn't clearer than this, of 1 by chance, is none."""
_MOST_LOST = 0.8
"""Of a reflection that its texture may take away."""
_LEAST_VARIANCE = 1e-5
"""Of albedos in a window, below which there is no texture to follow."""
_GLINT_PX = 5
"""Neighbourhood whose brightest sample bounds a reflection."""
_ROUNDING = 1e-5
"""Share of the sky's radiance that a difference of passes may be off by."""


class ImageDenoiser(Protocol):
    """What denoises an image by itself."""

    def denoise(self, image: Floats, fast: bool = False) -> Floats:
        """An (H, W, 3) image of linear radiance, of any range, without its noise; ``fast``: nearly as good."""
        ...


@dataclass(frozen=True)
class AlbedoPasses:
    """What is seen, apart from the light on it; all float32, linear.

    Attributes:
        albedo: (H, W, 3), base colours of surfaces, 0 where nothing is.
        sky: (H, W, 3), radiance of the world that the camera sees.
        alpha: (H, W), how much of the pixel is covered.
        samples: of which these are the means.
    """

    albedo: Floats
    sky: Floats
    alpha: Floats
    samples: int


@dataclass(frozen=True)
class LightPasses:
    """A picture's light, noisy.

    Attributes:
        diffuse: (H, W, 3) float32, radiance by diffuse reflection.
        glossy: (H, W, 3) float32, radiance by reflection and transmission.
        emission: (H, W, 3) float32, radiance of what glows.
        seen: by the same paths.
        instance_ids: (H, W), what the pixel's centre sees.
    """

    diffuse: Floats
    glossy: Floats
    emission: Floats
    seen: AlbedoPasses
    instance_ids: npt.NDArray[np.uint16]


def denoise_light(light: LightPasses, more: AlbedoPasses | None, denoiser: ImageDenoiser) -> tuple[Floats, Floats]:
    """The picture.

    Args:
        light: of few samples.
        more: albedo and sky of other samples of the same picture; None where there are none.
        denoiser: for images of light alone.

    Returns:
        (H, W, 3) float32 radiance, and (H, W) float32 alpha.
    """
    seen = light.seen if more is None else _mean(light.seen, more, denoiser)
    surfaces = _surfaces(light) if more is None else _surfaces(light) | _colored(more)
    diffuse = _diffuse(light, seen.albedo, denoiser)
    glossy = _glossy(light, seen.albedo @ _LUMINANCE, denoiser)
    # Denoising spreads what shines beyond its outline: that would be light in front of a photo, or of the sky.
    surface = (diffuse + glossy) * (surfaces & (seen.alpha > 0))[..., None]
    return surface + light.emission + seen.sky, seen.alpha


def _surfaces(light: LightPasses) -> npt.NDArray[np.bool_]:
    """(H, W) where paths met any; alpha doesn't tell where the sky is the picture's background.

    By their colour or by their light: a black one that reflected nothing either is as dark as the sampling says.
    """
    met = np.abs(light.diffuse).max(axis=-1) + np.abs(light.glossy).max(axis=-1)
    found: npt.NDArray[np.bool_] = _colored(light.seen) | (met > _ROUNDING * light.seen.sky.max(axis=-1))
    return found


def _colored(seen: AlbedoPasses) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = seen.albedo.max(axis=-1) > 0
    return found


def _mean(a: AlbedoPasses, b: AlbedoPasses, denoiser: ImageDenoiser) -> AlbedoPasses:
    """Of both, by their samples."""
    samples = a.samples + b.samples
    share = np.float32(b.samples / samples)

    def mixed(x: Floats, y: Floats) -> Floats:
        return x + (y - x) * share

    albedo = _settled(mixed(a.albedo, b.albedo), a.albedo - b.albedo, share * (1 - share), denoiser)
    return AlbedoPasses(albedo, mixed(a.sky, b.sky), mixed(a.alpha, b.alpha), samples)


def _settled(mean: Floats, difference: Floats, of_mean: np.float32, denoiser: ImageDenoiser) -> Floats:
    """A mean of two images of the same without its noise.

    Far cloth, and what a lens blurs, hold more detail in a pixel than its samples tell. What a denoiser takes away from
    there is noise, from near cloth it is texture: the difference of both images tells how much noise there is, and what
    was taken away beyond that is put back, by its share (as in Lee 1980, "Digital image enhancement and noise filtering
    by use of local statistics", equation 9).

    Args:
        mean: (H, W, 3), of both.
        difference: (H, W, 3), of one from the other.
        of_mean: variance of the mean's noise by that of the difference.
        denoiser: for images.
    """
    size = (_NOISE_PX, _NOISE_PX)
    smooth = denoiser.denoise(mean, fast=True)
    taken = mean - smooth
    noise = cv2.blur(np.square(difference @ _LUMINANCE), size) * (of_mean * _EVENLY)
    energy = np.maximum(cv2.blur(np.square(taken @ _LUMINANCE), size), 1e-12)
    return np.asarray(smooth + taken * np.clip(1 - noise / energy, 0, 1)[..., None], np.float32)


def _diffuse(light: LightPasses, albedo: Floats, denoiser: ImageDenoiser) -> Floats:
    of_light = light.seen.albedo
    falling = light.diffuse / (of_light + EPSILON)
    known = (of_light.max(axis=-1) > EPSILON).astype(np.float32)
    if not known.all():
        size = (_HOLE_PX, _HOLE_PX)
        weight = cv2.blur(known, size)[..., None]
        around = cv2.blur(falling * known[..., None], size) / np.maximum(weight, 1e-6)
        falling = np.where(known[..., None] > 0, falling, around)
    return np.asarray(denoiser.denoise(falling) * (albedo + EPSILON), np.float32)


def _glossy(light: LightPasses, albedo: Floats, denoiser: ImageDenoiser) -> Floats:
    """Radiance by reflection, its texture put back where it follows the (H, W) luminance of the albedo."""
    smooth = np.maximum(denoiser.denoise(light.glossy, fast=True), 0)
    lost = light.glossy - smooth
    of_light = light.seen.albedo @ _LUMINANCE
    for instance_id in np.unique(light.instance_ids):
        mask = light.instance_ids == instance_id
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        texture = _followed(lost[box], of_light[box], albedo[box], mask[box])
        # More than that is noise, and would be black specks on metal.
        smooth[box] += np.where(mask[box][..., None], np.maximum(texture, -_MOST_LOST * smooth[box]), 0)
    # Beside a glint both add fainter ones, some pixels off: nothing is brighter than what was sampled about it.
    most = cv2.dilate(light.glossy, np.ones((_GLINT_PX, _GLINT_PX), np.uint8))
    return np.asarray(np.clip(smooth, 0, np.maximum(most, 0)), np.float32)


def _followed(values: Floats, x: Floats, at: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    """What (H, W, 3) values do with (H, W) ``x`` about each pixel of the mask, at ``at`` instead: slope by distance."""
    inside = mask.astype(np.float32)
    size = (_WINDOW_PX, _WINDOW_PX)

    def mean(field: Floats) -> Floats:
        return np.asarray(cv2.blur(field, size), np.float32)

    count = np.maximum(mean(inside), 1e-6)
    x_in = x * inside
    mean_x = mean(x_in) / count
    variance = mean(x_in * x) / count - mean_x**2
    kept = values * inside[..., None]
    moments = mean(np.concatenate([kept, kept * x[..., None], kept * kept], axis=-1).astype(np.float32))
    mean_values, products, squares = np.split(moments / count[..., None], 3, axis=-1)
    shared = products - mean_values * mean_x[..., None]
    variance = np.maximum(variance, _LEAST_VARIANCE)[..., None]
    # Squared correlation times the number of pixels: 1 by chance alone. Noise and glints must not look like texture.
    explained = shared**2 / (variance * np.maximum(squares - mean_values**2, 1e-12))
    chance = explained * count[..., None] * _WINDOW_PX**2
    slope = shared / variance * np.clip(1 - _BY_CHANCE / np.maximum(chance, 1e-6), 0, 1)
    return np.asarray(slope * (at - mean_x)[..., None], np.float32)
