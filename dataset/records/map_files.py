"""Per-pixel data as files: depth, normals, ids, soft masks, and how each is coded."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.uint16]
Window = tuple[int, int, int, int]

MM = 1000.0
FARTHEST_MM = 65535


def depth_png(depth_m: Floats) -> bytes:
    """16-bit PNG, whole millimetres; 0 where nothing is, and beyond 65.535 m.

    Args:
        depth_m: (H, W) float32, metres, ``inf`` where nothing is.
    """
    mm = np.rint(np.where(np.isfinite(depth_m), depth_m, 0.0) * np.float64(MM))
    return ids_png(np.where((mm >= 0) & (mm <= FARTHEST_MM), mm, 0).astype(np.uint16))


def depth_exr(depth_m: Floats) -> bytes:
    """OpenEXR of one float32 channel, Y, metres; 0 where nothing is, as in the PNG.

    Y rather than Z, since OpenCV and others read one-channel files by that name alone.

    Args:
        depth_m: (H, W) float32, metres, ``inf`` where nothing is.
    """
    return _exr({"Y": np.where(np.isfinite(depth_m), depth_m, np.float32(0)).astype(np.float32)})


def normals_exr(normals: Floats) -> bytes:
    """OpenEXR of float32 R, G, B: x, y, z of a (H, W, 3) field of unit vectors. OpenCV gives them as z, y, x."""
    return _exr({"RGB": np.ascontiguousarray(normals, np.float32)})


def normals_png(normals: Floats) -> bytes:
    """8-bit PNG to look at: R, G, B are (x, y, z) * 0.5 + 0.5 of (H, W, 3) unit vectors; black where there are none."""
    return _png(normals_rgb(normals)[..., ::-1])


def normals_rgb(normals: Floats) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB to look at: (x, y, z) * 0.5 + 0.5 of (H, W, 3) unit vectors; black where there are none."""
    there = np.any(normals != 0, axis=-1, keepdims=True)
    shown = np.where(there, np.rint((normals * 0.5 + 0.5) * 255), 0)
    return np.clip(shown, 0, 255).astype(np.uint8)


def ids_png(ids: Ids) -> bytes:
    """16-bit PNG of one channel, the very numbers of a (H, W) uint16 array."""
    return _png(ids)


def soft_masks_npz(masks: Iterable[tuple[int, Window, Floats]], shape_hw: tuple[int, ...]) -> bytes:
    """Compressed ``.npz``: which objects cover a pixel, and how much of it, in order of falling coverage.

    ``instance_ids`` (L, H, W) uint16 and ``coverage`` (L, H, W) uint8, 255 is all of the pixel; ids are 0 where fewer
    than L objects are. The soft mask of an object: ``np.where(ids == i, coverage, 0).sum(axis=0) / 255``.

    Args:
        masks: instance id, window (x, y, w, h), and (h, w) float32 coverage in 0..1 of each object.
        shape_hw: of the picture.
    """
    ids, coverage = np.zeros((1, *shape_hw), np.uint16), np.zeros((1, *shape_hw), np.uint8)
    for instance_id, (x, y, w, h), part in masks:
        window = np.s_[y : y + h, x : x + w]
        codes = np.rint(part * 255).astype(np.uint8)
        here = codes > 0
        layer = np.count_nonzero(coverage[(slice(None), *window)], axis=0)
        if here.any() and (missing := int(layer[here].max()) + 1 - len(ids)) > 0:
            room = ((0, missing), (0, 0), (0, 0))
            ids, coverage = np.pad(ids, room), np.pad(coverage, room)
        row, column = np.nonzero(here)
        at = (layer[here], row + y, column + x)
        ids[at], coverage[at] = instance_id, codes[here]
    order = np.argsort(-coverage.astype(np.int16), axis=0, kind="stable")
    file = io.BytesIO()
    np.savez_compressed(
        file, instance_ids=np.take_along_axis(ids, order, 0), coverage=np.take_along_axis(coverage, order, 0)
    )
    return file.getvalue()


def _png(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    done, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ValueError("can't encode a map as PNG")
    return data.tobytes()


def _exr(channels: dict[str, Floats]) -> bytes:
    # The library writes to a path alone.
    with tempfile.TemporaryDirectory(prefix="scanstage-map-") as folder:
        path = Path(folder) / "map.exr"
        with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(path))
        return path.read_bytes()
