"""Pictures that are nearly the same, by their hashes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

ALIKE_BITS = 6
"""Of 64. Pictures of one dataset, on one table by one camera, differ by 20 and more; one picture saved again as another
JPEG, or with other noise, by up to 4."""


def alike_to(codes: npt.NDArray[np.uint64], place: int, alike_bits: int = ALIKE_BITS) -> npt.NDArray[np.bool_]:
    """(N,) which hashes are nearly that at a place of (N,), itself among them."""
    different = np.unpackbits((codes ^ codes[place]).view(np.uint8).reshape(-1, 8), axis=1).sum(axis=1)
    found: npt.NDArray[np.bool_] = different <= alike_bits
    return found


def near_duplicates(hashes: Mapping[int, int], alike_bits: int = ALIKE_BITS) -> dict[int, list[int]]:
    """The pictures that each is nearly the same as, sorted; pictures without any are left out.

    Args:
        hashes: 64 bits by picture.
        alike_bits: so many bits may differ.
    """
    indices = sorted(hashes)
    codes = np.array([hashes[i] for i in indices], np.uint64)
    found: dict[int, list[int]] = {}
    for place, index in enumerate(indices):
        alike = np.flatnonzero(alike_to(codes, place, alike_bits))
        if len(alike) > 1:
            found[index] = [indices[k] for k in alike if k != place]
    return found
