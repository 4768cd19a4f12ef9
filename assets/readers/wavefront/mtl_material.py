"""A material of an MTL's statements, with the PBR keys that scanners and Blender write (Pr, Pm, norm, map_Pr …).

Mapping of Phong to PBR: as Blender's own OBJ importer does it, roughness = 1 - sqrt(Ns / 1000).
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from scanstage.assets.asset import Material, TextureTransform
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_NOTE
from scanstage.assets.readers.wavefront.mtl_text import MAPS_OF, MaterialEntry
from scanstage.assets.readers.wavefront.mtl_textures import MtlTextures

_REFRACTS = (4, 6, 7, 9)  # illum


def material_of_entry(name: str, entry: MaterialEntry, base: PurePosixPath, textures: MtlTextures) -> Material:
    """The material of a name, as ``newmtl`` has it in an MTL of the folder ``base``. Raises InputError."""

    def texture(*keys: str) -> str | None:
        for key in keys:
            if key in entry.maps and (reference := entry.maps[key].file):
                return textures.read(reference, base)
        return None

    color_map = texture("map_kd")
    if color_map is None and (named := entry.first("map_kd")):
        textures.lost.append(named.file)
        textures.uncolored.add(name or "material")
    opacity = _opacity(entry)
    # Exporters disagree on what Kd means beside a map (black, grey, a tint); like Blender, the map alone counts.
    rgb = (1.0, 1.0, 1.0) if color_map else _rgb(entry.values.get("kd"), (0.8, 0.8, 0.8))
    alpha_mode = "BLEND" if opacity < 1 else "OPAQUE"
    if color_map and (alpha_map := texture("map_d")) and (combined := textures.with_alpha(color_map, alpha_map)):
        color_map, alpha_mode = combined, "MASK"
    if color_map and alpha_mode == "OPAQUE" and entry.first("map_d") is None:
        textures.silent_alpha.add(color_map)
    roughness, metallic, packed = _surface(entry, texture("map_pr"), texture("map_pm"), textures)
    emissive_map = texture("map_ke")
    emissive = [1.0] * 3 if emissive_map else _three(entry.values.get("ke"), 0.0)
    strength = max(1.0, *emissive)
    bump = entry.first(*MAPS_OF["normal_texture"])
    material = Material(
        name=name or "material",
        base_color=(*rgb, opacity),
        base_color_texture=color_map,
        metallic=metallic,
        roughness=roughness,
        metallic_roughness_texture=packed,
        normal_texture=texture("norm", "map_normal", "map_kn") or _bump(texture("map_bump", "bump"), textures),
        normal_scale=bump.strength if bump else 1.0,
        emissive=_rgb([value / strength for value in emissive], (0.0, 0.0, 0.0)),
        emissive_strength=strength,
        emissive_texture=emissive_map,
        alpha_mode=alpha_mode,
        **_layers(entry),
    )
    _tell_what_is_left(name, entry, textures)
    return replace(material, texture_transforms=_transforms(entry, material))


def _layers(entry: MaterialEntry) -> dict[str, Any]:
    """Coat, sheen and brushing of the PBR keys, as fields of a material."""
    value = {key: (entry.values.get(key) or [0.0])[0] for key in ("pc", "pcr", "ps", "aniso", "anisor")}
    sheen = min(max(value["ps"], 0.0), 1.0)
    return {
        "coat": value["pc"],
        "coat_roughness": value["pcr"],
        "sheen_color": (sheen, sheen, sheen),
        "sheen_roughness": 0.5 if sheen else 0.0,  # the format has none; Blender's own default
        "anisotropy": value["aniso"],
        "anisotropy_rad": 2 * math.pi * value["anisor"],
    }


def _tell_what_is_left(name: str, entry: MaterialEntry, textures: MtlTextures) -> None:
    """Of glass: many exporters write a filter of all zeros or ones for what is opaque. And of what shows nothing."""
    if (opacity := _written_opacity(entry)) <= 0:
        what = f"the material {name[:MAX_NOTE]!r} has an opacity of {opacity:.4g} (d, Tr): none of it would be visible"
        textures.note("see-through", what, "takes it for opaque, as exporters confuse d and Tr", "warning")
    tinted = len(set(entry.values.get("tf") or [0.0])) > 1
    refracts = (entry.values.get("illum") or [0.0])[0] in _REFRACTS and (tinted or _opacity(entry) < 1)
    if tinted or refracts:
        what = f"light that passes the material {name[:MAX_NOTE]!r} is tinted or bent (Tf, illum)"
        textures.note("material", what, "goes on without it: MTL's d alone is taken (glTF's glass is)", "warning")


def _transforms(entry: MaterialEntry, material: Material) -> tuple[TextureTransform, ...]:
    """Of the textures that don't lie as the main one does."""
    main = entry.main.matrix
    found: list[TextureTransform] = []
    for key, kinds in MAPS_OF.items():
        own = entry.first(*kinds)
        if getattr(material, key) is None or own is None or np.array_equal(own.matrix, main):
            continue
        if abs(np.linalg.det(main)) < 1e-12:
            raise InputError("a texture's scale (-s) makes a line of it", "export it without")
        matrix = own.matrix @ np.linalg.inv(main)
        found.append(TextureTransform(key, tuple(float(v) for v in np.round(matrix[:2].ravel(), 12))))
    return tuple(found)


def _opacity(entry: MaterialEntry) -> float:
    """``d``, else 1 - ``Tr``. 0 is a well-known mistake of exporters (Tr and d confused): taken as opaque."""
    value = _written_opacity(entry)
    return value if 0.0 < value < 1.0 else 1.0


def _written_opacity(entry: MaterialEntry) -> float:
    if dissolve := entry.values.get("d"):
        return dissolve[0]
    return 1.0 - transparency[0] if (transparency := entry.values.get("tr")) else 1.0


def _rgb(values: list[float] | None, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if not values:
        return default
    r, g, b = _three(values, 0.0)
    return (min(r, 1.0), min(g, 1.0), min(b, 1.0))


def _three(values: list[float] | None, default: float) -> list[float]:
    """Three numbers, each at least 0; of one number three of it."""
    given = [max(v, 0.0) for v in values or [default]]
    return (given * 3)[:3] if len(given) < 3 else given[:3]


def _surface(
    entry: MaterialEntry, roughness_map: str | None, metallic_map: str | None, textures: MtlTextures
) -> tuple[float, float, str | None]:
    """Roughness, metallic and the texture that holds both (roughness in G, metallic in B)."""
    roughness = Material.roughness
    if values := entry.values.get("pr"):
        roughness = values[0]
    elif (ns := entry.values.get("ns")) and max(entry.values.get("ks") or [0.0]) > 0:
        roughness = 1.0 - math.sqrt(min(max(ns[0], 0.0), 1000.0) / 1000.0)
    metallic = (entry.values.get("pm") or [0.0])[0]
    if (roughness_map or metallic_map) and (packed := textures.packed(roughness_map, metallic_map)):
        return (1.0 if roughness_map else roughness), (1.0 if metallic_map else metallic), packed
    return min(max(roughness, 0.05), 1.0), min(max(metallic, 0.0), 1.0), None


def _bump(bump: str | None, textures: MtlTextures) -> str | None:
    """``map_Bump`` where the picture is plainly a tangent-space normal map and not a height map."""
    if bump is not None and not textures.is_normal_map(bump):
        textures.note("bump map", f"{bump} is a height map", "left out (normal maps are kept)")
        return None
    return bump
