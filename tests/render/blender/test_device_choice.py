"""The choice of a render device, on made-up machines."""

from __future__ import annotations

import itertools

import pytest

from scanstage.render.blender.device_choice import GPU_BACKENDS, DeviceAbsent, choose_device, devices_in_use

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


LISTED = ["CPU", "OPTIX", "CUDA", "OPTIX", "CUDA", "OPTIX"]
"""As Blender lists them: a card once for each backend, the CPU among them."""


@pytest.mark.parametrize("backend", ["OPTIX", "CUDA"])
def test_a_worker_uses_its_own_gpu_or_all(backend: str) -> None:
    everything = devices_in_use(LISTED, backend, None)
    assert everything == [kind == backend for kind in LISTED]
    count = sum(everything)
    single = [devices_in_use(LISTED, backend, gpu) for gpu in range(2 * count)]
    for used in single:
        assert sum(used) == 1
        assert everything[used.index(True)], "never the CPU nor another backend's"
    assert len({used.index(True) for used in single[:count]}) == count, "workers are spread over all of them"
    assert single[count:] == single[:count]
    assert not any(devices_in_use(["CPU"], backend, 0))
