"""What is said of masks as runs is what is true of them as pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scanstage.dataset.labels.instances import Rle
from scanstage.dataset.labels.rle_mask import RunMask, overlaps
from scanstage.scenes.optics.pixel_window import pixel_box

shapes = st.tuples(st.integers(1, 14), st.integers(1, 14))
pairs = shapes.flatmap(lambda s: st.tuples(hnp.arrays(bool, s), hnp.arrays(bool, s)))
id_maps = shapes.flatmap(lambda s: hnp.arrays(np.int32, s, elements=st.integers(0, 4)))


def runs_of(mask: np.ndarray) -> RunMask:
    return RunMask.read(mask.shape, Rle.encode(mask).counts)


@given(pairs)
def test_areas_boxes_and_common_pixels(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    assert runs_of(a).area == a.sum()
    assert runs_of(a).box() == pixel_box(a)
    assert runs_of(a).common(runs_of(b)) == (a & b).sum()


@given(id_maps)
def test_masks_that_share_nothing(ids: np.ndarray) -> None:
    masks = [runs_of(ids == i) for i in range(1, 5)]
    assert overlaps(masks, 9) == []
    for i, mask in enumerate(masks, 1):
        assert (mask.of(ids.ravel("F")) == i).all()
        assert len(mask.of(ids.ravel("F"))) == mask.area


@given(shapes.flatmap(lambda s: st.lists(hnp.arrays(bool, s), min_size=1, max_size=5)))
def test_each_mask_that_shares_pixels_is_told(masks: list[np.ndarray]) -> None:
    told = overlaps([runs_of(m) for m in masks], 99)
    for i, j in told:
        assert i < j
        assert (masks[i] & masks[j]).any()
    sharing = {i for i, m in enumerate(masks) if any((m & o).any() for j, o in enumerate(masks) if j != i)}
    assert bool(told) == bool(sharing)
    assert len(overlaps([runs_of(m) for m in masks], 1)) == min(1, len(told))


@pytest.mark.parametrize("pattern", ["full", "empty", "one row"])
def test_no_pixel_of_a_large_mask_is_ever_there(pattern: str) -> None:
    """A hundred masks of 8192 x 8192 would be 6.7 GB."""
    size = (8192, 8192)
    total = size[0] * size[1]
    runs = {"full": [0, total], "empty": [total], "one row": [100] + [1, 8191] * 8191 + [1, 8191 - 100]}[pattern]
    mask = RunMask(size, *np.cumsum(runs)[: len(runs) // 2 * 2].reshape(-1, 2).T)
    tracemalloc.start()
    try:
        for _ in range(100):
            assert mask.common(mask) == mask.area
            mask.box()
        overlaps([mask] * 20, 100)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    if pattern == "one row":
        assert mask.box() == (0, 100, 8192, 1)
