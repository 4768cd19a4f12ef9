"""Which device Cycles renders on: a pure choice among what Blender reports. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GPU_BACKENDS = ("OPTIX", "CUDA", "HIP", "ONEAPI", "METAL")


class DeviceAbsent(ValueError):
    """The device that was asked for isn't there. The message names what is."""


@dataclass(frozen=True)
class DeviceChoice:
    """The outcome: ``backend`` (of :data:`GPU_BACKENDS`, or ``CPU``), the ``names`` of its devices, the ``reason``."""

    backend: str
    names: tuple[str, ...]
    reason: str


def choose_device(wanted: str, available: dict[str, list[str]]) -> DeviceChoice:
    """Choose a render device.

    Args:
        wanted: ``auto`` or the name of a backend, in any case.
        available: device names by backend, as Blender reports them; ``CPU`` may be missing (it is always there).

    Raises:
        DeviceAbsent: ``wanted`` names a backend without a device. A named device is never replaced silently.
    """
    cpu = tuple(available.get("CPU") or ["CPU"])
    present = [b for b in GPU_BACKENDS if available.get(b)]
    key = wanted.upper()
    if key == "AUTO":
        if present:
            return DeviceChoice(present[0], tuple(available[present[0]]), f"auto: first of {', '.join(present)}")
        return DeviceChoice("CPU", cpu, f"auto: no device for {', '.join(GPU_BACKENDS)}")
    if key == "CPU":
        return DeviceChoice("CPU", cpu, "asked for")
    if key in present:
        return DeviceChoice(key, tuple(available[key]), "asked for")
    there = "; ".join(f"{b.lower()} ({', '.join(available[b])})" for b in present)
    listed = f"{there}; cpu ({', '.join(cpu)})" if there else f"cpu ({', '.join(cpu)})"
    raise DeviceAbsent(f"device {wanted!r} was asked for, but Blender finds none; there is: {listed}")


def devices_in_use(types: Sequence[str], backend: str, gpu: int | None) -> list[bool]:
    """Which of the devices that Blender lists a worker renders on.

    Args:
        types: the backend of each.
        backend: the one chosen, not ``CPU``.
        gpu: which of that backend's devices; None: all of them. Beyond the last it begins with the first again, so that
            workers are spread evenly also where Blender sees fewer devices than the system counts.
    """
    places = [i for i, kind in enumerate(types) if kind == backend]
    chosen = places if gpu is None or not places else [places[gpu % len(places)]]
    return [i in chosen for i in range(len(types))]
