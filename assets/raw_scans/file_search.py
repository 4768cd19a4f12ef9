"""Where in a tree of folders a file lies that a scan names by a path of another machine, or of another layout.

What lies nearer counts first: the scan's own folder and what is below it, then the folder above, and so on up to the
one that a person named. A file is taken only where it is the one that must be meant, and never out of a folder in which
other scans lie, whose own it is.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

from scanstage.assets.files.outside_files import NO_FILE
from scanstage.assets.raw_scans.scan_bounds import MAX_FOLDER_ENTRIES

_MODELS = (
    *(".obj", ".ply", ".glb", ".gltf", ".stl", ".msh", ".usd", ".usda", ".usdc", ".usdz", ".fbx"),
    *(".dae", ".3ds", ".off", ".3mf", ".x3d", ".step", ".stp"),
)
"""Also those that nothing here reads: whose textures lie beside them is all that counts."""


class FileSearch:
    """Looks for files by name; each folder is listed once.

    Args:
        root: the folder that nothing outside of is looked at; without links.
        here: place of the scan's folder below it.
    """

    def __init__(self, root: Path, here: PurePosixPath) -> None:
        self._root = root
        self._levels = [here, *here.parents]  # nearest first; the last one is the root, "."
        self._trees: dict[PurePosixPath, dict[str, list[PurePosixPath]]] = {}
        self._scans: dict[PurePosixPath, set[str]] = {}  # folders of a level that hold some

    def find(self, name: str) -> tuple[str | None, tuple[str, ...]]:
        """The place below the root of the file that a path means by its name, and the others that it could mean.

        Args:
            name: a path with forward slashes, of which the last part counts, and the others where several files are
                called so.
        """
        wanted = tuple(plain_name(part) for part in name.split("/") if part not in ("", ".", ".."))
        for level in self._levels if wanted else ():
            found = self._tree(level).get(wanted[-1], [])
            if not found:
                continue
            alike = [_alike(place, wanted) for place in found]
            best = [place for place, same in zip(found, alike, strict=True) if same == max(alike)]
            if len(best) == 1 and not self._belongs_to_others(level, best[0]):
                return best[0].as_posix(), ()
            return None, tuple(sorted(place.as_posix() for place in found))
        return None, ()

    def beside(self, name: str) -> str | None:
        """The same of a file that lies right beside the scan."""
        wanted = plain_name(name.rpartition("/")[2])
        found = [p for p in self._tree(self._levels[0]).get(wanted, []) if p.parent == self._levels[0]]
        return found[0].as_posix() if len(found) == 1 else None

    def _belongs_to_others(self, level: PurePosixPath, place: PurePosixPath) -> bool:
        """Whether scans lie in or below that folder of ``level`` which the file is in."""
        if level not in self._scans:
            models = (p for name, places in self._tree(level).items() if name.endswith(_MODELS) for p in places)
            self._scans[level] = {p.relative_to(level).parts[0] for p in models if p.parent != level}
        return place.relative_to(level).parts[0] in self._scans[level]

    def _tree(self, level: PurePosixPath) -> dict[str, list[PurePosixPath]]:
        """Places of all files in and below a folder, by their :func:`plain_name`; none where there are very many."""
        if level not in self._trees:
            self._trees[level] = self._listed(level)
        return self._trees[level]

    def _listed(self, level: PurePosixPath) -> dict[str, list[PurePosixPath]]:
        tree: dict[str, list[PurePosixPath]] = {}
        folders, entries = [level], 0
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._root / folder) as listing:
                    for entry in listing:
                        entries += 1
                        if entries > MAX_FOLDER_ENTRIES:
                            return {}
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(folder / entry.name)
                        elif entry.is_file(follow_symlinks=False):
                            tree.setdefault(plain_name(entry.name), []).append(folder / entry.name)
            except OSError as e:
                if e.errno not in NO_FILE and not isinstance(e, PermissionError):
                    raise
        return tree


def plain_name(name: str) -> str:
    """A file's name however it is written: in lower case, and an umlaut as one character, which macOS makes two of."""
    return unicodedata.normalize("NFC", name.lower())


def _alike(place: PurePosixPath, wanted: tuple[str, ...]) -> int:
    """How many parts of a path agree, from its end."""
    same = 0
    for own, other in zip(reversed(place.parts), reversed(wanted), strict=False):
        if plain_name(own) != other:
            break
        same += 1
    return same
