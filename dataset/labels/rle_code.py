"""Reads COCO's compressed run lengths from files that may be broken.

pycocotools trusts its input: lengths that don't add up to the image make it read and write out of bounds. This reader
shares no code with it, so it is also an independent check of what was encoded.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scanstage.scenes.plan import MOST_PIXELS

MOST_CODE_BYTES = 1 << 22
"""Of one mask, in which every sixteenth pixel of the largest picture begins a run. Reading takes 40 times as much."""
_MOST_DIGITS = 7


def read_run_lengths(size_hw: tuple[int, int], counts: str) -> npt.NDArray[np.int64]:
    """Lengths of alternating runs of 0 and 1, column by column, of a mask of (h, w).

    Six bits a character from ``0`` on: five of the number, lowest first, one that says that more follow; the fifth bit
    of the last is the sign. From the fourth length on it is the difference to the last but one (COCO's ``maskApi.c``).

    Raises ValueError, saying what is wrong, where ``counts`` isn't a mask of that size.
    """
    height, width = size_hw
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise ValueError(f"its size {height} x {width} can't be")
    if len(counts) > MOST_CODE_BYTES:
        raise ValueError(f"its run lengths have {len(counts)} characters, at most {MOST_CODE_BYTES} are read")
    values = _decoded(counts)
    if int(values.max()) > height * width:  # their sum might be beyond what a number holds
        raise ValueError(f"one of its run lengths is {values.max()} pixels, the image has {height * width}")
    total = int(values.sum())
    if total != height * width:
        raise ValueError(f"its run lengths add up to {total} pixels, the image has {height * width}")
    return values


def _decoded(counts: str) -> npt.NDArray[np.int64]:
    try:
        digits = np.frombuffer(counts.encode("ascii"), np.uint8) - np.uint8(48)
    except UnicodeEncodeError as e:
        raise ValueError("its run lengths hold characters that no code has") from e
    if not len(digits) or digits.max() > 63:
        raise ValueError("its run lengths hold characters that no code has")
    last = (digits & 32) == 0
    if not last[-1]:
        raise ValueError("its run lengths are cut short")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if int((ends - starts).max()) >= _MOST_DIGITS:
        raise ValueError("one of its run lengths is longer than any image")
    place = np.arange(len(digits)) - np.repeat(starts, ends - starts + 1)
    values = np.add.reduceat((digits & 31).astype(np.int64) << (5 * place), starts)
    values -= np.where(digits[ends] & 16, np.int64(1) << (5 * (ends - starts + 1)), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise ValueError("one of its run lengths is negative")
    return values


def read_mask(size_hw: tuple[int, int], counts: str) -> npt.NDArray[np.bool_]:
    """The (h, w) bool mask, in Fortran order. Raises ValueError as :func:`read_run_lengths`."""
    lengths = read_run_lengths(size_hw, counts)
    values = np.zeros(len(lengths), np.bool_)
    values[1::2] = True
    return np.repeat(values, lengths).reshape(size_hw[1], size_hw[0]).T
