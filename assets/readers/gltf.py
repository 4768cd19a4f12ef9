"""glTF and GLB scans: all meshes of the scene in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assets.errors import InputError
from assets.raw_scan import RawScan
from assets.readers.folder import ScanFolder, read_bounded
from assets.readers.gltf_document import GltfDocument
from assets.readers.gltf_materials import GltfMaterials
from assets.srgb import srgb_bytes

MAX_FACES = 20_000_000
_MAX_NODES = 20_000
_TRIANGLES, _STRIP, _FAN = 4, 5, 6


@dataclass(frozen=True)
class _Part:
    """One primitive in world space."""

    positions: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    uv: npt.NDArray[np.float32] | None
    color: npt.NDArray[np.uint8] | None
    material: int


def read_gltf(path: Path) -> RawScan:
    """Read a ``.glb`` or ``.gltf``. Raises InputError; CompressedError where only Blender can help."""
    folder = ScanFolder(path)
    document = GltfDocument(read_bounded(path), folder)
    materials = GltfMaterials(document)
    parts: list[_Part] = []
    total = 0
    for mesh_index, matrix in _placed_meshes(document):
        for primitive in document.item("meshes", mesh_index).get("primitives", []):
            part = _read_primitive(document, materials, primitive, matrix)
            if part is not None:
                total += len(part.faces)
                if total > MAX_FACES:
                    raise InputError(f"more than {MAX_FACES:,} triangles", "simplify the scan first")
                parts.append(part)
    if document.items("skins") or document.items("animations"):
        folder.note("animation", "holds a skeleton or an animation", "takes the rest pose")
    return _join(parts, materials, folder)


def _join(parts: list[_Part], materials: GltfMaterials, folder: ScanFolder) -> RawScan:
    offsets = np.cumsum([0, *(len(p.positions) for p in parts)])
    empty = np.zeros((0, 3))
    uv = None
    if any(p.uv is not None for p in parts):
        blank = [np.zeros((len(p.faces), 3, 2), np.float32) if p.uv is None else p.uv for p in parts]
        uv = np.concatenate(blank)
    color = None
    if any(p.color is not None for p in parts):
        color = np.concatenate(
            [np.full((len(p.positions), 4), 255, np.uint8) if p.color is None else p.color for p in parts]
        )
    return RawScan(
        vertices=np.concatenate([p.positions for p in parts]) if parts else empty,
        faces=np.concatenate([p.faces + o for p, o in zip(parts, offsets[:-1], strict=True)])
        if parts
        else empty.astype(np.int64),
        face_material=np.concatenate([np.full(len(p.faces), p.material, np.int64) for p in parts])
        if parts
        else np.zeros(0, np.int64),
        materials=materials.used(),
        images=materials.images,
        corner_uv=uv,
        vertex_color=color,
        unit="m",
        up="y",
        usual_up="y",
        findings=tuple(folder.findings),
    )


def _placed_meshes(document: GltfDocument) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    """(mesh, mesh-to-world) of each node of the scene; of each mesh once where the file has no nodes."""
    nodes = document.items("nodes")
    if not nodes:
        for k in range(len(document.items("meshes"))):
            yield k, np.eye(4)
        return
    if document.items("scenes"):
        roots = document.item("scenes", document.json.get("scene", 0)).get("nodes", [])
    else:
        children = {c for n in nodes for c in n.get("children", [])}
        roots = [k for k in range(len(nodes)) if k not in children]
    stack: list[tuple[Any, npt.NDArray[np.float64]]] = [(r, np.eye(4)) for r in reversed(roots)]
    placed = len(stack)
    while stack:
        index, parent = stack.pop()
        node = document.item("nodes", index)
        placed += len(node.get("children", []))
        if placed > max(_MAX_NODES, 2 * len(nodes)):  # a node that is its own ancestor, or has very many parents
            raise InputError("its nodes form a loop or multiply without end")
        matrix = parent @ _local_matrix(node)
        if "mesh" in node:
            yield node["mesh"], matrix
        stack += [(c, matrix) for c in reversed(node.get("children", []))]


def _local_matrix(node: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Node to parent, from ``matrix`` (column-major) or translation, rotation (x, y, z, w) and scale."""
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    x, y, z, w = np.array(node.get("rotation", [0, 0, 0, 1]), dtype=np.float64)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix[:3, :3] = rotation * np.array(node.get("scale", [1, 1, 1]), dtype=np.float64).reshape(3)
    matrix[:3, 3] = np.array(node.get("translation", [0, 0, 0]), dtype=np.float64).reshape(3)
    return matrix


def _read_primitive(
    document: GltfDocument, materials: GltfMaterials, primitive: dict[str, Any], matrix: npt.NDArray[np.float64]
) -> _Part | None:
    """One primitive, or None for points and lines."""
    mode = primitive.get("mode", _TRIANGLES)
    attributes = primitive.get("attributes", {})
    if mode not in (_TRIANGLES, _STRIP, _FAN) or "POSITION" not in attributes:
        if "POSITION" in attributes:
            document.folder.note("points or lines", "holds points or lines", "leaves them out")
        return None
    positions = document.floats(attributes["POSITION"])
    if positions.shape[1] != 3:
        raise InputError("its positions don't have three coordinates")
    index = (
        document.accessor(primitive["indices"])[:, 0].astype(np.int64)
        if "indices" in primitive
        else np.arange(len(positions))
    )
    faces = _triangles(index, mode)
    if len(faces) and faces.max() >= len(positions):
        raise InputError(f"a face names a vertex that the file doesn't have (there are {len(positions)})")
    placed = positions @ matrix[:3, :3].T + matrix[:3, 3]
    if np.linalg.det(matrix[:3, :3]) < 0:  # mirrored nodes turn their faces around (section 3.7.4)
        faces = faces[:, ::-1]
    color = _colors(document.floats(attributes["COLOR_0"])) if "COLOR_0" in attributes else None
    if color is not None and len(color) != len(positions):
        raise InputError("it has more or fewer colours than positions")
    material = materials.use(primitive.get("material"), vertex_colors=color is not None)
    uv_set = materials.uv_set(primitive.get("material"))
    uv = None
    if f"TEXCOORD_{uv_set}" in attributes:
        values = document.floats(attributes[f"TEXCOORD_{uv_set}"])
        if values.shape != (len(positions), 2):
            raise InputError("it has more or fewer UVs than positions")
        values = materials.transform_uv(primitive.get("material"), values)
        uv = np.stack([values[:, 0], 1.0 - values[:, 1]], axis=1)[faces].astype(np.float32)  # glTF's V points down
    return _Part(placed, faces, uv, color, material)


def _triangles(index: npt.NDArray[np.int64], mode: int) -> npt.NDArray[np.int64]:
    if mode == _TRIANGLES:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == _FAN:
        return np.stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]], axis=1)
    at = np.arange(len(index) - 2)
    odd = at % 2
    return np.stack([index[at], index[at + 1 + odd], index[at + 2 - odd]], axis=1)


def _colors(linear: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """(V, 4) sRGB bytes with linear alpha from glTF's linear vertex colours."""
    rgba = np.full((len(linear), 4), 255, np.uint8)
    rgba[:, :3] = srgb_bytes(linear[:, :3])
    if linear.shape[1] == 4:
        rgba[:, 3] = np.rint(np.clip(np.nan_to_num(linear[:, 3]), 0.0, 1.0) * 255)
    return rgba
