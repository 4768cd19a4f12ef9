"""MTL, the material file of OBJ, with the PBR keys that scanners and Blender write (Pr, Pm, norm, map_Pr …).

Mapping of Phong to PBR: as Blender's own OBJ importer does it, roughness = 1 - sqrt(Ns / 1000).
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from assets.asset import Material
from assets.raw_scan import Finding
from assets.readers.folder import ScanFolder, read_bounded
from assets.readers.plain_text import decode_text
from assets.texture_coding import is_normal_map, pack_channels, with_alpha

_OPTION_VALUES = {"-blendu": 1, "-blendv": 1, "-boost": 1, "-mm": 2, "-texres": 1, "-clamp": 1, "-bm": 1}
_OPTION_VALUES |= {"-imfchan": 1, "-type": 1, "-cc": 1}
_VECTOR_OPTIONS = {"-o", "-s", "-t"}  # one to three numbers
_MAPS = {"map_kd", "map_d", "norm", "map_bump", "bump", "map_pr", "map_pm", "map_ke", "map_normal", "map_kn"}


@dataclass
class _Entry:
    """One ``newmtl`` as it is written."""

    values: dict[str, list[float]] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)


def read_mtl(reference: str, folder: ScanFolder, known: dict[str, Material], images: dict[str, bytes]) -> None:
    """Add the materials of what ``mtllib`` names to ``known``, and their textures to ``images``.

    Raises InputError where a path leads out of the folder.
    """
    names = [reference]
    if " " in reference and not (folder.root / reference).is_file():
        names = reference.split()
    for name in names:
        data = folder.read(name, "material file")
        if data is None:
            continue
        base = PurePosixPath(name.replace("\\", "/")).parent
        for material, entry in _parse(decode_text(data)).items():
            known.setdefault(material, _to_material(material, entry, base, folder, images))


def beside_texture(folder: ScanFolder) -> tuple[str, bytes] | None:
    """The image of the scan's own name, for scans that name no texture at all; noted as a finding."""
    for suffix in (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"):
        path = folder.root / (folder.source.stem + suffix)
        if path.is_file() and not path.is_symlink():
            what = f"names no texture, but {path.name} lies beside it"
            folder.findings.append(Finding("info", "texture", what, f"takes {path.name} as the base colour"))
            return path.name, read_bounded(path)
    return None


def _parse(text: str) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    current = _Entry()
    for line in text.splitlines():
        key, _, rest = (
            line.strip().partition(" ") if "\t" not in line else line.strip().replace("\t", " ").partition(" ")
        )
        key, rest = key.lower(), rest.strip()
        if key == "newmtl":
            current = entries.setdefault(rest, _Entry())
        elif key in _MAPS:
            current.maps[key] = _file_of_map(rest)
        elif key in ("kd", "ks", "ns", "d", "tr", "ke", "pr", "pm"):
            current.values[key] = _floats(rest)
    return entries


def _floats(rest: str) -> list[float]:
    values: list[float] = []
    for word in rest.split():
        try:
            value = float(word)
        except ValueError:
            break
        values.append(value if math.isfinite(value) else 0.0)
    return values


def _file_of_map(rest: str) -> str:
    """The file name after the options of a map statement; it may hold spaces."""
    words = rest.split(" ")
    k = 0
    while k < len(words) and words[k].startswith("-"):
        option = words[k].lower()
        if option in _VECTOR_OPTIONS:
            k += 1
            taken = 0
            while k < len(words) and taken < 3 and _floats(words[k]):
                k, taken = k + 1, taken + 1
        elif option in _OPTION_VALUES:
            k += 1 + _OPTION_VALUES[option]
        else:
            break
    name = " ".join(words[k:]).strip()
    if name.startswith('"'):
        try:
            return (shlex.split(name) or [""])[0]
        except ValueError:
            return name.strip('"')
    return name


def _to_material(
    name: str, entry: _Entry, base: PurePosixPath, folder: ScanFolder, images: dict[str, bytes]
) -> Material:
    def texture(*keys: str) -> str | None:
        for key in keys:
            if reference := entry.maps.get(key, ""):
                return _load(reference, base, folder, images)
        return None

    color_map = texture("map_kd")
    opacity = _opacity(entry)
    # Exporters disagree on what Kd means beside a map (black, grey, a tint); like Blender, the map alone counts.
    rgb = (1.0, 1.0, 1.0) if color_map else _rgb(entry.values.get("kd"), (0.8, 0.8, 0.8))
    alpha_mode = "BLEND" if opacity < 1 else "OPAQUE"
    if color_map and (alpha_map := texture("map_d")):
        combined = with_alpha(images[color_map], images[alpha_map])
        if combined is not None:
            color_map = f"{PurePosixPath(color_map).stem}-alpha.png"
            images[color_map] = combined
            alpha_mode = "MASK"
    roughness, metallic, packed = _surface(entry, texture("map_pr"), texture("map_pm"), images)
    emissive_map = texture("map_ke")
    return Material(
        name=name or "material",
        base_color=(*rgb, opacity),
        base_color_texture=color_map,
        metallic=metallic,
        roughness=roughness,
        metallic_roughness_texture=packed,
        normal_texture=_normal_map(entry, texture, folder, images),
        emissive=(1.0, 1.0, 1.0) if emissive_map else _rgb(entry.values.get("ke"), (0.0, 0.0, 0.0)),
        emissive_texture=emissive_map,
        alpha_mode=alpha_mode,
    )


def _load(reference: str, base: PurePosixPath, folder: ScanFolder, images: dict[str, bytes]) -> str | None:
    """Read a texture that an MTL names (relative to the MTL) and return its key in ``images``."""
    cleaned = reference.replace("\\", "/")
    located = str(base / cleaned) if str(base) != "." and not cleaned.startswith("/") else cleaned
    if located in images:
        return located
    data = folder.read(located, "texture")
    if data is None:
        return None
    images[located] = data
    return located


def _opacity(entry: _Entry) -> float:
    """``d``, else 1 - ``Tr``. 0 is a well-known mistake of exporters (Tr and d confused): taken as opaque."""
    value = 1.0
    if dissolve := entry.values.get("d"):
        value = dissolve[0]
    elif transparency := entry.values.get("tr"):
        value = 1.0 - transparency[0]
    return value if 0.0 < value < 1.0 else 1.0


def _rgb(values: list[float] | None, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if not values:
        return default
    r, g, b = (values * 3)[:3] if len(values) < 3 else values[:3]
    return (min(max(r, 0.0), 1.0), min(max(g, 0.0), 1.0), min(max(b, 0.0), 1.0))


def _surface(
    entry: _Entry, roughness_map: str | None, metallic_map: str | None, images: dict[str, bytes]
) -> tuple[float, float, str | None]:
    """Roughness, metallic and the texture that holds both (roughness in G, metallic in B)."""
    roughness = Material.roughness
    if values := entry.values.get("pr"):
        roughness = values[0]
    elif (ns := entry.values.get("ns")) and max(entry.values.get("ks") or [0.0]) > 0:
        roughness = 1.0 - math.sqrt(min(max(ns[0], 0.0), 1000.0) / 1000.0)
    metallic = (entry.values.get("pm") or [0.0])[0]
    if roughness_map or metallic_map:
        key = f"{PurePosixPath(roughness_map or metallic_map or '').stem}-packed.png"
        green = images[roughness_map] if roughness_map else None
        blue = images[metallic_map] if metallic_map else None
        packed = pack_channels(green, blue)
        if packed is not None:
            images[key] = packed
            return (1.0 if green else roughness), (1.0 if blue else metallic), key
    return min(max(roughness, 0.05), 1.0), min(max(metallic, 0.0), 1.0), None


def _normal_map(entry: _Entry, texture: object, folder: ScanFolder, images: dict[str, bytes]) -> str | None:
    """``norm``, or ``map_Bump`` where the picture is plainly a tangent-space normal map and not a height map."""
    assert callable(texture)
    if named := texture("norm", "map_normal", "map_kn"):
        return str(named)
    bump = texture("map_bump", "bump")
    if bump is None:
        return None
    if is_normal_map(images[bump]):
        return str(bump)
    folder.findings.append(Finding("info", "bump map", f"{bump} is a height map", "left out (normal maps are kept)"))
    return None
