from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scanstage.dataset.labels.instances import Rle
from scanstage.dataset.labels.rle_code import read_mask

masks = hnp.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(masks)
def test_reads_what_pycocotools_writes(mask: np.ndarray) -> None:
    assert np.array_equal(read_mask(mask.shape, Rle.encode(mask).counts), mask)


def test_reads_long_runs() -> None:
    mask = np.zeros((3000, 2000), bool)
    mask[:, 700:1999] = True
    mask[17, 3] = True
    assert np.array_equal(read_mask(mask.shape, Rle.encode(mask).counts), mask)


@given(st.text(max_size=30), st.integers(1, 30), st.integers(1, 30))
def test_anything_else_is_a_value_error(text: str, height: int, width: int) -> None:
    try:
        mask = read_mask((height, width), text)
    except ValueError:
        return
    assert mask.shape == (height, width)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-2, -2), (1 << 20, 1 << 20)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="size"):
        read_mask(size, "0")
