"""A copy, in a folder of its own, of a scan that only Blender reads: just the files that the scan may use.

Blender's importers follow every path that a file names. So all paths are looked at first, what leads out of the scan's
folder to a file of this machine is refused, and Blender sees nothing of the folder but the files that were named.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_NAMED_FILES
from scanstage.assets.raw_scans.scan_folder import ScanFolder, leads_elsewhere, read_bounded
from scanstage.assets.raw_scans.scan_pose import ScanPose
from scanstage.assets.readers.gltf.gltf_document import GltfDocument
from scanstage.assets.readers.gltf.gltf_poses import take_pose
from scanstage.assets.readers.usd_names import MAX_NAME, usd_names
from scanstage.assets.textures.udim import FIRST, is_pattern, named_tile, of_tile

USD_SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
GLTF_SUFFIXES = (".gltf", ".glb")
_IMAGES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp", ".webp", ".exr", ".hdr", ".dds", ".psd", ".gif"),
    *(".jp2", ".avif"),
)
_IMAGE_END = re.compile(rb"\.(?:%s)" % b"|".join(s[1:].encode() for s in _IMAGES), re.IGNORECASE)
_BEFORE_NAME = re.compile(rb'[\x00-\x1f"*?<>|]')
_NEXT_TILES = (1002, 1011)  # right of the first UDIM tile, and above it
_FIXED = (b"PXR-USDC", b"PK\x03\x04")  # whose names can't be changed: binary and packed USD
_LONGEST = 1000  # bytes of a path that a copy is written to
_MAX_HITS = 1_000_000
_MOST_MADE_UP = 3  # pieces of a name with one or two numbers; what matches more could be tried in too many ways
_MADE_UP = re.compile(r"[#*`]|<udim>|<uvtile>|\$\{", re.IGNORECASE)  # names that importers complete themselves


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
    lost: list[str] = []
    tiled: list[str] = []
    if suffix in GLTF_SUFFIXES:
        return BlenderCopy(_copy_gltf(data, target, folder, choices.pose, lost), folder.findings, tuple(lost))
    copy = folder.here / f"scan{suffix}"
    layers = [(copy.as_posix(), data)]
    copied: set[str] = set()
    while layers:
        place, data = layers.pop()
        names = usd_names(data) if PurePosixPath(place).suffix.lower() in USD_SUFFIXES else _image_names(data)
        renamed: dict[str, str] | None = None if data.startswith(_FIXED) else {}
        found = _own_files(names, PurePosixPath(place).parent, folder, target, lost, tiled, renamed)
        _write(target / place, _with_names(data, renamed or {}))
        for as_, at in sorted(found.items()):
            if as_ in copied:
                continue
            copied.add(as_)
            content = folder.read_place(at, "file")
            if as_.lower().endswith(USD_SUFFIXES):
                layers.append((as_, content))
            else:
                _write(target / as_, content)
    images = tuple(sorted(place for place in copied if place.lower().endswith(_IMAGES)))
    return BlenderCopy(target / copy, folder.findings, tuple(lost), tuple(tiled), images)


def _copy_gltf(data: bytes, target: Path, folder: ScanFolder, pose: ScanPose | None, lost: list[str]) -> Path:
    """One document with buffers and images beside it under names of our own; no other path is left in it."""
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
    return copy


def _own_files(
    names: Iterable[str],
    base: PurePosixPath,
    folder: ScanFolder,
    target: Path,
    lost: list[str],
    tiled: list[str],
    renamed: dict[str, str] | None,
) -> dict[str, str]:
    """Files that texts of a scan's file name: where Blender will look for each, and where it is, both below the root.

    Names of images that are nowhere are added to ``lost``, those that mean several UDIM tiles to ``tiled``; to
    ``renamed`` those of images elsewhere, with the path from ``base`` that is to be in their place: None where they
    can't be changed. Raises InputError.
    """
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = name.strip().replace("\\", "/").partition(":SDF_FORMAT_ARGS:")[0].partition("[")[0]
        plain = plain.removeprefix("file://").removeprefix("//")
        if not plain or len(plain) > MAX_NAME or "\0" in plain:
            continue
        named, at = plain, None
        if _leads_out(base, plain):
            if renamed is not None and plain.lower().endswith(_IMAGES):
                at = _by_absolute_path(plain, folder)
            if at is None:
                _refuse_what_is_there(plain, base, folder, target)
            if renamed is None and plain.lower().endswith(_IMAGES):
                lost.append(named)  # also where a file beside has its name: Blender won't look there
                continue
            plain = PurePosixPath(plain).name  # where it was on its author's machine; importers look beside the scan
        elif _MADE_UP.search(plain):
            tiles = [folder.find(t, "file", PurePosixPath(), search=False) for t in _completed(base, plain, folder)]
            found |= {place: place for place in tiles if place is not None}
            tiled += [plain] if is_pattern(plain) and len(tiles) > 1 else []
            continue
        if renamed is None and leads_elsewhere(plain) and "\\" in name and plain.lower().endswith(_IMAGES):
            lost.append(named)
            continue
        if plain.lower().endswith((*_IMAGES, *USD_SUFFIXES)):
            own = PurePosixPath(plain).name
            named_at = None if leads_elsewhere(plain) else folder.find(plain, "file", base, search=False)
            places = (named_at, folder.find(own, "file", search=False))
            there = {place: place for place in places if place is not None}
            is_image = plain.lower().endswith(_IMAGES)
            if is_image and at is None and not there:
                at = folder.find(_below(named), "texture")
                lost += [] if at is not None else [named]
            if is_image and at is not None:
                there = {(folder.here / own).as_posix(): at}
            if there and is_image and (named_at is None or named != plain):
                beside, at = (folder.here / own).as_posix(), next(iter(there.values()))
                there |= {beside: at}
                if renamed is not None:
                    renamed[name.strip()] = posixpath.relpath(beside, base.as_posix())
                elif len(plain.encode()) < _LONGEST:
                    there |= {(base / plain).as_posix(): at}  # "C:/skin.png" is a path like others here
            found |= there
            others = (of_tile(own, t) for t in _NEXT_TILES) if named_tile(own) == FIRST else ()
            tiled += [plain] if any(folder.find(other, "file", search=False) for other in others) else []
        if len(found) > MAX_NAMED_FILES:
            raise InputError(f"names more than {MAX_NAMED_FILES:,} files")
    return found


def _by_absolute_path(name: str, folder: ScanFolder) -> str | None:
    """Place of a file below the root that a scan of this machine names by its absolute path."""
    normal = os.path.normpath(name)
    if not name.startswith("/") or not Path(normal).is_relative_to(folder.root):
        return None
    place = folder.find(normal, "file", search=False)
    return place if place is not None and (folder.root / place).as_posix() == normal else None  # no link


def _with_names(data: bytes, renamed: dict[str, str]) -> bytes:
    """A text layer of USD, or an FBX, with other names of files."""
    text = data.startswith((b"#usda", b"#sdf"))
    for old, new in renamed.items():
        before, after = (name.encode("utf-8", "surrogateescape") for name in (old, new))
        if text:
            for mark in (b"@@@", b"@"):
                data = data.replace(mark + before + mark, mark + after + mark)
        elif before.startswith(b"/") and len(after) + 2 <= len(before):  # FBX counts characters: "././/skin.png"
            space = len(before) - len(after)
            data = data.replace(before, b"./" * (space // 2) + b"/" * (space % 2) + after)
    return data


def _below(name: str) -> str:
    """A path that leads nowhere by itself, with the names of its folders, which tell alike files apart."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "..") and ":" not in part)


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


def _refuse_what_is_there(name: str, base: PurePosixPath, folder: ScanFolder, target: Path) -> None:
    """Raise InputError for a name that leads out, to a file that is there, or that importers would make up."""
    made_up = _MADE_UP.search(name) and name.lower().endswith((*_IMAGES, *USD_SUFFIXES))
    paths = [root / base / name for root in (folder.root, target)]
    # As the system finds it, and as importers do, which take "x/.." away without looking whether there is an x.
    for path in (*paths, *(Path(os.path.normpath(path)) for path in paths)):
        try:
            there = path.parent.is_dir() if made_up else path.exists() and not path.is_dir()
        except (OSError, ValueError):
            continue
        if there or name.startswith("`"):
            inside = path.is_absolute() and path.resolve().is_relative_to(folder.root) and name.startswith("/")
            how = "names files by absolute paths" if inside else "takes files from outside its own folder"
            raise InputError(
                f"{how}: {name[:200]}",
                "put them beside the scan and name them without a path, or convert it to GLB by hand",
            )


def _completed(base: PurePosixPath, name: str, folder: ScanFolder) -> set[str]:
    """Files that a name with a tile's or a frame's number in place of ``<UDIM>`` or ``#`` may mean."""
    if not name.lower().endswith(_IMAGES):
        return set()
    parts = re.split(r"<[^<>]*>|#+|\*", name.rpartition("/")[2])
    if len(parts) > _MOST_MADE_UP:
        return set()
    wanted = re.compile(r"[0-9_uv]{1,9}".join(map(re.escape, parts)) + r"\Z", re.IGNORECASE)
    inside = base / name.rpartition("/")[0]
    return {(inside / entry).as_posix() for entry in folder.names(inside) if wanted.match(entry)}


def _image_names(data: bytes) -> Iterator[str]:
    """Texts of an FBX that end like an image's name: of each the longest piece without characters that names lack."""
    for number, hit in enumerate(_IMAGE_END.finditer(data)):
        if number >= _MAX_HITS:
            raise InputError(f"names more than {_MAX_HITS:,} images")
        start = max(0, hit.start() - MAX_NAME)
        yield _BEFORE_NAME.split(data[start : hit.end()])[-1].decode("utf-8", "surrogateescape")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
