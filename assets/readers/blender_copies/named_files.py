"""Files that a layer of a scan names: where Blender will look for each, and where it is.

Which names lead out of the scan's folder is looked at as text, before any file is.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.scan_bounds import MAX_NAMED_FILES
from scanstage.assets.raw_scans.scan_folder import ScanFolder, leads_elsewhere
from scanstage.assets.readers.blender_copies.layer_names import IMAGE_SUFFIXES, USD_SUFFIXES
from scanstage.assets.readers.blender_copies.usd_names import MAX_NAME
from scanstage.assets.textures.udim import FIRST, is_pattern, named_tile, of_tile

_NEXT_TILES = (1002, 1011)  # right of the first UDIM tile, and above it
_LONGEST = 1000  # bytes of a path that a copy is written to
_MOST_MADE_UP = 3  # pieces of a name with one or two numbers; what matches more could be tried in too many ways
_MADE_UP = re.compile(r"[#*`]|<udim>|<uvtile>|\$\{", re.IGNORECASE)  # names that importers complete themselves


class NamedFiles:
    """Finds the files that one layer names. Places are paths below the scan's root.

    Args:
        base: place of the layer's folder, which its names are relative to.
        folder: the scan's.
        target: folder of the copy.
        fixed: names in the layer can't be changed.

    Attributes:
        found: for each place that Blender will look at, where the file is.
        renamed: for each name that is to be changed, the path from ``base`` that is to be in its place.
        lost: images that are nowhere.
        tiled: names that mean UDIM tiles of which there are several.
    """

    def __init__(self, base: PurePosixPath, folder: ScanFolder, target: Path, fixed: bool) -> None:
        self._base, self._folder, self._target, self._fixed = base, folder, target, fixed
        self.found: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.lost: list[str] = []
        self.tiled: list[str] = []
        self._exact: set[str] = set()
        self._moved: dict[str, str] = {}

    @property
    def moved(self) -> dict[str, str]:
        """By where images are that were found by their names alone: how the layer calls them.

        FBX names each file twice, of which one path is another machine's: that is no news.
        """
        return {place: name for place, name in self._moved.items() if place not in self._exact}

    def add(self, text: str) -> None:
        """Look for what a text of the layer may name.

        Raises InputError for what leads out of the scan's folder to a file that is there, and for too many files.
        """
        path = path_in(text)
        if not path or len(path) > MAX_NAME or "\0" in path:
            return
        is_image = path.lower().endswith(IMAGE_SUFFIXES)
        if _leads_out(self._base, path):
            self._add_outside(text, path, is_image)
        elif _MADE_UP.search(path):
            self._add_completed(text, path)
        elif is_image and self._fixed and leads_elsewhere(path) and "\\" in text:
            self.lost.append(path)
        elif is_image:
            self._add_image(text, path, path)
        elif path.lower().endswith(USD_SUFFIXES):
            self._add_layer(path)
        if len(self.found) > MAX_NAMED_FILES:
            raise InputError(f"names more than {MAX_NAMED_FILES:,} files")

    def _add_outside(self, text: str, path: str, is_image: bool) -> None:
        at = self._by_absolute_path(path) if is_image and not self._fixed else None
        if at is None:
            self._refuse_what_is_there(path)
        own = PurePosixPath(path).name  # where it was on its author's machine; importers look beside the scan
        if is_image and self._fixed:
            self.lost.append(path)  # also where a file beside has its name: Blender won't look there
        elif is_image:
            self._add_image(text, own, path, at)
        elif own.lower().endswith(USD_SUFFIXES):
            self._add_layer(own)

    def _add_completed(self, text: str, path: str) -> None:
        tiles = [self._folder.find(t, "file", PurePosixPath(), search=False) for t in self._completed(path)]
        self.found |= {place: place for place in tiles if place is not None}
        if is_pattern(path) and len(tiles) > 1:
            self.tiled.append(path)
            if not self._fixed and not path.startswith("."):
                self.renamed[text.strip()] = f"./{path}"  # OpenUSD doesn't look beside the layer for other patterns

    def _add_layer(self, path: str) -> None:
        self.found |= {place: place for place in self._places(path) if place is not None}

    def _add_image(self, text: str, path: str, named: str, at: str | None = None) -> None:
        """``path`` is where it is looked for, ``named`` as the layer has it, ``at`` where it is, if that is known."""
        own = PurePosixPath(path).name
        named_at, own_at = self._places(path)
        there = {place: place for place in (named_at, own_at) if place is not None}
        if at is None and not there:
            at = self._folder.find(_below(named), "texture")
            self.lost += [] if at is not None else [named]
        elif at is None and (named_at is None or named != path):
            self._moved.setdefault(next(iter(there.values())), named)
        else:
            self._exact.add(at or str(named_at))
        beside = (self._folder.here / own).as_posix()
        if at is not None:
            there = {beside: at}
        if there and (named_at is None or named != path):
            there[beside] = at = next(iter(there.values()))
            if not self._fixed:
                self.renamed[text.strip()] = posixpath.relpath(beside, self._base.as_posix())
            elif len(path.encode()) < _LONGEST:
                there[(self._base / path).as_posix()] = at  # "C:/skin.png" is a path like others here
        self.found |= there
        others = (of_tile(own, t) for t in _NEXT_TILES) if named_tile(own) == FIRST else ()
        self.tiled += [path] if any(self._folder.find(other, "file", search=False) for other in others) else []

    def _places(self, path: str) -> tuple[str | None, str | None]:
        """Where a file is by its path, and by its name beside the scan."""
        named_at = None if leads_elsewhere(path) else self._folder.find(path, "file", self._base, search=False)
        return named_at, self._folder.find(PurePosixPath(path).name, "file", search=False)

    def _by_absolute_path(self, name: str) -> str | None:
        """Place of a file below the root that a scan of this machine names by its absolute path."""
        normal, root = os.path.normpath(name), self._folder.root
        if not name.startswith("/") or not Path(normal).is_relative_to(root):
            return None
        place = self._folder.find(normal, "file", search=False)
        return place if place is not None and (root / place).as_posix() == normal else None  # no link

    def _refuse_what_is_there(self, name: str) -> None:
        """Raise InputError for a name that leads out, to a file that is there, or that importers would make up."""
        root = self._folder.root
        made_up = _MADE_UP.search(name) and name.lower().endswith((*IMAGE_SUFFIXES, *USD_SUFFIXES))
        paths = [start / self._base / name for start in (root, self._target)]
        # As the system finds it, and as importers do, which take "x/.." away without looking whether there is an x.
        for path in (*paths, *(Path(os.path.normpath(path)) for path in paths)):
            try:
                there = path.parent.is_dir() if made_up else path.exists() and not path.is_dir()
            except (OSError, ValueError):
                continue
            if there or name.startswith("`"):
                inside = path.is_absolute() and path.resolve().is_relative_to(root) and name.startswith("/")
                how = "names files by absolute paths" if inside else "takes files from outside its own folder"
                raise InputError(
                    f"{how}: {name[:200]}",
                    "name the folder that holds both in place of the scan, put them beside the scan and name them "
                    "without a path, or convert it to GLB by hand",
                )

    def _completed(self, name: str) -> set[str]:
        """Files that a name with a tile's or a frame's number in place of ``<UDIM>`` or ``#`` may mean."""
        if not name.lower().endswith(IMAGE_SUFFIXES):
            return set()
        parts = re.split(r"<[^<>]*>|#+|\*", name.rpartition("/")[2])
        if len(parts) > _MOST_MADE_UP:
            return set()
        wanted = re.compile(r"[0-9_uv]{1,9}".join(map(re.escape, parts)) + r"\Z", re.IGNORECASE)
        inside = self._base / name.rpartition("/")[0]
        return {(inside / entry).as_posix() for entry in self._folder.names(inside) if wanted.match(entry)}


def path_in(text: str) -> str:
    """A name as a path with forward slashes, without what USD and Blender may put before and behind it."""
    path = text.strip().replace("\\", "/").partition(":SDF_FORMAT_ARGS:")[0].partition("[")[0]
    return path.removeprefix("file://").removeprefix("//")


def _below(name: str) -> str:
    """A path that leads nowhere by itself, with the names of its folders, which tell alike files apart."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "..") and ":" not in part)


def each_once(names: Iterable[str]) -> tuple[str, ...]:
    """Names of files, each file once: FBX has an absolute path, the same as a relative one, and the name alone.

    The longest is kept of those of which one ends as the other is.
    """
    parts = {name: PurePosixPath(_below(name)).parts for name in dict.fromkeys(names)}
    kept: list[str] = []
    for name in sorted(parts, key=lambda name: -len(parts[name])):
        if not any(parts[longer][-len(parts[name]) :] == parts[name] for longer in kept):
            kept.append(name)
    return tuple(name for name in parts if name in kept)


def _leads_out(base: PurePosixPath, name: str) -> bool:
    """Whether a name, relative to a folder below the scan's, leads out of the scan's folder."""
    if name.startswith(("/", "`")):
        return True
    depth = len(base.parts)
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False
