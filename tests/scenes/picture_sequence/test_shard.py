from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.picture_sequence.shard import Shard


@given(st.integers(1, 40), st.integers(0, 200), st.integers(0, 200), st.booleans())
def test_shards_share_the_pictures_out(count: int, first: int, last: int, from_one: bool) -> None:
    shards = [Shard.parse(f"{k}/{count}") for k in range(from_one, count + from_one)]
    taken = [list(s.pictures(first, last)) for s in shards]
    assert sorted(i for own in taken for i in own) == list(range(first, last + 1))
    assert all(i in s for s, own in zip(shards, taken, strict=True) for i in own)
    assert max(map(len, taken)) - min(map(len, taken)) <= 1
    assert len({s.name for s in shards}) == count


@pytest.mark.parametrize(
    "text", ["", "3", "a/b", "1/0", "0/0", "5/4", "-1/4", "1/-4", "1.5/4", "1/4/2", "²/4", "1/10000000"]
)
def test_rubbish_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="`shard`"):
        Shard.parse(text)
