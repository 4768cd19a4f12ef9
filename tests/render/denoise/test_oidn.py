"""Open Image Denoise on arrays, where there is a bpy wheel that carries it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from scanstage.render.denoise import oidn
from scanstage.render.denoise.oidn import Denoiser, DenoiserFailed, denoiser_file, has_array_denoiser
from scanstage.render.engine.blender_session import _denoiser_beside
from scanstage.render.executors.local.graphics_cards import count_gpus

NVIDIA = count_gpus("cuda") > 0
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


@with_wheel
@pytest.mark.skipif(NVIDIA, reason="an NVIDIA GPU is there")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(DenoiserFailed, match=r"\w"):
        Denoiser(backend="OPTIX")


@with_wheel
@pytest.mark.skipif(NVIDIA, reason="an NVIDIA GPU is there")
def test_beside_a_gpu_that_can_not_denoise_the_cpu_does() -> None:
    of_cpu = Denoiser(threads=1)
    try:
        found, notes = _denoiser_beside("OPTIX", of_cpu)
        assert found is of_cpu
        assert notes
        assert "denoised on the CPU" in notes[0]
        assert found.denoise(np.ones((16, 16, 3), np.float32)).shape == (16, 16, 3)
        assert _denoiser_beside("CPU", of_cpu) == (of_cpu, [])
    finally:
        of_cpu.close()


@with_wheel
@pytest.mark.skipif(not NVIDIA, reason="no NVIDIA GPU")
def test_a_gpu_denoises_as_the_cpu_does() -> None:
    noisy = np.random.default_rng(0).gamma(8, 1 / 8, (240, 320, 3)).astype(np.float32)
    gpu, cpu = Denoiser(backend="CUDA"), Denoiser(threads=1)
    try:
        np.testing.assert_allclose(gpu.denoise(noisy), cpu.denoise(noisy), atol=0.02)
    finally:
        gpu.close()
        cpu.close()


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
