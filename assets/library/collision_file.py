"""The convex parts that an asset collides by, beside its mesh: a file that older versions of scanstage pass over.

``collision.npz`` holds ``vertices``, (V, 3) float32, those of all parts one after the other, and ``sizes``, (P,) int32,
how many each has. An asset without the file collides by its hull.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.files.outside_files import read_outside
from scanstage.assets.messages.errors import InputError

COLLISION_FILE = "collision.npz"
_MOST_PARTS = 64
_MOST_VERTICES = 16384
_MAX_BYTES = 1 << 20


def collision_file(parts: Sequence[npt.NDArray[np.float32]]) -> bytes:
    """The file's content.

    Args:
        parts: (N, 3) float32 vertices of each part, asset frame, metres.
    """
    buffer = io.BytesIO()
    sizes = np.array([len(p) for p in parts], np.int32)
    np.savez(buffer, vertices=np.concatenate(parts).astype(np.float32), sizes=sizes)
    return buffer.getvalue()


def load_collision(folder: Path) -> tuple[npt.NDArray[np.float32], ...]:
    """The parts of the asset in ``folder``: none where it collides by its hull. Raises InputError for a broken file."""
    path = folder / COLLISION_FILE
    try:
        return _parts(read_outside(path, _MAX_BYTES))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise InputError(f"{path}: can't read the asset's collision parts ({e})", "take the scan in again") from e


def _parts(data: bytes) -> tuple[npt.NDArray[np.float32], ...]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if any(m.compress_type != zipfile.ZIP_STORED or m.file_size > _MAX_BYTES for m in archive.infolist()):
            raise ValueError("it is compressed")
    with np.load(io.BytesIO(data), allow_pickle=False) as z:
        vertices: npt.NDArray[Any] = z["vertices"]
        sizes: npt.NDArray[Any] = z["sizes"]
    if vertices.dtype != np.float32 or vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) > _MOST_VERTICES:
        raise ValueError(f"vertices are {vertices.dtype} of shape {vertices.shape}")
    if sizes.dtype != np.int32 or sizes.ndim != 1 or not 1 <= len(sizes) <= _MOST_PARTS or sizes.min() < 4:
        raise ValueError(f"sizes are {sizes.dtype} of shape {sizes.shape}")
    if int(sizes.sum(dtype=np.int64)) != len(vertices) or not np.isfinite(vertices).all():
        raise ValueError("its arrays don't fit together")
    return tuple(np.split(vertices, np.cumsum(sizes)[:-1]))
