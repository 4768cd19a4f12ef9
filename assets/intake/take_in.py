"""From a scan to an asset in a library: metres, Z up, base-centre origin, bounded, with hull and thumbnail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import (
    ALPHA_TEXTURE_KEYS,
    COLOR_TEXTURE_KEYS,
    TEXTURE_KEYS,
    Asset,
    AssetMeta,
    Material,
    MeshArrays,
)
from scanstage.assets.intake.clear_volumes import in_metres, settle_volumes
from scanstage.assets.intake.lost_textures import check_colors_are_there
from scanstage.assets.intake.part_split import check_choice, split_parts, with_materials
from scanstage.assets.intake.see_through import settle_see_through
from scanstage.assets.intake.symmetry_fit import declared_symmetries, symmetry_findings
from scanstage.assets.library.asset_ids import asset_id_of
from scanstage.assets.library.class_names import class_name_of
from scanstage.assets.library.collision_file import COLLISION_FILE, collision_file
from scanstage.assets.library.stored_assets import store_asset
from scanstage.assets.library.surface_look import Pixels
from scanstage.assets.library.thumbnail import draw_thumbnail
from scanstage.assets.meshes.collision_hull import collision_hull, lift_of_flat
from scanstage.assets.meshes.convex_parts import convex_parts
from scanstage.assets.meshes.shading_edges import shading_vertices
from scanstage.assets.meshes.simplification import bounded
from scanstage.assets.meshes.surface_mesh import SurfaceMesh, census_findings, make_sound
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.keypoint_files import Keypoints, find_keypoints, keypoint_findings
from scanstage.assets.raw_scans.raw_scan import UNITS_M, RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_folder import read_bounded
from scanstage.assets.raw_scans.units import find_unit, find_up, to_z_up
from scanstage.assets.readers.read_scan import Convert, read_scan
from scanstage.assets.textures.texture_coding import DEFAULT_MAX_PX, code_texture

# Measured on a scan of two million triangles with noise of 0.07 % of its diagonal, ten objects in a 640x480 picture:
# the distance to the original is that noise from 20,000 triangles on (rms 0.072 %, at 50,000 0.068 %, at 100,000
# 0.064 %; a fifth of a pixel for an object of 300 pixels), while building the tree that rays are cast through costs
# 0.03, 0.05, 0.12, 0.65 s an object at 20,000, 50,000, 100,000, 400,000.
DEFAULT_MAX_TRIANGLES = 50_000
WHOSE = ("license", "author", "url")


@dataclass(frozen=True)
class IntakeOptions:
    """How a scan is taken in.

    Attributes:
        class_name: the label, see :mod:`class_names`.
        unit: ``auto``, ``m``, ``cm`` or ``mm``.
        up: ``auto``, ``y`` or ``z``.
        max_triangles: more are simplified away.
        max_texture_px: longest side of a texture; larger ones are reduced.
        license, author, url: recorded where given.
        keypoints: file with the scan's named points and symmetries; None looks for one beside it
            (:mod:`keypoint_files`).
        reading: what its file may not say itself.
        allow_plain: a scan comes in even where all textures of its colours are missing.
    """

    class_name: str
    unit: str = "auto"
    up: str = "auto"
    max_triangles: int = DEFAULT_MAX_TRIANGLES
    max_texture_px: int = DEFAULT_MAX_PX
    license: str | None = None
    author: str | None = None
    url: str | None = None
    keypoints: Path | None = None
    reading: ReadingChoices = AS_IT_SAYS
    allow_plain: bool = False


def take_in(path: Path, options: IntakeOptions, library: Path, convert: Convert | None = None) -> Asset:
    """Read a scan and add it to a library. The same file under the same class replaces what it gave before.

    Args:
        path: see :func:`read_scan.read_scan`.
        options: class, unit, up, bounds, provenance.
        library: folder of the library; made if absent.
        convert: reads what only Blender can; see :data:`read_scan.Convert`.

    Raises InputError where the scan or an option can't be used, or the library can't be written.
    """
    check_options(options)
    scan = read_scan(path, convert, options.reading)
    keypoints = find_keypoints(path, options.keypoints)
    try:
        return add_scan(scan, path.name, file_sha256(path), options, library, keypoints=keypoints)
    except InputError as e:  # many scans have the same name in folders of their own
        named = [p.replace(path.name, str(path), 1) if p.startswith(f"{path.name}: ") else p for p in e.marked_problems]
        raise InputError(named, e.marked_hint) from e


def file_sha256(path: Path) -> str:
    """Hex digest of a scan's file. Raises InputError where it can't be read."""
    return hashlib.sha256(read_bounded(path)).hexdigest()


def add_scan(
    scan: RawScan,
    file_name: str,
    sha256: str,
    options: IntakeOptions,
    library: Path,
    provenance: dict[str, str] | None = None,
    keypoints: Keypoints | None = None,
) -> Asset:
    """The same for a scan already read.

    Args:
        scan: what :func:`read_scan.read_scan` gives.
        file_name, sha256: of its source file.
        options, library: as in :func:`take_in`.
        provenance: more to be recorded about its source.
        keypoints: its named points, in the frame of ``scan``.

    Raises InputError as :func:`take_in` does.
    """
    check_options(options)
    asset_id = asset_id_of(options.class_name, file_name, sha256, options.reading.pose)
    source = {**_said_before(library, asset_id), "file": file_name, "sha256": sha256, **(provenance or {})}
    source |= {k: v for k in WHOSE if (v := getattr(options, k))}
    try:
        meta, mesh, files = build_asset(scan, asset_id, source, options, keypoints)
    except InputError as e:
        raise InputError(
            [p if file_name in p else f"{file_name}: {p}" for p in e.marked_problems], e.marked_hint
        ) from e
    except MemoryError as e:
        raise InputError(f"{file_name}: too large for this machine's memory", "simplify the scan first") from e
    try:
        return store_asset(library, meta, mesh, files)
    except OSError as e:
        raise InputError(
            f"{library}: can't be written ({e.strerror or e})",
            f"choose another folder with {option('library')}, or make room",
        ) from e


def _said_before(library: Path, asset_id: str) -> dict[str, str]:
    """Whose a scan is and what it may be used for, where it is taken in again: nobody takes that back by silence."""
    try:
        known = Asset.open(library / asset_id).meta.source
    except (InputError, OSError):
        return {}
    return {k: v for k in WHOSE if isinstance(v := known.get(k), str)}


def check_options(options: IntakeOptions) -> None:
    """Raises InputError for an option that can't be used."""
    class_name_of(options.class_name)
    if options.unit not in ("auto", "m", "cm", "mm"):
        raise InputError(f"{option('unit')} {options.unit!r} is not known", "one of auto, m, cm, mm")
    if options.up not in ("auto", "y", "z"):
        raise InputError(f"{option('up')} {options.up!r} is not known", "one of auto, z, y")
    options.reading.check()
    check_choice(options.reading.parts, None)
    if options.max_triangles < 100:
        raise InputError(f"{option('max_triangles')} {options.max_triangles}: at least 100")
    if options.max_texture_px < 1:
        raise InputError(f"max_texture_px {options.max_texture_px}: at least 1")


def build_asset(
    scan: RawScan,
    asset_id: str,
    source: dict[str, str],
    options: IntakeOptions,
    keypoints: Keypoints | None = None,
) -> tuple[AssetMeta, MeshArrays, dict[str, bytes]]:
    """What goes into the asset's folder: metadata, arrays, encoded images by file name. Raises InputError."""
    if not options.allow_plain:
        check_colors_are_there(scan)
    scan = split_parts(scan, options.reading.parts, class_name_of(options.class_name))
    surface, census = make_sound(scan)
    scan, openings = settle_see_through(scan)
    surface, scan, about_glass = settle_volumes(surface, scan)
    extent = float(np.ptp(surface.positions, axis=0).max())
    unit = find_unit(scan, extent, options.unit)
    up = find_up(scan, surface.positions, options.up)
    named = keypoints or Keypoints({})
    about_points = keypoint_findings(named, surface.positions)
    scan = replace(scan, materials=in_metres(scan.materials, UNITS_M[unit.unit]))
    upright = to_z_up(surface.positions, up.up) * UNITS_M[unit.unit]
    base = _base(upright)
    # Moved before float32 loses digits far from the origin.
    reduced, scan, losses = bounded(replace(surface, positions=upright - base), scan, options.max_triangles)
    rest = _base(reduced.positions)
    placed = replace(reduced, positions=reduced.positions - rest)
    mesh = _arrays(placed)
    parts, about_parts = convex_parts(placed, mesh.hull)
    named = named.moved_to(to_z_up(named.array(), up.up) * UNITS_M[unit.unit] - base - rest)
    mesh, scan = _without_unused_materials(mesh, scan)
    symmetries = declared_symmetries(named.symmetries, mesh)
    about_points += symmetry_findings(symmetries, mesh)
    materials, files, pixels = _textures(scan, mesh.corner_uv is not None, options.max_texture_px)
    files["thumbnail.jpg"] = draw_thumbnail(mesh, materials, pixels)
    if parts:
        files[COLLISION_FILE] = collision_file(parts)
    about_surface = (*openings, *about_glass, *census_findings(census), *losses)
    found = (*scan.findings, *about_surface, *about_points, *about_parts)
    extents = np.ptp(mesh.vertices, axis=0)
    meta = AssetMeta(
        asset_id=asset_id,
        class_name=class_name_of(options.class_name),
        extents_m=(float(extents[0]), float(extents[1]), float(extents[2])),
        triangles=len(mesh.faces),
        materials=materials,
        source=source,
        intake={
            "unit": unit.unit,
            "unit_origin": unit.origin,
            **({"unit_alternatives": list(unit.alternatives)} if unit.alternatives else {}),
            "up": up.up,
            "up_origin": up.origin,
            **({"pose": options.reading.pose.text} if options.reading.pose else {}),
            "source_triangles": census.triangles,
            "collision_parts": max(len(parts), 1),
            **({"reconstructed": scan.reconstructed} if scan.reconstructed else {}),
            "findings": [_noted(f) for f in found],
        },
        keypoints=named.points,
        skeleton=named.skeleton,
        symmetries=symmetries,
        parts=scan.parts,
    )
    return meta, mesh, files


def _noted(finding: ScanFinding) -> str:
    return f"{finding.topic}: {finding.what}; {finding.action}"


def _base(positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3,) the centre of the base, which becomes the origin; a flat scan lies in the middle of its plate."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2] - lift_of_flat(positions)])


def _arrays(surface: SurfaceMesh) -> MeshArrays:
    """The stored form: vertices split along hard edges, colours per vertex."""
    faces = shading_vertices(surface)
    n = int(faces.max()) + 1
    vertices = np.empty((n, 3), np.float32)
    vertices[faces.ravel()] = surface.positions[surface.faces.ravel()]
    color = None
    if surface.corner_color is not None:
        rgba = surface.corner_color.reshape(-1, 4)
        corners = np.maximum(np.bincount(faces.ravel(), minlength=n), 1)
        mean = [np.bincount(faces.ravel(), rgba[:, k], n) / corners for k in range(4)]
        color = np.rint(np.stack(mean, axis=1)).astype(np.uint8)
    return MeshArrays(
        vertices=vertices,
        faces=faces.astype(np.int32),
        face_material=surface.face_material.astype(np.uint16),
        hull=collision_hull(surface.positions),
        corner_uv=None if surface.corner_uv is None else surface.corner_uv.reshape(-1, 2).astype(np.float32),
        vertex_color=color,
    )


def _without_unused_materials(mesh: MeshArrays, scan: RawScan) -> tuple[MeshArrays, RawScan]:
    used, number = np.unique(mesh.face_material, return_inverse=True)
    if used.max() >= len(scan.materials) or len(used) > 65535:
        raise InputError("a face names a material that the scan doesn't have")
    materials = tuple(scan.materials[k] for k in used)
    parts, about = with_materials(scan.parts, used.tolist())
    found = (*scan.findings, *about)
    kept = replace(scan, materials=materials, parts=parts, findings=found)
    return replace(mesh, face_material=number.astype(np.uint16)), kept


def _textures(
    scan: RawScan, has_uv: bool, max_px: int
) -> tuple[tuple[Material, ...], dict[str, bytes], dict[str, Pixels]]:
    """Materials that name files of the asset, those files, and the base colours decoded for the thumbnail."""
    names: dict[tuple[str, str], str] = {}
    files: dict[str, bytes] = {}
    pixels: dict[str, Pixels] = {}
    materials: list[Material] = []
    for material in scan.materials:
        changes: dict[str, Any] = {}
        for key in TEXTURE_KEYS:
            reference = getattr(material, key)
            if reference is None:
                continue
            if not has_uv or reference not in scan.images:
                changes[key] = None
                continue
            role = key.removesuffix("_texture")
            if (reference, role) not in names:
                color = key in COLOR_TEXTURE_KEYS
                cut = role == "base_color" and material.alpha_mode != "OPAQUE"
                keep_alpha = cut or key in ALPHA_TEXTURE_KEYS
                coded = code_texture(scan.images[reference], reference, max_px, color, keep_alpha)
                names[reference, role] = f"{role}{len(files)}{coded.suffix}"
                files[names[reference, role]] = coded.data
                if role == "base_color":
                    pixels[names[reference, role]] = coded.pixels
            changes[key] = names[reference, role]
        materials.append(replace(material, **changes))
    return tuple(materials), files, pixels
