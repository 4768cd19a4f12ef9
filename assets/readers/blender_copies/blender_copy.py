"""A copy, in a folder of its own, of a scan that only Blender reads: just the files that the scan may use.

Blender's importers follow every path that a file names. So all paths are looked at first, what leads out of the scan's
folder to a file of this machine is refused, and Blender sees nothing of the folder but the files that were named.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.raw_scans.scan_pose import ScanPose
from scanstage.assets.readers.blender_copies.layer_names import (
    IMAGE_SUFFIXES,
    PACKAGE,
    USD_SUFFIXES,
    is_fixed,
    layer_names,
    with_names,
)
from scanstage.assets.readers.blender_copies.named_files import NamedFiles, each_once
from scanstage.assets.readers.gltf.gltf_document import GltfDocument
from scanstage.assets.readers.gltf.gltf_poses import take_pose

GLTF_SUFFIXES = (".gltf", ".glb")
_NAMED = 4


@dataclass(frozen=True)
class BlenderCopy:
    """A copy of a scan.

    Attributes:
        file: the copy.
        findings: what was noticed.
        lost: images that it names and that aren't there.
        tiled: names that mean UDIM tiles of which there are several.
        images: places of the images that were copied along.
    """

    file: Path
    findings: tuple[ScanFinding, ...]
    lost: tuple[str, ...]
    tiled: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def copy_for_blender(source: Path, target: Path, choices: ReadingChoices = AS_IT_SAYS) -> BlenderCopy:
    """Copy a USD, FBX or glTF scan, and what it names of its own folder, or of the one that a person named.

    Args:
        source: the scan.
        target: an empty folder.
        choices: of which ``within`` counts, and ``pose``: a glTF is copied in it, and without its animations, which
            Blender would take a moment of.

    Raises InputError for a scan that names files elsewhere that are there, and for broken ones.
    """
    folder = ScanFolder(source, choices)
    data = read_bounded(source)
    suffix = source.suffix.lower()
    if suffix in GLTF_SUFFIXES:
        file, lost = _copy_gltf(data, target, folder, choices.pose)
        return BlenderCopy(file, folder.findings, lost)
    copy = folder.here / f"scan{suffix}"
    layers = [(copy, data)]
    seen: list[NamedFiles] = []
    copied: set[str] = set()
    while layers:
        place, data = layers.pop()
        named = NamedFiles(place.parent, folder, target, is_fixed(data))
        for name in dict.fromkeys(layer_names(data, place)):
            named.add(name)
        seen.append(named)
        for at, name in named.moved.items() if not data.startswith(PACKAGE) else ():  # which has its own inside
            folder.note("moved texture", f"the texture {name!r} is not where it says; {at} has its name", "takes that")
        _write(target / place, with_names(data, named.renamed))
        for as_, at in sorted(named.found.items()):
            if as_ in copied:
                continue
            copied.add(as_)
            content = folder.read_place(at, "file")
            if as_.lower().endswith(USD_SUFFIXES):
                layers.append((PurePosixPath(as_), content))
            else:
                _write(target / as_, content)
    if choices.within is not None and (below := sorted(p for p in copied if p.lower().endswith(USD_SUFFIXES))):
        what = f"names {listed(below, most=_NAMED)} as layers of it"
        folder.note("layers", what, "takes them in with it (name them, for assets of their own)", "info")
    images = tuple(sorted(place for place in copied if place.lower().endswith(IMAGE_SUFFIXES)))
    lost_images = each_once(chain.from_iterable(n.lost for n in seen))
    tiled = tuple(chain.from_iterable(n.tiled for n in seen))
    return BlenderCopy(target / copy, folder.findings, lost_images, tiled, images)


def _copy_gltf(data: bytes, target: Path, folder: ScanFolder, pose: ScanPose | None) -> tuple[Path, tuple[str, ...]]:
    """One document with buffers and images beside it under names of our own; no other path is left in it.

    Returns it, and images that aren't there.
    """
    lost = []
    parsed = GltfDocument(data, folder, compressed=True)
    take_pose(parsed, pose)
    document, binary = parsed.json, parsed.binary
    document.pop("animations", None)
    for key, kind in (("buffers", "buffer"), ("images", "texture")):
        entries = document.get(key, [])
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            uri = entry.get("uri") if isinstance(entry, dict) else None
            if uri is None or str(uri).startswith("data:"):
                continue
            content = folder.read(unquote(str(uri)), kind)
            if content is None and key == "buffers":
                raise InputError(f"its buffer {str(uri)[:80]!r} is missing", "copy it into the scan's folder")
            entry["uri"] = name = f"{key}{number}"
            if content is not None:
                _write(target / name, content)
            else:
                lost.append(str(uri))
    if binary is not None and document.get("buffers") and "uri" not in document["buffers"][0]:
        document["buffers"][0]["uri"] = "binary"
        _write(target / "binary", bytes(binary))
    copy = target / "scan.gltf"
    _write(copy, json.dumps(document).encode())
    return copy, tuple(lost)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
