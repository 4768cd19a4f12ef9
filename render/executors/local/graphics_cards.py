"""How many GPUs a run can share out, without asking Blender, which would have to be started for it."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scanstage.scenes.config.sections.render_settings import Device

NVIDIA_DRIVER = Path("/proc/driver/nvidia/gpus")
AMD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
_ASK_TIMEOUT_S = 10.0


def count_gpus(device: Device) -> int:
    """GPUs that ``render.device`` allows, in the order in which ``auto`` takes backends; 0 where it is the CPU.

    Whether this Blender can render on them is for Blender to say. An Intel or Apple GPU counts as one.
    """
    if device in ("auto", "optix", "cuda") and (found := _nvidia(os.environ)):
        return found
    if device in ("auto", "hip") and (found := amd_gpus(os.environ, AMD_NODES)):
        return found
    return int(device == "oneapi" or (device in ("auto", "metal") and sys.platform == "darwin"))


def smallest_gpu_bytes(device: Device) -> int | None:
    """Memory of the smallest NVIDIA card of those that :func:`count_gpus` counts from; None where nothing tells.

    Where a card is divided (MIG), that of its smallest part.
    """
    if device not in ("auto", "optix", "cuda"):
        return None
    told = _nvidia_smi("--query-gpu=memory.total", "--format=csv,noheader,nounits")
    found = [int(mib) << 20 for mib in re.findall(r"^\s*(\d+)\s*$", told, re.MULTILINE)]
    return min([*found, *parts_bytes(_nvidia_smi("-L"))]) if found else None


def _nvidia(environment: Mapping[str, str]) -> int:
    there = listed_by_nvidia_smi(_nvidia_smi("-L")) or _entries(NVIDIA_DRIVER)
    return min(there, visible(environment.get("CUDA_VISIBLE_DEVICES"), there))


@functools.cache  # the cards and their memory are asked for one after the other
def _nvidia_smi(*arguments: str) -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_ASK_TIMEOUT_S).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def listed_by_nvidia_smi(text: str) -> int:
    """The number of GPUs in what ``nvidia-smi -L`` prints (a line each; parts of a divided GPU are indented)."""
    return len(re.findall(r"^GPU \d+:", text, re.MULTILINE))


def parts_bytes(text: str) -> list[int]:
    """Memory of the parts of divided GPUs in what ``nvidia-smi -L`` prints, by their profiles' names (1g.10gb)."""
    return [int(gib) << 30 for gib in re.findall(r"^\s+MIG \d+\S*?\.(\d+)gb", text, re.MULTILINE)]


def visible(value: str | None, there: int) -> int:
    """How many devices ``CUDA_VISIBLE_DEVICES`` (or ROCm's like) leaves: those before the first that is invalid."""
    if value is None:
        return there
    count = 0
    for entry in value.split(","):
        name = entry.strip()
        if not name or name.startswith("-") or (name.isdigit() and int(name) >= there):
            break
        count += 1
    return count


def amd_gpus(environment: Mapping[str, str], nodes: Path) -> int:
    """GPUs among the nodes that AMD's driver lists (those with SIMD units), as far as the environment shows them."""
    there = 0
    for properties in nodes.glob("*/properties"):
        try:
            found = re.search(r"^simd_count (\d+)", properties.read_text("ascii"), re.MULTILINE)
        except (OSError, ValueError):
            continue
        there += bool(found and int(found[1]))
    for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        there = min(there, visible(environment.get(name), there))
    return there


def _entries(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.is_dir() else 0
