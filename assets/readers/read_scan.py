"""From a file to a :class:`~raw_scan.RawScan`: one reader for each format, and the checks common to all.

A scan is untrusted: whatever a reader meets, the caller sees a RawScan or an InputError that names the file.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import TEXTURE_KEYS, Material, within_range
from scanstage.assets.files.outside_files import open_below
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import listed
from scanstage.assets.raw_scans.gaussian_splats import SPLAT_SUFFIXES, splat_refusal
from scanstage.assets.raw_scans.point_surface import CLOUD_SUFFIXES, cloud_refusal, poisson_surface
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import MAX_MATERIALS, MAX_NOTE, check_room
from scanstage.assets.raw_scans.scan_file import locate
from scanstage.assets.raw_scans.scan_folder import leads_elsewhere
from scanstage.assets.raw_scans.units import BY_BLENDER
from scanstage.assets.readers.blender_copies.blender_copy import GLTF_SUFFIXES, BlenderCopy, copy_for_blender
from scanstage.assets.readers.blender_copies.layer_names import USD_SUFFIXES
from scanstage.assets.readers.cad.step_files import read_step
from scanstage.assets.readers.cad.three_mf import read_three_mf
from scanstage.assets.readers.gltf.gltf_document import CompressedError
from scanstage.assets.readers.gltf.gltf_reader import read_gltf
from scanstage.assets.readers.msh import read_msh
from scanstage.assets.readers.ply import read_ply
from scanstage.assets.readers.stl import read_stl
from scanstage.assets.readers.wavefront.obj import read_obj
from scanstage.assets.textures.texture_coding import check_textures
from scanstage.assets.textures.udim import FIRST, tile_of_faces

Convert = Callable[[Path, Path, Path], tuple[ScanFinding, ...] | None]
"""Turns a file that only Blender reads (first path) into a GLB (second path), and tells what is lost on the way. The
file is a copy, in or below a folder (third path) that holds nothing but what the scan may use."""

READERS: dict[str, Callable[[Path, ReadingChoices], RawScan]] = {
    ".obj": read_obj,
    ".ply": read_ply,
    ".glb": read_gltf,
    ".gltf": read_gltf,
    ".stl": read_stl,
    ".msh": read_msh,
    ".3mf": read_three_mf,
    ".step": read_step,
    ".stp": read_step,
}
"""What reads each kind of scan, by suffix. May raise anything; see :func:`read_scan`."""
_BLENDER_ONLY = (*USD_SUFFIXES, ".fbx")
SCAN_SUFFIXES = (*READERS, *_BLENDER_ONLY)
_MAX_COORDINATE = 1e9
_NAMED = 4
_COARSEST_STEP = 0.005  # of the extent
_MAGIC = ((b"ply", ".ply"), (b"glTF", ".glb"), (b"solid", ".stl"), (b"PK\x03\x04", ".zip"), (b"Kaydara FBX", ".fbx"))


def read_scan(path: Path, convert: Convert | None = None, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a scan of any known format, and check what intake relies on.

    Args:
        path: OBJ, PLY, GLB, glTF, STL, MuJoCo MSH, 3MF, STEP; with ``convert`` also USD, USDZ and FBX.
        convert: see :data:`Convert`; None where Blender isn't at hand.
        choices: what the file may not say itself.

    Returns:
        a scan with at least one face, whose indices are in range and whose used vertices are finite.

    Raises InputError for anything else, naming the file, the reason and the way out.
    """
    choices.check()
    suffix = path.suffix.lower()
    head = _head(path, suffix)
    try:
        scan = _read(path, suffix, convert, choices)
        if choices.surface == "poisson" and not len(scan.faces) and scan.normals is not None:
            scan = poisson_surface(scan)
        return _checked(scan, path, suffix, head)
    except InputError as e:
        raise InputError(_named(path, e.marked_problems), e.marked_hint or _hint(head, suffix)) from e
    except MemoryError as e:
        raise InputError(f"{path}: too large for this machine's memory", "simplify the scan first") from e
    except Exception as e:  # a crafted file may trip a reader anywhere; its owner needs the file's name, not our stack
        raise InputError(f"{path}: can't be read ({type(e).__name__}: {str(e)[:MAX_NOTE]})", _hint(head, suffix)) from e


def refusal_of_points(path: Path) -> InputError | None:
    """What to say of a file of points or splats alone, by its suffix; None of others."""
    suffix = path.suffix.lower()
    if suffix in SPLAT_SUFFIXES:
        return splat_refusal(path)
    return cloud_refusal(path) if suffix in CLOUD_SUFFIXES else None


def _head(path: Path, suffix: str) -> bytes:
    """The first bytes of a file that may be a scan. Raises InputError for what can't be one."""
    root, name = locate(path)
    try:
        with open_below(root, name) as file:
            head = file.read(32)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder", "name the scan's file") from None
    except OSError as e:
        if e.errno == errno.EXDEV and path.is_dir():  # the folder that it is in: "."
            raise InputError(f"{path}: is a folder", "name the scan's file") from None
        raise InputError(f"{path}: can't be read ({e.strerror or e})") from e
    if (refusal := refusal_of_points(path)) is not None:
        raise refusal
    if suffix not in SCAN_SUFFIXES:
        raise InputError(
            f"{path}: {suffix or 'no suffix'!r} is not a kind of scan", f"one of {', '.join(SCAN_SUFFIXES)}"
        )
    if not head:
        raise InputError(f"{path}: the file is empty", "export or download the scan again")
    return head


def _read(path: Path, suffix: str, convert: Convert | None, choices: ReadingChoices) -> RawScan:
    if choices.pose is not None and suffix not in GLTF_SUFFIXES:
        hint = "export it as GLB with its animation" if suffix in _BLENDER_ONLY else f"leave {option('pose')} out"
        raise InputError(f"{option('pose')} {choices.pose.text}: poses are taken from glTF alone", hint)
    if suffix not in READERS:
        return _through_blender(path, convert, choices)
    try:
        return READERS[suffix](path, choices)
    except CompressedError as compressed:
        if convert is None:
            raise
        try:
            return _through_blender(path, convert, choices)
        except InputError as e:  # Blender 4 knows Draco and no meshopt; the wheel of bpy 5.2 comes without either
            hint = f"{compressed.marked_hint}, or name another Blender with {option('blender')}"
            raise InputError(e.marked_problems, hint) from e


def _named(path: Path, problems: list[str]) -> list[str]:
    return [p if str(path) in p else f"{path}: {p}" for p in problems]


def _hint(head: bytes, suffix: str) -> str:
    for magic, kind in _MAGIC:
        if head.startswith(magic) and kind != suffix and not (kind == ".zip" and suffix in (".usdz", ".3mf")):
            return f"it looks like a {kind} file: rename it (or unpack it), or export the scan again"
    return "export or download the scan again"


def _through_blender(path: Path, convert: Convert | None, choices: ReadingChoices) -> RawScan:
    if convert is None:
        raise InputError(f"{path}: {path.suffix} is read through Blender, which isn't at hand", "export it as GLB")
    with tempfile.TemporaryDirectory(prefix="scanstage-") as folder:
        (inside := Path(folder) / "scan").mkdir()
        copy = copy_for_blender(path, inside, choices)
        target = Path(folder) / "converted.glb"
        try:
            told = convert(copy.file, target, inside) or ()
        except InputError as e:
            raise InputError([p.replace(str(copy.file), str(path)) for p in e.marked_problems], e.marked_hint) from e
        scan = read_gltf(target, ReadingChoices(parts=choices.parts))
    if copy.tiled and scan.corner_uv is not None and (tile_of_faces(scan.corner_uv) != FIRST).any():
        raise InputError(
            f"{path}: its textures are UDIM tiles ({listed(copy.tiled, most=_NAMED)}), of which one would come in",
            "export it as OBJ, whose tiles are read, or bake them into one texture",
        )
    note = ScanFinding("info", "format", f"{path.suffix} is not read directly", "Blender converts it to GLB first")
    lost = scan.lost_textures if scan.images else copy.lost
    said = path.suffix.lower() in USD_SUFFIXES  # metersPerUnit of its stage, by which Blender has scaled it
    findings = (note, *copy.findings, *told, *_missing(path, copy, scan), *scan.findings)
    up_origin = scan.up_origin if path.suffix.lower() in GLTF_SUFFIXES else BY_BLENDER
    return replace(scan, unit_given=said, up_origin=up_origin, findings=findings, lost_textures=lost)


def _missing(path: Path, copy: BlenderCopy, scan: RawScan) -> tuple[ScanFinding, ...]:
    """Of images that a file names for Blender, and that haven't come in; readers of our own tell it themselves."""
    of_usd = path.suffix.lower() in USD_SUFFIXES
    in_layers = of_usd and path.suffix.lower() != ".usdz"
    if copy.lost and (in_layers or not scan.images):  # packages, and FBX, name images otherwise too
        what = f"{listed([repr(name) for name in copy.lost], most=_NAMED)}: not there"
        if of_usd and any(leads_elsewhere(name) or ".." in name for name in copy.lost):
            what += ", or a path of another machine that can't be changed (export it with relative paths, or as .usda)"
        action = "goes on without" if of_usd else "goes on without; copied beside the scan it is found"
        return (ScanFinding("warning", "missing texture", what, action),)
    if copy.images and not scan.images:  # of a material that Blender has no importer for (MDL, MaterialX), or of none
        what = f"names {listed([repr(name) for name in copy.images], most=_NAMED)}; Blender takes no texture of it"
        return (ScanFinding("warning", "texture", what, "goes on without"),)
    return ()


def _checked(scan: RawScan, path: Path, suffix: str, head: bytes) -> RawScan:
    n = len(scan.vertices)
    if n == 0:
        raise InputError(f"{path}: holds no geometry", _hint(head, suffix))
    if len(scan.faces) == 0:
        raise cloud_refusal(path, len(scan.vertices), scan.normals is not None)
    check_room(len(scan.faces), n)
    check_textures(scan.images)
    if scan.faces.min() < 0 or scan.faces.max() >= n:
        raise InputError(f"{path}: a face names a vertex that the file doesn't have (there are {n:,})")
    used = np.zeros(n, dtype=bool)
    used[scan.faces] = True
    sound = np.isfinite(scan.vertices).all(axis=1) & (np.abs(np.nan_to_num(scan.vertices)) < _MAX_COORDINATE).all(
        axis=1
    )
    if bad := int((used & ~sound).sum()):
        first = int(np.flatnonzero(used & ~sound)[0])
        raise InputError(
            f"{path}: {bad:,} vertices in use are not finite or beyond 1e9 (the first is number {first})",
            "repair it in MeshLab (Remove vertices with NaN coordinates) and export it again",
        )
    _check_digits(scan.vertices[used], path, suffix)
    told = _with_no_texture_told(_without_unmapped_textures(_without_directions(scan)))
    return _with_sound_materials(_with_finite_uv(told))


def _check_digits(points: npt.NDArray[np.float64], path: Path, suffix: str) -> None:
    """Refuse what was stored in single precision too far from the origin (map coordinates): its shape is lost."""
    farthest, extent = float(np.abs(points).max()), float(np.ptp(points, axis=0).max())
    step = float(np.spacing(np.float32(farthest)))
    if step > _COARSEST_STEP * extent > 0 and (points == points.astype(np.float32)).all():
        hint = "move the scan to the origin before it is exported, or export it in double precision"
        if suffix in (".step", ".stp"):  # text, whose triangles Open CASCADE writes in single precision
            hint = "move the part to the origin in the CAD program"
        raise InputError(
            f"{path}: its coordinates (up to {farthest:.7g}) are so far from the origin that they come in steps of "
            f"{step:.2g}, for a size of {extent:.2g}: the shape is lost",
            hint,
        )


def _without_unmapped_textures(scan: RawScan) -> RawScan:
    if scan.corner_uv is not None or not scan.images:
        return scan
    none: dict[str, Any] = {**dict.fromkeys(TEXTURE_KEYS), "texture_transforms": ()}
    materials = tuple(replace(m, **none) for m in scan.materials)
    note = ScanFinding("warning", "texture", "has textures but no UV coordinates", "goes on without them")
    return replace(scan, materials=materials, images={}, findings=(*scan.findings, note))


def _with_no_texture_told(scan: RawScan) -> RawScan:
    """Coordinates of a texture that nothing names, on a scan without colours: most likely it was lost on the way."""
    is_colored = scan.images or scan.vertex_color is not None or any(m != Material(name=m.name) for m in scan.materials)
    is_told = scan.lost_textures or any(f.topic.startswith("missing ") for f in scan.findings)
    if scan.corner_uv is None or is_colored or is_told:
        return scan
    what = "has UV coordinates, but no colours, and names no texture (PLY: comment TextureFile NAME; OBJ: mtllib NAME)"
    note = ScanFinding("warning", "no texture", what, "makes it one plain colour")
    return replace(scan, findings=(*scan.findings, note))


def _without_directions(scan: RawScan) -> RawScan:
    """Brushed surfaces need to be told along which way: without UVs there is none."""
    if scan.corner_uv is not None or all(m.anisotropy == 0 for m in scan.materials):
        return scan
    note = ScanFinding("warning", "material", "is brushed (anisotropy), but has no UV coordinates", "leaves it even")
    materials = tuple(replace(m, anisotropy=0.0, anisotropy_texture=None) for m in scan.materials)
    return replace(scan, materials=materials, findings=(*scan.findings, note))


def _with_finite_uv(scan: RawScan) -> RawScan:
    if scan.corner_uv is None:
        return scan
    broken = ~np.isfinite(scan.corner_uv).all(axis=-1)
    if not broken.any():
        return scan
    uv = scan.corner_uv.copy()
    uv[broken] = 0.0
    note = ScanFinding("warning", "uv", f"{int(broken.sum()):,} UV coordinates are not finite", "sets them to 0")
    return replace(scan, corner_uv=uv, findings=(*scan.findings, note))


def _with_sound_materials(scan: RawScan) -> RawScan:
    """The one place where the numbers of materials are made finite and in range, whatever the format."""
    if len(scan.materials) > MAX_MATERIALS:
        raise InputError(f"has {len(scan.materials):,} materials (at most {MAX_MATERIALS:,})", "join its materials")
    materials = tuple(within_range(m) for m in scan.materials)
    changed = sum(a != b for a, b in zip(materials, scan.materials, strict=True))
    if not changed:
        return scan
    note = ScanFinding("warning", "material", f"{changed:,} materials hold numbers out of range", "takes the nearest")
    return replace(scan, materials=materials, findings=(*scan.findings, note))
