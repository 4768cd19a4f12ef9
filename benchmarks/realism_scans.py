"""Scans that the pictures of docs/realism.md need and the samples don't have: a bowl, a ball, a drinking glass."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from trimesh.exchange.gltf import export_glb
from trimesh.visual.material import PBRMaterial

from scanstage.assets.library.collision_file import COLLISION_FILE

ROUND = 96
BOWL = [(0.0, 0.0), (0.035, 0.0), (0.06, 0.018), (0.078, 0.05), (0.082, 0.075)]
BOWL_INSIDE = [(0.079, 0.075), (0.074, 0.05), (0.057, 0.023), (0.034, 0.006), (0.0, 0.005)]
GLASS = [(0.0, 0.0), (0.028, 0.0), (0.031, 0.003), (0.038, 0.12)]
GLASS_INSIDE = [(0.0355, 0.12), (0.029, 0.012), (0.0, 0.010)]


def library(folder: Path, *names: str, clear: bool = True) -> Path:
    """A library of some of them in ``folder``, which is made; without ``clear``, glass is read as if it were opaque."""
    folder.mkdir(parents=True)
    scans = {
        "bowl": _turned([*BOWL, *BOWL_INSIDE], (235, 228, 210), 0.25),
        "ball": trimesh.creation.icosphere(4, 0.021),
        "glass": _turned([*GLASS, *GLASS_INSIDE], (255, 255, 255), 0.0),
    }
    scans["ball"].visual = trimesh.visual.TextureVisuals(material=_material((200, 60, 40), 0.35))
    for name in names:
        file = folder / f"{name}.glb"
        changed = _see_through if clear and name == "glass" else None
        file.write_bytes(export_glb(scans[name].scene(), tree_postprocessor=changed))
        command = [sys.executable, "-m", "scanstage", "assets", "add", str(file), "--class", name]
        subprocess.run([*command, "--library", str(folder)], check=True, stdout=sys.stderr)
    return folder


def of_hulls(scans: Path, folder: Path) -> Path:
    """A copy of a library whose scans collide by their convex hulls."""
    shutil.copytree(scans, folder)
    for file in folder.rglob(COLLISION_FILE):
        file.unlink()
    return folder


def _turned(outline: list[tuple[float, float]], color: tuple[int, int, int], roughness: float) -> trimesh.Trimesh:
    """A solid of revolution about the vertical, which is y in glTF."""
    mesh = trimesh.creation.revolve(np.array(outline), sections=ROUND)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0)))
    mesh.visual = trimesh.visual.TextureVisuals(material=_material(color, roughness))
    return mesh


def _material(color: tuple[int, int, int], roughness: float) -> PBRMaterial:
    return PBRMaterial(baseColorFactor=[*color, 255], roughnessFactor=roughness, metallicFactor=0.0)


def _see_through(tree: dict[str, Any]) -> None:
    clear = {
        "KHR_materials_transmission": {"transmissionFactor": 1.0},
        "KHR_materials_ior": {"ior": 1.5},
        "KHR_materials_volume": {"thicknessFactor": 0.002},  # a body that refracts; without, a film
    }
    for material in tree["materials"]:
        material["extensions"] = clear
    tree["extensionsUsed"] = [*clear]
