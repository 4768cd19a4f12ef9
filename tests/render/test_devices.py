"""The choice of a render device, on made-up machines."""

from __future__ import annotations

import itertools

import pytest

from render.devices import GPU_BACKENDS, DeviceAbsent, choose_device

CPU = {"CPU": ["Some CPU"]}


def test_auto_prefers_the_backends_in_order() -> None:
    for present in itertools.chain.from_iterable(itertools.combinations(GPU_BACKENDS, n) for n in (1, 2, 3)):
        available = {**CPU, **{b: [f"{b} card"] for b in reversed(present)}}
        choice = choose_device("auto", available)
        assert choice.backend == min(present, key=GPU_BACKENDS.index)
        assert choice.names == (f"{choice.backend} card",)
        assert choice.backend in choice.reason


@pytest.mark.parametrize("available", [CPU, {}, {**CPU, "CUDA": []}])
def test_auto_falls_back_to_the_cpu_and_says_why(available: dict[str, list[str]]) -> None:
    choice = choose_device("auto", available)
    assert choice.backend == "CPU"
    assert "no device" in choice.reason


@pytest.mark.parametrize("name", ["optix", "CUDA", "hip", "oneapi", "metal"])
def test_a_named_device_is_taken_or_refused_never_replaced(name: str) -> None:
    everything = {**CPU, **{b: [f"{b} 0", f"{b} 1"] for b in GPU_BACKENDS}}
    assert choose_device(name, everything).backend == name.upper()
    assert len(choose_device(name, everything).names) == 2
    without = {b: names for b, names in everything.items() if b != name.upper()}
    with pytest.raises(DeviceAbsent, match=name) as refused:
        choose_device(name, without)
    assert "Some CPU" in str(refused.value)
    assert all(f"{b} 0" in str(refused.value) for b in GPU_BACKENDS if b != name.upper())


def test_the_cpu_can_be_asked_for_beside_a_gpu() -> None:
    assert choose_device("cpu", {**CPU, "OPTIX": ["card"]}).backend == "CPU"
