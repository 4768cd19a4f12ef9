"""Symmetries that the file beside a scan declares: placed on the asset, and held against its mesh."""

from __future__ import annotations

from scanstage.assets.asset import MeshArrays
from scanstage.assets.library.symmetry_search import off_after
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.raw_scans.symmetry_declarations import DeclaredSymmetries
from scanstage.assets.symmetry import Symmetries

FAR = 0.05
"""Share of the diameter beyond which a declared turn is worth a warning: scans are worn, and cut open below."""


def declared_symmetries(declared: DeclaredSymmetries | None, mesh: MeshArrays) -> Symmetries:
    """What is declared of the asset with this mesh. Raises InputError where no body can have all of it."""
    if declared is None:
        return Symmetries()
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    x, y, z = (round(float(v), 9) + 0.0 for v in (low + high) / 2)
    return declared.about((x, y, z))


def symmetry_findings(symmetries: Symmetries, mesh: MeshArrays) -> list[ScanFinding]:
    """What there is to say about symmetries of an asset with this mesh."""
    if not symmetries:
        return []
    found = [symmetry_count(symmetries)]
    if (off := off_after(mesh, symmetries)) > FAR:
        what = f"declared turns leave the surface {off:.0%} of its diagonal from where it was"
        action = "keeps them; check their axes: metres, Z up, the base's centre as origin"
        found.append(ScanFinding("warning", "symmetries", what, action))
    return found


def symmetry_count(symmetries: Symmetries) -> ScanFinding:
    """How many there are."""
    what = f"{len(symmetries.continuous)} axes of any turn, {len(symmetries.discrete)} single turns"
    return ScanFinding("info", "symmetries", what, "keeps them")
