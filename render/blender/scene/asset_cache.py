"""Meshes and materials of the assets shown lately, bounded in memory."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..exchange.plan_types import ScanMaterialJson, SurfaceMaterialJson
from .image_cache import ImageCache, MissingFile
from .mesh_data import COLOR_NAME, UV_NAME, build_mesh, is_axis_aligned
from .scan_material import ScanMaterialBuilder, is_glass
from .standing import StandingUsers
from .textured_material import build_surface_material

# Blender's and Cycles' copies of a vertex with normal, edge and BVH share, and of a triangle: an estimate.
_BYTES_PER_TRIANGLE = 400
# Bytes in memory for each byte in the file, of photographs; asking Blender for the size would decode the image.
_DECODED = {".jpg": 12, ".jpeg": 12, ".png": 3}


@dataclass
class CachedAsset:
    """An asset's datablocks: its mesh, its own materials (slots in order) and the images that these use.

    ``flat_arrays`` holds the arrays of boxes and planes, for meshes with UVs of their own; None for anything else.
    ``glass``: whether its own materials let light through; ``extent_m``: of its longest side. ``worn``: its materials
    with wear, once an object had some.
    """

    mesh: Any
    materials: list[Any]
    images: list[Any]
    flat_arrays: dict[str, Any] | None
    size_bytes: int
    glass: bool
    extent_m: float
    worn: list[Any] = field(default_factory=list)


class AssetCache:
    """Assets by folder; the least recently used leave when the estimate of all exceeds ``limit_bytes``."""

    def __init__(self, images: ImageCache, limit_bytes: int, standing: StandingUsers, albedo_apart: bool) -> None:
        self._images, self._standing = images, standing
        self._limit = limit_bytes
        self._albedo_apart = albedo_apart
        self._assets: OrderedDict[str, CachedAsset] = OrderedDict()
        self._surfaces: OrderedDict[tuple[str | None, str | None, bool, bool, bool], Any] = OrderedDict()

    def get(self, folder: str) -> CachedAsset:
        """The datablocks of the asset in ``folder``.

        Raises:
            MissingFile: the asset or one of its textures can't be read.
        """
        if folder not in self._assets:
            self._assets[folder] = self._load(folder)
        self._assets.move_to_end(folder)
        return self._assets[folder]

    def worn_materials(self, folder: str) -> list[Any]:
        """The materials of an asset as they are with wear, in the order of its slots; made when first asked for.

        Raises:
            MissingFile: as :meth:`get`.
        """
        asset = self.get(folder)
        if not asset.worn:
            has_uv, has_color = UV_NAME in asset.mesh.uv_layers, COLOR_NAME in asset.mesh.color_attributes
            builder = ScanMaterialBuilder(folder, self._images, has_uv, has_color, self._albedo_apart, worn=True)
            asset.worn = self._build(builder, _descriptions(folder))
            asset.images = list(dict.fromkeys([*asset.images, *builder.used_images]))
        return asset.worn

    def surface_material(self, description: SurfaceMaterialJson, flat_faced: bool) -> Any:
        """The material for a ``SurfaceMaterial`` on an object that is (not) ``flat_faced``; see there."""
        shape = (description["bump_m"] > 0, description["joint_roughness"] is not None)
        key = (description["texture"], description["image"], *shape, flat_faced)
        if key not in self._surfaces:
            material = bpy.data.materials.new("surface")
            try:
                build_surface_material(material, description, flat_faced, self._images, self._albedo_apart)
            except Exception:
                bpy.data.materials.remove(material)
                raise
            self._standing.add(material)
            self._surfaces[key] = material
        self._surfaces.move_to_end(key)
        return self._surfaces[key]

    def trim(self, in_use: set[str], surfaces_kept: int = 64) -> None:
        """Remove what is over the limits, never what the picture in hand uses (the folders ``in_use``)."""
        total = sum(a.size_bytes for a in self._assets.values())
        for folder in [f for f in self._assets if f not in in_use]:
            if total <= self._limit:
                break
            asset = self._assets.pop(folder)
            total -= asset.size_bytes
            self._remove(asset)
        while len(self._surfaces) > surfaces_kept:
            _, material = next(iter(self._surfaces.items()))
            if self._standing.others(material):
                break  # the oldest is in use, so all are: a picture of more surfaces than are kept
            self._surfaces.popitem(last=False)
            self._drop_surface(material)

    def _drop_surface(self, material: Any) -> None:
        images = {n.image for n in material.node_tree.nodes if n.type == "TEX_IMAGE"}
        self._remove_materials([material])
        for image in images:
            self._images.release(image)

    def _remove(self, asset: CachedAsset) -> None:
        bpy.data.meshes.remove(asset.mesh)
        self._remove_materials(asset.materials + asset.worn)
        for image in asset.images:
            self._images.release(image)

    def _remove_materials(self, materials: list[Any]) -> None:
        for material in materials:
            self._standing.drop(material)
            bpy.data.materials.remove(material)

    def _load(self, folder: str) -> CachedAsset:
        descriptions = _descriptions(folder)
        try:
            with np.load(Path(folder, "mesh.npz"), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError) as e:
            raise MissingFile(f"{folder}: can't read the asset ({e})") from e
        has_uv, has_color = "corner_uv" in arrays, "vertex_color" in arrays
        builder = ScanMaterialBuilder(folder, self._images, has_uv, has_color, self._albedo_apart)
        materials = self._build(builder, descriptions)
        mesh = build_mesh(Path(folder).name, arrays)
        for material in materials:
            mesh.materials.append(material)
        images = list(dict.fromkeys(builder.used_images))
        size = sum(map(_image_bytes, images)) + len(arrays["faces"]) * _BYTES_PER_TRIANGLE
        flat_arrays = arrays if is_axis_aligned(arrays) else None
        glass, extent_m = any(map(is_glass, descriptions)), float(np.ptp(arrays["vertices"], axis=0).max())
        return CachedAsset(mesh, materials, images, flat_arrays, size, glass, extent_m)

    def _build(self, builder: ScanMaterialBuilder, descriptions: list[ScanMaterialJson]) -> list[Any]:
        materials: list[Any] = []
        try:
            for description in descriptions:
                materials.append(bpy.data.materials.new(description["name"]))
                builder.build(materials[-1], description)
        except Exception:
            self._remove_materials(materials)
            raise
        for material in materials:
            self._standing.add(material)
        return materials


def _descriptions(folder: str) -> list[ScanMaterialJson]:
    """Raises MissingFile where the asset can't be read."""
    try:
        found: list[ScanMaterialJson] = json.loads(Path(folder, "asset.json").read_text("utf-8"))["materials"]
    except (OSError, ValueError, KeyError) as e:
        raise MissingFile(f"{folder}: can't read the asset ({e})") from e
    return found


def _image_bytes(image: Any) -> int:
    path = Path(image.filepath)
    return path.stat().st_size * _DECODED.get(path.suffix.lower(), 4)
