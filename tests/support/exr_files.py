"""Multilayer EXR files as versions of Blender write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenEXR

Layers = dict[str, npt.NDArray[np.float32]]


H, W = 6, 8


def layers(index_name: str | None) -> Layers:
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 40_000, (H, W)).astype(np.float32)
    depth = rng.uniform(0.5, 5, (H, W)).astype(np.float32)
    depth[0, 0] = 1e10
    found = {f"Combined.{c}": rng.uniform(0, 1, (H, W)).astype(np.float32) for c in "RGBA"}
    found |= {f"Normal.{c}": rng.uniform(-1, 1, (H, W)).astype(np.float32) for c in "XYZ"}
    found["Depth.Z"] = depth
    if index_name:
        found[index_name] = ids
    return found


def write_one_part(path: Path, found: Layers, layer: str = "ViewLayer") -> None:
    header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {f"{layer}.{name}": pixels for name, pixels in found.items()}) as file:
        file.write(str(path))


def write_many_parts(path: Path, found: Layers, layer: str = "ViewLayer") -> None:
    groups: dict[str, Layers] = {}
    for name, pixels in found.items():
        groups.setdefault(name.rpartition(".")[0], {})[f"{layer}.{name}"] = pixels
    parts = [
        OpenEXR.Part(
            {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}, channels, f"{layer}.{group}"
        )
        for group, channels in groups.items()
    ]
    with OpenEXR.File(parts) as file:
        file.write(str(path))
