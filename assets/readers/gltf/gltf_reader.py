"""glTF and GLB scans: all meshes of the scene in one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_BLANK_VERTICES, MAX_PARTS, MAX_VERTICES, check_room
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.gltf.gltf_document import GltfDocument
from scanstage.assets.readers.gltf.gltf_materials import GltfMaterials
from scanstage.assets.readers.gltf.gltf_points import read_points
from scanstage.assets.readers.gltf.gltf_poses import take_pose
from scanstage.assets.readers.gltf.gltf_scene import JointMatrices, PlacedMesh, placed_scene
from scanstage.assets.readers.gltf.gltf_shapes import morphed, skinned, vertex_colors
from scanstage.assets.textures.wrapped_textures import with_wraps

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_SURFACES = (_TRIANGLES, _STRIP, _FAN)


@dataclass(frozen=True)
class _Primitive:
    """One primitive in world space."""

    positions: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    uv: npt.NDArray[np.float32] | None
    color: npt.NDArray[np.uint8] | None
    material: int | None  # its number in the file
    node: int


def read_gltf(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a ``.glb`` or ``.gltf``, at a moment of an animation or as its nodes stand.

    Raises InputError; CompressedError where only Blender can help.
    """
    folder = ScanFolder(path, choices)
    document = GltfDocument(read_bounded(path), folder)
    take_pose(document, choices.pose)
    materials, joints = GltfMaterials(document), JointMatrices(document)
    scene = placed_scene(document)
    _check_size(document, scene.meshes)
    parts: list[_Primitive] = []
    for one in scene.meshes:
        for primitive in document.item("meshes", one.mesh).get("primitives", []):
            part = _read_primitive(document, materials, joints, primitive, one)
            if part is not None:
                parts.append(part)
    if not parts and (points := read_points(document, scene.meshes)) is not None:
        return points
    joined = with_wraps(_join(parts, materials, folder), materials.wraps())
    if not choices.names_nodes:
        return joined
    of_faces = np.repeat(np.array([p.node for p in parts], np.int32), [len(p.faces) for p in parts])
    return replace(joined, nodes=scene.nodes, face_node=of_faces)


def _join(parts: list[_Primitive], materials: GltfMaterials, folder: ScanFolder) -> RawScan:
    offsets = np.cumsum([0, *(len(p.positions) for p in parts)])
    empty = np.zeros((0, 3))
    numbers, uvs = _materials(parts, materials)
    uv = None
    if any(one is not None for one in uvs):
        blank = [
            np.zeros((len(p.faces), 3, 2), np.float32) if o is None else o for p, o in zip(parts, uvs, strict=True)
        ]
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
        face_material=np.concatenate(numbers) if parts else np.zeros(0, np.int64),
        materials=materials.used(),
        images=materials.images,
        corner_uv=uv,
        vertex_color=color,
        unit="m",
        up="y",
        usual_up="y",
        findings=tuple(folder.findings),
        lost_textures=materials.lost(),
        uncolored=frozenset(materials.lost()),
    )


def _materials(
    parts: list[_Primitive], materials: GltfMaterials
) -> tuple[list[npt.NDArray[np.int64]], list[npt.NDArray[np.float32] | None]]:
    """Of each primitive the numbers of its faces' materials, and its UVs, in those of UDIM tiles."""
    for p in parts:
        if p.uv is not None:
            materials.lies_at(p.material, p.uv)
    numbers, uvs = [], []
    for p in parts:
        colored = p.color is not None
        if p.uv is None:
            number, uv = np.full(len(p.faces), materials.use(p.material, colored), np.int64), None
        else:
            number, uv = materials.use_tiles(p.material, colored, p.uv)
        numbers.append(number)
        uvs.append(uv)
    return numbers, uvs


def _check_size(document: GltfDocument, placed: list[PlacedMesh]) -> None:
    """Refuse a scene that is too large, by the counts of its JSON: a mesh counts as often as nodes place it."""
    parts = vertices = faces = blank = moved = 0
    for (mesh, weights), times in Counter((one.mesh, one.weights) for one in placed).items():
        primitives = document.item("meshes", mesh).get("primitives", [])
        parts += len(primitives) * times
        for primitive in primitives:
            mode, attributes = primitive.get("mode", _TRIANGLES), primitive.get("attributes", {})
            if mode not in _SURFACES or "POSITION" not in attributes:
                continue
            here, none = document.declared(attributes["POSITION"])
            corners = here
            if "indices" in primitive:
                corners, unwritten = document.declared(primitive["indices"])
                none += unwritten
            vertices += here * times
            faces += (corners // 3 if mode == _TRIANGLES else max(0, corners - 2)) * times
            blank += none * times
            moved += here * times * sum(w != 0 for w, _ in zip(weights, primitive.get("targets", []), strict=False))
    if parts > MAX_PARTS:
        raise InputError(f"places {parts:,} pieces of meshes (at most {MAX_PARTS:,})", "join them")
    if blank > MAX_BLANK_VERTICES:
        raise InputError(f"declares {blank:,} vertices without any data (at most {MAX_BLANK_VERTICES:,})")
    if moved > MAX_VERTICES:
        raise InputError(f"morphs {moved:,} vertices (at most {MAX_VERTICES:,})", "apply its morph targets first")
    check_room(faces, vertices)


def _read_primitive(
    document: GltfDocument,
    materials: GltfMaterials,
    joints: JointMatrices,
    primitive: dict[str, Any],
    place: PlacedMesh,
) -> _Primitive | None:
    """One primitive, or None for points and lines."""
    mode = primitive.get("mode", _TRIANGLES)
    attributes = primitive.get("attributes", {})
    if mode not in _SURFACES or "POSITION" not in attributes:
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
    positions = morphed(document, primitive, positions, place.weights)
    if place.skin is not None and "JOINTS_0" in attributes:  # then the node's own place is of no account
        placed, mirrored = skinned(document, attributes, positions, joints.of(place.skin))
    else:
        placed = positions @ place.matrix[:3, :3].T + place.matrix[:3, 3]
        mirrored = bool(np.linalg.det(place.matrix[:3, :3]) < 0)
    if mirrored:  # mirrored nodes turn their faces around (section 3.7.4)
        faces = faces[:, ::-1]
    uv_name = f"TEXCOORD_{materials.uv_set(primitive.get('material'))}"
    for name in ("COLOR_0", uv_name):
        if name in attributes and document.declared(attributes[name])[0] != len(positions):
            raise InputError(f"it has more or fewer of {name[:80]} than positions")
    color = vertex_colors(document, attributes["COLOR_0"]) if "COLOR_0" in attributes else None
    uv = None
    if uv_name in attributes:
        values = document.floats(attributes[uv_name])
        if values.shape[1] != 2:
            raise InputError("its UVs don't have two coordinates")
        values = materials.transform_uv(primitive.get("material"), values)
        uv = np.stack([values[:, 0], 1.0 - values[:, 1]], axis=1)[faces].astype(np.float32)  # glTF's V points down
    return _Primitive(placed, faces, uv, color, primitive.get("material"), place.node)


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
