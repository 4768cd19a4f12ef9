"""A car of named nodes, made of boxes and cylinders; it nearly fills its hull, so that it needn't be cut to collide."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import trimesh

from support.gltf_files import GltfParts

MATERIALS = (("paint", (0.7, 0.05, 0.05)), ("rubber", (0.03, 0.03, 0.03)), ("glass", (0.3, 0.5, 0.7)))
LENGTH, WIDTH, RADIUS = 0.4, 0.23, 0.045
WHEELS = {"wheel_FL": (1, 1), "wheel_FR": (1, -1), "wheel_RL.001": (-1, 1), "wheel_RR.002": (-1, -1)}
"""Names as Blender may write them, and on which side each is."""

Shape = tuple[trimesh.Trimesh, int]
"""And the number of its material."""


def car_shapes() -> dict[str, Shape]:
    """By node, metres, Z up."""
    body = trimesh.creation.box((LENGTH, WIDTH, 0.09))
    body.apply_translation((0, 0, 0.055))
    cabin = trimesh.creation.box((LENGTH, WIDTH, 0.075))
    cabin.apply_translation((0, 0, 0.1375))
    shapes: dict[str, Shape] = {"body": (body, 0), "cabin": (cabin, 2)}
    for name, (front, left) in WHEELS.items():
        wheel = trimesh.creation.cylinder(RADIUS, 0.03, sections=24)
        wheel.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
        wheel.apply_translation((front * 0.13, left * (WIDTH / 2 - 0.01), RADIUS))
        shapes[name] = (wheel, 1)
    return shapes


def write_parts_glb(
    path: Path, shapes: Mapping[str, Shape], root: str = "Sketchfab_root", glass_alpha: float = 1.0
) -> Path:
    """Each shape as a node below ``root``, Y up as glTF has it; glass blends where its alpha is below 1."""
    parts = _parts_glb(shapes, root)
    if glass_alpha < 1:
        glass = parts.json["materials"][2]
        glass["alphaMode"] = "BLEND"
        glass["pbrMetallicRoughness"]["baseColorFactor"][3] = glass_alpha
    return parts.write(path)


def _parts_glb(shapes: Mapping[str, Shape], root: str) -> GltfParts:
    named = [
        {"name": n, "pbrMetallicRoughness": {"baseColorFactor": [*c, 1.0], "metallicFactor": 0.0}} for n, c in MATERIALS
    ]
    parts = GltfParts(scenes=[{"nodes": [0]}], scene=0, materials=named, meshes=[])
    nodes = [{"name": root, "children": list(range(1, len(shapes) + 1))}]
    for name, (shape, material) in shapes.items():
        x, y, z = shape.vertices.T
        attributes = {"POSITION": parts.add(np.stack([x, z, -y], axis=1))}
        indices = parts.add(shape.faces.ravel(), "uint32")
        nodes.append({"name": name, "mesh": len(parts.json["meshes"])})
        parts.json["meshes"].append(
            {"primitives": [{"attributes": attributes, "indices": indices, "material": material}]}
        )
    parts.json["nodes"] = nodes
    return parts


def write_car(path: Path, glass_alpha: float = 1.0) -> Path:
    """The whole car."""
    return write_parts_glb(path, car_shapes(), glass_alpha=glass_alpha)


def write_fox(path: Path) -> Path:
    """A box and a leg that swings, in the animations ``walk`` and ``run``."""
    body, leg = trimesh.creation.box((0.4, 0.12, 0.15)), trimesh.creation.box((0.05, 0.05, 0.16))
    body.apply_translation((0, 0, 0.2))
    leg.apply_translation((0.1, 0, 0.08))
    parts = _parts_glb({"body": (body, 0), "leg": (leg, 1)}, "fox")
    times, turns = parts.add(np.array([0.0, 0.7])), parts.add(np.array([[0, 0, 0, 1.0], [0, 0, 0.2, 0.9798]]))
    sampler, target = {"input": times, "output": turns}, {"node": 2, "path": "rotation"}
    parts.json["animations"] = [
        {"name": name, "samplers": [sampler], "channels": [{"sampler": 0, "target": target}]}
        for name in ("walk", "run")
    ]
    return parts.write(path)
