"""Vertices of a glTF mesh as its morph targets and its skin leave them (sections 3.7.2.2, 3.7.3.3), and colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.gltf.gltf_document import GltfDocument
from scanstage.assets.textures.srgb import srgb_bytes
from scanstage.assets.textures.vertex_colors import ODD

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-6  # of float32, beyond 1
_CHUNK = 1 << 18  # vertices whose matrices are held at a time


def morphed(document: GltfDocument, primitive: dict[str, Any], positions: Floats, weights: tuple[float, ...]) -> Floats:
    """(V, 3) positions, moved by each target as far as its weight says."""
    for target, weight in zip(primitive.get("targets", []), weights, strict=False):
        if weight == 0:
            continue
        if other := sorted({k for k in target if k not in ("POSITION", "NORMAL", "TANGENT")}):
            document.folder.note("morph", f"morphs {', '.join(other)[:80]} too", "takes the shape alone")
        if "POSITION" not in target:
            continue
        moved = document.floats(target["POSITION"])
        if moved.shape != positions.shape:
            raise InputError("a morph target has more or fewer vertices than its mesh")
        positions = positions + weight * moved
    return positions


def skinned(
    document: GltfDocument, attributes: dict[str, Any], positions: Floats, joints: Floats
) -> tuple[Floats, bool]:
    """Positions where their joints put them.

    Args:
        document: that the primitive is of.
        attributes: of the primitive.
        positions: (V, 3) in the mesh's frame.
        joints: (J, 4, 4) mesh to world by each joint.

    Returns:
        (V, 3) world, and whether the joints mirror it.
    """
    numbers, shares = _influences(document, attributes, len(positions))
    if numbers.size and (numbers.min() < 0 or numbers[shares > 0].max(initial=0) >= len(joints)):
        raise InputError(f"a vertex names a joint that its skin doesn't have (there are {len(joints)})")
    numbers = np.where(shares > 0, numbers, 0)
    total = shares.sum(axis=1, keepdims=True)
    if (free := int((total <= 0).sum())) and len(positions):
        document.folder.note("skin", f"{free:,} vertices hang on no joint", "hangs them on the skin's first")
        shares[:, 0] = np.where(total[:, 0] > 0, shares[:, 0], 1.0)
        total = shares.sum(axis=1, keepdims=True)
    shares = shares / total
    placed = np.zeros_like(positions)
    for start in range(0, len(positions), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for k in range(numbers.shape[1]):
            matrices = joints[numbers[rows, k]]
            here = np.einsum("vij,vj->vi", matrices[:, :3, :3], positions[rows]) + matrices[:, :3, 3]
            placed[rows] += shares[rows, k, None] * here
    used = np.unique(numbers[shares > 0])
    mirrored = bool(np.median(np.linalg.det(joints[used, :3, :3])) < 0) if len(used) else False
    return placed, mirrored


def _influences(document: GltfDocument, attributes: dict[str, Any], count: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """(V, 4 n) joints of each vertex, and how much each has to say; sets are numbered from 0."""
    numbers: list[npt.NDArray[np.int64]] = []
    shares: list[Floats] = []
    while f"JOINTS_{len(numbers)}" in attributes:
        index, weight = (attributes.get(f"{name}_{len(numbers)}") for name in ("JOINTS", "WEIGHTS"))
        if weight is None or any(document.declared(a)[0] != count for a in (index, weight)):
            raise InputError("it has more or fewer joints and weights than positions")
        numbers.append(document.accessor(index).astype(np.int64))
        shares.append(np.clip(np.nan_to_num(document.floats(weight)), 0.0, None))
        if numbers[-1].shape != (count, 4) or shares[-1].shape != (count, 4):
            raise InputError("its joints and weights don't come in fours")
    return np.concatenate(numbers, axis=1), np.concatenate(shares, axis=1)


def vertex_colors(document: GltfDocument, index: Any) -> npt.NDArray[np.uint8]:
    """(V, 4) sRGB bytes with linear alpha from an accessor of linear vertex colours; what is clipped is told."""
    linear = document.floats(index)
    if not ((linear >= 0) & (linear <= 1 + _ROUNDING)).all():
        what = f"numbers of its vertex colours lie beyond 0 to 1 (they go {_span_of(linear)})"
        document.folder.note(ODD, what, "clips them")
    rgba = np.full((len(linear), 4), 255, np.uint8)
    rgba[:, :3] = srgb_bytes(linear[:, :3])
    if linear.shape[1] == 4:
        rgba[:, 3] = np.rint(np.clip(np.nan_to_num(linear[:, 3]), 0.0, 1.0) * 255)
    return rgba


def _span_of(values: Floats) -> str:
    sound = values[np.isfinite(values)]
    return f"from {sound.min():.6g} to {sound.max():.6g}" if sound.size == values.size else "to what is no number"
