"""Units in the text of a STEP file: shapes whose context names none of length are lost where they are in an assembly.

Open CASCADE takes such a shape by itself for millimetres, and puts nothing in its place where a product is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scanstage.assets.readers.cad.step_entities import Edit, edited, last_number, references

_ENTITY = re.compile(rb"#(\d+)\s*=\s*((?:[^;']|'[^']{0,400}'){0,4000});")  # bounded: scans are hostile
_SIMPLE = re.compile(rb"GEOMETRIC_REPRESENTATION_CONTEXT\s*\(\s*('[^']*'\s*,\s*'[^']*')\s*,\s*3\s*\)\s*")
_SOLID = re.compile(rb"GEOMETRIC_REPRESENTATION_CONTEXT\s*\(\s*3\s*\)")
_ASSIGNED = re.compile(rb"GLOBAL_UNIT_ASSIGNED_CONTEXT\s*\(\s*\(([^)]*)\)\s*\)")
_NAME = re.compile(rb"(?<!\w)REPRESENTATION_CONTEXT\s*\(")
_MOST_IN_TEXTS = 4
"""Semicolons in texts of an entity that are seen through."""
_WITH_UNITS = b"GLOBAL_UNIT_ASSIGNED_CONTEXT((%b)) "


@dataclass(frozen=True)
class StepUnits:
    """Text in which each context of shapes has a unit of length.

    Attributes:
        data: the whole file.
        given: whether it names any; else they are millimetres.
        lacking: how many contexts name none.
    """

    data: bytes
    given: bool
    lacking: int


def with_units(data: bytes) -> StepUnits:
    """Give contexts without a unit of length that of the first other one, or millimetres; ``data`` has no comments."""
    lengths = {int(match[1]) for match in _entities_with(data, b"LENGTH_UNIT")}
    lacking: list[re.Match[bytes]] = []
    length = units = text = b""
    for match in _entities_with(data, b"GEOMETRIC_REPRESENTATION_CONTEXT"):
        if not _SOLID.search(match[2]) and not _SIMPLE.fullmatch(match[2]):
            continue  # of drawings, or of curves on surfaces, which have no unit
        assigned = _ASSIGNED.search(match[2])
        of_length = lengths.intersection(references(assigned[1])) if assigned else set()
        if assigned is None or not of_length:
            lacking.append(match)
        elif not units:
            length, units = b"#%d" % min(of_length), assigned[1]
    given = bool(units)
    if lacking and not given:
        length, units, text = _millimetres(last_number(data))
    edits = [_edit(match, length, units, text if match is lacking[0] else b"") for match in lacking]
    return StepUnits(edited(data, edits), given, len(lacking))


def _entities_with(data: bytes, word: bytes) -> Iterator[re.Match[bytes]]:
    """Entities in which a word stands: number, and what they hold. Others are passed over: files are large."""
    end = 0
    while (at := data.find(word, end)) >= 0:
        match, start = None, at
        for _ in range(_MOST_IN_TEXTS):
            start = data.rfind(b";", end, start)
            match = _ENTITY.match(data, data.find(b"#", max(end, start + 1), at))
            if match or start < 0:
                break
        if match is not None:
            yield match
        end = match.end() if match else at + len(word)


def _edit(match: re.Match[bytes], length: bytes, units: bytes, before: bytes) -> Edit:
    """A context with ``units``, or with a unit of length beside those that it has; and other entities before it."""
    kinds = match[2]
    if simple := _SIMPLE.fullmatch(kinds):
        name = b"REPRESENTATION_CONTEXT(%b)" % simple[1]
        kinds = b"".join((b"(GEOMETRIC_REPRESENTATION_CONTEXT(3) ", _WITH_UNITS % units, name, b")"))
    elif assigned := _ASSIGNED.search(kinds):
        named = b",".join(text for text in (length, assigned[1].strip()) if text)
        kinds = kinds[: assigned.start(1)] + named + kinds[assigned.end(1) :]
    else:
        kinds = _NAME.sub(lambda name: _WITH_UNITS % units + name[0], kinds, count=1)
    return (*match.span(), b"%b#%b=%b;" % (before, match[1], kinds))


def _millimetres(last: int) -> tuple[bytes, bytes, bytes]:
    """The unit of length, a list of units that are numbered from ``last`` on, and the text of them."""
    kinds = (
        b"LENGTH_UNIT() NAMED_UNIT(*) SI_UNIT(.MILLI.,.METRE.)",
        b"NAMED_UNIT(*) PLANE_ANGLE_UNIT() SI_UNIT($,.RADIAN.)",
        b"NAMED_UNIT(*) SI_UNIT($,.STERADIAN.) SOLID_ANGLE_UNIT()",
    )
    numbers = [b"#%d" % (last + k) for k in (1, 2, 3)]
    text = b"".join(b"%b=(%b);\n" % both for both in zip(numbers, kinds, strict=True))
    return numbers[0], b",".join(numbers), text
