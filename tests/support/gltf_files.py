"""glTF files of tests, put together accessor by accessor, and as Blender's own importer sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from support.scan_files import write_gltf

_TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_COMPONENTS = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125, "float32": 5126}


class GltfParts:
    """A document under construction: ``json`` to be changed at will, ``add`` for what lies in the buffer."""

    def __init__(self, **entries: Any) -> None:
        self.json: dict[str, Any] = {"bufferViews": [], "accessors": [], **entries}
        self._binary = b""

    def add(self, values: Any, kind: str = "float32", normalized: bool = False) -> int:
        """The number of a new accessor with these rows."""
        array = np.ascontiguousarray(values, kind)
        rows = array.reshape(len(array), -1)
        accessor = {
            "bufferView": self.view(array.tobytes()),
            "componentType": _COMPONENTS[kind],
            "count": len(rows),
            "type": _TYPES[rows.shape[1]],
        }
        if kind == "float32":
            accessor |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.json["accessors"].append(accessor | ({"normalized": True} if normalized else {}))
        return len(self.json["accessors"]) - 1

    def view(self, data: bytes) -> int:
        """The number of a new buffer view."""
        self._binary += b"\0" * (-len(self._binary) % 4)
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)})
        self._binary += data
        return len(self.json["bufferViews"]) - 1

    def image(self, data: bytes, **info: Any) -> dict[str, Any]:
        """A texture's reference to a new image."""
        images, textures = (self.json.setdefault(k, []) for k in ("images", "textures"))
        images.append({"bufferView": self.view(data), "mimeType": "image/png"})
        textures.append({"source": len(images) - 1})
        return {"index": len(textures) - 1, **info}

    def write(self, path: Path) -> Path:
        """As a GLB; all that the document says."""
        return write_gltf(path, self.json, self._binary)


_JUDGE = """
import json, sys
import bpy, numpy as np
path, frame, out = sys.argv[-3:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=path)
if frame != "rest":
    bpy.context.scene.frame_set(int(frame))
else:
    for a in list(bpy.data.objects):
        a.animation_data_clear()
graph, found = bpy.context.evaluated_depsgraph_get(), []
for instance in graph.object_instances:
    if instance.object.type == "MESH" and instance.object.name.split(".")[0] != "Icosphere":
        mesh = instance.object.to_mesh()
        found += [list(instance.matrix_world @ v.co) for v in mesh.vertices]
found = np.array(found)
np.save(out, np.stack([found[:, 0], found[:, 2], -found[:, 1]], axis=1))
import os
os._exit(0)
"""


def places_by_blender(path: Path, frame: int | None = None) -> np.ndarray:
    """(V, 3) all vertices of a glTF as Blender's importer and its modifiers leave them, glTF's axes, sorted."""
    out = path.with_suffix(".npy")
    arguments = [str(path), "rest" if frame is None else str(frame), str(out)]
    subprocess.run([sys.executable, "-c", _JUDGE, *arguments], check=True, capture_output=True, timeout=120)
    return sorted_places(np.load(out))


_DRACO = """
import os, sys
import bpy
source, target = sys.argv[-2:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=source)
bpy.ops.export_scene.gltf(filepath=target, export_draco_mesh_compression_enable=True)
os._exit(0)
"""


def draco_by_blender(path: Path) -> Path:
    """The same scan, its meshes compressed. Skips the test where this Blender comes without Draco."""
    target = path.with_name("draco.glb")
    command = [sys.executable, "-c", _DRACO, str(path), str(target)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    if "Draco is not available" in told.stdout + told.stderr:  # as in the wheel of bpy 5.2.3
        pytest.skip("this Blender comes without Draco")
    return target


def sorted_places(points: np.ndarray) -> np.ndarray:
    """Each once, in an order that small differences don't change much."""
    unique = np.unique(np.rint(points / 1e-4).astype(np.int64), axis=0)
    return unique * 1e-4


def document_of(path: Path) -> dict[str, Any]:
    """The JSON of a GLB."""
    data = path.read_bytes()
    return dict(json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")]))


def textured_ball(material: dict[str, Any], uv_sets: int = 1) -> GltfParts:
    """A ball of 10 cm with UVs around and up it, of this material; more sets are the first, halved."""
    ball = trimesh.creation.uv_sphere(radius=0.05, count=[16, 32])
    x, y, z = ball.vertices.T
    parts = GltfParts(nodes=[{"mesh": 0}], scenes=[{"nodes": [0]}], materials=[material])
    uv = np.stack([np.arctan2(-y, x) / (2 * np.pi) + 0.5, 0.5 - z / 0.1], axis=1)
    attributes = {"POSITION": parts.add(np.stack([x, z, -y], axis=1))}
    attributes |= {f"TEXCOORD_{k}": parts.add(uv / 2**k) for k in range(uv_sets)}
    primitive = {"attributes": attributes, "indices": parts.add(ball.faces.ravel(), "uint32"), "material": 0}
    parts.json |= {"meshes": [{"primitives": [primitive]}], "extensionsUsed": sorted(material.get("extensions", {}))}
    return parts
