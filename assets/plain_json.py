"""JSON from files that may hold anything, as the standard has it and no further."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_STRUCTURE = 1 << 23
"""Bytes beside strings. A byte of them becomes up to 25 of objects; one of a string stays one."""
MOST_ERRORS = 1000
MOST_DEPTH = 200
_BESIDE_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # one that isn't closed ends with the document
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
    check_structure(data, most_structure)
    _check_depth(data)
    try:
        found = json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
        if _SURROGATE.search(data):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError as e:  # only where little of the stack is left
        raise ValueError("it is nested too deeply") from e
    return found


def _check_depth(data: bytes) -> None:
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _BESIDE_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MOST_DEPTH:
            raise ValueError(f"it is nested more than {MOST_DEPTH} deep")


def check_structure(data: bytes, most: int = MOST_STRUCTURE) -> None:
    """Raise ValueError where a document has more bytes beside its strings than any that is meant well."""
    if len(data) > most and (beside := len(_STRING.sub(b"", data))) > most:
        raise ValueError(f"it has {beside} bytes beside its texts, at most {most} are read")


def first_error(error: ValidationError) -> str:
    """What pydantic says first of a document. Listing all it says can take hundreds of times the document's memory."""
    count = error.error_count()
    if count > MOST_ERRORS:
        return f"{count} of its values can't be"
    return str(error.errors(include_url=False, include_context=False, include_input=False)[0]["msg"])


def _refuse_constant(name: str) -> float:
    raise ValueError(f"it holds {name}, which is no number in JSON")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds the number {text[:40]}, which is larger than any that is calculated with")
    return number
