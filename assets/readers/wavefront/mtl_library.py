"""What the MTL files of an OBJ define, by name."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS, MAX_NOTE
from scanstage.assets.raw_scans.scan_folder import ScanFolder
from scanstage.assets.readers.parsing.plain_text import decode_text
from scanstage.assets.readers.wavefront.mtl_material import material_of_entry
from scanstage.assets.readers.wavefront.mtl_text import MAPS_OF, MaterialEntry, entry_of_tile, parse_mtl
from scanstage.assets.readers.wavefront.mtl_textures import MtlTextures, located
from scanstage.assets.textures.texture_coding import check_pixels, pixel_count
from scanstage.assets.textures.udim import are_tiles
from scanstage.assets.textures.wrapped_textures import WrapModes


class MtlLibrary:
    """What the MTL files of a scan define. A material's textures are read when it is asked for.

    Args:
        folder: of the scan.

    Attributes:
        textures: that materials took so far.
    """

    def __init__(self, folder: ScanFolder) -> None:
        self.textures = MtlTextures(folder)
        self._folder = folder
        self._entries: dict[str, tuple[MaterialEntry, PurePosixPath]] = {}
        self._read: set[str] = set()

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
                self.textures.lost.append(name)
                continue
            self._read.add(place)
            # Of the folder that it was found in, which may be another than the one that the scan says.
            base = PurePosixPath(posixpath.relpath(posixpath.dirname(place) or ".", self._folder.here.as_posix()))
            for material, entry in parse_mtl(decode_text(data)).items():
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
            return self._folder.find(located(reference, base), "texture", search=False) is not None
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
            maps = entry_of_tile(entry, tile).maps
            keys = {kind: self.textures.read(m.file, base) for kind, m in maps.items() if m.file}
            pairs = ((keys.get("map_kd"), keys.get("map_d")), (keys.get("map_pr"), keys.get("map_pm")))
            needed |= {pair for pair in pairs if None not in pair} | {(key,) for key in keys.values()}
        pixels = {key: pixel_count(image) for key, image in self.textures.images.items()}
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
        name = name if tile is None else f"{name}.{tile}"
        return material_of_entry(name, entry_of_tile(entry, tile), base, self.textures)

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
        maps = ((key, self._entries[name][0].first(*kinds)) for key, kinds in MAPS_OF.items())
        return {key: ("clamp", "clamp") for key, own in maps if own is not None and own.clamped}
