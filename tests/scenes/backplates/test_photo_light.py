from __future__ import annotations

import math

import numpy as np
import pytest
from support.painted_photos import floor_photo

from scanstage.scenes.backplates.photo_light import LUMINANCE, measure_light, photo_panorama


@pytest.mark.parametrize(
    ("brighter_to", "bearing"), [((0.6, 0.0), 90), ((-0.6, 0.0), -90), ((0.0, 0.6), 0), ((0.0, -0.6), 180)]
)
def test_light_comes_from_where_the_floor_grows_brighter(brighter_to: tuple[float, float], bearing: float) -> None:
    found = measure_light(floor_photo(brighter_to=brighter_to), -0.5)
    off = (found.key_right_deg - bearing + 180) % 360 - 180
    assert abs(off) < (20 if brighter_to[0] else 40), "less sure of what is nearer and farther"


def test_what_lies_on_the_floor_turns_the_light_little() -> None:
    photo = floor_photo(brighter_to=(0.6, 0.0))
    photo[150:220, 220:300] = 0.01
    assert abs(measure_light(photo, -0.5).key_right_deg - 90) < 30


def test_steeper_shading_is_more_and_lower_light() -> None:
    even, steep = (measure_light(floor_photo(brighter_to=(s, 0.0)), -0.5) for s in (0.0, 0.8))
    assert even.key_share < steep.key_share < 0.8
    assert even.key_elevation_deg > steep.key_elevation_deg > 30


def test_a_photo_of_twice_the_light_has_twice_the_light() -> None:
    dim, bright = (measure_light(floor_photo((v, v, v)), -0.5).irradiance for v in (0.1, 0.2))
    assert bright == pytest.approx(2 * dim, rel=1e-3)
    # A floor of the albedo that is taken for the mean one looks as bright as it does in the photo.
    assert 0.2 * math.pi / 0.75 < bright < 0.2 * math.pi / 0.3


def test_the_light_has_the_colour_of_the_grey_things() -> None:
    warm = measure_light(floor_photo((0.24, 0.2, 0.15)), -0.5).color
    assert warm[0] > 1.1 > 0.9 > warm[2]
    photo = floor_photo((0.2, 0.2, 0.2))
    photo[:80] = (0.7, 0.02, 0.02)
    red_thing = measure_light(photo, -0.5).color
    assert max(red_thing) < 1.15, "one strong colour is the thing's, not the light's"


def test_the_panorama_gives_a_level_surface_one_unit_and_has_its_sides() -> None:
    photo = floor_photo(brighter_to=(0.8, 0.0))
    panorama = photo_panorama(photo, 0.3)
    height, width = panorama.shape[:2]
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
    up = np.maximum(np.sin(elevation), 0) * np.cos(elevation) * math.pi / height * 2 * math.pi / width
    assert ((panorama @ LUMINANCE) * up[:, None]).sum() == pytest.approx(math.pi, rel=1e-4)
    level = (panorama @ LUMINANCE)[height // 2 + 4]
    assert level[width * 3 // 4] > 2 * level[width // 4], "the right of the photo is the right of its middle"
    assert level[0] == pytest.approx(level[-1], rel=0.1), "and it closes behind"
    assert np.array_equal(panorama, photo_panorama(photo * 3, 0.3)) or np.allclose(
        panorama, photo_panorama(photo * 0.5, 0.3), rtol=1e-4
    )
