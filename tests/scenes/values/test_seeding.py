from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scanstage.scenes.values.seeding import Streams, stream_key

small = st.integers(0, 2**40)


@given(small, small, st.text())
def test_same_key_same_draws(seed: int, index: int, name: str) -> None:
    a, b = (Streams(seed, index).rng(name).random(4) for _ in range(2))
    assert np.array_equal(a, b)


@given(small, small, st.text(), st.text())
def test_any_part_of_the_key_matters(seed: int, index: int, name: str, other: str) -> None:
    base = Streams(seed, index).rng(name).random(4)
    changed = [Streams(seed + 1, index), Streams(seed, index + 1), Streams(seed, index, 1)]
    assert not any(np.array_equal(base, s.rng(name).random(4)) for s in changed)
    if name != other:
        assert not np.array_equal(base, Streams(seed, index).rng(other).random(4))


def test_the_scheme_does_not_change() -> None:
    """Datasets are replayed from their seeds: these values may never change."""
    assert stream_key("camera.azimuth_deg") == (3425022144, 1888540032)
    assert Streams(7, 4711).rng("camera.azimuth_deg").integers(0, 2**32, 2).tolist() == [4009009416, 810893013]
