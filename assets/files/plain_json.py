"""JSON from files that may hold anything, as the standard has it and no further."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_STRUCTURE = 1 << 23
"""Bytes beside strings. A byte of them becomes up to 25 of objects; one of a string stays one."""
MOST_ERRORS = 1000
MOST_DEPTH = 200
_PIECE = 1 << 20
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(data: bytes, most_structure: int = MOST_STRUCTURE) -> Any:
    """Parse a document.

    Args:
        data: of the document.
        most_structure: bytes that it may have beside its strings.

    Raises ValueError for what is none, for numbers that JSON doesn't know (NaN, Infinity) or no double holds (1e400),
    for halves of characters, and for what is nested too deeply or has too many values: whatever is read here can be
    written again, and takes no more memory than a few hundred megabytes and its strings.
    """
    beside, depth = _shape(data)
    _refuse_many(beside, most_structure)
    if depth > MOST_DEPTH:
        raise ValueError(f"it is nested {depth} deep, at most {MOST_DEPTH} are read")
    try:
        found = json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(data):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError as e:  # only where little of the stack is left
        raise ValueError("it is nested too deeply") from e
    return found


def check_structure(data: bytes, most: int = MOST_STRUCTURE) -> None:
    """Raise ValueError where a document has more bytes beside its strings than any that is meant well."""
    if len(data) > most:
        _refuse_many(_shape(data)[0], most)


def _refuse_many(beside: int, most: int) -> None:
    if beside > most:
        raise ValueError(f"it has {beside} bytes beside its texts, at most {most} are read")


def _shape(data: bytes) -> tuple[int, int]:
    """Bytes beside strings, and how deep brackets are nested, of what may be no JSON at all."""
    codes = np.frombuffer(data.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    beside = depth = deepest = 0
    within = False
    for at in range(0, len(codes), _PIECE):
        piece = codes[at : at + _PIECE]
        inside = (np.cumsum(piece == ord('"'), dtype=np.uint8) & 1).astype(bool) ^ within
        within = bool(inside[-1])
        outside = piece[~inside]
        beside += len(outside)
        opening, closing = ((outside == ord(a)) | (outside == ord(b)) for a, b in ("[{", "]}"))
        depths = depth + np.cumsum(opening.astype(np.int32) - closing)
        if len(depths):
            depth, deepest = int(depths[-1]), max(deepest, int(depths.max()))
    return beside, deepest


def first_error(error: ValidationError) -> str:
    """What pydantic says first of a document. Listing all it says can take hundreds of times the document's memory."""
    count = error.error_count()
    if count > MOST_ERRORS:
        return f"{count} of its values can't be"
    return str(error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"])


def placed_error(error: ValidationError) -> str:
    """The same after the keys and indices that lead there."""
    return f"{'.'.join(map(str, error.errors(include_url=False)[0]['loc']))}: {first_error(error)}"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, which is no number in JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds the number {text[:40]}, which is larger than any that is calculated with")
    return number
