"""Textures turned into vertex colours, for surfaces with so many seams that they can't be simplified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import TEXTURE_KEYS, WHITE, Material
from scanstage.assets.meshes.surface_mesh import SurfaceMesh
from scanstage.assets.meshes.topology import groups
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.textures.srgb import linear_from_srgb, srgb_bytes
from scanstage.assets.textures.texture_coding import decode_rgb


def bake_colors(mesh: SurfaceMesh, scan: RawScan) -> tuple[SurfaceMesh, RawScan]:
    """The same mesh and scan with each position's mean base colour as a colour, and without UVs and textures.

    Fine print between vertices is lost; roughness and metallic factors stay. Raises InputError for a broken texture.
    """
    linear = np.ones((len(mesh.faces), 3, 3))
    name, pixels = "", None
    for k, mine in sorted(groups(mesh.face_material).items(), key=_by_texture(scan)):
        material = scan.materials[k]
        linear[mine] *= np.array(material.base_color[:3])
        if material.base_color_texture in scan.images and mesh.corner_uv is not None:
            if pixels is None or name != material.base_color_texture:
                name = material.base_color_texture
                pixels = decode_rgb(scan.images[name], name)
            linear[mine] *= _nearest(pixels, mesh.corner_uv[mine])
        if material.vertex_colors and mesh.corner_color is not None:
            linear[mine] *= linear_from_srgb(mesh.corner_color[mine][..., :3])
    corner = mesh.faces.ravel()
    number = np.bincount(corner, minlength=len(mesh.positions))
    sums = [np.bincount(corner, linear.reshape(-1, 3)[:, c], len(mesh.positions)) for c in range(3)]
    rgba = np.full((len(mesh.positions), 4), 255, np.uint8)
    rgba[:, :3] = srgb_bytes(np.stack(sums, axis=1) / np.maximum(number, 1)[:, None])
    plain = tuple(_without_textures(m) for m in scan.materials)
    baked = replace(mesh, corner_uv=None, corner_color=rgba[mesh.faces])
    return baked, replace(scan, materials=plain, images={})


def _without_textures(material: Material) -> Material:
    """What a texture says of layers on the surface is lost with it: those are taken away, or left as a whole."""
    changes: dict[str, Any] = dict.fromkeys(TEXTURE_KEYS)
    changes |= {f: 0.0 for f in ("transmission", "coat") if getattr(material, f"{f}_texture") is not None}
    changes |= {"anisotropy": 0.0}  # which has no direction without UVs
    changes |= {"emissive": (0.0, 0.0, 0.0)} if material.emissive_texture else {}
    return replace(
        material,
        **changes,
        base_color=WHITE,
        vertex_colors=True,
        alpha_mode="OPAQUE",
        texture_transforms=(),
    )


def _by_texture(scan: RawScan) -> Callable[[tuple[int, npt.NDArray[np.int64]]], str]:
    """The order in which each texture is decoded once, and only one is held."""
    return lambda group: scan.materials[group[0]].base_color_texture or ""


def _nearest(image: npt.NDArray[np.uint8], uv: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(F, 3, 3) linear colour at the corners, taken a little towards each triangle's middle, off the chart's rim."""
    inside = (uv + 0.25 * (uv.mean(axis=1, keepdims=True) - uv)).astype(np.float64) % 1.0
    h, w = image.shape[:2]
    x = np.minimum((inside[..., 0] * w).astype(np.int64), w - 1)
    y = np.minimum(((1.0 - inside[..., 1]) * h).astype(np.int64), h - 1)
    return linear_from_srgb(image[y, x])
