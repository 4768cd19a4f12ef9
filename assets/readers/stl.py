"""STL, binary or text.

Our own, because a binary STL is one array behind a count, and trimesh's reader of text passes over what is not a number
and logs a stack where normals are odd.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.reading_choices import AS_IT_SAYS, ReadingChoices
from scanstage.assets.raw_scans.scan_bounds import check_room
from scanstage.assets.raw_scans.scan_folder import read_bounded
from scanstage.assets.readers.parsing.plain_text import check_text, parse_numbers

# Within a line only: what may run over line ends is tried anew from each of a million blank lines.
_VERTEX = re.compile(rb"^[ \t]*vertex[ \t]([^\n]*)", re.IGNORECASE | re.MULTILINE)
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("vertices", "<f4", (3, 3)), ("attribute", "<u2")])
_COUNT_AT, _TRIANGLES_AT = 80, 84  # bytes from the beginning of a binary file
_UNIT = re.compile(rb"\bunits?\s*=\s*(mm|cm|m|in|ft|um)\b", re.IGNORECASE)
_HEAD = 1000  # bytes, within which a text begins


def read_stl(path: Path, choices: ReadingChoices = AS_IT_SAYS) -> RawScan:
    """Read an STL: bare triangles, without up axis; a unit where its header has ``UNITS=``, as some programs write it.

    Raises InputError, ValueError for odd numbers.
    """
    data = read_bounded(path)
    findings: tuple[ScanFinding, ...] = ()
    start = data[:_HEAD].lstrip()
    declared = struct.unpack_from("<I", data, _COUNT_AT)[0] if len(data) >= _TRIANGLES_AT else -1
    complete = declared >= 0 and len(data) >= _TRIANGLES_AT + _TRIANGLE.itemsize * declared
    if complete and (declared or not start.startswith(b"solid")):
        check_room(declared, 3 * declared)
        # Some writers leave bytes behind the last triangle.
        triangles = np.frombuffer(data, _TRIANGLE, declared, _TRIANGLES_AT)
        vertices = triangles["vertices"].reshape(-1, 3).astype(np.float64)
        findings = _colors_told(data, triangles["attribute"])
    elif start[:5].lower() == b"solid":
        if b"endsolid" not in data[-1024:].lower():
            raise InputError(f"{path}: the file is cut off: its last solid doesn't end")
        vertices = _text_vertices(data)
    else:
        tells = f"{declared:,} triangles" if declared >= 0 else "no count of triangles"
        raise InputError(f"{path}: the file is cut off or isn't an STL ({len(data):,} bytes, {tells})")
    faces = np.arange(len(vertices), dtype=np.int64).reshape(-1, 3)
    said = _UNIT.search(data[:_COUNT_AT])
    unit = None if said is None else said[1].decode().lower()
    of_face = np.zeros(len(faces), np.int64)
    return RawScan(vertices, faces, of_face, (Material(),), unit=unit, usual_up="z", findings=findings)


def _colors_told(data: bytes, attributes: npt.NDArray[np.uint16]) -> tuple[ScanFinding, ...]:
    """Of 16 bits a triangle, in which programs write colours, each in its own way (Magics: with ``COLOR=``; VisCAM)."""
    marked = b"COLOR=" in data[:_COUNT_AT]
    if not marked and (not len(attributes) or (attributes == attributes[0]).all()):
        return ()
    what = "its triangles have colours, of which STL doesn't say how they are written"
    return (ScanFinding("warning", "colors", what, "goes on without them; PLY, OBJ and 3MF have some that are read"),)


def _text_vertices(data: bytes) -> npt.NDArray[np.float64]:
    check_text(data)
    lines = _VERTEX.findall(data.replace(b"\r", b"\n") if b"\r" in data else data)
    check_room(len(lines) // 3, len(lines))
    values = parse_numbers(lines, np.float64)
    if len(values) != 3 * len(lines) or len(lines) % 3:
        raise InputError("its facets don't have three vertices of three numbers each")
    return values.reshape(-1, 3)
