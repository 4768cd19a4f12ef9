"""What lies on a glTF surface besides its colour and gloss, as fields of our materials: coat, sheen, brushing …"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from scanstage.assets.asset import Material
from scanstage.assets.readers.gltf.gltf_document import extension_of

Texture = Callable[[str, Any], str | None]
"""Name of the image for a key of ``Material``, given the document's texture reference."""

TAKEN = frozenset(
    f"KHR_materials_{name}"
    for name in (
        *("pbrSpecularGlossiness", "unlit", "transmission", "ior", "volume", "clearcoat", "sheen", "anisotropy"),
        *("emissive_strength", "specular"),
    )
)
"""Extensions of materials that come in; others are told."""


def layers_of(material: dict[str, Any], texture: Texture) -> dict[str, Any]:
    """Fields of a :class:`Material` for the extensions of a glTF material; none that are as without them."""
    return {
        **_coat(extension_of(material, "KHR_materials_clearcoat"), texture),
        **_sheen(extension_of(material, "KHR_materials_sheen"), texture),
        **_anisotropy(extension_of(material, "KHR_materials_anisotropy"), texture),
        **_specular(extension_of(material, "KHR_materials_specular"), texture),
        **_emission(material),
    }


def _coat(coat: dict[str, Any], texture: Texture) -> dict[str, Any]:
    factor = float(coat.get("clearcoatFactor", 0.0))
    if factor == 0:
        return {}
    return {
        "coat": factor,
        "coat_texture": texture("coat_texture", coat.get("clearcoatTexture")),
        "coat_roughness": float(coat.get("clearcoatRoughnessFactor", 0.0)),
        "coat_roughness_texture": texture("coat_roughness_texture", coat.get("clearcoatRoughnessTexture")),
        "coat_normal_texture": texture("coat_normal_texture", coat.get("clearcoatNormalTexture")),
    }


def _sheen(sheen: dict[str, Any], texture: Texture) -> dict[str, Any]:
    color = color_of(sheen.get("sheenColorFactor", (0.0, 0.0, 0.0)), 3)
    if not any(color):
        return {}
    return {
        "sheen_color": color,
        "sheen_color_texture": texture("sheen_color_texture", sheen.get("sheenColorTexture")),
        "sheen_roughness": float(sheen.get("sheenRoughnessFactor", 0.0)),
        "sheen_roughness_texture": texture("sheen_roughness_texture", sheen.get("sheenRoughnessTexture")),
    }


def _anisotropy(brushed: dict[str, Any], texture: Texture) -> dict[str, Any]:
    strength = float(brushed.get("anisotropyStrength", 0.0))
    if strength == 0:
        return {}
    return {
        "anisotropy": strength,
        "anisotropy_rad": float(brushed.get("anisotropyRotation", 0.0)),
        "anisotropy_texture": texture("anisotropy_texture", brushed.get("anisotropyTexture")),
    }


def _specular(specular: dict[str, Any], texture: Texture) -> dict[str, Any]:
    if not specular:
        return {}
    return {
        "specular": float(specular.get("specularFactor", 1.0)),
        "specular_texture": texture("specular_texture", specular.get("specularTexture")),
        "specular_color": color_of(specular.get("specularColorFactor", (1.0, 1.0, 1.0)), 3),
        "specular_color_texture": texture("specular_color_texture", specular.get("specularColorTexture")),
    }


def _emission(material: dict[str, Any]) -> dict[str, Any]:
    emissive = color_of(material.get("emissiveFactor", (0.0, 0.0, 0.0)), 3)
    strength = extension_of(material, "KHR_materials_emissive_strength").get("emissiveStrength", 1.0)
    unlit = "KHR_materials_unlit" in material.get("extensions", {})
    return {"emissive": emissive, "emissive_strength": float(strength), "unlit": unlit}


_BLACK = (0.0, 0.0, 0.0)
_LEFT_OUT: dict[str, tuple[dict[str, Any], str, str]] = {
    "emissive_texture": ({"emissive": _BLACK}, "glows", "doesn't let it glow"),
    "transmission_texture": ({"transmission": 0.0}, "lets light through", "takes it for opaque"),
    "coat_texture": ({"coat": 0.0}, "has a clear coat", "leaves the coat out"),
    "sheen_color_texture": ({"sheen_color": _BLACK}, "has a sheen", "leaves the sheen out"),
    "anisotropy_texture": ({"anisotropy": 0.0}, "is brushed", "takes it for even"),
}
"""By texture: what a surface is without it, and what to say of that."""


def without_textures(fields: dict[str, Any], missing: Collection[str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Fields as they are where textures are left out that they should be multiplied by; and what that changes.

    Exporters write 1 beside a texture, which by itself is a lamp, a mirror, or glass all over. The roughness of a coat
    or a sheen stays: the larger, the less is to be seen of them. So do reflections, of which 1 is as without a texture.

    Args:
        fields: of a :class:`Material`.
        missing: keys of textures that the file has and the fields don't.

    Returns: the fields that change, and for each texture (what the material does by it, what is done without it).
    """
    changed: dict[str, Any] = {}
    told = []
    for key in sorted(_LEFT_OUT.keys() & set(missing)):
        plain, what, action = _LEFT_OUT[key]
        changed |= plain
        told.append((what, action))
    if "metallic_roughness_texture" in missing:
        matt = {"metallic": Material.metallic, "roughness": min(fields["roughness"], Material.roughness)}
        if any(fields[k] != v for k, v in matt.items()):
            changed |= matt
            told.append(("is metal or rough", "takes it for matt, and for no metal"))
    return changed, told


def color_of(values: Any, width: int) -> tuple[float, ...]:
    """So many numbers of a list; 1 for those that it lacks."""
    given = [float(v) for v in values[:width]]
    return (*given, *[1.0] * (width - len(given)))
