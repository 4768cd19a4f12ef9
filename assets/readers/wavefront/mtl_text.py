"""The statements of an MTL file, as they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS
from scanstage.assets.textures.udim import of_tile

_OPTION_VALUES = {"-blendu": 1, "-blendv": 1, "-boost": 1, "-mm": 2, "-texres": 1, "-clamp": 1, "-bm": 1}
_OPTION_VALUES |= {"-imfchan": 1, "-type": 1, "-cc": 1}
_VECTOR_OPTIONS = {"-o", "-s", "-t"}  # one to three numbers
_MAX_STATEMENT = 8192  # characters, twice a path's
_MAPS = {"map_kd", "map_d", "norm", "map_bump", "bump", "map_pr", "map_pm", "map_ke", "map_normal", "map_kn"}
MAPS_OF = {
    "base_color_texture": ("map_kd",),
    "metallic_roughness_texture": ("map_pr", "map_pm"),
    "normal_texture": ("norm", "map_normal", "map_kn", "map_bump", "bump"),
    "emissive_texture": ("map_ke",),
}
_VALUES = ("kd", "ks", "ns", "d", "tr", "ke", "pr", "pm", "pc", "pcr", "ps", "aniso", "anisor", "tf", "illum")


@dataclass(frozen=True)
class MapStatement:
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
class MaterialEntry:
    """One ``newmtl`` as it is written."""

    values: dict[str, list[float]] = field(default_factory=dict)
    maps: dict[str, MapStatement] = field(default_factory=dict)

    def first(self, *keys: str) -> MapStatement | None:
        """The map of the first of these keys that has one."""
        return next((self.maps[key] for key in keys if key in self.maps and self.maps[key].file), None)

    @property
    def main(self) -> MapStatement:
        """The map whose place is the asset's UV; others are placed from there."""
        return self.first(*(key for keys in MAPS_OF.values() for key in keys)) or MapStatement("")


def entry_of_tile(entry: MaterialEntry, tile: int | None) -> MaterialEntry:
    """The same with the files of one UDIM tile."""
    if tile is None:
        return entry
    maps = {kind: replace(m, file=of_tile(m.file, tile)) for kind, m in entry.maps.items()}
    return MaterialEntry(entry.values, maps)


def parse_mtl(text: str) -> dict[str, MaterialEntry]:
    """What stands under each ``newmtl``. Raises InputError for too many."""
    entries: dict[str, MaterialEntry] = {}
    current = MaterialEntry()
    for line in text.splitlines():
        key, _, rest = line.strip().replace("\t", " ").partition(" ")
        key, rest = key.lower(), rest.strip()
        if key == "newmtl":
            current = entries.setdefault(rest, MaterialEntry())
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


def _map_of(rest: str) -> MapStatement:
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
    return MapStatement(file, scale, offset, clamped, (_floats(" ".join(options.get("-bm", []))) or [1.0])[0])


def _pair(words: list[str], default: float) -> tuple[float, float]:
    values = _floats(" ".join(words))
    return (values[0] if values else default), (values[1] if len(values) > 1 else default)
