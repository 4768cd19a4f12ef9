"""Masks as runs of pixels: areas, boxes and overlaps without a pixel being there.

A mask of 8192 x 8192 takes 67 MB as pixels and a hundred kilobytes as runs, and a record of a few kilobytes can hold
hundreds of such masks. What is asked of masks costs what their runs take, not what they cover.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from scanstage.dataset.labels.rle_code import read_run_lengths

Numbers = npt.NDArray[np.int32]
"""Of pixels: the largest picture has 2^26."""
Values = TypeVar("Values", bound=np.generic)
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class RunMask:
    """A mask's runs, in pixels numbered down the columns, as COCO numbers them.

    Attributes:
        size_hw: of the picture.
        starts, ends: (R,) half-open, ascending, none empty.
    """

    size_hw: tuple[int, int]
    starts: Numbers
    ends: Numbers

    @classmethod
    def read(cls, size_hw: tuple[int, int], counts: str) -> RunMask:
        """From COCO's code. Raises ValueError, saying what is wrong, where it isn't a mask of that size."""
        lengths = read_run_lengths(size_hw, counts)
        edges = np.cumsum(lengths).astype(np.int32)
        ends = edges[1::2]
        starts = edges[::2][: len(ends)]
        some = ends > starts
        return cls(size_hw, starts[some], ends[some])

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int((self.ends - self.starts).sum())

    def box(self) -> Box | None:
        """Tight half-open box (x, y, w, h); None of a mask without pixels."""
        if not len(self.starts):
            return None
        height = self.size_hw[0]
        left, right = int(self.starts[0]) // height, int(self.ends[-1] - 1) // height
        tops, bottoms = self.starts % height, (self.ends - 1) % height
        if (self.starts // height != (self.ends - 1) // height).any():  # down to the last row, on from the first
            top, bottom = 0, height - 1
        else:
            top, bottom = int(tops.min()), int(bottoms.max())
        return left, top, right - left + 1, bottom - top + 1

    def of(self, columns: npt.NDArray[Values]) -> npt.NDArray[Values]:
        """The values at the mask's pixels, of a picture's values one column after the other (H * W)."""
        runs = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return np.concatenate([columns[:0], *(columns[start:end] for start, end in runs)])

    def common(self, other: RunMask) -> int:
        """Number of pixels that are in both."""
        if not len(other.starts):
            return 0
        return int((other._below(self.ends) - other._below(self.starts)).sum())

    def _below(self, pixels: Numbers) -> npt.NDArray[np.int64]:
        """How many of the mask's pixels have lower numbers than each of the given ones."""
        before = np.cumsum(self.ends - self.starts, dtype=np.int64) - (self.ends - self.starts)
        run = np.searchsorted(self.starts, pixels, side="right") - 1
        within = np.minimum(pixels, self.ends[run]) - self.starts[run]
        return np.where(run >= 0, before[run] + within, 0)


def overlaps(masks: Sequence[RunMask], most: int) -> list[tuple[int, int]]:
    """Places (i, j), i < j, of masks that share pixels; of any two that do, one at least is told.

    Args:
        masks: of one picture.
        most: pairs that are told.
    """
    starts, ends, owners = _together(masks)
    if not len(starts):
        return []
    # The run that reaches farthest of those before: a run that begins within it shares a pixel with it.
    farthest = np.maximum.accumulate(ends)
    reaching = np.maximum.accumulate(np.where(ends == farthest, np.arange(len(ends)), 0))
    late = np.flatnonzero(starts[1:] < farthest[:-1]) + 1
    pairs = np.sort(np.stack([owners[late], owners[reaching[late - 1]]], axis=1), axis=1)
    return [(int(i), int(j)) for i, j in np.unique(pairs, axis=0)[:most]]


def _together(masks: Sequence[RunMask]) -> tuple[Numbers, Numbers, Numbers]:
    """Starts, ends and owners of all runs, by start."""
    if not masks:
        return (np.zeros(0, np.int32),) * 3
    starts = np.concatenate([m.starts for m in masks])
    ends = np.concatenate([m.ends for m in masks])
    owners = np.repeat(np.arange(len(masks), dtype=np.int32), [len(m.starts) for m in masks])
    order = np.lexsort((ends, starts))
    return starts[order], ends[order], owners[order]
