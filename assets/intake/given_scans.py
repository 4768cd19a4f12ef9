"""Which scans are meant by the files and folders that a person names, and of which class each is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.scan_folder import read_bounded
from scanstage.assets.readers.blender_copies.layer_names import USD_SUFFIXES, layer_names
from scanstage.assets.readers.blender_copies.named_files import path_in
from scanstage.assets.readers.read_scan import SCAN_SUFFIXES, refusal_of_points

MAX_FILES = 10_000
_NAMED = 5
_LAYOUT = {"mesh", "meshes", "model", "models", "geometry", "visual", "visuals", "source", "src", "export", "exports"}
_LAYOUT |= {"obj", "ply", "stl", "glb", "gltf", "fbx", "usd", "texture", "textures", "material", "materials"}
"""Names of folders that say what lies in them, and not what it shows."""


def scan_files(paths: Iterable[Path]) -> list[Path]:
    """The files themselves; for a folder all scans below it. Raises InputError where there is none."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(
            p
            for p in path.rglob("*")
            if p.suffix.lower() in SCAN_SUFFIXES and p.is_file() and not p.name.startswith(".")
        )
        if not inside:
            if (refusal := next(filter(None, map(refusal_of_points, sorted(path.rglob("*")))), None)) is not None:
                raise refusal
            raise InputError(f"{path}: there are no scans in this folder", f"kinds: {', '.join(SCAN_SUFFIXES)}")
        files += _without_layers(inside)
    if len(files) > MAX_FILES:
        raise InputError(f"{len(files):,} scans at once are more than one call takes ({MAX_FILES:,})")
    return list(dict.fromkeys(files))


def _without_layers(files: list[Path]) -> list[Path]:
    """Of files in one folder those that no USD among them is made of: they come in with it."""
    layered = {file for file in files if file.suffix.lower() in USD_SUFFIXES}
    below = {file: _layers_of(file, layered) for file in layered} if len(layered) > 1 else {}
    left, reached = list(layered.difference(*below.values())), set[Path]()
    while left:
        new = below.get(left.pop(), set()) - reached
        reached |= new
        left += new
    return [file for file in files if file not in reached]  # those that only name each other are kept


def _layers_of(file: Path, layered: set[Path]) -> set[Path]:
    """Those of the files that a USD file names; none of a broken one, which is refused when it is read."""
    with contextlib.suppress(InputError, OSError, ValueError):
        names = {path_in(name) for name in layer_names(read_bounded(file), PurePosixPath(file.name))}
        named = {Path(os.path.normpath(file.parent / name)) for name in names if name.lower().endswith(USD_SUFFIXES)}
        return (named & layered) - {file}
    return set()


def given_folder(scan: Path, paths: Iterable[Path]) -> Path | None:
    """The folder among the paths that a scan was found in, whose files it may use; None where it was named itself."""
    return next((path for path in paths if path != scan and scan.is_relative_to(path)), None)


def classes_by_folder(paths: Iterable[Path]) -> dict[Path, str]:
    """Scans, each with the folder below the given one that it is in, which is its class. Raises InputError.

    Folders that only say what lies in them (``meshes``) are no classes: what is in no other is of the class that the
    given one is called.
    """
    classes: dict[Path, str] = {}
    alone: list[Path] = []
    for path in paths:
        if not path.is_dir():
            alone.append(path)
            continue
        for file in scan_files([path]):
            if name := _class_below(path, file):
                classes[file] = name
            else:
                alone.append(file)
    if alone:
        lies = "lie" if len(alone) > 1 else "lies"
        raise InputError(
            f"no class is given, and {listed([str(p) for p in alone], most=_NAMED)} {lies} in no folder of one",
            f"give {option('class_name')} NAME, or a folder with a folder a class: scans/duck/a.glb, scans/mug/b.obj",
        )
    return classes


def classes_of_scans(folder: Path) -> dict[Path, str]:
    """Scans below a folder, each with its class: the folder below that one that it is in, or else its own name.

    Raises InputError where there is none.
    """
    return {file: _class_below(folder, file) or file.stem for file in scan_files([folder])}


def _class_below(given: Path, file: Path) -> str | None:
    """The first folder below the given one, or else that itself, that isn't the word of a layout.

    ``owl`` of ``owl/meshes/a.obj``. None for a scan that lies in the given one.
    """
    folders = file.relative_to(given).parts[:-1]
    names = (*folders, given.resolve().name) if folders else ()
    return next((name for name in names if name and name.casefold() not in _LAYOUT), None)
