"""What lens and sensor do to light on its way to the processor: chromatic aberration, blur, vignetting, noise."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.scenes.plan import CameraPlan, NoisePlan, PostPlan

Floats = npt.NDArray[np.float32]

MOST_VIGNETTING = 1 - 1e-6
LEAST_SHOT = 1e-9
"""Less photon noise than that is none: at white it stays a hundred times below an 8-bit step."""
MOST_PHOTONS = 1e12
MOST_ABERRATION = 0.5
LEAST_GRAIN_PX = 0.15
"""A Gaussian of less weighs neighbours with 1e-9 and below."""
COLOR_GRAIN = 2.0
"""Grain of colour noise, of that of brightness: sensors see each colour at half the resolution or less, and denoisers
take colour more boldly."""


def expose_sensor(light: Floats, post: PostPlan, camera: CameraPlan) -> Floats:
    """From light to the signal of a sensor behind a real lens, in the order in which a camera does it.

    Args:
        light: (H, W, 3) float32, linear, exposed so that 1 is white. Not changed.
        post: what to apply; anything that is 0 or None changes nothing.
        camera: of the picture; aberration and vignetting are centred on its principal point.

    Returns:
        (H, W, 3) float32, 0 and above.
    """
    if post.aberration_px:
        light = aberrate(light, post.aberration_px, camera)
    if post.blur_px:
        light = soften(light, post.blur_px)
    if post.vignetting:
        light = light * falloff(post.vignetting, camera)[..., None]
    if post.noise is not None:
        light = add_noise(light, post.noise)
    return light


def aberrate(light: Floats, shift_px: float, camera: CameraPlan) -> Floats:
    """Transverse chromatic aberration: red is magnified about the principal point, blue shrunk, green stays.

    Args:
        light: (H, W, 3) float32.
        shift_px: by how much red moves outwards in the farthest corner, and blue inwards; of its distance from the
            principal point at most MOST_ABERRATION counts, or tiny pictures would be turned inside out.
        camera: gives principal point and size.
    """
    relative = float(np.clip(shift_px / _farthest_corner_px(camera), -MOST_ABERRATION, MOST_ABERRATION))
    red, green, blue = (light[..., i] for i in range(3))
    return np.stack([_magnified(red, 1 + relative, camera), green, _magnified(blue, 1 - relative, camera)], axis=-1)


def soften(light: Floats, sigma_px: float) -> Floats:
    """Light through a lens whose point spread is a Gaussian.

    By Lindeberg's (1990) discrete Gaussian, whose variance is ``sigma_px**2`` however small; a sampled one blurs by far
    too little below half a pixel.

    Args:
        light: (H, W, 3) float32.
        sigma_px: of the Gaussian.
    """
    from scipy.special import ive  # slow to import, and seldom needed

    reach = int(np.ceil(4 * sigma_px)) + 1
    kernel = ive(np.abs(np.arange(-reach, reach + 1)), sigma_px**2)
    kernel /= kernel.sum()
    return np.asarray(cv2.sepFilter2D(light, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def falloff(share: float, camera: CameraPlan) -> Floats:
    """(H, W) float32 factors on light: natural vignetting, cos^4 of the angle to the optical axis.

    With t the tangent of that angle, ``cos^4 = (1 + t^2)^-2``. The focal length that t refers to is chosen so that the
    farthest corner of the frame loses ``share``, whatever the field of view: real lenses lose more or less than the
    law says.
    """
    width, height = camera.resolution_wh
    x, y = np.arange(width) + 0.5 - camera.cx, np.arange(height) + 0.5 - camera.cy
    corner_tangent_2 = (1 - min(share, MOST_VIGNETTING)) ** -0.5 - 1
    tangent_2 = corner_tangent_2 * (x[None, :] ** 2 + y[:, None] ** 2) / _farthest_corner_px(camera) ** 2
    return ((1 + tangent_2) ** -2).astype(np.float32)


def add_noise(signal: Floats, noise: NoisePlan) -> Floats:
    """Poisson-Gaussian noise (Foi et al. 2008, equation 3): photons counted, then Gaussian noise of reading.

    Each pixel and channel draws by itself, with mean ``x`` and variance ``shot * x + read**2``; negative outcomes are
    cut to 0, as a sensor without a pedestal does. What demosaicing and denoising leave of that is no longer
    independent, and as a mean of many draws Gaussian: see :func:`grainy`.

    Args:
        signal: (H, W, 3) float32, linear, 1 is white.
        noise: its strength, and the seed: the same one gives the same noise.
    """
    rng = np.random.default_rng(noise.seed)
    if noise.grain_px or noise.chroma != 1:
        signal = np.maximum(signal, 0.0)
        deviation = np.sqrt(np.float32(noise.shot) * signal + np.float32(noise.read**2))
        return np.asarray(np.maximum(signal + deviation * grainy(signal.shape, noise, rng), 0.0), np.float32)
    noisy = np.maximum(signal, 0.0).astype(np.float64)
    if noise.shot > LEAST_SHOT:
        noisy = noise.shot * rng.poisson(np.minimum(noisy / noise.shot, MOST_PHOTONS))
    if noise.read > 0:
        noisy = noisy + noise.read * rng.standard_normal(noisy.shape)
    return np.maximum(noisy, 0.0).astype(np.float32)


def grainy(shape: tuple[int, ...], noise: NoisePlan, rng: np.random.Generator) -> Floats:
    """Gaussian noise that is alike among neighbours and channels, as a camera's denoiser leaves it.

    The mean of three independent channels is the noise of brightness, of variance 1/3; what each differs from it, of
    variance 2/3, is that of colour, multiplied by ``chroma``. Both are smoothed and brought back to their variance.

    Args:
        shape: (H, W, 3).
        noise: grain and chroma.
        rng: to draw from.

    Returns:
        ``shape`` float32 of mean 0 and, with a chroma of 1, variance 1.
    """
    white = rng.standard_normal(shape, np.float32)
    grey = white @ np.full(3, 1 / 3, np.float32)
    color = np.float32(noise.chroma) * _smoothed(white - grey[..., None], COLOR_GRAIN * noise.grain_px)
    return np.asarray(color + _smoothed(grey, noise.grain_px)[..., None], np.float32)


def _smoothed(white: Floats, sigma_px: float) -> Floats:
    """White noise made smooth, of the same variance: a filter of weights w leaves the sum of their squares of it."""
    if sigma_px <= LEAST_GRAIN_PX:
        return white
    taps = 2 * int(np.ceil(3 * sigma_px)) + 1
    kernel = cv2.getGaussianKernel(taps, sigma_px, cv2.CV_32F)
    smooth = cv2.sepFilter2D(white, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(smooth / np.float32((kernel**2).sum()), np.float32)


def _magnified(channel: Floats, factor: float, camera: CameraPlan) -> Floats:
    """A channel scaled about the principal point. Linear, since sharper filters ring about highlights."""
    center = np.array([camera.cx - 0.5, camera.cy - 0.5])  # OpenCV counts from the centre of the first pixel
    inverse = np.column_stack([np.eye(2) / factor, center * (1 - 1 / factor)])
    height, width = channel.shape
    scaled = cv2.warpAffine(
        np.ascontiguousarray(channel),
        inverse,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(scaled, np.float32)


def _farthest_corner_px(camera: CameraPlan) -> float:
    width, height = camera.resolution_wh
    return float(np.hypot(max(camera.cx, width - camera.cx), max(camera.cy, height - camera.cy)))
