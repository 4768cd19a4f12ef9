"""Polypaint: colours of vertices as ZBrush writes them into comments of an OBJ.

``#MRGB`` and up to 64 vertices a line, ``MMRRGGBB`` in hexadecimal digits each, in the order of the vertices; MM is
how much of a vertex is masked while it is sculpted, and no colour.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.textures.vertex_colors import ODD

PAINT = b"#MRGB"
_TAKEN = ScanFinding("info", "colors", "its vertex colours are ZBrush's polypaint (#MRGB)", "leaves its mask out")


def polypaint(
    lines: Sequence[bytes], vertices: int
) -> tuple[list[npt.NDArray[np.uint8]] | None, tuple[ScanFinding, ...]]:
    """Red, green and blue of each vertex.

    Args:
        lines: what stands behind ``#MRGB``.
        vertices: how many the file has.

    Returns:
        three (V,) uint8, or None where there is no polypaint, or none that can be read; and what was decided.
    """
    if not lines:
        return None, ()
    try:
        values = np.frombuffer(binascii.unhexlify(b"".join(line.strip() for line in lines)), np.uint8)
    except binascii.Error:
        return None, (_unread("holds something else than hexadecimal digits"),)
    if len(values) != 4 * vertices:
        return None, (_unread(f"has colours of {len(values) / 4:,.6g} vertices, of {vertices:,}"),)
    return list(values.reshape(-1, 4)[:, 1:].T), (_TAKEN,)


def _unread(what: str) -> ScanFinding:
    return ScanFinding("warning", ODD, f"its polypaint (#MRGB) {what}", "goes on without it")
