"""Bright spots of HDRIs as lamps: light is kept, and lands where the image has it. Needs no Blender."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanstage.render.blender.scene.bright_spots import LEAST_SHARE, MOST, shrink, split_light, take_out_spots

Floats = npt.NDArray[np.float32]


def solid_angles(height: int, width: int) -> npt.NDArray[np.float64]:
    polar = (np.arange(height) + 0.5) * math.pi / height
    return np.repeat((np.sin(polar) * (math.pi / height) * (2 * math.pi / width))[:, None], width, axis=1)


def towards(height: int, width: int) -> npt.NDArray[np.float64]:
    """(H, W, 3) of pixels, bottom row first: the image's middle lies towards +X, columns go clockwise from above."""
    azimuth = math.pi - (np.arange(width) + 0.5) * 2 * math.pi / width
    elevation = (np.arange(height) + 0.5) * math.pi / height - math.pi / 2
    a, e = np.meshgrid(azimuth, elevation)
    return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)


def with_discs(discs: list[tuple[float, float, float, float]], height: int = 256) -> Floats:
    """A sky of 0.5 with discs of (azimuth, elevation, radius, radiance), in radians."""
    sky = np.full((height, 2 * height, 3), 0.5, np.float32)
    for azimuth, elevation, radius, radiance in discs:
        middle = (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
        sky[towards(height, 2 * height) @ np.array(middle) > math.cos(radius)] = (radiance, 0.8 * radiance, 0.2)
    return sky


def light(image: Floats) -> npt.NDArray[np.float64]:
    return np.asarray((image * solid_angles(*image.shape[:2])[..., None]).sum(axis=(0, 1), dtype=np.float64))


def test_a_sun_becomes_a_lamp_of_its_direction_size_and_light() -> None:
    azimuth, elevation, radius = 0.7, 0.9, math.radians(2.5)
    sky = with_discs([(azimuth, elevation, radius, 2000.0)], height=512)
    spots, rest = take_out_spots(sky)
    (spot,) = spots
    expected = (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
    assert math.degrees(math.acos(min(1.0, float(np.dot(spot.towards, expected))))) < 0.1
    assert spot.radius == pytest.approx(radius, rel=0.05)
    disc = 2 * math.pi * (1 - math.cos(radius))
    assert spot.irradiance[0] == pytest.approx(2000.0 * disc, rel=0.05)
    assert spot.irradiance[1] == pytest.approx(0.8 * spot.irradiance[0], rel=1e-4)
    assert rest.max() < 100


def test_a_sun_across_the_seam_is_one_lamp() -> None:
    spots, _ = take_out_spots(with_discs([(math.pi, 0.3, math.radians(3), 500.0)]))
    (spot,) = spots
    assert spot.towards[0] == pytest.approx(-math.cos(0.3), abs=0.01)
    assert abs(spot.towards[1]) < 0.01


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-3.1, 3.1), st.floats(-1.4, 1.4), st.floats(0.02, 0.2), st.floats(1.0, 5000.0)), max_size=7
    )
)
def test_spots_and_rest_hold_the_light_of_the_image(discs: list[tuple[float, float, float, float]]) -> None:
    sky = with_discs(discs, height=64)
    spots, rest = take_out_spots(sky)
    assert len(spots) <= MOST
    taken = sum((np.array(s.irradiance) for s in spots), np.zeros(3))
    np.testing.assert_allclose(taken + light(rest), light(sky), rtol=1e-3)
    assert (rest <= sky).all()
    assert (rest >= 0).all()
    for spot in spots:
        assert np.linalg.norm(spot.towards) == pytest.approx(1.0)
        assert sum(spot.irradiance) > 0.5 * LEAST_SHARE * light(sky).sum()


@pytest.mark.parametrize("image", [np.zeros((32, 64, 3)), np.ones((32, 64, 3)), np.ones((1, 2, 3)), np.ones((1, 1, 3))])
def test_nothing_is_taken_out_of_an_even_sky(image: npt.NDArray[np.float64]) -> None:
    spots, rest = take_out_spots(image.astype(np.float32))
    assert not spots
    np.testing.assert_array_equal(rest, image)


def test_large_bright_areas_stay() -> None:
    """A sky that is bright all over one half has no spot."""
    sky = np.full((64, 128, 3), 0.01, np.float32)
    sky[32:] = 5.0
    assert not take_out_spots(sky)[0]


@pytest.mark.parametrize("size", [(64, 128), (100, 200), (77, 151), (512, 1024)])
def test_a_smaller_image_has_the_same_mean(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).gamma(0.3, 1.0, (*size, 3)).astype(np.float32)
    small = shrink(image, 64)
    assert small.shape == (32, 64, 3)
    np.testing.assert_allclose(small.mean((0, 1), np.float64), image.mean((0, 1), np.float64), rtol=1e-5)
    assert shrink(small, 64) is small


def test_pixels_of_a_smaller_image_are_means_of_theirs() -> None:
    image = np.random.default_rng(2).uniform(size=(8, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(shrink(image, 8), image.reshape(4, 2, 8, 2, 3).mean(axis=(1, 3)), rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1100, 3000), (2048, 4096), (700, 1023), (64, 128), (3, 5), (1, 1)])
def test_light_of_images_of_any_size_is_kept_and_pixels_that_are_no_numbers_spoil_no_others(
    height: int, width: int
) -> None:
    rng = np.random.default_rng(height)
    sky = rng.uniform(0.5, 1.5, (height, width, 3)).astype(np.float32)
    broken = sky.copy()
    broken[0, 0], broken[height // 2, width // 2] = np.nan, -np.inf
    spots, mirrored, diffuse = split_light(broken, 512, 64)
    assert spots == []
    assert mirrored.shape == (256, 512, 3) if width > 512 else mirrored.shape == sky.shape
    assert diffuse.shape[1] == min(64, width)
    if width > 5:
        for image in (mirrored, diffuse):
            np.testing.assert_allclose(light(image), light(sky), rtol=0.01)
            assert image.min() > 0 or width <= 512


def test_an_overflown_sun_shines_and_nothing_else_goes_dark() -> None:
    sky = np.ones((1024, 2048, 3), np.float32)
    sky[700:704, 300:304] = np.inf
    (spot,), mirrored, diffuse = split_light(sky, 1024, 256)
    assert min(spot.irradiance) > 0.5
    assert min(mirrored.min(), diffuse.min()) >= 0.99


def test_a_black_image_stays_black() -> None:
    spots, mirrored, diffuse = split_light(np.zeros((600, 1200, 3), np.float32), 1024, 256)
    assert spots == []
    assert mirrored.max() == diffuse.max() == 0


@pytest.mark.parametrize(("height", "width"), [(5000, 3), (3, 5000), (4000, 64)])
def test_images_of_odd_proportions_become_small_too(height: int, width: int) -> None:
    image = np.random.default_rng(4).uniform(size=(height, width, 3)).astype(np.float32)
    small = shrink(image, 64)
    assert small.shape == (min(height, 32), min(width, 64), 3)
    np.testing.assert_allclose(small.mean((0, 1), np.float64), image.mean((0, 1), np.float64), rtol=1e-4)
