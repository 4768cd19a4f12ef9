"""Bounded triangle counts: edge collapses that keep silhouettes, UV seams and colours.

A subset of the vertices is kept and none is moved, so every corner has the UV and colour that the scan gave it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.color_baking import bake_colors
from scanstage.assets.meshes.edge_collapse import collapse
from scanstage.assets.meshes.surface_mesh import SurfaceMesh
from scanstage.assets.meshes.topology import degenerate
from scanstage.assets.meshes.wedge_mesh import WedgeMesh
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding

_TOLERANCE = 1.25  # a quarter more triangles is no reason to lose a texture


def simplify(mesh: SurfaceMesh, max_triangles: int) -> SurfaceMesh:
    """Reduce a mesh to at most about ``max_triangles``; it is returned as it is where it has no more.

    UV seams, material borders and jumps of colour are kept closed: both sides of a seam collapse together. Where there
    are so many seams that the count can't be reached, the result has more than asked for.
    """
    if len(mesh.faces) <= max_triangles:
        return mesh
    whole, corner_of_wedge = WedgeMesh.of(mesh)
    return _with_corners(mesh, corner_of_wedge[collapse(whole, max_triangles)])


def bounded(mesh: SurfaceMesh, scan: RawScan, max_triangles: int) -> tuple[SurfaceMesh, RawScan, list[ScanFinding]]:
    """:func:`simplify`, and what is left to do where that can't reach the count; the findings say what was lost.

    An atlas of very many charts (some scanners give each triangle its own) or a colour for each triangle is replaced by
    one colour for each vertex, which leaves no seams. Raises InputError for a broken texture.
    """
    findings: list[ScanFinding] = []
    before = len(mesh.faces)
    reduced = simplify(mesh, max_triangles)
    if len(reduced.faces) > _TOLERANCE * max_triangles and (
        mesh.corner_uv is not None or mesh.corner_color is not None
    ):
        mesh, scan = bake_colors(mesh, scan)
        reduced = simplify(mesh, max_triangles)
        what = f"too many seams of texture or colour to simplify {before:,} triangles"
        findings.append(ScanFinding("warning", "color", what, "takes one mean colour for each vertex instead"))
    return reduced, scan, findings


def _with_corners(mesh: SurfaceMesh, corners: npt.NDArray[np.int64]) -> SurfaceMesh:
    """Triangles of (T, 3) corners (0..3F) of a mesh; the three of one triangle have the same material."""
    result = SurfaceMesh(
        mesh.positions,
        mesh.faces.ravel()[corners],
        mesh.face_material[corners[:, 0] // 3],
        None if mesh.corner_uv is None else mesh.corner_uv.reshape(-1, 2)[corners],
        None if mesh.corner_color is None else mesh.corner_color.reshape(-1, 4)[corners],
    )
    return result.keep_faces(~degenerate(result.positions, result.faces))
