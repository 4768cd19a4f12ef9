"""STL, binary or text, through trimesh."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from trimesh.exchange.stl import load_stl_ascii, load_stl_binary

from assets.asset import Material
from assets.errors import InputError
from assets.raw_scan import RawScan
from assets.readers.folder import read_bounded


def read_stl(path: Path) -> RawScan:
    """Read an STL: bare triangles, no colour, unit or up axis. Raises InputError or what trimesh raises."""
    data = read_bounded(path)
    declared = struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else -1
    if declared >= 0 and len(data) >= 84 + 50 * declared and (declared or not data.lstrip().startswith(b"solid")):
        # trimesh refuses the bytes that some writers leave behind the last triangle
        parts = [load_stl_binary(io.BytesIO(data[: 84 + 50 * declared]))]
    elif data.lstrip()[:5].lower() == b"solid":
        if b"endsolid" not in data[-1024:].lower():
            raise InputError(f"{path}: the file is cut off: its last solid doesn't end")
        loaded = load_stl_ascii(io.BytesIO(data))
        parts = [loaded] if "vertices" in loaded else list(loaded["geometry"].values())
    else:
        raise InputError(f"{path}: the file is cut off or isn't an STL ({len(data):,} bytes, {declared:,} triangles)")
    corners = [np.asarray(p["vertices"], dtype=np.float64) for p in parts if "vertices" in p]
    vertices = np.concatenate(corners) if corners else np.zeros((0, 3))
    faces = np.arange(len(vertices), dtype=np.int64).reshape(-1, 3)
    return RawScan(vertices, faces, np.zeros(len(faces), np.int64), (Material(),), usual_up="z")
