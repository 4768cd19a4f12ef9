"""A scan as its file holds it: what every reader returns and what inspection and intake start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import AssetPart, Material

Severity = Literal["info", "warning", "error"]
UNITS_M: dict[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048, "um": 1e-6}


@dataclass(frozen=True)
class ScanFinding:
    """Something about a scan that its owner should know.

    Attributes:
        severity: ``error`` means that intake refuses the scan.
        topic: one word or two for the table: ``unit``, ``open edges``, ``missing texture`` …
        what: what is there, with numbers.
        action: what intake does about it.
    """

    severity: Severity
    topic: str
    what: str
    action: str


@dataclass(frozen=True)
class ScanNode:
    """A node of a scan's file: an object, a group, what a mesh hangs on.

    Attributes:
        name: as the file has it; empty where it has none.
        parent: number of the node that it is below of, which is smaller than its own; -1: of none.
    """

    name: str
    parent: int = -1


@dataclass(frozen=True)
class RawScan:
    """Triangles, materials and encoded images of one file, in the file's own unit and axes.

    Attributes:
        vertices: (V, 3) float64, file units. May hold duplicates, unused and (if unused) non-finite rows.
        faces: (F, 3) int64, indices into ``vertices``.
        face_material: (F,) int64, indices into ``materials``.
        materials: at least one; textures are keys of ``images``.
        images: encoded images (PNG, JPEG …) by file name.
        corner_uv: (F, 3, 2) float32 or None; V up.
        vertex_color: (V, 4) uint8 sRGB with linear alpha, or None.
        unit: ``m``, ``cm``, ``mm``, ``in``, ``ft`` or ``um`` where the file or its format declares it.
        unit_given: the file itself says so: it is believed whatever size it makes. Of formats that have one unit by
            their specification, as glTF, many files are in another.
        unit_origin: what says ``unit``: the format, or what is usual where a file doesn't.
        up: ``y`` or ``z`` where the format declares it.
        up_origin: what says so.
        usual_up: the axis that files of this kind usually have up.
        findings: what was noticed while reading.
        silent_alpha: keys of ``images``, base colours of whose alpha the file doesn't say whether it counts: it
            doesn't, and is told where it would.
        lost_textures: of base colours, as the file names them, that aren't there.
        uncolored: names of the materials that they are of, where the file tells.
        normals: (V, 3) float64 of the points of a file without faces that has some.
        reconstructed: how faces were made of points; None where the file has them.
        nodes: of the file, where it has some and was asked for them.
        face_node: (F,) int32, indices into ``nodes``; None likewise.
        parts: that it is to have as an asset, by its materials.
    """

    vertices: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    face_material: npt.NDArray[np.int64]
    materials: tuple[Material, ...]
    images: dict[str, bytes] = field(default_factory=dict)
    corner_uv: npt.NDArray[np.float32] | None = None
    vertex_color: npt.NDArray[np.uint8] | None = None
    unit: str | None = None
    unit_given: bool = False
    unit_origin: str = "declared"
    up: str | None = None
    up_origin: str = "declared"
    usual_up: str = "z"
    findings: tuple[ScanFinding, ...] = ()
    silent_alpha: frozenset[str] = frozenset()
    lost_textures: tuple[str, ...] = ()
    uncolored: frozenset[str] = frozenset()
    normals: npt.NDArray[np.float64] | None = None
    reconstructed: str | None = None
    nodes: tuple[ScanNode, ...] = ()
    face_node: npt.NDArray[np.int32] | None = None
    parts: tuple[AssetPart, ...] = ()
