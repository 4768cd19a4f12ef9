"""MuJoCo's legacy binary mesh: int32 counts of vertices, normals, UVs and faces, then the arrays.

Layout: https://mujoco.readthedocs.io/en/stable/XMLreference.html#asset-mesh (section on MSH files). Its V axis points
down, against OBJ and Blender.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanstage.assets.asset import Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import check_room
from scanstage.assets.raw_scans.scan_folder import ScanFolder, read_bounded
from scanstage.assets.readers.parsing.beside_texture import beside_texture


def read_msh(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read a ``.msh`` and, since it can't name one, the image of the same name beside it. Raises InputError."""
    folder = ScanFolder(path, choices)
    texture = beside_texture(folder)
    scan = parse_msh(read_bounded(path), str(path), texture)
    return RawScan(**{**vars(scan), "findings": tuple(folder.findings)})


def parse_msh(data: bytes, name: str, texture: tuple[str, bytes] | None) -> RawScan:
    """The same from bytes, with an optional base-colour image ``(name, encoded bytes)``."""
    if len(data) < 16:
        raise InputError(f"{name}: the file is cut off or isn't a MuJoCo mesh")
    n_vertex, n_normal, n_uv, n_face = (int(n) for n in np.frombuffer(data, "<i4", 4))
    expected = 16 + 4 * (3 * n_vertex + 3 * n_normal + 2 * n_uv + 3 * n_face)
    if min(n_vertex, n_normal, n_uv, n_face) < 0 or expected != len(data):
        raise InputError(f"{name}: the file is cut off or isn't a MuJoCo mesh ({len(data):,} bytes)")
    check_room(n_face, n_vertex)
    at = 16 + 4 * 3 * (n_vertex + n_normal)
    vertices = np.frombuffer(data, "<f4", 3 * n_vertex, 16).reshape(-1, 3).astype(np.float64)
    uvs = np.frombuffer(data, "<f4", 2 * n_uv, at).reshape(-1, 2)
    faces = np.frombuffer(data, "<i4", 3 * n_face, at + 4 * 2 * n_uv).reshape(-1, 3).astype(np.int64)
    corner_uv = None
    material, images = Material(), {}
    if n_uv == n_vertex and n_uv > 0 and faces.size and faces.min() >= 0 and faces.max() < n_vertex:
        corner_uv = np.stack([uvs[:, 0], 1.0 - uvs[:, 1]], axis=1)[faces].astype(np.float32)
        if texture:
            images = {texture[0]: texture[1]}
            material = Material(base_color=(1.0, 1.0, 1.0, 1.0), base_color_texture=texture[0])
    return RawScan(vertices, faces, np.zeros(len(faces), np.int64), (material,), images, corner_uv, usual_up="z")
