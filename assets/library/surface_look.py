"""What the surface of an asset looks like at a point: base colour and shading normal."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Asset, Material, MeshArrays
from scanstage.assets.files.outside_files import read_below
from scanstage.assets.meshes.topology import groups
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_FILE_BYTES
from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.assets.textures.texture_coding import decode_rgb

Floats = npt.NDArray[np.float64]
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def shading_normals(
    mesh: MeshArrays, face: npt.NDArray[np.int64], weights: Floats, directions: npt.NDArray[Any]
) -> Floats:
    """(N, 3) unit normals at points of a mesh, interpolated over its vertices and turned to the viewer.

    Args:
        mesh: the asset's arrays.
        face: (N,) face that each point lies on.
        weights: (N, 3) barycentric.
        directions: (N, 3) in which the viewer looks, asset frame.
    """
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    of_vertex: Floats = np.stack(
        [np.bincount(mesh.faces.ravel(), np.repeat(cross[:, k], 3), len(mesh.vertices)) for k in range(3)], axis=1
    )
    of_vertex /= np.maximum(np.linalg.norm(of_vertex, axis=1), 1e-300)[:, None]
    normal = np.einsum("ij,ijk->ik", weights, of_vertex[mesh.faces[face]])
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-9)[:, None]
    away = np.einsum("ij,ij->i", normal, directions) > 0
    return np.where(away[:, None], -normal, normal)


def texture_pixels(asset: Asset, name: str) -> Pixels:
    """(h, w, 3) uint8 sRGB of one of the asset's textures. Raises InputError where it is missing or broken."""
    path = asset.folder / name
    try:
        # A dataset from elsewhere names its library, in which a link might lead to any picture of this machine.
        return np.asarray(decode_rgb(read_below(asset.folder, name, MAX_FILE_BYTES), str(path)))
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror or e})", "take the scan in again") from e


def base_color_pixels(asset: Asset) -> dict[str, Pixels]:
    """All base-colour textures of an asset by name. Raises InputError where one is missing or broken."""
    names = {m.base_color_texture for m in asset.meta.materials}
    return {name: texture_pixels(asset, name) for name in sorted(n for n in names if n is not None)}


def base_color(
    mesh: MeshArrays,
    materials: tuple[Material, ...],
    pixels: dict[str, Pixels],
    face: npt.NDArray[np.int64],
    weights: Floats,
) -> Floats:
    """(N, 3) linear base colour at points of a mesh.

    Args:
        mesh, materials: the asset's.
        pixels: decoded base-colour textures by the name that the materials use, (h, w, 3 or 4) uint8 sRGB; a texture
            that isn't among them counts as white.
        face: (N,) face that each point lies on.
        weights: (N, 3) barycentric.
    """
    of_hit = mesh.face_material[face]
    albedo = np.empty((len(face), 3))
    for k, mine in groups(of_hit).items():
        material = materials[k]
        color = np.broadcast_to(np.array(material.base_color[:3]), (len(mine), 3)).copy()
        if material.base_color_texture in pixels and mesh.corner_uv is not None:
            uv = mesh.corner_uv.reshape(-1, 3, 2)[face[mine]].astype(np.float64)
            color *= _sample(pixels[material.base_color_texture], np.einsum("ij,ijk->ik", weights[mine], uv))
        if material.vertex_colors and mesh.vertex_color is not None:
            corners = linear_from_srgb(mesh.vertex_color[mesh.faces[face[mine]]][..., :3])
            color *= np.einsum("ij,ijk->ik", weights[mine], corners)
        albedo[mine] = color
    return albedo


def _sample(image: Pixels, uv: Floats) -> Floats:
    """(N, 3) linear colour at UVs (V up, repeating), nearest pixel."""
    h, w = image.shape[:2]
    wrapped = np.nan_to_num(uv) % 1.0
    x = np.minimum((wrapped[:, 0] * w).astype(np.int64), w - 1)
    y = np.minimum(((1 - wrapped[:, 1]) * h).astype(np.int64), h - 1)
    return linear_from_srgb(image[y, x, :3])
