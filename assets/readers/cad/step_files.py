"""STEP: solids of CAD programs, whose surfaces Open CASCADE (by the package cascadio) turns into triangles.

It is native code and scans are hostile, so it runs in a process of its own, on a copy in a folder of its own.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.machine.confined_process import ConfinedError, run_confined
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_folder import read_bounded
from scanstage.assets.readers.cad.cad_colors import uncolored
from scanstage.assets.readers.cad.step_text import MendedStep, mend_step
from scanstage.assets.readers.gltf.gltf_reader import read_gltf

EXTRA = 'pip install "scanstage[cad]"'
_FLAT = 0.01
"""How far triangles may lie off a curve, of the length of the edge."""
_ANGLE_RAD = 0.2
_MEMORY_BYTES = 8 << 30
_LIMIT_S = 600
_ELSEWHERE = re.compile(rb"=\s*(?:DOCUMENT_FILE|EXTERNALLY_DEFINED_\w+)\s*\(")
_CURVES = re.compile(rb"=\s*(?:GEOMETRIC_(?:CURVE_)?SET|EDGE_BASED_WIREFRAME_MODEL|SHELL_BASED_WIREFRAME_MODEL)\s*\(")
_BARE = Material(base_color=WHITE)
"""As what has no color comes from Open CASCADE, which names its materials."""
_PROGRAM = """
import os
os.dup2(2, 1)
import cascadio
source, target, flat, angle = sys.argv[3:7]
if cascadio.step_to_glb(source, target, float(flat), float(angle), True, True, False) != 0:
    raise SystemExit("it holds no solid that can be read")
"""


def read_step(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a STEP file, in metres: Open CASCADE knows its unit. Raises InputError."""
    data = read_bounded(path)
    if not data.lstrip()[:20].startswith(b"ISO-10303-21"):
        raise InputError(f"{path}: is no STEP file")
    if _ELSEWHERE.search(data):
        raise InputError(f"{path}: has parts in other files", "save it as one STEP file")
    if importlib.util.find_spec("cascadio") is None:
        raise InputError(f"{path}: what reads STEP isn't installed", f"{EXTRA}, or export it as GLB or STL")
    mended = mend_step(data)
    with tempfile.TemporaryDirectory(prefix="scanstage-") as folder:
        source, target = Path(folder, "scan.step"), Path(folder, "scan.glb")
        source.write_bytes(mended.data)
        arguments = [str(source), str(target), str(_FLAT), str(_ANGLE_RAD)]
        try:
            run_confined(_PROGRAM, arguments, memory_bytes=_MEMORY_BYTES, limit_s=_LIMIT_S)
        except ConfinedError as e:
            raise InputError(f"{path}: Open CASCADE can't read it ({e})", "export it as GLB or STL") from e
        if not target.is_file():
            raise InputError(f"{path}: holds no solid that can be read", "export it as GLB or STL")
        scan = read_gltf(target, ReadingChoices(parts=choices.parts))
    if mended.hidden and not len(scan.faces):
        raise InputError(f"{path}: all that it holds is hidden", "show in the CAD program what is to come in")
    if not len(scan.faces) and _CURVES.search(data):
        raise InputError(f"{path}: holds curves, but no surface", "export the solids or surfaces that they are of")
    what = f"curved surfaces, as triangles of at most {_ANGLE_RAD} rad"
    note = ScanFinding("info", "format", what, "Open CASCADE makes them")
    bare = [k for k, m in enumerate(scan.materials) if (m.name, m.base_color) == (_BARE.name, _BARE.base_color)]
    materials = tuple(Material() if k in bare else _matt(m) for k, m in enumerate(scan.materials))
    findings = (note, *_findings(mended), *scan.findings)
    if bare and len(materials) > len(bare):
        findings = (*findings, uncolored(int(np.isin(scan.face_material, bare).sum())))
    # Written as it stands in the file: CAD programs mostly have Z up, and none says so.
    scan = replace(scan, materials=materials, unit="m", unit_given=True, up=None, usual_up="z", findings=findings)
    return scan if mended.has_unit else _in_millimetres(scan)


def _in_millimetres(scan: RawScan) -> RawScan:
    """Of a file without a unit, which Open CASCADE takes for millimetres: so that another can be given for it."""
    vertices = (scan.vertices * 1000).astype(np.float32).astype(np.float64)  # no more digits than they had
    return replace(scan, vertices=vertices, unit="mm", unit_given=False, unit_origin="guessed: its file names none")


def _matt(material: Material) -> Material:
    """As what says nothing of its surface: glTF's default, which Open CASCADE leaves out, is rough metal."""
    is_unsaid = (material.metallic, material.roughness) == (1.0, 1.0)
    return replace(material, metallic=Material.metallic, roughness=Material.roughness) if is_unsaid else material


def _findings(mended: MendedStep) -> list[ScanFinding]:
    found = []
    if mended.hidden:
        found.append(ScanFinding("info", "hidden", f"shapes that it hides: {mended.hidden:,}", "leaves them out"))
    if mended.still_there:
        what = f"hides what can't be left out here (occurrences, faces of a solid): {mended.still_there:,}"
        action = "takes them in: delete them in the CAD program, or export it as GLB"
        found.append(ScanFinding("warning", "hidden", what, action))
    if mended.lost_colors:
        what = f"colours of single occurrences that can't be taken over: {mended.lost_colors:,}"
        action = "takes those of their parts: colour the parts in the CAD program, or export it as GLB"
        found.append(ScanFinding("warning", "color", what, action))
    if mended.misplaced:
        what = f"shapes that it mirrors or scales where it places them: {mended.misplaced:,}"
        action = "gets them wrong: save them in the CAD program as shapes of their own, or export it as GLB"
        found.append(ScanFinding("warning", "placement", what, action))
    if mended.unitless:
        what = f"groups of shapes that are said to be in no unit, beside others: {mended.unitless:,}"
        found.append(ScanFinding("warning", "unit", what, "takes the unit of the others"))
    return found
