"""Soft masks: how much of each pixel an object covers, as a Cryptomatte says it, and through a lens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from scanstage.scenes.optics.pixel_window import Box, pixel_box, union

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SoftMask:
    """How much of each pixel an object covers, blur included.

    Attributes:
        instance_id: see :class:`plan.ObjectPlan`.
        window_xywh: tight box of the pixels that it covers in part at least.
        coverage: (h, w) float32 in 0..1, of the window.
    """

    instance_id: int
    window_xywh: Box
    coverage: Floats


def soft_masks_from_cryptomatte(
    ranks: Sequence[tuple[Floats, Floats]], names: Mapping[str, int]
) -> tuple[SoftMask, ...]:
    """Coverage by object, for those that cover anything, in order of their ids.

    Args:
        ranks: (H, W) float32 pairs of hash and coverage.
        names: instance ids by object name; other objects are left out.
    """
    ids = [np.where(coverage > 0, ids_from_cryptomatte(hashes, names), 0) for hashes, coverage in ranks]
    masks = []
    for instance_id in sorted(names.values()):
        box = union(b for rank in ids if (b := pixel_box(rank == instance_id)) is not None)
        if box is None:
            continue
        x, y, w, h = box
        window = np.s_[y : y + h, x : x + w]
        parts = [np.where(i[window] == instance_id, c[window], 0) for i, (_, c) in zip(ids, ranks, strict=True)]
        coverage = np.clip(np.sum(parts, axis=0, dtype=np.float32), 0.0, 1.0)
        masks.append(SoftMask(instance_id, box, coverage))
    return tuple(masks)


def resample_soft_masks(masks: tuple[SoftMask, ...], where: Floats) -> tuple[SoftMask, ...]:
    """Soft masks in another image: coverage is interpolated linearly.

    Args:
        masks: of the image that is sampled.
        where: (H, W, 2) float32: x and y in that image of each pixel of the new one, counted from the centre of the
            first pixel, as ``cv2.remap`` does. What lies outside shows nothing.
    """
    resampled = []
    for mask in masks:
        x, y, _, _ = mask.window_xywh
        local = where - np.array([x, y], np.float32)
        # The window is tight, so that what lies about it is 0, as the border is.
        coverage = cv2.remap(mask.coverage, local, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        if (box := pixel_box(coverage > 0)) is not None:
            left, top, w, h = box
            part = np.ascontiguousarray(coverage[top : top + h, left : left + w])
            resampled.append(SoftMask(mask.instance_id, box, part))
    return tuple(resampled)


def ids_from_cryptomatte(rank_0: Floats, names: Mapping[str, int]) -> npt.NDArray[np.uint16]:
    """Instance ids from a rank of a Cryptomatte; the first rank is the object that covers most of a pixel.

    Args:
        rank_0: (H, W) float32 whose bits are the hash of the object's name.
        names: instance ids by object name; other objects become 0.
    """
    if not names:
        return np.zeros(rank_0.shape, np.uint16)
    bits = np.ascontiguousarray(rank_0, np.float32).view(np.uint32)
    known = sorted((cryptomatte_hash(name), instance_id) for name, instance_id in names.items())
    hashes = np.array([h for h, _ in known], np.uint32)
    ids = np.array([i for _, i in known], np.uint16)
    nearest = np.minimum(np.searchsorted(hashes, bits), len(known) - 1)
    return np.where(hashes[nearest] == bits, ids[nearest], 0).astype(np.uint16)


def cryptomatte_hash(name: str) -> int:
    """The 32 bits of a name's Cryptomatte id: MurmurHash3_x86_32, seed 0, kept from being a NaN, infinity or denormal.

    Source: Cryptomatte specification 1.2.0 (Psyop), section *ID generation*; MurmurHash3 by Austin Appleby.
    """
    data = name.encode("utf-8")
    h = 0
    tail = len(data) & ~3
    for start in range(0, tail, 4):
        h ^= _murmur_scramble(int.from_bytes(data[start : start + 4], "little"))
        h = (_rotate(h, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    if data[tail:]:
        h ^= _murmur_scramble(int.from_bytes(data[tail:], "little"))
    h ^= len(data)
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    h ^= h >> 16
    exponent = (h >> 23) & 0xFF
    return h ^ (1 << 23) if exponent in (0, 255) else h


def _murmur_scramble(k: int) -> int:
    k = (k * 0xCC9E2D51) & 0xFFFFFFFF
    return (_rotate(k, 15) * 0x1B873593) & 0xFFFFFFFF


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & 0xFFFFFFFF
