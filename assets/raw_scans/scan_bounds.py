"""How much of everything a scan may have: what a few bytes of a file may make this process do is bounded here.

Bounds are far above real scans (a photogrammetry model of two million triangles has a hundred materials at most, and
four textures of 16,384 pixels a side) and are checked on headers and counts, before memory is asked for.
"""

from __future__ import annotations

import psutil

from scanstage.assets.machine.control_groups import memory_left
from scanstage.assets.messages.errors import InputError

MAX_FILE_BYTES = 4 << 30
"""All files of one scan together."""
MAX_NAMED_FILES = 10_000
"""Files that one scan names."""
MAX_FOLDER_ENTRIES = 100_000
"""Entries of a folder in which a name is looked for whatever its case."""
MAX_FACES = 20_000_000
MAX_VERTICES = 3 * MAX_FACES
MAX_PARTS = 100_000
"""Primitives of a glTF, each counted as often as nodes place it."""
MAX_NODES = 20_000
"""Nodes that a glTF's scene reaches; more, where the file itself has more."""
MAX_BLANK_VERTICES = 1_000_000
"""Vertices of a glTF that no byte of the file stands for (accessors without a buffer view are zeros)."""
MAX_JSON_VALUES = 5_000_000
"""Entries of all lists and objects of a glTF's JSON, each of which takes up to a hundred times its bytes."""
MAX_MATERIALS = 4096
"""Materials that faces use, or that one MTL defines."""
MAX_TEXTURES = 1024
MAX_PX = 16_384
"""Side of a texture: the largest that photogrammetry tools write; 16,384 squared takes 1.1 GB while it is decoded."""
MAX_WEBP_PX = 8192
"""The same of a WebP, whose decoder takes four times as much memory for a pixel as others do."""
MAX_PIXELS = 1 << 33
"""Pixels of all textures of a scan together: 32 of 16,384 squared, 512 of 4096 squared."""
MAX_JPEG_SCANS = 100
"""Passes over a progressive JPEG, each of which costs all of its pixels; encoders write a dozen."""
MAX_CLIPPED = 400_000_000
"""Corners that are looked at while polygons with notches are cut into triangles; the rest are cut as fans."""
MAX_NOTES = 20
"""Findings of one topic; of more, only the number is told."""
MAX_NOTE = 300
"""Characters of a finding, which may quote the file."""

# Measured with tests of two million triangles: the peak of intake over what the process had before, by faces and
# vertices as they are in the file; textures come on top.
_BYTES_A_FACE = 400
_BYTES_A_VERTEX = 150
THIN_FROM = 3_000_000
"""Triangles; larger scans are thinned before they are looked at (:mod:`thinning`)."""
# The same of one of ten million (benchmarks/large_scan.py), until it is thinned.
_BYTES_A_THINNED_FACE = 150
_BYTES_A_THINNED_VERTEX = 100


def check_room(faces: int, vertices: int) -> None:
    """Refuse a mesh that is too large: beyond the bounds, or for the memory that is free. Raises InputError."""
    hint = "simplify it first (MeshLab: Quadric Edge Collapse Decimation)"
    if faces > MAX_FACES:
        raise InputError(f"{faces:,} triangles are more than intake takes ({MAX_FACES:,})", hint)
    if vertices > MAX_VERTICES:
        raise InputError(f"{vertices:,} vertices are more than intake takes ({MAX_VERTICES:,})", hint)
    thinned = faces > THIN_FROM
    a_face, a_vertex = (_BYTES_A_THINNED_FACE, _BYTES_A_THINNED_VERTEX) if thinned else (_BYTES_A_FACE, _BYTES_A_VERTEX)
    check_memory(faces * a_face + vertices * a_vertex, f"{faces:,} triangles, {vertices:,} vertices")


def check_thinned(faces: int) -> None:
    """The same for one that thinning left so large: every triangle has a seam around it. Raises InputError."""
    check_memory(faces * _BYTES_A_FACE, f"{faces:,} triangles that seams of texture keep apart")


def check_memory(needed: int, what: str) -> None:
    """Refuse what would take more memory than is free. Raises InputError.

    Args:
        needed: bytes, at most about.
        what: takes them, for the message.
    """
    if needed > _SMALL and needed > (free := free_memory()):
        raise InputError(
            f"is too large for this machine: {what} take about {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} are free",
            "simplify it first, or take it in on a machine with more memory",
        )


_SMALL = 1 << 30  # not worth a look at what is free


def free_memory() -> int:
    """Bytes that this process may still take: of the machine's, and of its container's."""
    free, left = int(psutil.virtual_memory().available), memory_left()
    return free if left is None else min(free, left)
