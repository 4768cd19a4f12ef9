"""Materials of glTF files as ours, with the images that they use."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS
from scanstage.assets.readers.gltf.gltf_document import GltfDocument, extension_of, numbers


class GltfMaterials:
    """Converts materials on first use and numbers them in that order; ``images`` grows along."""

    def __init__(self, document: GltfDocument) -> None:
        self._document = document
        self._converted: dict[tuple[int | None, bool], int] = {}
        self._list: list[Material] = []
        self.images: dict[str, bytes] = {}

    def used(self) -> tuple[Material, ...]:
        """All materials used so far; a plain one where there is none."""
        return tuple(self._list) or (Material(),)

    def use(self, index: int | None, vertex_colors: bool) -> int:
        """Number of the material ``index`` (None: glTF's default, white)."""
        key = (index, vertex_colors)
        if key not in self._converted:
            material = Material(base_color=WHITE, roughness=0.6) if index is None else self._convert(index)
            self._converted[key] = len(self._list)
            if len(self._list) >= MAX_MATERIALS:
                raise InputError(f"uses more than {MAX_MATERIALS:,} materials", "join its materials")
            self._list.append(replace(material, vertex_colors=vertex_colors))
        return self._converted[key]

    def uv_set(self, index: int | None) -> int:
        """Which TEXCOORD the material's base colour (else its first texture) uses; an asset keeps one set."""
        if index is None:
            return 0
        info = self._main_texture(index)
        transform = extension_of(info, "KHR_texture_transform")
        return int(transform.get("texCoord", info.get("texCoord", 0)))

    def transform_uv(self, index: int | None, uv: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Apply KHR_texture_transform of the main texture: scale, then rotation, then offset."""
        transform = extension_of(self._main_texture(index), "KHR_texture_transform") if index is not None else {}
        if not transform:
            return uv
        angle = float(transform.get("rotation", 0.0))
        c, s = math.cos(angle), math.sin(angle)
        scaled = uv * numbers(transform.get("scale", [1, 1]), 2)
        turned = np.stack([c * scaled[:, 0] + s * scaled[:, 1], -s * scaled[:, 0] + c * scaled[:, 1]], axis=1)
        result: npt.NDArray[np.float64] = turned + numbers(transform.get("offset", [0, 0]), 2)
        return result

    def _main_texture(self, index: int) -> dict[str, Any]:
        material = self._document.item("materials", index)
        pbr = material.get("pbrMetallicRoughness", {})
        gloss = extension_of(material, "KHR_materials_pbrSpecularGlossiness")
        for info in (
            pbr.get("baseColorTexture"),
            gloss.get("diffuseTexture"),
            pbr.get("metallicRoughnessTexture"),
            material.get("normalTexture"),
            extension_of(material, "KHR_materials_transmission").get("transmissionTexture"),
        ):
            if isinstance(info, dict):
                return info
        return {}

    def _convert(self, index: int) -> Material:
        material = self._document.item("materials", index)
        pbr = material.get("pbrMetallicRoughness", {})
        gloss = extension_of(material, "KHR_materials_pbrSpecularGlossiness")
        if gloss:
            color, texture = gloss.get("diffuseFactor", WHITE), gloss.get("diffuseTexture")
            metallic, roughness, packed = 0.0, 1.0 - float(gloss.get("glossinessFactor", 1.0)), None
        else:
            color, texture = pbr.get("baseColorFactor", WHITE), pbr.get("baseColorTexture")
            metallic, roughness = float(pbr.get("metallicFactor", 1.0)), float(pbr.get("roughnessFactor", 1.0))
            packed = pbr.get("metallicRoughnessTexture")
        if not pbr and not gloss:  # a file that says nothing of its surface gets a scan's usual one, not a mirror
            metallic, roughness = 0.0, 0.6
        alpha_mode = str(material.get("alphaMode", "OPAQUE"))
        emissive = _color(material.get("emissiveFactor", (0.0, 0.0, 0.0)), 3)
        return Material(
            name=str(material.get("name") or f"material{index}"),
            base_color=_color(color, 4),  # type: ignore[arg-type]
            base_color_texture=self._texture(texture),
            metallic=metallic,
            roughness=roughness,
            metallic_roughness_texture=self._texture(packed),
            normal_texture=self._texture(material.get("normalTexture")),
            emissive=emissive,  # type: ignore[arg-type]
            emissive_texture=self._texture(material.get("emissiveTexture")) if any(emissive) else None,
            alpha_mode=alpha_mode if alpha_mode in ("OPAQUE", "MASK", "BLEND") else "OPAQUE",
            alpha_cutoff=float(material.get("alphaCutoff", 0.5)),
            **self._transmission(material),
        )

    def _transmission(self, material: dict[str, Any]) -> dict[str, Any]:
        """How light gets through it, as fields of ours: KHR_materials_transmission, _ior and _volume.

        Without a volume, or with one of no thickness, it is a thin wall.
        """
        transmission = extension_of(material, "KHR_materials_transmission")
        factor = float(transmission.get("transmissionFactor", 0.0))
        if factor == 0:
            return {}
        volume = extension_of(material, "KHR_materials_volume")
        distance = volume.get("attenuationDistance")
        return {
            "transmission": factor,
            "transmission_texture": self._texture(transmission.get("transmissionTexture")),
            # 0 is the extension's sign for materials of the old specular workflow, and no index.
            "ior": float(extension_of(material, "KHR_materials_ior").get("ior", 1.5)) or 1.5,
            "thickness_m": float(volume.get("thicknessFactor", 0.0)),
            "attenuation_color": _color(volume.get("attenuationColor", (1.0, 1.0, 1.0)), 3),
            "attenuation_m": None if distance is None else float(distance),
        }

    def _texture(self, info: Any) -> str | None:
        """Key in ``images`` of the image behind a texture reference."""
        if not isinstance(info, dict):
            return None
        texture = self._document.item("textures", info.get("index"))
        source = extension_of(texture, "EXT_texture_webp").get("source", texture.get("source"))
        if source is None:
            kinds = ", ".join(list(texture.get("extensions", {}))[:5]) or "no source"
            self._document.folder.note(
                "missing texture", f"a texture of an unknown kind ({kinds})", "goes on without it"
            )
            return None
        if f"image{source}" in self.images:
            return f"image{source}"
        image = self._document.image(source)
        if image is None:
            return None
        self.images[image[0]] = image[1]
        return image[0]


def _color(values: Any, width: int) -> tuple[float, ...]:
    given = [float(v) for v in values[:width]]
    return (*given, *[1.0] * (width - len(given)))
