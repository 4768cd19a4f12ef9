from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.noise import FloatArray, LatticeNoise, fractal_noise, smooth_noise
from scanstage.assets.textures.surface_textures import SURFACES, paint_surface, surface_texture

Grey = npt.NDArray[np.uint8]


def seam_step(grey: Grey, axis: int) -> float:
    """Mean step across the seam over the 95th percentile of the mean steps inside."""
    lines = np.moveaxis(grey.astype(float), axis, 0)
    inside = np.abs(np.diff(lines, axis=0)).mean(1)
    return float(np.abs(lines[0] - lines[-1]).mean() / np.percentile(inside, 95))


@pytest.fixture(scope="module")
def painted() -> dict[str, Grey]:
    return {name: paint_surface(name) for name in SURFACES}


def test_the_seam_measure_sees_a_seam(painted: dict[str, Grey]) -> None:
    cut = painted["marble"][:900, :900]
    assert seam_step(cut, 0) > 2
    assert seam_step(cut, 1) > 2


@pytest.mark.parametrize("name", SURFACES)
def test_texture_is_a_tile_with_contrast(name: str, painted: dict[str, Grey]) -> None:
    grey = painted[name]
    assert grey.dtype == np.uint8
    assert grey.shape in [(1024, 1024), (2048, 2048)]
    assert seam_step(grey, 0) <= 1.05
    assert seam_step(grey, 1) <= 1.05
    assert grey.std() > 12
    assert ((grey == 0) | (grey == 255)).mean() < 0.1


@pytest.mark.parametrize("name", ["wood_grain", "terrazzo", "linen"])
def test_painting_again_gives_the_same_bytes(name: str, painted: dict[str, Grey]) -> None:
    np.random.seed(1)  # noqa: NPY002  (whatever state the global generator is in)
    np.testing.assert_array_equal(paint_surface(name), painted[name])


def test_styles_are_plausible_materials() -> None:
    for name, style in SURFACES.items():
        assert style.name == name
        assert len(style.palettes) >= 2
        for dark, light in style.palettes:
            assert all(0 <= c <= 0.95 for c in (*dark, *light))
            contrast = np.dot(np.subtract(light, dark), (0.2126, 0.7152, 0.0722))
            # Grout may be lighter than tiles, veins lighter than marble.
            assert contrast > 0.03 or (name in ("tiles", "marble") and contrast < -0.03)
        low, high = style.roughness
        assert 0.05 <= low < high <= 1
        assert style.metallic in (0, 1)
        assert 0.1 <= style.size_m <= 2
        assert 0 <= style.bump_m <= 0.005


def test_texture_is_painted_once_into_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCANSTAGE_CACHE", str(tmp_path))
    path = surface_texture("cork")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), paint_surface("cork"))
    before = path.stat().st_mtime_ns
    assert surface_texture("cork") == path
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in path.parent.iterdir()] == ["cork.png"]


def test_unknown_surface_names_those_there_are() -> None:
    with pytest.raises(InputError, match="velvet") as caught:
        surface_texture("velvet")
    assert "marble" in str(caught.value.hint)


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_normalised_and_depends_on_its_generator_alone(seed: int) -> None:

    def fractal(rng: np.random.Generator) -> FloatArray:
        return fractal_noise(rng, 256, 1.2, stretch=3.0, lowest=4)

    def smooth(rng: np.random.Generator) -> FloatArray:
        return smooth_noise(rng, 256, (0.2, 0.01))

    for make in (fractal, smooth):
        image = make(np.random.default_rng(seed))
        assert image.shape == (256, 256)
        assert image.std() == pytest.approx(1, abs=0.05)
        assert image.mean() == pytest.approx(0, abs=0.02)
        np.testing.assert_array_equal(image, make(np.random.default_rng(seed)))
        assert not np.array_equal(image, make(np.random.default_rng(seed + 7)))


def test_smooth_noise_is_longer_where_its_length_is_longer() -> None:
    image = smooth_noise(np.random.default_rng(3), 512, (0.3, 0.01))
    assert np.abs(np.diff(image, axis=1)).mean() * 10 < np.abs(np.diff(image, axis=0)).mean()


def test_lattice_noise_is_a_smooth_function_of_place() -> None:
    noise = LatticeNoise(np.random.default_rng(5))
    points = np.random.default_rng(6).uniform(-40, 40, (2000, 3))
    value = noise(points, 2.0, 2)
    np.testing.assert_array_equal(value[::-1], noise(points[::-1], 2.0, 2))
    assert np.abs(noise(points + 0.01, 2.0, 2) - value).max() < 0.1
    assert 0.3 < value.std() < 0.8
