"""Which of a scan's glass can hold a volume: only a closed surface has an inside for light to be bent and tinted in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material
from scanstage.assets.meshes.surface_mesh import SurfaceMesh
from scanstage.assets.meshes.topology import Edges, bodies, face_normals_and_areas, groups
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding

_PINHOLES = 0.05  # length of open edges, of the root of a body's area; the rim of a bowl comes to 2.5


def settle_volumes(surface: SurfaceMesh, scan: RawScan) -> tuple[SurfaceMesh, RawScan, list[ScanFinding]]:
    """Make glass a thin, single wall where its surface isn't closed, and report where it was said to hold a volume.

    Args:
        surface: the scan made sound, in the scan's unit.
        scan: its materials.

    Returns:
        the surface, with materials of their own for thin walls; the scan with those materials; what was found.
    """
    if all(m.transmission == 0 for m in scan.materials):
        return surface, scan, []
    is_open = _on_open_bodies(surface)
    materials, face_material, findings = list(scan.materials), surface.face_material.copy(), []
    parts = list(scan.parts)
    for k, faces in groups(surface.face_material).items():
        mine = faces[is_open[faces]]
        if materials[k].transmission == 0 or not len(mine):
            continue
        if materials[k].thickness_m > 0:
            what = f"{len(mine):,} triangles of the glass {materials[k].name!r} enclose nothing (their surface is open)"
            findings.append(ScanFinding("warning", "open glass", what, "renders them as a thin wall"))
        face_material[mine] = len(materials)
        parts = [replace(p, materials=(*p.materials, len(materials))) if k in p.materials else p for p in parts]
        materials.append(_thin(materials[k]))
    settled = replace(scan, materials=tuple(materials), parts=tuple(parts))
    return replace(surface, face_material=face_material), settled, findings


def in_metres(materials: tuple[Material, ...], unit_m: float) -> tuple[Material, ...]:
    """Materials of a scan whose unit is ``unit_m`` metres, their lengths in metres."""
    return tuple(
        replace(
            m,
            thickness_m=m.thickness_m * unit_m,
            attenuation_m=None if m.attenuation_m is None else m.attenuation_m * unit_m,
        )
        for m in materials
    )


def _on_open_bodies(surface: SurfaceMesh) -> npt.NDArray[np.bool_]:
    """(F,) whether a face belongs to a body that has more than pinholes."""
    count, body = bodies(surface.faces, len(surface.positions))
    sides = Edges.of(surface.faces).open_sides()
    face, corner = sides // 3, sides % 3
    start, end = surface.faces[face, corner], surface.faces[face, (corner + 1) % 3]
    length = np.linalg.norm(surface.positions[end] - surface.positions[start], axis=1)
    rims = np.bincount(body[face], length, count)
    _, areas = face_normals_and_areas(surface.positions, surface.faces)
    is_open: npt.NDArray[np.bool_] = (rims > _PINHOLES * np.sqrt(np.bincount(body, areas, count)))[body]
    return is_open


def _thin(material: Material) -> Material:
    """The same glass as a wall of its thickness, in whose colour the volume's share of light is (Beer and Lambert)."""
    red, green, blue, alpha = material.base_color
    if material.thickness_m > 0 and material.attenuation_m is not None:
        walls = material.thickness_m / material.attenuation_m
        passed = [share**walls for share in material.attenuation_color]
        red, green, blue = red * passed[0], green * passed[1], blue * passed[2]
    color = (red, green, blue, alpha)
    return replace(material, base_color=color, thickness_m=0.0, attenuation_m=None, single_wall=True)
