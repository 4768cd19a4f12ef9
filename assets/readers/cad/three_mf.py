"""3MF, of 3D printing: meshes with their unit, colours and textures, through lib3mf of the 3MF Consortium.

It is native code and scans are hostile, so it runs in a process of its own, once the sizes in the archive are known.
"""

from __future__ import annotations

import importlib.util
import io
import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.machine.confined_process import ConfinedError, run_confined
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanNode
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_FACES, MAX_FILE_BYTES, MAX_NAMED_FILES, check_memory
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.cad.cad_colors import uncolored
from scanstage.assets.readers.cad.slicer_settings import slicer_settings
from scanstage.assets.readers.cad.step_files import EXTRA
from scanstage.assets.readers.cad.three_mf_program import THREE_MF_PROGRAM
from scanstage.assets.textures.srgb import linear_from_srgb
from scanstage.assets.textures.wrapped_textures import Wrap, WrapModes, with_wraps

_UNITS = ("um", "mm", "cm", "in", "ft", "m")  # lib3mf's ModelUnit
_MEMORY_BYTES = 8 << 30
_LIMIT_S = 600
_TIMES_ITS_TEXT = 4  # memory that a model takes, by the size of its XML


def read_three_mf(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a 3MF: what it builds, in its own unit, Z up. Raises InputError."""
    data = read_bounded(path)
    slicer = _slicer(data, path)
    if importlib.util.find_spec("lib3mf") is None:
        raise InputError(f"{path}: what reads 3MF isn't installed", f"{EXTRA}, or export it as GLB, OBJ or STL")
    try:
        with tempfile.TemporaryDirectory(prefix="scanstage-") as place:
            (copy := Path(place, "scan.3mf")).write_bytes(data)
            arguments = [str(copy), str(MAX_FACES)]
            found = run_confined(
                THREE_MF_PROGRAM, arguments, json.dumps(slicer).encode(), memory_bytes=_MEMORY_BYTES, limit_s=_LIMIT_S
            )
        with np.load(io.BytesIO(found), allow_pickle=False) as z:
            arrays: dict[str, Any] = {name: z[name] for name in z.files}
    except (ConfinedError, OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: lib3mf can't read it ({e})", "export it as GLB, OBJ or STL") from e
    folder = ScanFolder(path, choices)
    for what in bytes(arrays["told"]).decode().splitlines():
        folder.note("material" if "properties" in what else "points or lines", f"holds {what}", "goes on without them")
    for name in bytes(arrays["required"]).decode().splitlines():
        folder.note("extension", f"requires {name}", "goes on without it")
    _note_aside(arrays, folder)
    if slicer["unread"]:
        what = "the slicer's settings, which may name supports, modifiers and colours, can't be read"
        folder.note("printing", what, "takes all bodies in")
    _note_filaments(arrays, folder)
    scan = _scan(arrays, folder)
    return _with_nodes(scan, arrays) if choices.names_nodes else scan


def _note_aside(arrays: dict[str, Any], folder: ScanFolder) -> None:
    """Tell of bodies that are there for a printer alone."""
    if helpers := int(arrays["helpers"]):
        what = f"bodies that only help to print it (supports, modifiers of a slicer): {helpers:,}"
        folder.note("printing", what, "leaves them out", "info")
    if cutters := int(arrays["cutters"]):
        what = f"bodies that a slicer is to cut out of others (negative parts): {cutters:,}"
        folder.note("printing", what, "leaves them out and cuts nothing: have the slicer export it as STL")
    if off := int(arrays["off"]):
        what = f"objects that are switched off in a slicer (not to be printed): {off:,}"
        folder.note("printing", what, "leaves them out", "info")


def _note_filaments(arrays: dict[str, Any], folder: ScanFolder) -> None:
    """Tell of colours that only the slicer has: of filaments, and paint on triangles."""
    if numbers := arrays["filaments"].tolist():
        what = f"bodies without colours of their own, which a slicer prints with {_listed_filaments(numbers)}"
        folder.note("color", what, "takes the colours of these", "info")
    if painted := int(arrays["painted"]):
        what = f"bodies whose triangles are painted with filaments in a slicer: {painted:,}"
        folder.note("color", what, "reads no such paint: give them colours or textures, and export as GLB or OBJ")


def _listed_filaments(numbers: list[int]) -> str:
    return f"filament{'s' if len(numbers) > 1 else ''} {listed([str(n) for n in numbers], most=8)}"


def _slicer(data: bytes, path: Path) -> dict[str, Any]:
    """What its slicer says of it; refuses what would be far larger unpacked than memory allows. Raises InputError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_sizes(members, path)
            return slicer_settings(archive)
    except (zipfile.BadZipFile, ValueError, OSError) as e:
        raise InputError(f"{path}: is no 3MF file, or a broken one ({e})") from e


def _check_sizes(members: list[zipfile.ZipInfo], path: Path) -> None:
    size = sum(member.file_size for member in members)
    if len(members) > MAX_NAMED_FILES or size > MAX_FILE_BYTES:
        raise InputError(f"{path}: holds {len(members):,} files of {size:,} bytes", "export it anew, or as GLB")
    check_memory(_TIMES_ITS_TEXT * size, f"{size:,} bytes of XML")


def _scan(arrays: dict[str, Any], folder: ScanFolder) -> RawScan:
    """Colours of whole triangles become materials where there are few, else colours of vertices of their own."""
    points, faces = arrays["points"], arrays["faces"]
    texture: npt.NDArray[np.int64] = arrays["texture"]
    rgba: npt.NDArray[np.uint8] = arrays["rgba"]
    name: npt.NDArray[np.int64] = arrays["name"]
    names = bytes(arrays["names"]).decode().split("\n")
    images = {name: bytes(arrays[name]) for name in arrays if name.startswith("image")}
    codes = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    even = (codes == codes[:, :1]).all()
    distinct = np.unique(codes)
    plain = bool(even and len(distinct) <= _MOST_COLORS)
    # What a material differs by, beside its name and its texture: its colour, or whether it lets something through.
    look = codes[:, 0].astype(np.int64) if plain else (rgba[..., 3] < 255).any(axis=1).astype(np.int64)
    keys, numbers = np.unique(np.stack([texture, name, look], axis=1), axis=0, return_inverse=True)
    if len(keys) > _MOST_NAMED:
        name = np.minimum(name, 0)
        keys, numbers = np.unique(np.stack([texture, name, look], axis=1), axis=0, return_inverse=True)
    materials, colors = [], None
    for picture, own, at in keys.tolist():
        own_name, image = names[own] or "material", None if picture < 0 else f"image{picture}"
        if own < 0:
            materials.append(Material())
        elif plain:
            materials.append(_material(own_name, image, np.array([at], np.uint32).view(np.uint8)))
        else:
            mode = "BLEND" if at else "OPAQUE"
            materials.append(Material(own_name, WHITE, image, alpha_mode=mode, vertex_colors=True))
    if not plain:
        corners, where = np.unique(
            np.stack([faces.ravel(), codes.ravel().astype(np.int64)], axis=1), axis=0, return_inverse=True
        )
        points, faces = points[corners[:, 0]], where.reshape(-1, 3)
        colors = corners[:, 1].astype(np.uint32).view(np.uint8).reshape(-1, 4)
    elif not images and (name >= 0).all() and {m.base_color for m in materials} == {WHITE}:
        folder.note("color", "all of it is white, as it says", "keeps it", "info")
    bare = int((name < 0).sum())
    aside = (uncolored(bare),) if 0 < bare < len(faces) else ()
    tiles = arrays["tiles"]
    _note_bare(tiles, texture, arrays["uv"], folder)
    wraps = {k: _wraps(tiles[picture]) for k, picture in enumerate(keys[:, 0].tolist()) if picture >= 0}
    scan = RawScan(
        points,
        faces,
        numbers.reshape(-1).astype(np.int64),
        tuple(materials),
        images,
        arrays["uv"] if images else None,
        colors,
        unit=_UNITS[int(arrays["unit"])],
        unit_given=True,
        up="z",
        findings=(*folder.findings, *aside),
    )
    return with_wraps(scan, wraps)


def _with_nodes(scan: RawScan, arrays: dict[str, Any]) -> RawScan:
    """With what it builds as nodes: objects, their components, and a slicer's parts of them."""
    names = bytes(arrays["node_names"]).decode().split("\n")
    nodes = tuple(ScanNode(name, parent) for name, parent in zip(names, arrays["node_parents"].tolist(), strict=True))
    return replace(scan, nodes=nodes, face_node=arrays["node"].astype(np.int32))


_MOST_COLORS = 64
_MOST_NAMED = 256  # materials that are told apart by their names too
_TILES: tuple[Wrap, ...] = ("repeat", "mirror", "clamp", "clamp")  # lib3mf's TextureTileStyle; the last is none
_NO_TILE = 3


def _material(name: str, image: str | None, rgba: npt.NDArray[np.uint8]) -> Material:
    """``rgba``: of all of it, sRGB."""
    red, green, blue = (float(c) for c in linear_from_srgb(rgba[:3]))
    alpha = float(rgba[3]) / 255
    return Material(name, (red, green, blue, alpha), image, alpha_mode="BLEND" if alpha < 1 else "OPAQUE")


def _wraps(tile: npt.NDArray[np.int64]) -> dict[str, WrapModes]:
    return {"base_color_texture": (_TILES[int(tile[0])], _TILES[int(tile[1])])}


def _note_bare(
    tiles: npt.NDArray[np.int64], texture: npt.NDArray[np.int64], uv: npt.NDArray[np.float32], folder: ScanFolder
) -> None:
    """Tell of faces beyond the edges of a texture that shows nothing there."""
    for picture, tile in enumerate(tiles):
        mine = uv[texture == picture][..., tile == _NO_TILE]
        if ((mine < -_SLIGHT) | (mine > 1 + _SLIGHT)).any():
            what = "a texture shows nothing beyond its edges (tile style none), where faces reach"
            folder.note("texture", what, "goes on with its edges there")


_SLIGHT = 1e-3  # of a texture's side
