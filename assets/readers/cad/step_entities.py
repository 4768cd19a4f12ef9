"""Entities in the text of a STEP file (ISO 10303-21): those that say how shapes hang together, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError

Edit = tuple[int, int, bytes]
"""Where text begins and ends that is replaced, and by what."""
Entities = dict[int, "Entity"]
_MOST_ENTITIES = 20_000_000
_COMMENT = re.compile(rb"('[^']*')|/\*(?:.*?\*/|.*)", re.DOTALL)
_ENTITY = re.compile(
    rb"#(\d+)\s*=\s*((?:CONTEXT_DEPENDENT_)?INVISIBILITY|NEXT_ASSEMBLY_USAGE_OCCURRENCE|PRESENTATION_LAYER_ASSIGNMENT"
    rb"|PRODUCT(?:_DEFINITION(?:_SHAPE|_WITH_ASSOCIATED_DOCUMENTS|_FORMATION(?:_WITH_SPECIFIED_SOURCE)?)?)?"
    rb"|PRESENTATION_STYLE_(?:ASSIGNMENT|BY_CONTEXT)|(?:\w+_)?STYLED_ITEM|(?:\w+_)?REPRESENTATION)\s*\("
)
_ANY = re.compile(rb"#(\d+)\s*=\s*(\w+)\s*\(")
_KIND = re.compile(rb"#(\d+)\s*=\s*\(?\s*(\w+)")
_TOKEN = re.compile(rb"'[^']*'|[(),;]")  # a quote within a string is two, which makes it two strings
_REFERENCE = re.compile(rb"#(\d+)")


@dataclass(frozen=True)
class Entity:
    """One of the file.

    Attributes:
        kind: its name.
        start: where it begins in the text, with its number.
        arguments: where each begins and ends in the text.
    """

    kind: bytes
    start: int
    arguments: list[tuple[int, int]]


def without_comments(data: bytes) -> bytes:
    """The text without what is between ``/*`` and ``*/``."""
    return _COMMENT.sub(rb"\1", data) if b"/*" in data else data


def entities_of(data: bytes) -> Entities:
    """Those of products, styles and representations, by number. Raises InputError for more than can be looked through.

    Not those that are several kinds in one, in brackets.
    """
    found: Entities = {}
    at = 0
    while (match := _ENTITY.search(data, at)) is not None:
        arguments, at = _arguments(data, match.end())
        found[int(match[1])] = Entity(match[2], match.start(), arguments)
        if len(found) > _MOST_ENTITIES:
            raise InputError(f"has more than {_MOST_ENTITIES:,} products and shapes", "export it as GLB")
    return found


def entities_at(data: bytes, numbers: Collection[int]) -> Entities:
    """Those of these numbers, of whatever kind."""
    if not numbers:
        return {}
    return {
        n: Entity(match[2], match.start(), _arguments(data, match.end())[0])
        for match in _ANY.finditer(data)
        if (n := int(match[1])) in numbers
    }


def kinds_of(data: bytes, numbers: Collection[int]) -> dict[int, bytes]:
    """What entities of these numbers are called; the first name of those that are several in one."""
    if not numbers:
        return {}
    return {n: match[2] for match in _KIND.finditer(data) if (n := int(match[1])) in numbers}


def last_number(data: bytes) -> int:
    """The largest that an entity has."""
    return max((int(match[1]) for match in _KIND.finditer(data)), default=0)


def _arguments(data: bytes, start: int) -> tuple[list[tuple[int, int]], int]:
    """Of an entity whose arguments begin at ``start``; and where it ends."""
    spans: list[tuple[int, int]] = []
    depth, begin = 0, start
    for token in _TOKEN.finditer(data, start):
        if token[0] == b"(":
            depth += 1
        elif token[0] == b")" and depth:
            depth -= 1
        elif token[0] in (b",", b")") and not depth:
            spans.append((begin, token.start()))
            begin = token.end()
        if token[0] == b";" or (token[0] == b")" and begin == token.end()):
            return spans, token.end()
    return spans, len(data)


def text_of(data: bytes, entity: Entity | None, place: int) -> bytes:
    """An argument as it is written; empty where there is none. A ``place`` below 0 counts from the end."""
    if entity is None or not -len(entity.arguments) <= place < len(entity.arguments):
        return b""
    begin, end = entity.arguments[place]
    return data[begin:end].strip()


def references(text: bytes) -> list[int]:
    """Numbers of the entities that it names."""
    return [int(number) for number in _REFERENCE.findall(text)]


def named_by(data: bytes, entity: Entity | None, place: int) -> list[int]:
    """Numbers of the entities that an argument names."""
    return references(text_of(data, entity, place))


def is_list(data: bytes, entity: Entity) -> bool:
    """Whether it is a representation that has items: those that relate one to something have none."""
    return entity.kind.endswith(b"REPRESENTATION") and text_of(data, entity, 1).startswith(b"(")


def edited(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The text with what is replaced."""
    pieces, at = [], 0
    for begin, end, text in sorted(edits):
        pieces += [data[at:begin], text]
        at = end
    return b"".join([*pieces, data[at:]])
