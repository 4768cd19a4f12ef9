"""Which device Cycles renders on: the choice that the workers make, for everybody else."""

from __future__ import annotations

from render.blender.device_choice import GPU_BACKENDS, DeviceAbsent, DeviceChoice, choose_device, devices_in_use

__all__ = ["GPU_BACKENDS", "DeviceAbsent", "DeviceChoice", "choose_device", "devices_in_use"]
