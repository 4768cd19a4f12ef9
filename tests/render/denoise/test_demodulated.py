"""Light apart from colour: parts that add up, texture that stays, noise that goes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from scanstage.render.denoise.demodulated import AlbedoPasses, LightPasses, denoise_light

Floats = npt.NDArray[np.float32]
H, W = 48, 64
CHECKS = (np.indices((H, W)).sum(axis=0) % 2).astype(np.float32)
"""The finest texture that pixels can hold."""


class Unchanged:
    def denoise(self, image: Floats, fast: bool = False) -> Floats:
        return image.copy()


class Smoothing:
    """A denoiser that leaves nothing of texture or noise."""

    def __init__(self, px: int = 15) -> None:
        self.px = px

    def denoise(self, image: Floats, fast: bool = False) -> Floats:
        return np.asarray(cv2.blur(image, (self.px, self.px)), np.float32)


def three(values: npt.NDArray[np.floating]) -> Floats:
    return np.repeat(values[..., None], 3, axis=-1).astype(np.float32)


def seen(albedo: Floats, samples: int = 8) -> AlbedoPasses:
    nothing = np.zeros_like(albedo)
    return AlbedoPasses(albedo, nothing, np.ones(albedo.shape[:2], np.float32), samples)


def lit(albedo: Floats, noise: float = 0.0, glossy: Floats | None = None) -> LightPasses:
    """Light of 2 on albedos, noisy."""
    falling = 2.0 * (1 + noise * np.random.default_rng(0).standard_normal((H, W, 1)))
    none = np.zeros_like(albedo)
    ids = np.ones((H, W), np.uint16)
    return LightPasses(
        (albedo * falling).astype(np.float32), none if glossy is None else glossy, none, seen(albedo), ids
    )


def test_without_a_denoiser_parts_add_up_to_the_picture() -> None:
    rng = np.random.default_rng(1)
    a, b, c, d, e = (rng.uniform(0, 1, (H, W, 3)).astype(np.float32) for _ in range(5))
    a[:9] = 0  # a black surface
    sight = dataclasses.replace(seen(a), sky=d, alpha=e[..., 0])
    light = LightPasses(a * b, c, e, sight, rng.integers(0, 3, (H, W)).astype(np.uint16))
    radiance, alpha = denoise_light(light, None, Unchanged())
    np.testing.assert_allclose(radiance, a * b + c + d + e, rtol=1e-5, atol=2e-3)  # black takes light by its epsilon
    np.testing.assert_array_equal(alpha, e[..., 0])


def test_texture_stays_and_noise_goes() -> None:
    albedo = three(0.2 + 0.4 * CHECKS)
    radiance, _ = denoise_light(lit(albedo, noise=0.3), None, Smoothing())
    inner = np.s_[8:-8, 8:-8]
    error = radiance[inner] / (2 * albedo[inner]) - 1
    assert np.abs(error).mean() < 0.03  # of 0.24
    assert np.abs(error[..., 0]).max() < 0.15


@pytest.mark.parametrize("texture", [0.0, 0.3])
def test_what_samples_did_not_tell_of_albedos_goes(texture: float) -> None:
    """Each sample of an albedo is uncertain, as on far cloth: as much as 40 are apart, and no texture, is lost."""
    rng = np.random.default_rng(6)
    truth = three(0.4 + texture * (CHECKS - 0.5))
    few, more = (truth + three(rng.normal(0, 0.4 / n**0.5, (H, W))) for n in (8, 32))
    plain = np.abs(few * 0.2 + more * 0.8 - truth).mean()
    radiance, _ = denoise_light(lit(few.astype(np.float32)), seen(more.astype(np.float32), samples=32), Smoothing())
    inner = np.s_[8:-8, 8:-8]
    left = np.abs(radiance / 2 - truth)[inner].mean()
    assert left < (1.1 if texture else 0.5) * plain
    if texture:
        contrast = np.abs(radiance[inner] / 2 - 0.4).mean() / (texture / 2)
        assert contrast == pytest.approx(1, abs=0.15)


def test_texture_is_that_of_all_samples() -> None:
    truth = three(0.2 + 0.4 * CHECKS)
    few = truth + three(np.random.default_rng(2).uniform(-0.1, 0.1, (H, W)))
    more = seen((truth * 40 - few * 8) / 32, samples=32)  # so that the mean by samples is the truth
    radiance, _ = denoise_light(lit(few), more, Unchanged())
    np.testing.assert_allclose(radiance, 2 * truth, rtol=0.01)


def test_black_and_empty_pixels_take_no_light_and_give_none_to_their_neighbours() -> None:
    albedo = three(np.where(np.arange(W) < W // 2, 0.5, 0.0) * np.ones((H, 1)))
    radiance, _ = denoise_light(lit(albedo), None, Smoothing(px=7))
    assert np.isfinite(radiance).all()
    assert np.abs(radiance[:, W // 2 + 4 :]).max() < 0.01
    # The edge of what is known keeps its light: what lies beyond it is no darkness.
    assert radiance[8:-8, 8 : W // 2].min() > 0.9


def test_texture_in_reflections_is_put_back_where_it_follows_the_albedo() -> None:
    albedo = three(0.2 + 0.4 * CHECKS)
    glossy = three(0.3 - 0.2 * CHECKS)  # mirrored brightly where the surface is dark
    light = dataclasses.replace(lit(albedo, glossy=glossy), diffuse=np.zeros_like(albedo))
    radiance, _ = denoise_light(light, None, Smoothing())
    np.testing.assert_allclose(radiance[8:-8, 8:-8], glossy[8:-8, 8:-8], atol=0.02)


@pytest.mark.parametrize("kind", ["sky", "alpha"])
def test_the_sky_is_the_mean_of_all_samples_and_is_not_denoised(kind: str) -> None:
    nothing = np.zeros((H, W, 3), np.float32)
    first = dataclasses.replace(seen(nothing, 8), sky=three(CHECKS), alpha=CHECKS)
    more = dataclasses.replace(seen(nothing, 24), sky=three(1 - CHECKS), alpha=1 - CHECKS)
    light = dataclasses.replace(lit(nothing), seen=first)
    radiance, alpha = denoise_light(light, more, Smoothing())
    found = radiance[..., 1] if kind == "sky" else alpha
    np.testing.assert_allclose(found, 0.25 * CHECKS + 0.75 * (1 - CHECKS), atol=1e-5)


@pytest.mark.parametrize("colored", [False, True])
def test_what_shines_does_not_spread_into_the_sky(colored: bool) -> None:
    """Beside a mirror of the sun; with the sky as background all pixels are opaque. Rounding is no light."""
    left = three(np.where(np.arange(W) < W // 2, 1.0, 0.0) * np.ones((H, 1)))
    sky = 0.3 * (1 - left)
    glossy = 40 * left + 1e-7 * (1 - left)
    light = lit(0.5 * left if colored else 0 * left, glossy=glossy.astype(np.float32))
    light = dataclasses.replace(light, seen=dataclasses.replace(light.seen, sky=sky))
    radiance, alpha = denoise_light(light, None, Smoothing(px=7))
    np.testing.assert_array_equal(radiance[:, W // 2 :], sky[:, W // 2 :])
    assert radiance[8:-8, 8 : W // 2 - 8].min() > 30
    assert alpha.min() == 1
    more = seen(three(np.where(np.arange(W) < W // 2 + 1, 1.0, 0.0) * np.ones((H, 1))))  # these saw its edge one on
    radiance, _ = denoise_light(light, dataclasses.replace(more, sky=sky), Smoothing(px=7))
    assert radiance[8:-8, W // 2].min() > 1
    np.testing.assert_array_equal(radiance[:, W // 2 + 1 :], sky[:, W // 2 + 1 :])


class Ghosts:
    """A denoiser that shows all again, ten pixels off."""

    def denoise(self, image: Floats, fast: bool = False) -> Floats:
        return np.asarray(image + 0.2 * np.roll(image, 10, axis=1), np.float32)


def test_glints_have_no_ghosts_on_the_surface_beside_them() -> None:
    albedo = three(0.5 * np.ones((H, W)))
    glossy = np.full((H, W, 3), 0.1, np.float32)
    glossy[:, 8] = 50
    light = dataclasses.replace(lit(albedo, glossy=glossy), diffuse=np.zeros_like(albedo))
    radiance, _ = denoise_light(light, None, Ghosts())
    np.testing.assert_allclose(radiance[:, 8], 50, rtol=0.01)
    np.testing.assert_allclose(radiance[:, 14:], 0.1, atol=0.02)
