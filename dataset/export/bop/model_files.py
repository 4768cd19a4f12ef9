"""Assets as the BOP toolkit reads object models: PLY in millimetres, with a texture or vertex colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Asset, MeshArrays
from scanstage.assets.library.surface_look import base_color, base_color_pixels, texture_pixels
from scanstage.assets.messages.errors import InputError
from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.dataset.records.map_files import MM

Floats = npt.NDArray[np.float64]
_ROWS = 2048


@dataclass(frozen=True)
class ModelFiles:
    """An asset, ready to be written.

    Attributes:
        vertices_mm: (V, 3), about the centre of their bounding box.
        center_m: (3,) that centre in the asset's frame, scaled: a point of the asset's is at
            ``scale * p - center_m``, in metres, in the model's frame.
        ply: the PLY file.
        texture: its texture as PNG, or None.
    """

    vertices_mm: Floats
    center_m: Floats
    ply: bytes
    texture: bytes | None

    def info(self) -> dict[str, float]:
        """The entry of ``models_info.json``: bounding box and diameter, millimetres."""
        low, size = self.vertices_mm.min(axis=0), np.ptp(self.vertices_mm, axis=0)
        entry = {"diameter": diameter(self.vertices_mm)}
        entry |= {f"min_{a}": float(v) for a, v in zip("xyz", low, strict=True)}
        return entry | {f"size_{a}": float(v) for a, v in zip("xyz", size, strict=True)}


def diameter(points: Floats) -> float:
    """The largest distance between any two of (N, 3) points: between vertices of their hull."""
    from scipy.spatial import ConvexHull, QhullError  # slow to import, and for this alone
    from scipy.spatial.distance import cdist

    try:
        corners = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        corners = np.unique(points, axis=0)  # flat
    return max(float(cdist(corners[i : i + _ROWS], corners).max()) for i in range(0, len(corners), _ROWS))


def model_files(asset: Asset, scale: float, texture_name: str) -> ModelFiles:
    """Prepare an asset.

    Args:
        asset: what to write.
        scale: factor on its size.
        texture_name: of the texture's file, beside the PLY.

    Raises InputError where the asset's files are missing or broken.
    """
    mesh = asset.mesh()
    scaled = mesh.vertices.astype(np.float64) * scale
    center = (scaled.min(axis=0) + scaled.max(axis=0)) / 2
    texture = _texture(asset, mesh)
    corners = mesh.faces.ravel()
    if texture is not None:
        assert mesh.corner_uv is not None
        source, look, faces = _split(corners, mesh.corner_uv)
        looks: dict[str, npt.NDArray[Any]] = {"texture_u": look[:, 0], "texture_v": look[:, 1]}
    else:
        source, look, faces = _split(corners, _corner_colors(asset, mesh))
        looks = {c: look[:, i].astype(np.uint8) for i, c in enumerate(("red", "green", "blue"))}
    vertices = (scaled - center) * MM
    normals = _normals(vertices, mesh.faces)
    ply = _ply(vertices[source], normals[source], looks, faces, texture_name if texture is not None else None)
    return ModelFiles(vertices, center, ply, texture)


def _split(
    corners: npt.NDArray[Any], looks: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int32]]:
    """One vertex for each position and look; gives their positions, their looks, and the faces."""
    rows = np.column_stack([corners.astype(np.float64), looks.astype(np.float64)])
    _, first, number = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return corners[first].astype(np.int64), looks[first], number.reshape(-1, 3).astype(np.int32)


def _normals(vertices: Floats, faces: npt.NDArray[np.int32]) -> Floats:
    """(V, 3) unit normals: the sum of those of the faces about a vertex, weighted by angle (Thürrner and Wüthrich)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face = _unit(np.cross(b - a, c - a))
    total = np.zeros_like(vertices)
    for i, (p, q, r) in enumerate(((a, b, c), (b, c, a), (c, a, b))):
        cosine = (_unit(q - p) * _unit(r - p)).sum(axis=1).clip(-1, 1)
        np.add.at(total, faces[:, i], face * np.arccos(cosine)[:, None])
    return _unit(total)


def _unit(v: Floats) -> Floats:
    length = np.linalg.norm(v, axis=1, keepdims=True)
    return np.asarray(v / np.where(length > 0, length, 1.0))


def _texture(asset: Asset, mesh: MeshArrays) -> bytes | None:
    """The base colour as PNG where one textured material covers all of the asset; None elsewhere."""
    used = np.unique(mesh.face_material)
    if len(used) != 1 or mesh.corner_uv is None:
        return None
    material = asset.meta.materials[int(used[0])]
    if material.base_color_texture is None or (material.vertex_colors and mesh.vertex_color is not None):
        return None
    pixels = texture_pixels(asset, material.base_color_texture)
    if any(f != 1.0 for f in material.base_color[:3]):
        pixels = srgb_bytes(linear_from_srgb(pixels) * np.array(material.base_color[:3]))
    done, png = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    if not done:
        raise InputError(f"{asset.folder / material.base_color_texture}: can't be written as PNG")
    return png.tobytes()


def _corner_colors(asset: Asset, mesh: MeshArrays) -> npt.NDArray[np.uint8]:
    """(F * 3, 3) sRGB base colour at the corners of all faces."""
    pixels = base_color_pixels(asset)
    number = len(mesh.faces)
    face, weights = np.repeat(np.arange(number), 3), np.tile(np.eye(3), (number, 1))
    return srgb_bytes(base_color(mesh, asset.meta.materials, pixels, face, weights))


def _ply(
    vertices: Floats,
    normals: Floats,
    looks: dict[str, npt.NDArray[Any]],
    faces: npt.NDArray[np.int32],
    texture_name: str | None,
) -> bytes:
    """A binary PLY of the few types that the BOP toolkit's reader knows (float, uchar, int)."""
    columns = {name: vertices[:, i] for i, name in enumerate("xyz")}
    columns |= {f"n{name}": normals[:, i] for i, name in enumerate("xyz")}
    columns |= looks
    is_byte = {name: values.dtype == np.uint8 for name, values in columns.items()}
    points = np.zeros(len(vertices), [(name, "u1" if b else "<f4") for name, b in is_byte.items()])
    for name, values in columns.items():
        points[name] = values
    triangles = np.zeros(len(faces), [("n", "u1"), ("v", "<i4", 3)])
    triangles["n"], triangles["v"] = 3, faces
    header = ["ply", "format binary_little_endian 1.0", "comment millimetres; written by scanstage"]
    header += [f"comment TextureFile {texture_name}"] if texture_name else []
    header += [f"element vertex {len(points)}"]
    header += [f"property {'uchar' if b else 'float'} {name}" for name, b in is_byte.items()]
    header += [f"element face {len(triangles)}", "property list uchar int vertex_indices", "end_header\n"]
    return "\n".join(header).encode("ascii") + points.tobytes() + triangles.tobytes()
