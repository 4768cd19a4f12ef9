"""What is wrong with a scan, and what intake will do about it; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.intake.clear_volumes import settle_volumes
from scanstage.assets.intake.lost_textures import check_colors_are_there
from scanstage.assets.intake.part_split import NamedPart, check_choice, named_parts
from scanstage.assets.intake.see_through import settle_see_through
from scanstage.assets.intake.symmetry_fit import symmetry_count
from scanstage.assets.intake.take_in import DEFAULT_MAX_TRIANGLES
from scanstage.assets.meshes.surface_mesh import census_findings, make_sound
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import for_shell
from scanstage.assets.raw_scans.keypoint_files import Keypoints, find_keypoints, keypoint_findings
from scanstage.assets.raw_scans.raw_scan import UNITS_M, RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.units import find_unit, find_up, to_z_up, unit_findings, up_findings
from scanstage.assets.readers.read_scan import Convert, read_scan
from scanstage.assets.textures.texture_coding import DEFAULT_MAX_PX, image_size


@dataclass(frozen=True)
class Inspection:
    """The state of one file.

    Attributes:
        path: the file.
        refused: intake would refuse it; ``findings`` holds an ``error`` that says why.
        findings: in the order in which they were met.
        triangles, bodies, open_edges: counts, None where the file couldn't be read.
        unit, up: what intake would take, None likewise.
        size_m: (x, y, z) of the bounding box in the asset's frame, metres.
        textures: (name, width, height) of each image in use.
        parts: names that could be parts, where these were asked for.
    """

    path: str
    refused: bool
    findings: tuple[ScanFinding, ...]
    triangles: int | None = None
    bodies: int | None = None
    open_edges: int | None = None
    unit: str | None = None
    up: str | None = None
    size_m: tuple[float, float, float] | None = None
    textures: tuple[tuple[str, int, int], ...] = ()
    parts: tuple[NamedPart, ...] = ()


def inspect_scan(
    path: Path,
    unit: str = "auto",
    up: str = "auto",
    max_triangles: int = DEFAULT_MAX_TRIANGLES,
    convert: Convert | None = None,
    reading: ReadingChoices = AS_IT_SAYS,
    allow_plain: bool = False,
) -> Inspection:
    """Inspect a file as :func:`take_in.take_in` would read it. Never raises for a bad scan."""
    findings: list[ScanFinding] = []
    result = Inspection(str(path), refused=True, findings=())
    try:
        scan = read_scan(path, convert, reading)
        findings += scan.findings
        if reading.parts is not None:
            check_choice(reading.parts, None)
            result = replace(result, parts=tuple(named_parts(scan, reading.parts)))
        result = _measured(result, scan, findings, unit, up, max_triangles)
        if not allow_plain:
            check_colors_are_there(scan)
        if (keypoints := find_keypoints(path)) is not None:
            findings += keypoint_findings(keypoints, scan.vertices[scan.faces].reshape(-1, 3))
            findings += _declared(keypoints, result.size_m)
    except InputError as e:
        for problem in map(for_shell, e.marked_problems):
            what = problem.removeprefix(f"{path}: ")
            findings.append(ScanFinding("error", "refused", what, for_shell(e.marked_hint or "")))
        return replace(result, findings=tuple(findings))
    except MemoryError:
        findings.append(
            ScanFinding("error", "refused", "too large for this machine's memory", "simplify the scan first")
        )
        return replace(result, findings=tuple(findings))
    return replace(result, refused=any(f.severity == "error" for f in findings), findings=tuple(findings))


def _measured(
    result: Inspection, scan: RawScan, findings: list[ScanFinding], unit: str, up: str, max_triangles: int
) -> Inspection:
    textures = _textures(scan, findings)
    surface, census = make_sound(scan)
    if not any(f.severity == "error" for f in findings):  # a texture that can't be read has been reported
        clear, through = settle_see_through(scan)
        findings += (*through, *settle_volumes(surface, clear)[2])
    findings += census_findings(census)
    if len(surface.faces) > max_triangles:
        what = f"{len(surface.faces):,} triangles"
        findings.append(ScanFinding("info", "triangles", what, f"simplifies to {max_triangles:,} (--max-triangles)"))
    findings += _plain_colors(scan)
    up_guess = find_up(scan, surface.positions, up)
    findings += up_findings(up_guess)
    result = replace(
        result,
        triangles=census.triangles,
        bodies=census.bodies,
        open_edges=census.open_edges,
        up=up_guess.up,
        textures=textures,
    )
    extents = np.ptp(to_z_up(surface.positions, up_guess.up), axis=0)
    extent = float(extents.max())
    try:
        unit_guess = find_unit(scan, extent, unit)
    except InputError as e:
        findings.append(ScanFinding("error", "unit", for_shell(e.marked_problems[0]), for_shell(e.marked_hint or "")))
        return result
    findings += unit_findings(unit_guess, extent)
    x, y, z = (float(e) * UNITS_M[unit_guess.unit] for e in extents)
    return replace(result, unit=unit_guess.unit, size_m=(x, y, z))


def _plain_colors(scan: RawScan) -> list[ScanFinding]:
    """What to say of a scan that has neither textures nor vertex colours, unless it has lost some."""
    if scan.images or scan.vertex_color is not None or scan.lost_textures:
        return []
    if any(f.topic in ("no texture", "color") for f in scan.findings):  # its reader has said it
        return []
    used = [scan.materials[k] for k in np.unique(scan.face_material)]
    if {m.base_color for m in used} <= {WHITE, Material.base_color}:
        return [ScanFinding("info", "color", "no texture, and no colours of vertices or materials", "one plain colour")]
    what = "the plain colour of its material" if len(used) == 1 else f"plain colours of {len(used):,} materials"
    return [ScanFinding("info", "color", f"{what}, without a texture", f"keeps {'it' if len(used) == 1 else 'them'}")]


def _declared(keypoints: Keypoints, size_m: tuple[float, float, float] | None) -> list[ScanFinding]:
    """Of symmetries; whether the mesh has them is seen once it is in its frame. Raises InputError as intake does."""
    if keypoints.symmetries is None:
        return []
    found = keypoints.symmetries.about((0.0, 0.0, (size_m or (0.0, 0.0, 1.0))[2] / 2))
    return [symmetry_count(found)]


def _textures(scan: RawScan, findings: list[ScanFinding]) -> tuple[tuple[str, int, int], ...]:
    """Sizes of the images, from their headers; oversized and broken ones become findings."""
    sizes: list[tuple[str, int, int]] = []
    for name, data in scan.images.items():
        try:
            width, height = image_size(data, name)
        except InputError as e:
            findings.append(
                ScanFinding("error", "texture", for_shell(e.marked_problems[0]), for_shell(e.marked_hint or ""))
            )
            continue
        sizes.append((name, width, height))
        if max(width, height) > DEFAULT_MAX_PX:
            what = f"{name} is huge: {width} x {height} pixels"
            findings.append(ScanFinding("warning", "huge texture", what, f"scales it down to {DEFAULT_MAX_PX}"))
    return tuple(sizes)
