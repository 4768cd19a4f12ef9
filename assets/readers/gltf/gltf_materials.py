"""Materials of glTF files as ours, with the images that they use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material, TextureTransform
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS
from scanstage.assets.readers.gltf.gltf_document import GltfDocument, extension_of
from scanstage.assets.readers.gltf.gltf_layers import TAKEN, Texture, color_of, layers_of, without_textures
from scanstage.assets.readers.gltf.gltf_textures import GltfTextures, moved_uv, transform_between, uv_set_of
from scanstage.assets.readers.gltf.specular_gloss import DIELECTRIC, metal_rough
from scanstage.assets.textures.texture_coding import pixel_count
from scanstage.assets.textures.udim import NO_TILE, across, corner_of, tile_of_faces
from scanstage.assets.textures.wrapped_textures import WrapModes

_GLOSS = "KHR_materials_pbrSpecularGlossiness"
_MAX_CONVERTED = 1 << 30
"""Pixels of specular-glossiness textures, each of which takes half a microsecond."""


class GltfMaterials:
    """Converts materials on first use and numbers them in that order."""

    def __init__(self, document: GltfDocument) -> None:
        self._document = document
        self._textures = GltfTextures(document)
        self._converted: dict[tuple[int | None, bool, int | None], int] = {}
        self._list: list[Material] = []
        self._wraps: dict[int, dict[str, WrapModes]] = {}
        self._tiles: dict[int, set[int]] = {}
        self._tiled: dict[int, bool] = {}
        self._pixels = 0
        self._lost: list[str] = []

    @property
    def images(self) -> dict[str, bytes]:
        """Of the materials used so far, by the names that they use."""
        return self._textures.images

    def used(self) -> tuple[Material, ...]:
        """All materials used so far; a plain one where there is none."""
        return tuple(self._list) or (Material(),)

    def use(self, index: int | None, vertex_colors: bool, tile: int | None = None) -> int:
        """Number of the material ``index`` (None: glTF's default, white); with ``tile`` of that of one UDIM tile."""
        key = (index, vertex_colors, tile)
        if key not in self._converted:
            self._converted[key] = len(self._list)
            wraps = self._wraps.setdefault(len(self._list), {})
            material = Material(base_color=WHITE, roughness=0.6) if index is None else self._convert(index, tile, wraps)
            if len(self._list) >= MAX_MATERIALS:
                raise InputError(f"uses more than {MAX_MATERIALS:,} materials", "join its materials")
            self._list.append(replace(material, vertex_colors=vertex_colors))
        return self._converted[key]

    def wraps(self) -> Mapping[int, Mapping[str, WrapModes]]:
        """Of the materials used so far, by their numbers: what is beyond the edges of their textures."""
        return self._wraps

    def lies_at(self, index: int | None, uv: npt.NDArray[np.float32]) -> None:
        """Note where faces of a material lie: of all of them, before :meth:`use_tiles` is asked for any.

        Whether its textures are UDIM tiles is seen over all meshes, of which each may lie in one tile alone.

        Args:
            index: as in :meth:`use`.
            uv: (F, 3, 2), V up.
        """
        if index is not None:
            self._tiles.setdefault(index, set()).update(np.unique(tile_of_faces(uv)).tolist())

    def use_tiles(
        self, index: int | None, vertex_colors: bool, uv: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """(F,) numbers of the materials of faces, one for each UDIM tile that they lie in, and their UVs within it.

        Args:
            index, vertex_colors: as in :meth:`use`.
            uv: (F, 3, 2), V up.
        """
        if index is None or not self._is_tiled(index):
            return np.full(len(uv), self.use(index, vertex_colors), np.int64), uv
        of_face, name = tile_of_faces(uv), self._name(index)
        numbers, own = np.zeros(len(uv), np.int64), uv.copy()
        for tile in np.unique(of_face).tolist():
            inside = of_face == tile
            numbers[inside] = self.use(index, vertex_colors, tile)
            own[inside] -= np.array(corner_of(tile), np.float32)
        note = self._document.folder.note
        note("udim", f"the textures of {name!r} are UDIM tiles", "makes a material of each", "info")
        if across(own[of_face != NO_TILE]):
            what = f"triangles of {name!r} reach across the border of a UDIM tile"
            note("udim", what, "takes the tile in which their middle is")
        return numbers, own

    def _is_tiled(self, index: int) -> bool:
        if index not in self._tiled:
            tiles = sorted(self._tiles.get(index, ()))
            self._tiled[index] = self._textures.are_tiles(self._name(index), self._main_texture(index), tiles)
        return self._tiled[index]

    def uv_set(self, index: int | None) -> int:
        """Which TEXCOORD the material's base colour (else its first texture) uses; an asset keeps one set."""
        return 0 if index is None else uv_set_of(self._main_texture(index))

    def transform_uv(self, index: int | None, uv: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """UVs where KHR_texture_transform of the main texture puts them."""
        return uv if index is None else moved_uv(self._main_texture(index), uv)

    def lost(self) -> tuple[str, ...]:
        """Names of materials whose base colour has a texture that isn't there."""
        return tuple(dict.fromkeys(self._lost))

    def _main_texture(self, index: int) -> dict[str, Any]:
        material = self._document.item("materials", index)
        pbr, gloss = material.get("pbrMetallicRoughness", {}), extension_of(material, _GLOSS)
        layers: list[Any] = []
        layers_of(material, lambda key, info: layers.append(info))
        for info in (
            gloss.get("diffuseTexture"),
            gloss.get("specularGlossinessTexture"),
            pbr.get("baseColorTexture"),
            pbr.get("metallicRoughnessTexture"),
            material.get("normalTexture"),
            extension_of(material, "KHR_materials_transmission").get("transmissionTexture"),
            material.get("emissiveTexture"),
            *layers,
        ):
            if isinstance(info, dict):
                return info
        return {}

    def _name(self, index: int) -> str:
        return str(self._document.item("materials", index).get("name") or f"material{index}")

    def _convert(self, index: int, tile: int | None, wraps: dict[str, WrapModes]) -> Material:
        material = self._document.item("materials", index)
        name = self._name(index) if tile is None else f"{self._name(index)}.{tile}"
        transforms: list[TextureTransform] = []
        missing: list[str] = []
        texture = self._placed(name, self._main_texture(index), transforms, tile, wraps, missing)
        alpha_mode = str(material.get("alphaMode", "OPAQUE"))
        normal = material.get("normalTexture")
        layers = layers_of(material, texture)
        fields = {
            "name": name,
            "normal_texture": texture("normal_texture", normal),
            "normal_scale": float(normal.get("scale", 1.0)) if isinstance(normal, dict) else 1.0,
            "emissive_texture": texture("emissive_texture", material.get("emissiveTexture"))
            if any(layers["emissive"])
            else None,
            "alpha_mode": alpha_mode if alpha_mode in ("OPAQUE", "MASK", "BLEND") else "OPAQUE",
            "alpha_cutoff": float(material.get("alphaCutoff", 0.5)),
            **layers,
            **self._transmission(material, texture),
            **self._surface(index, tile, material, texture, wraps),
        }
        fields |= self._without(self._name(index), fields, missing)
        if fields["unlit"]:
            fields |= {"metallic": 0.0, "transmission": 0.0, "coat": 0.0, "sheen_color": (0.0, 0.0, 0.0)}
            what = f"the material {name!r} is unlit (KHR_materials_unlit)"
            self._document.folder.note("unlit", what, "shines with its base colour, whatever the light")
        pbr, gloss = material.get("pbrMetallicRoughness", {}), extension_of(material, _GLOSS)
        named = gloss.get("diffuseTexture") if gloss else pbr.get("baseColorTexture")
        if named and fields["base_color_texture"] is None:
            self._lost.append(name)
        self._tell_what_is_left(self._name(index), material)
        return Material(**fields, texture_transforms=tuple(transforms))

    def _placed(
        self,
        material: str,
        main: dict[str, Any],
        transforms: list[TextureTransform],
        tile: int | None,
        wraps: dict[str, WrapModes],
        missing: list[str],
    ) -> Texture:
        """Names of images, for one material; where they don't lie as the main one is added to ``transforms``.

        What is beyond their edges is added to ``wraps``, and to ``missing`` the keys of those that are left out.
        """

        def texture(key: str, info: Any) -> str | None:
            if not isinstance(info, dict):
                return None
            if uv_set_of(info) != uv_set_of(main):
                what = f"the {_words(key)} of the material {material!r} uses UV set {uv_set_of(info)}"
                action = f"goes on without it: an asset keeps one set, here {uv_set_of(main)}"
                self._document.folder.note("texture", what, action)
                missing.append(key)
                return None
            name = self._textures.name(info, tile)
            if name is None:
                missing.append(key)
            if name is not None and (moved := transform_between(main, info, key)) is not None:
                transforms.append(moved)
            if name is not None:
                wraps[key] = self._textures.wrap(info)
            return name

        return texture

    def _without(self, name: str, fields: dict[str, Any], missing: list[str]) -> dict[str, Any]:
        """Fields that are others since textures are left out, which is told."""
        changed, told = without_textures(fields, missing)
        for what, action in told:
            self._document.folder.note("texture", f"the material {name!r} {what} by a texture that is left out", action)
        return changed

    def _surface(
        self,
        index: int,
        tile: int | None,
        material: dict[str, Any],
        texture: Texture,
        wraps: dict[str, WrapModes],
    ) -> dict[str, Any]:
        """Colour, metal and roughness, whichever way the file says it."""
        pbr, gloss = material.get("pbrMetallicRoughness", {}), extension_of(material, _GLOSS)
        if gloss:
            wraps["base_color_texture"] = self._textures.wrap(gloss.get("diffuseTexture"))
            shine = gloss.get("specularGlossinessTexture")
            wraps["metallic_roughness_texture"] = self._textures.wrap(shine or gloss.get("diffuseTexture"))
            return self._converted_gloss(f"gloss{index if tile is None else f'{index}.{tile}'}", tile, gloss, texture)
        bare = not pbr  # a file that says nothing of its surface gets a scan's usual one, not a mirror
        return {
            "base_color": color_of(pbr.get("baseColorFactor", WHITE), 4),
            "base_color_texture": texture("base_color_texture", pbr.get("baseColorTexture")),
            "metallic": 0.0 if bare else float(pbr.get("metallicFactor", 1.0)),
            "roughness": 0.6 if bare else float(pbr.get("roughnessFactor", 1.0)),
            "metallic_roughness_texture": texture("metallic_roughness_texture", pbr.get("metallicRoughnessTexture")),
        }

    def _converted_gloss(self, key: str, tile: int | None, gloss: dict[str, Any], texture: Texture) -> dict[str, Any]:
        """An old exporter's specular and glossiness as metal and roughness; ``key`` names its images."""
        diffuse, shine = gloss.get("diffuseTexture"), gloss.get("specularGlossinessTexture")
        self._document.folder.note(
            "material", "is of specular and glossiness (an old workflow)", "converts it to metal and roughness", "info"
        )
        if (
            diffuse
            and shine
            and (
                uv_set_of(diffuse) != uv_set_of(shine)
                or transform_between(diffuse, shine, "normal_texture") is not None
            )
        ):
            what, action = "textures of colour and gloss that lie elsewhere", "goes on without that of gloss"
            self._document.folder.note("texture", what, action)
            shine = None
        pictures = [self._textures.bytes_of(info, tile) for info in (diffuse, shine)]
        if gloss.get("specularGlossinessTexture") and pictures[1] is None:
            what = "a texture of specular and glossiness is left out"
            self._document.folder.note("texture", what, "takes what it is on for matt, and for no metal")
            gloss = _matt(gloss)
        self._pixels += sum(pixel_count(data) for data in pictures if data is not None)
        if self._pixels > _MAX_CONVERTED:
            raise InputError("has too many textures of specular and glossiness", "export it as metallic-roughness")
        found = metal_rough(gloss, *pictures)
        add = self._textures.add
        color = found.color_png and add(f"{key}_color.png", found.color_png)
        alpha = float(color_of(gloss.get("diffuseFactor", WHITE), 4)[3])
        return {
            "base_color": (*found.color, alpha),
            "base_color_texture": color or texture("base_color_texture", diffuse),
            "metallic": found.metallic,
            "roughness": found.roughness,
            "metallic_roughness_texture": found.packed_png and add(f"{key}_packed.png", found.packed_png),
        }

    def _transmission(self, material: dict[str, Any], texture: Texture) -> dict[str, Any]:
        """How light gets through it, as fields of ours: KHR_materials_transmission, _ior and _volume.

        Without a volume, or with one of no thickness, it is a thin wall.
        """
        # 0 is the extension's sign for materials of the old specular workflow, and no index.
        index = {"ior": float(extension_of(material, "KHR_materials_ior").get("ior", 1.5)) or 1.5}
        transmission = extension_of(material, "KHR_materials_transmission")
        factor = float(transmission.get("transmissionFactor", 0.0))
        if factor == 0:
            return index
        volume = extension_of(material, "KHR_materials_volume")
        distance = volume.get("attenuationDistance")
        return index | {
            "transmission": factor,
            "transmission_texture": texture("transmission_texture", transmission.get("transmissionTexture")),
            "thickness_m": float(volume.get("thicknessFactor", 0.0)),
            "attenuation_color": color_of(volume.get("attenuationColor", (1.0, 1.0, 1.0)), 3),
            "attenuation_m": None if distance is None else float(distance),
        }

    def _tell_what_is_left(self, name: str, material: dict[str, Any]) -> None:
        named = material.get("extensions", {})
        for extension in sorted(k for k in named if k.startswith(_OF_SURFACES) and k not in TAKEN)[:_MOST_TOLD]:
            what = f"the material {name!r} has {extension[:60]}"
            self._document.folder.note("material", what, "goes on without it")


_OF_SURFACES = ("KHR_materials_", "EXT_materials_", "ADOBE_materials_", "MSFT_")
_MOST_TOLD = 8


def _matt(gloss: dict[str, Any]) -> dict[str, Any]:
    """Specular and glossiness without their texture: white beside it, by itself, is a mirror."""
    shine = min(float(gloss.get("glossinessFactor", 1.0)), 1 - Material.roughness)
    return gloss | {"specularFactor": [DIELECTRIC] * 3, "glossinessFactor": shine}


def _words(key: str) -> str:
    return key.removesuffix("_texture").replace("_", " ") + " texture"
