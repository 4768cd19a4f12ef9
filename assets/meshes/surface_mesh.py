"""A scan made sound: shared positions, no degenerate or doubled triangles, consistent winding, and what was mended."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.meshes.thinning import one_corner, representatives
from scanstage.assets.meshes.topology import Edges, bodies, degenerate, fix_winding, repeated, weld
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.scan_bounds import THIN_FROM, check_thinned

_THINNINGS = 2
"""At most; each leaves a third to three fifths."""


@dataclass(frozen=True)
class SurfaceMesh:
    """Triangles with unique positions; everything else lives at their corners.

    Attributes:
        positions: (P, 3) float64.
        faces: (F, 3) int64.
        face_material: (F,) int64.
        corner_uv: (F, 3, 2) float32 or None; V up.
        corner_color: (F, 3, 4) uint8 sRGB or None.
    """

    positions: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    face_material: npt.NDArray[np.int64]
    corner_uv: npt.NDArray[np.float32] | None
    corner_color: npt.NDArray[np.uint8] | None

    def keep_faces(self, kept: npt.NDArray[np.bool_]) -> SurfaceMesh:
        """The mesh with only these faces, unused positions dropped."""
        faces = self.faces[kept]
        used = np.zeros(len(self.positions), dtype=bool)
        used[faces] = True
        return SurfaceMesh(
            self.positions[used],
            (np.cumsum(used) - 1)[faces],
            self.face_material[kept],
            None if self.corner_uv is None else self.corner_uv[kept],
            None if self.corner_color is None else self.corner_color[kept],
        )

    def thinned(self) -> SurfaceMesh:
        """The mesh with places that lie closest joined; see :mod:`thinning`."""
        values = [v for v in (self.corner_uv, self.corner_color) if v is not None]
        moved = representatives(self.positions, self.faces, self.face_material, values)
        faces = moved[self.faces]
        kept = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        faces, before = faces[kept], self.faces[kept]
        corner = one_corner(self.faces, len(self.positions))[faces]
        same, uv, color = faces == before, self.corner_uv, self.corner_color
        return SurfaceMesh(
            self.positions,
            faces,
            self.face_material[kept],
            None if uv is None else np.where(same[..., None], uv[kept], uv.reshape(-1, 2)[corner]),
            None if color is None else np.where(same[..., None], color[kept], color.reshape(-1, 4)[corner]),
        ).keep_faces(np.ones(len(faces), dtype=bool))

    def turned(self, faces: npt.NDArray[np.int64]) -> SurfaceMesh:
        """The mesh with ``faces`` in place of its own, of which some are reversed; corners follow."""
        reversed_ = (faces[:, 0] != self.faces[:, 0])[:, None, None]
        uv, color = self.corner_uv, self.corner_color
        return replace(
            self,
            faces=faces,
            corner_uv=None if uv is None else np.where(reversed_, uv[:, ::-1], uv),
            corner_color=None if color is None else np.where(reversed_, color[:, ::-1], color),
        )


@dataclass(frozen=True)
class Census:
    """Counts that inspection shows. ``bodies`` are parts that share no vertex; edges are counted after mending.

    Of a scan that is too large to be looked at whole (``thinned_to`` isn't 0), all but ``triangles`` and the vertices
    are counted in what is left of it.
    """

    triangles: int
    unused_vertices: int
    broken_unused_vertices: int
    degenerate_faces: int
    doubled_faces: int
    inconsistent_faces: int
    inward_faces: int
    open_edges: int
    fan_edges: int
    bodies: int
    largest_body: int
    thinned_to: int = 0


def make_sound(scan: RawScan) -> tuple[SurfaceMesh, Census]:
    """Weld, remove degenerate and doubled faces, and fix the winding. Raises InputError where nothing is left."""
    positions, faces = weld(scan.vertices, scan.faces)
    color = None if scan.vertex_color is None else scan.vertex_color[scan.faces]
    mesh = SurfaceMesh(positions, faces, scan.face_material, scan.corner_uv, color)
    del positions, faces, color
    for _ in range(_THINNINGS):
        mesh = mesh.thinned() if len(mesh.faces) > THIN_FROM else mesh
    thin = len(mesh.faces)
    check_thinned(thin)
    flat = degenerate(mesh.positions, mesh.faces)
    if flat.all():
        raise InputError("all its triangles are degenerate (lines or points)", "export the scan's surface again")
    mesh = mesh.keep_faces(~flat) if flat.any() else mesh
    again = repeated(mesh.faces)
    mesh = mesh.keep_faces(~again) if again.any() else mesh
    edges = Edges.of(mesh.faces)
    winding = fix_winding(mesh.positions, mesh.faces, edges)
    mesh = mesh.turned(winding.faces)
    parts, of_face = bodies(mesh.faces, len(mesh.positions))
    used = np.zeros(len(scan.vertices), dtype=bool)
    used[scan.faces] = True
    census = Census(
        triangles=len(scan.faces),
        unused_vertices=int((~used).sum()),
        broken_unused_vertices=int((~np.isfinite(scan.vertices[~used]).all(axis=1)).sum()),
        degenerate_faces=int(flat.sum()),
        doubled_faces=int(again.sum()),
        inconsistent_faces=winding.inconsistent,
        inward_faces=winding.inward,
        open_edges=int((edges.count == 1).sum()),
        fan_edges=int((edges.count > 2).sum()),
        bodies=parts,
        largest_body=int(np.bincount(of_face).max()),
        thinned_to=thin if thin < len(scan.faces) else 0,
    )
    return mesh, census


def census_findings(census: Census) -> list[ScanFinding]:
    """What the counts mean, for people."""
    found: list[ScanFinding] = []

    def add(count: int, topic: str, what: str, action: str, info: bool = False) -> None:
        if count:
            found.append(ScanFinding("info" if info else "warning", topic, f"{count:,} {what}", action))

    what = f"triangles are too many to be looked at one by one: {census.thinned_to:,} are left of them"
    if census.thinned_to:
        action = "joins places that lie closest, but for borders and seams"
        add(census.triangles, "very large", what, action, info=True)
    add(census.broken_unused_vertices, "NaN vertices", "vertices are not finite, but no face uses them", "drops them")
    plain = census.unused_vertices - census.broken_unused_vertices
    add(plain, "unused vertices", "vertices belong to no face", "drops them", info=True)
    add(census.degenerate_faces, "degenerate faces", "triangles have no area", "removes them")
    add(census.doubled_faces, "doubled faces", "triangles repeat another (either way round)", "removes them")
    add(census.inconsistent_faces, "inverted faces", "triangles face against their neighbours", "turns them around")
    add(census.inward_faces, "inverted faces", "triangles of closed bodies face inward", "turns them outward")
    add(census.open_edges, "open edges", "edges have one face only (holes, rims)", "keeps the holes; both sides render")
    add(census.fan_edges, "non-manifold", "edges have more than two faces", "keeps them")
    if census.bodies > 1:
        share = census.largest_body / max(
            1, (census.thinned_to or census.triangles) - census.degenerate_faces - census.doubled_faces
        )
        what = f"{census.bodies:,} bodies that don't touch; the largest has {share:.0%} of the triangles"
        found.append(ScanFinding("warning" if share < 0.5 else "info", "bodies", what, "keeps them all as one object"))
    return found
