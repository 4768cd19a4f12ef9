"""3MF, of 3D printing: meshes with their unit, colours and textures, through lib3mf of the 3MF Consortium.

It is native code and scans are hostile, so it runs in a process of its own, once the sizes in the archive are known.
"""

from __future__ import annotations

import importlib.util
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.machine.confined_process import ConfinedError, run_confined
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_FACES, MAX_FILE_BYTES, MAX_NAMED_FILES, check_memory
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.cad.step_files import EXTRA
from scanstage.assets.readers.cad.three_mf_program import THREE_MF_PROGRAM
from scanstage.assets.textures.srgb import linear_from_srgb

_UNITS = ("um", "mm", "cm", "in", "ft", "m")  # lib3mf's ModelUnit
_MEMORY_BYTES = 8 << 30
_LIMIT_S = 600
_TIMES_ITS_TEXT = 4  # memory that a model takes, by the size of its XML


def read_three_mf(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a 3MF: what it builds, in its own unit, Z up. Raises InputError."""
    data = read_bounded(path)
    _check_archive(data, path)
    if importlib.util.find_spec("lib3mf") is None:
        raise InputError(f"{path}: what reads 3MF isn't installed", f"{EXTRA}, or export it as GLB, OBJ or STL")
    try:
        with tempfile.TemporaryDirectory(prefix="scanstage-") as place:
            (copy := Path(place, "scan.3mf")).write_bytes(data)
            arguments = [str(copy), str(MAX_FACES)]
            found = run_confined(THREE_MF_PROGRAM, arguments, memory_bytes=_MEMORY_BYTES, limit_s=_LIMIT_S)
        with np.load(io.BytesIO(found), allow_pickle=False) as z:
            arrays: dict[str, Any] = {name: z[name] for name in z.files}
    except (ConfinedError, OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: lib3mf can't read it ({e})", "export it as GLB, OBJ or STL") from e
    folder = ScanFolder(path, choices)
    for what in bytes(arrays["told"]).decode().splitlines():
        folder.note("material" if "properties" in what else "points or lines", f"holds {what}", "goes on without them")
    _note_aside(arrays, folder)
    return _scan(arrays, folder)


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
    if bool(arrays["unread_settings"]):
        what = "the slicer's settings, which may name supports and modifiers, can't be read"
        folder.note("printing", what, "takes all bodies in")


def _check_archive(data: bytes, path: Path) -> None:
    """Refuse what would be far larger unpacked than memory allows. Raises InputError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as e:
        raise InputError(f"{path}: is no 3MF file, or a broken one ({e})") from e
    size = sum(member.file_size for member in members)
    if len(members) > MAX_NAMED_FILES or size > MAX_FILE_BYTES:
        raise InputError(f"{path}: holds {len(members):,} files of {size:,} bytes", "export it anew, or as GLB")
    check_memory(_TIMES_ITS_TEXT * size, f"{size:,} bytes of XML")


def _scan(arrays: dict[str, Any], folder: ScanFolder) -> RawScan:
    """Colours of whole triangles become materials where there are few, else colours of vertices of their own."""
    points, faces = arrays["points"], arrays["faces"]
    texture: npt.NDArray[np.int64] = arrays["texture"]
    rgba: npt.NDArray[np.uint8] = arrays["rgba"]
    images = {name: bytes(arrays[name]) for name in arrays if name.startswith("image")}
    codes = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    even = (codes == codes[:, :1]).all()
    distinct = np.unique(codes)
    if even and len(distinct) <= _MOST_COLORS:
        keys, numbers = np.unique(
            np.stack([texture, codes[:, 0].astype(np.int64)], axis=1), axis=0, return_inverse=True
        )
        materials = tuple(_material(int(t), np.array([code], np.uint32).view(np.uint8)) for t, code in keys)
        colors = None
    else:
        corners, where = np.unique(
            np.stack([faces.ravel(), codes.ravel().astype(np.int64)], axis=1), axis=0, return_inverse=True
        )
        points, faces = points[corners[:, 0]], where.reshape(-1, 3)
        colors = corners[:, 1].astype(np.uint32).view(np.uint8).reshape(-1, 4)
        kinds, numbers = np.unique(texture, return_inverse=True)
        materials = tuple(_material(int(t), None) for t in kinds)
    return RawScan(
        points,
        faces,
        numbers.reshape(-1).astype(np.int64),
        materials,
        images,
        arrays["uv"] if images else None,
        colors,
        unit=_UNITS[int(arrays["unit"])],
        unit_given=True,
        up="z",
        findings=folder.findings,
    )


_MOST_COLORS = 64


def _material(texture: int, rgba: npt.NDArray[np.uint8] | None) -> Material:
    """``rgba``: of all of it, sRGB; None: its vertices have colours."""
    image = None if texture < 0 else f"image{texture}"
    if rgba is None:
        return Material("colors", WHITE, image, vertex_colors=True)
    red, green, blue = (float(c) for c in linear_from_srgb(rgba[:3]))
    if image is None and tuple(rgba) == (255, 255, 255, 255):
        return Material()
    alpha = float(rgba[3]) / 255
    return Material("color", (red, green, blue, alpha), image, alpha_mode="BLEND" if alpha < 1 else "OPAQUE")
