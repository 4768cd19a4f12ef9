"""MTL, the material file of OBJ, with the PBR keys that scanners and Blender write (Pr, Pm, norm, map_Pr …).

Mapping of Phong to PBR: as Blender's own OBJ importer does it, roughness = 1 - sqrt(Ns / 1000).
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material, TextureTransform
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import Severity
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS, MAX_NOTE
from scanstage.assets.raw_scans.scan_folder import ScanFolder, leads_elsewhere
from scanstage.assets.readers.parsing.plain_text import decode_text
from scanstage.assets.textures.texture_coding import check_pixels, is_normal_map, pack_channels, pixel_count, with_alpha
from scanstage.assets.textures.udim import are_tiles, of_tile
from scanstage.assets.textures.wrapped_textures import WrapModes

_OPTION_VALUES = {"-blendu": 1, "-blendv": 1, "-boost": 1, "-mm": 2, "-texres": 1, "-clamp": 1, "-bm": 1}
_OPTION_VALUES |= {"-imfchan": 1, "-type": 1, "-cc": 1}
_VECTOR_OPTIONS = {"-o", "-s", "-t"}  # one to three numbers
_MAX_STATEMENT = 8192  # characters, twice a path's
_MAPS = {"map_kd", "map_d", "norm", "map_bump", "bump", "map_pr", "map_pm", "map_ke", "map_normal", "map_kn"}
_MAPS_OF = {
    "base_color_texture": ("map_kd",),
    "metallic_roughness_texture": ("map_pr", "map_pm"),
    "normal_texture": ("norm", "map_normal", "map_kn", "map_bump", "bump"),
    "emissive_texture": ("map_ke",),
}
_VALUES = ("kd", "ks", "ns", "d", "tr", "ke", "pr", "pm", "pc", "pcr", "ps", "aniso", "anisor", "tf", "illum")
_REFRACTS = (4, 6, 7, 9)  # illum


@dataclass(frozen=True)
class _Map:
    """One ``map_`` statement: a file, and what its options say."""

    file: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamped: bool = False
    strength: float = 1.0

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(3, 3): where its texture lies at a UV, V up: scaled, then moved, as Blender and three.js take -s and -o."""
        return np.array([[self.scale[0], 0, self.offset[0]], [0, self.scale[1], self.offset[1]], [0, 0, 1.0]])


@dataclass
class _MaterialEntry:
    """One ``newmtl`` as it is written."""

    values: dict[str, list[float]] = field(default_factory=dict)
    maps: dict[str, _Map] = field(default_factory=dict)

    def first(self, *keys: str) -> _Map | None:
        """The map of the first of these keys that has one."""
        return next((self.maps[key] for key in keys if key in self.maps and self.maps[key].file), None)

    @property
    def main(self) -> _Map:
        """The map whose place is the asset's UV; others are placed from there."""
        return self.first(*(key for keys in _MAPS_OF.values() for key in keys)) or _Map("")


class MtlLibrary:
    """What the MTL files of a scan define. A material's textures are read when it is asked for; ``images`` grows along.

    Args:
        folder: of the scan.

    Attributes:
        images: encoded, by the path that names them.
        lost: textures of base colours, and material files, that are named and not there.
        uncolored: names of the materials that these textures are of.
        silent_alpha: keys of base colours beside which neither ``map_d`` nor ``d`` says whether their alpha counts.
    """

    def __init__(self, folder: ScanFolder) -> None:
        self.images: dict[str, bytes] = {}
        self.lost: list[str] = []
        self.uncolored: set[str] = set()
        self.silent_alpha: set[str] = set()
        self._folder = folder
        self._entries: dict[str, tuple[_MaterialEntry, PurePosixPath]] = {}
        self._read: set[str] = set()
        self._made: dict[tuple[str | None, ...], str | None] = {}
        self._normal_maps: dict[str, bool] = {}

    @property
    def names(self) -> frozenset[str]:
        """Of all materials."""
        return frozenset(self._entries)

    def read(self, reference: str) -> None:
        """Add what ``mtllib`` names: a file, or several. Of materials of the same name the first counts.

        Raises InputError where a path leads out of the folder, and for too many materials.
        """
        names = [reference]
        if " " in reference and not self._folder.has(reference):
            names = reference.split()
        for name in names:
            place = self._folder.find(name, "material file")
            if place in self._read:
                continue
            data = self._folder.read(name, "material file")
            if data is None or place is None:
                self.lost.append(name)
                continue
            self._read.add(place)
            # Of the folder that it was found in, which may be another than the one that the scan says.
            base = PurePosixPath(posixpath.relpath(posixpath.dirname(place) or ".", self._folder.here.as_posix()))
            for material, entry in _parse(decode_text(data)).items():
                self._entries.setdefault(material, (entry, base))
            if len(self._entries) > MAX_MATERIALS:
                raise InputError(f"its MTL files define more than {MAX_MATERIALS:,} materials", "leave unused ones out")

    def is_tiled(self, name: str, tiles: Collection[int]) -> bool:
        """Whether a material's textures are UDIM tiles.

        Args:
            name: of the material.
            tiles: in which its faces lie.

        See :func:`are_tiles`.
        """
        if name not in self._entries:
            return False
        entry, base = self._entries[name]

        def lone(reference: str) -> None:
            what = f"{reference!r} is named as a UDIM tile, and faces of {name!r} lie in others, which aren't there"
            self._folder.note("udim", what, "repeats it")

        return are_tiles(
            [m.file for m in entry.maps.values()], tiles, lambda reference: self._is_there(reference, base), lone
        )

    def _is_there(self, reference: str, base: PurePosixPath) -> bool:
        try:
            return self._folder.find(_located(reference, base), "texture", search=False) is not None
        except InputError:  # it leads out
            return False

    def check(self, used: Iterable[tuple[str, int | None]]) -> None:
        """Refuse materials whose textures have too many pixels in all, counting those that are made of two each time.

        Args:
            used: names of materials, each with a tile or None.

        Raises InputError, before anything is decoded.
        """
        needed: set[tuple[str | None, ...]] = set()
        for (entry, base), tile in ((self._entries[name], tile) for name, tile in used if name in self._entries):
            maps = _of_tile(entry, tile).maps
            keys = {kind: self.texture(m.file, base) for kind, m in maps.items() if m.file}
            pairs = ((keys.get("map_kd"), keys.get("map_d")), (keys.get("map_pr"), keys.get("map_pm")))
            needed |= {pair for pair in pairs if None not in pair} | {(key,) for key in keys.values()}
        pixels = {key: pixel_count(image) for key, image in self.images.items()}
        check_pixels(sum(pixels[key] for group in needed for key in group if key))

    def material(self, name: str, tile: int | None = None) -> Material:
        """The material of a name; a plain one, and a finding, where it isn't defined. Raises as :meth:`read`.

        With ``tile`` that of one UDIM tile.
        """
        if name not in self._entries:
            if name:
                what = f"material {name[:MAX_NOTE]!r} is not defined"
                self._folder.note("missing material", what, "a plain grey one stands in")
            return Material(name=name or "material")
        entry, base = self._entries[name]
        return _to_material(name if tile is None else f"{name}.{tile}", _of_tile(entry, tile), base, self)

    def moved_uv(self, name: str, uv: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(F, 3, 2) UVs where a material's main map lies."""
        matrix = self._entries[name][0].main.matrix if name in self._entries else np.eye(3)
        if np.array_equal(matrix, np.eye(3)):
            return uv
        return (uv @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)

    def wraps(self, name: str) -> dict[str, WrapModes]:
        """What is beyond the edges of a material's textures, by their keys."""
        if name not in self._entries:
            return {}
        maps = ((key, self._entries[name][0].first(*kinds)) for key, kinds in _MAPS_OF.items())
        return {key: ("clamp", "clamp") for key, own in maps if own is not None and own.clamped}

    def texture(self, reference: str, base: PurePosixPath) -> str | None:
        """Read a texture that an MTL names (relative to the MTL) and return its key in ``images``."""
        located = _located(reference, base)
        if located in self.images:
            return located
        data = self._folder.read(located, "texture")
        if data is None:
            return None
        self.images[located] = data
        return located

    def with_alpha(self, color: str, alpha: str) -> str | None:
        """Key of a colour texture with the opacity of another; None where that is opaque."""
        return self._joined(f"{PurePosixPath(color).stem}-alpha", with_alpha, color, alpha)

    def packed(self, roughness: str | None, metallic: str | None) -> str | None:
        """Key of a texture with roughness in G and metallic in B."""
        return self._joined(
            f"{PurePosixPath(roughness or metallic or '').stem}-packed", pack_channels, roughness, metallic
        )

    def _joined(self, stem: str, join: Callable[..., bytes | None], *keys: str | None) -> str | None:
        """Key of what is made of two images; each pair is made once, and its pixels count as those of a texture."""
        made = (join.__name__, *keys)
        if made not in self._made:
            sources = [None if key is None else self.images[key] for key in keys]
            data = join(*sources)
            key = f"{stem}.png" if f"{stem}.png" not in self.images else f"{stem}{len(self._made)}.png"
            if data is not None:
                self.images[key] = data
            self._made[made] = key if data is not None else None
        return self._made[made]

    def is_normal_map(self, key: str) -> bool:
        """Whether a texture is plainly a tangent-space normal map."""
        if key not in self._normal_maps:
            self._normal_maps[key] = is_normal_map(self.images[key])
        return self._normal_maps[key]

    def note(self, topic: str, what: str, action: str, severity: Severity = "info") -> None:
        """Add to the findings."""
        self._folder.note(topic, what, action, severity)


def beside_texture(folder: ScanFolder) -> tuple[str, bytes] | None:
    """The image of the scan's own name, for scans that name no texture at all; noted as a finding."""
    for suffix in (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"):
        name = folder.source.stem + suffix
        if folder.has(name) and (data := folder.read(f"./{name}", "texture")) is not None:
            what = f"names no texture, but {name} lies beside it"
            folder.note("texture", what, f"takes {name} as the base colour", "info")
            return name, data
    return None


def _located(reference: str, base: PurePosixPath) -> str:
    """A path that an MTL in the folder ``base`` names, relative to the scan's folder."""
    cleaned = reference.replace("\\", "/")
    return str(base / cleaned) if str(base) != "." and not leads_elsewhere(cleaned) else cleaned


def _of_tile(entry: _MaterialEntry, tile: int | None) -> _MaterialEntry:
    if tile is None:
        return entry
    maps = {kind: replace(m, file=of_tile(m.file, tile)) for kind, m in entry.maps.items()}
    return _MaterialEntry(entry.values, maps)


def _parse(text: str) -> dict[str, _MaterialEntry]:
    entries: dict[str, _MaterialEntry] = {}
    current = _MaterialEntry()
    for line in text.splitlines():
        key, _, rest = line.strip().replace("\t", " ").partition(" ")
        key, rest = key.lower(), rest.strip()
        if key == "newmtl":
            current = entries.setdefault(rest, _MaterialEntry())
            if len(entries) > MAX_MATERIALS:
                raise InputError(f"an MTL file defines more than {MAX_MATERIALS:,} materials", "leave unused ones out")
        elif key in _MAPS:
            current.maps[key] = _map_of(rest[:_MAX_STATEMENT])
        elif key in _VALUES:
            current.values[key] = _floats(rest[:_MAX_STATEMENT])
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


def _map_of(rest: str) -> _Map:
    """A map statement: options, then the file's name, which may hold spaces."""
    words = rest.split(" ")
    k = 0
    options: dict[str, list[str]] = {}
    while k < len(words) and words[k].startswith("-"):
        option = words[k].lower()
        k += 1
        if option in _VECTOR_OPTIONS:
            taken = 0
            while k + taken < len(words) and taken < 3 and _floats(words[k + taken]):
                taken += 1
        elif option in _OPTION_VALUES:
            taken = _OPTION_VALUES[option]
        else:
            k -= 1
            break
        options[option] = words[k : k + taken]
        k += taken
    name = " ".join(words[k:]).strip()
    file = name[1:].partition('"')[0] if name.startswith('"') else name
    scale, offset = (_pair(options.get(key, []), default) for key, default in (("-s", 1.0), ("-o", 0.0)))
    clamped = [word.lower() for word in options.get("-clamp", [])] == ["on"]
    return _Map(file, scale, offset, clamped, (_floats(" ".join(options.get("-bm", []))) or [1.0])[0])


def _pair(words: list[str], default: float) -> tuple[float, float]:
    values = _floats(" ".join(words))
    return (values[0] if values else default), (values[1] if len(values) > 1 else default)


def _to_material(name: str, entry: _MaterialEntry, base: PurePosixPath, library: MtlLibrary) -> Material:
    def texture(*keys: str) -> str | None:
        for key in keys:
            if key in entry.maps and (reference := entry.maps[key].file):
                return library.texture(reference, base)
        return None

    color_map = texture("map_kd")
    if color_map is None and (named := entry.first("map_kd")):
        library.lost.append(named.file)
        library.uncolored.add(name or "material")
    opacity = _opacity(entry)
    # Exporters disagree on what Kd means beside a map (black, grey, a tint); like Blender, the map alone counts.
    rgb = (1.0, 1.0, 1.0) if color_map else _rgb(entry.values.get("kd"), (0.8, 0.8, 0.8))
    alpha_mode = "BLEND" if opacity < 1 else "OPAQUE"
    if color_map and (alpha_map := texture("map_d")) and (combined := library.with_alpha(color_map, alpha_map)):
        color_map, alpha_mode = combined, "MASK"
    if color_map and alpha_mode == "OPAQUE" and entry.first("map_d") is None:
        library.silent_alpha.add(color_map)
    roughness, metallic, packed = _surface(entry, texture("map_pr"), texture("map_pm"), library)
    emissive_map = texture("map_ke")
    emissive = [1.0] * 3 if emissive_map else _three(entry.values.get("ke"), 0.0)
    strength = max(1.0, *emissive)
    bump = entry.first(*_MAPS_OF["normal_texture"])
    material = Material(
        name=name or "material",
        base_color=(*rgb, opacity),
        base_color_texture=color_map,
        metallic=metallic,
        roughness=roughness,
        metallic_roughness_texture=packed,
        normal_texture=texture("norm", "map_normal", "map_kn") or _bump(texture("map_bump", "bump"), library),
        normal_scale=bump.strength if bump else 1.0,
        emissive=_rgb([value / strength for value in emissive], (0.0, 0.0, 0.0)),
        emissive_strength=strength,
        emissive_texture=emissive_map,
        alpha_mode=alpha_mode,
        **_layers(entry),
    )
    _tell_what_is_left(name, entry, library)
    return replace(material, texture_transforms=_transforms(entry, material))


def _layers(entry: _MaterialEntry) -> dict[str, Any]:
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


def _tell_what_is_left(name: str, entry: _MaterialEntry, library: MtlLibrary) -> None:
    """Of glass: many exporters write a filter of all zeros or ones for what is opaque. And of what shows nothing."""
    if (opacity := _written_opacity(entry)) <= 0:
        what = f"the material {name[:MAX_NOTE]!r} has an opacity of {opacity:.4g} (d, Tr): none of it would be visible"
        library.note("see-through", what, "takes it for opaque, as exporters confuse d and Tr", "warning")
    tinted = len(set(entry.values.get("tf") or [0.0])) > 1
    refracts = (entry.values.get("illum") or [0.0])[0] in _REFRACTS and (tinted or _opacity(entry) < 1)
    if tinted or refracts:
        what = f"light that passes the material {name[:MAX_NOTE]!r} is tinted or bent (Tf, illum)"
        library.note("material", what, "goes on without it: MTL's d alone is taken (glTF's glass is)", "warning")


def _transforms(entry: _MaterialEntry, material: Material) -> tuple[TextureTransform, ...]:
    """Of the textures that don't lie as the main one does."""
    main = entry.main.matrix
    found: list[TextureTransform] = []
    for key, kinds in _MAPS_OF.items():
        own = entry.first(*kinds)
        if getattr(material, key) is None or own is None or np.array_equal(own.matrix, main):
            continue
        if abs(np.linalg.det(main)) < 1e-12:
            raise InputError("a texture's scale (-s) makes a line of it", "export it without")
        matrix = own.matrix @ np.linalg.inv(main)
        found.append(TextureTransform(key, tuple(float(v) for v in np.round(matrix[:2].ravel(), 12))))
    return tuple(found)


def _opacity(entry: _MaterialEntry) -> float:
    """``d``, else 1 - ``Tr``. 0 is a well-known mistake of exporters (Tr and d confused): taken as opaque."""
    value = _written_opacity(entry)
    return value if 0.0 < value < 1.0 else 1.0


def _written_opacity(entry: _MaterialEntry) -> float:
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
    entry: _MaterialEntry, roughness_map: str | None, metallic_map: str | None, library: MtlLibrary
) -> tuple[float, float, str | None]:
    """Roughness, metallic and the texture that holds both (roughness in G, metallic in B)."""
    roughness = Material.roughness
    if values := entry.values.get("pr"):
        roughness = values[0]
    elif (ns := entry.values.get("ns")) and max(entry.values.get("ks") or [0.0]) > 0:
        roughness = 1.0 - math.sqrt(min(max(ns[0], 0.0), 1000.0) / 1000.0)
    metallic = (entry.values.get("pm") or [0.0])[0]
    if (roughness_map or metallic_map) and (packed := library.packed(roughness_map, metallic_map)):
        return (1.0 if roughness_map else roughness), (1.0 if metallic_map else metallic), packed
    return min(max(roughness, 0.05), 1.0), min(max(metallic, 0.0), 1.0), None


def _bump(bump: str | None, library: MtlLibrary) -> str | None:
    """``map_Bump`` where the picture is plainly a tangent-space normal map and not a height map."""
    if bump is not None and not library.is_normal_map(bump):
        library.note("bump map", f"{bump} is a height map", "left out (normal maps are kept)")
        return None
    return bump
