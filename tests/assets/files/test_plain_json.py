"""What JSON from outside may hold, and how much of it."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.assets.files import plain_json
from scanstage.assets.files.plain_json import MOST_DEPTH, MOST_STRUCTURE, parse_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_json_is_read_as_the_standard_has_it(value: object, escaped: bool) -> None:
    data = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert parse_json(data) == json.loads(data)


@given(values, st.integers(1, 9))
def test_strings_are_told_from_what_is_beside_them(value: object, piece: int) -> None:
    def beside(v: object) -> int:
        if isinstance(v, str):
            return 1  # the closing quote
        if isinstance(v, dict):
            return sum(2 + beside(x) for x in v.values()) + max(0, len(v) - 1) + 2
        if isinstance(v, list):
            return sum(map(beside, v)) + max(0, len(v) - 1) + 2
        return len(json.dumps(v))

    def depth(v: object) -> int:
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_json, "_PIECE", piece)
        assert plain_json._shape(json.dumps(value, separators=(",", ":")).encode()) == (beside(value), depth(value))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": NaN}', "NaN"),
        ("[-Infinity]", "Infinity"),
        ("[1e400]", "1e400"),
        ("[-1.5e999]", "larger"),
        ('["\\ud800"]', "surrogate"),
        ("[" * 300 + "]" * 300, "nested"),
        ("[" * 100_000, "nested"),
        ('{"a":' * 100_000, "nested"),
        ("[0" + ",0" * (MOST_STRUCTURE // 2) + "]", "beside its texts"),
        ("", "Expecting"),
        ("[" + "7" * 5000 + "]", "digits"),
    ],
)
def test_what_could_not_be_written_again_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_json(text.encode())


def test_long_texts_are_read_where_many_values_are_not() -> None:
    text = json.dumps(["x" * (2 * MOST_STRUCTURE), '[{"\\' * 1000]).encode()
    assert len(parse_json(text)[0]) == 2 * MOST_STRUCTURE
    parse_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)


@pytest.mark.parametrize("unit", [b'"\\"', b'"",', b'\\"', b'"', b"[]", b"\\\\\\"])
def test_looking_takes_a_few_times_the_document(unit: bytes) -> None:
    """Whatever it consists of: patterns that backtrack take gigabytes of some."""
    data = unit * ((24 << 20) // len(unit))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"beside its texts|nested|Expecting|Extra|Unterminated|delimiter"):
            parse_json(data)
        with pytest.raises(ValueError, match=r"Expecting|Extra|Unterminated|delimiter"):
            parse_json(data, len(data))
        assert tracemalloc.get_traced_memory()[1] < 5 * len(data)
    finally:
        tracemalloc.stop()
