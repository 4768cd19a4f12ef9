"""USD files as text, of boxes, and what is asked of what came of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan
from scanstage.render.engine.blender_conversion import convert_with_blender

HEAD = '#usda 1.0\n(\n defaultPrim = "a"\n upAxis = "Z"\n metersPerUnit = 1\n startTimeCode = 0\n endTimeCode = 10\n)\n'
CORNERS = [(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
FACES = [0, 2, 3, 1, 4, 5, 7, 6, 0, 1, 5, 4, 2, 6, 7, 3, 0, 4, 6, 2, 1, 3, 7, 5]
"""Below, above, front, back, left, right."""


def box(name: str, *inside: str, side: float = 0.2, about: str = "") -> str:
    points = ", ".join(str(tuple(side * c for c in corner)) for corner in CORNERS)
    return f"""def Mesh "{name}" ({about}) {{
 int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]
 int[] faceVertexIndices = {FACES}
 point3f[] points = [{points}]
 {chr(10).join(inside)}
}}"""


def xform(name: str, *inside: str, about: str = "") -> str:
    return f'def Xform "{name}" ({about}) {{\n{chr(10).join(inside)}\n}}'


def read_usd(folder: Path, *prims: str, head: str = HEAD) -> RawScan:
    (folder / "a.usda").write_text(head + "\n".join(prims))
    return read_scan(folder / "a.usda", convert_with_blender)


def size(scan: RawScan) -> tuple[float, ...]:
    """Along X, Y and Z of the file; read ones have Y up."""
    x, z, y = np.ptp(scan.vertices[scan.faces].reshape(-1, 3), axis=0)
    return float(x), float(y), float(z)


def volume(scan: RawScan) -> float:
    a, b, c = scan.vertices[scan.faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def told(scan: RawScan) -> list[str]:
    return [f.what for f in scan.findings if f.topic != "format"]


def looks(scan: RawScan) -> dict[tuple[float, ...], int]:
    """How many triangles there are of each colour, linear."""
    colors = np.array([scan.materials[k].base_color[:3] for k in scan.face_material])
    if scan.vertex_color is not None:
        srgb = np.asarray(scan.vertex_color)[scan.faces].reshape(len(scan.faces), 3, 4)[:, 0, :3] / 255
        colors = colors * np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    found, counts = np.unique(colors.round(2), axis=0, return_counts=True)
    return {tuple(float(c) for c in color): int(n) for color, n in zip(found, counts, strict=True)}


PAINT = """def Material "{0}" {{
 token outputs:surface.connect = </a/{0}/s.outputs:surface>
 def Shader "s" {{
  uniform token info:id = "UsdPreviewSurface"
  color3f inputs:diffuseColor = ({1})
  token outputs:surface
 }}
}}"""
BOUND = 'prepend apiSchemas = ["MaterialBindingAPI"]'
LID = f"""def GeomSubset "lid" ({BOUND}) {{
 uniform token elementType = "face"
 uniform token familyName = "materialBind"
 int[] indices = [1]
 rel material:binding = </a/green>
}}"""
