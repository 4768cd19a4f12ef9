"""Open Image Denoise on arrays, where there is a bpy wheel that carries it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from scanstage.render.denoise import oidn
from scanstage.render.denoise.oidn import Denoiser, DenoiserFailed, denoiser_file, has_array_denoiser

with_wheel = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python")


@with_wheel
def test_noise_goes_and_edges_stay() -> None:
    truth = np.full((64, 80, 3), 4.0, np.float32)
    truth[:, 40:] = 1.0
    noisy = (truth * np.random.default_rng(0).gamma(8, 1 / 8, truth.shape)).astype(np.float32)
    denoiser = Denoiser(threads=1)
    try:
        found, again = denoiser.denoise(noisy), denoiser.denoise(noisy[:, ::-1][:, ::-1])
    finally:
        denoiser.close()
    denoiser.close()
    assert np.abs(found - truth).mean() < 0.2 * np.abs(noisy - truth).mean()
    assert found[:, 36:38].mean() > 3.5
    np.testing.assert_array_equal(found, again)  # views are as good as arrays of their own


@pytest.fixture
def forgotten() -> object:
    """The library is looked for anew, and again afterwards."""
    oidn._library.cache_clear()
    yield
    oidn._library.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("file", [None, "empty", "not there"])
def test_without_a_library_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: object, file: str | None) -> None:
    path = None if file is None else tmp_path / file  # type: ignore[operator]
    if file == "empty":
        path.write_bytes(b"")
    monkeypatch.setattr(oidn, "denoiser_file", lambda: path)
    assert not has_array_denoiser()
    with pytest.raises(DenoiserFailed, match="no bpy wheel"):
        Denoiser()


@pytest.mark.usefixtures("forgotten")
def test_another_library_of_that_name_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old one, say, without what is called."""
    ctypes_file = importlib.util.find_spec("_ctypes")
    assert ctypes_file is not None
    monkeypatch.setattr(oidn, "denoiser_file", lambda: ctypes_file.origin)
    assert not has_array_denoiser()


@with_wheel
def test_the_wheels_library_is_found_without_importing_it() -> None:
    assert denoiser_file() is not None
