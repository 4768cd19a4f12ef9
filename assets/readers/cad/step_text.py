"""What is put right in the text of a STEP file before Open CASCADE reads it, which looks at neither.

Occurrences that have no name of their own are called as their product, and what the file hides (INVISIBILITY) is taken
out of the shapes that list it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scanstage.assets.messages.errors import InputError

_PRODUCT_OF = 2
"""At which place a definition names its formation, and that its product."""
_MOST_ENTITIES = 20_000_000
_COMMENT = re.compile(rb"('[^']*')|/\*(?:.*?\*/|.*)", re.DOTALL)
_ENTITY = re.compile(
    rb"#(\d+)\s*=\s*((?:CONTEXT_DEPENDENT_)?INVISIBILITY|NEXT_ASSEMBLY_USAGE_OCCURRENCE|PRESENTATION_LAYER_ASSIGNMENT"
    rb"|PRODUCT(?:_DEFINITION(?:_WITH_ASSOCIATED_DOCUMENTS|_FORMATION(?:_WITH_SPECIFIED_SOURCE)?)?)?"
    rb"|(?:\w+_)?STYLED_ITEM|(?:\w+_)?REPRESENTATION)\s*\("
)
_KIND = re.compile(rb"#(\d+)\s*=\s*\(?\s*(\w+)")
_TOKEN = re.compile(rb"'[^']*'|[(),;]")  # a quote within a string is two, which makes it two strings
_REFERENCE = re.compile(rb"#(\d+)")
_NO_NAME = re.compile(rb"\$|\*|'(?:\s*|Next assembly relationship|=>\[[\d:]*\])'", re.IGNORECASE)
_NUMBER = re.compile(rb"'(?:NAUO)?\d+'", re.IGNORECASE)
_HAS_FACES = re.compile(rb"BREP|SOLID|SHELL|(?<!SUR)FACE|SURFACE_MODEL|SURFACE_SET|MAPPED_ITEM|GEOMETRIC_SET$")
"""Of what triangles are made; construction planes, curves and points may be hidden or not."""
_PLACEMENT = b"AXIS2_PLACEMENT_3D"


@dataclass(frozen=True)
class MendedStep:
    """Text for Open CASCADE.

    Attributes:
        data: the whole file.
        hidden: how many shapes were taken out, since the file hides them.
        still_there: how many things the file hides that can't be taken out: occurrences, faces of a solid.
    """

    data: bytes
    hidden: int = 0
    still_there: int = 0


@dataclass(frozen=True)
class _Entity:
    kind: bytes
    arguments: list[tuple[int, int]]  # where each begins and ends in the text


def mend_step(data: bytes) -> MendedStep:
    """Name what has no name, and take out what is hidden. Raises InputError for more than can be looked through."""
    if b"NEXT_ASSEMBLY_USAGE_OCCURRENCE" not in data and b"INVISIBILITY" not in data:
        return MendedStep(data)
    if b"/*" in data:
        data = _COMMENT.sub(rb"\1", data)
    entities = _entities(data)
    edits = _names(data, entities)
    hidden, found, still_there = _hidden(data, entities)
    edits += hidden
    return MendedStep(_edited(data, edits), found, still_there)


def _entities(data: bytes) -> dict[int, _Entity]:
    found: dict[int, _Entity] = {}
    at = 0
    while (match := _ENTITY.search(data, at)) is not None:
        arguments, at = _arguments(data, match.end())
        found[int(match[1])] = _Entity(match[2], arguments)
        if len(found) > _MOST_ENTITIES:
            raise InputError(f"has more than {_MOST_ENTITIES:,} products and shapes", "export it as GLB")
    return found


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


def _text(data: bytes, entity: _Entity | None, place: int) -> bytes:
    """An argument as it is written; empty where there is none."""
    if entity is None or place >= len(entity.arguments):
        return b""
    begin, end = entity.arguments[place]
    return data[begin:end].strip()


def _references(text: bytes) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(text)]


def _names(data: bytes, entities: dict[int, _Entity]) -> list[tuple[int, int, bytes]]:
    """Names of products, as they are written, in place of those that occurrences don't have."""
    edits = []
    for entity in entities.values():
        if entity.kind != b"NEXT_ASSEMBLY_USAGE_OCCURRENCE" or len(entity.arguments) < 5:
            continue
        own, name = _text(data, entity, 0), _text(data, entity, 1)
        if _NO_NAME.fullmatch(name) or (name == own and _NUMBER.fullmatch(name)):
            better = _product_name(data, entities, _text(data, entity, 4))
            if better:
                edits.append((*entity.arguments[1], better))
    return edits


def _product_name(data: bytes, entities: dict[int, _Entity], definition: bytes) -> bytes:
    text = definition
    for _ in range(2):  # its formation, and the product of that
        text = _text(data, _one(entities, text), _PRODUCT_OF)
    product = _one(entities, text)
    names = [_text(data, product, 1), _text(data, product, 0)]
    return next((name for name in names if name and not _NO_NAME.fullmatch(name)), b"")


def _one(entities: dict[int, _Entity], text: bytes) -> _Entity | None:
    named = _references(text)
    return entities.get(named[0]) if len(named) == 1 else None


def _hidden(data: bytes, entities: dict[int, _Entity]) -> tuple[list[tuple[int, int, bytes]], int, int]:
    """Lists of items without those that are hidden, how many of these there are, and how many are still there."""
    items, wholes, unclear = _hidden_items(data, entities)
    if not items | wholes:
        return [], 0, unclear
    lists = {n: set(_references(_text(data, e, 1))) for n, e in entities.items() if _is_list(data, e)}
    listed: set[int] = set().union(*lists.values())
    in_wholes: set[int] = set().union(*(lists.get(n, set()) for n in wholes))
    kinds = _kinds(data, items | in_wholes)
    with_faces = {n for n, kind in kinds.items() if _HAS_FACES.search(kind)}
    out = with_faces & listed
    still_there = len(with_faces - out)  # faces of a solid that is seen
    still_there += sum({kinds.get(k) for k in lists.get(n, ())} <= {_PLACEMENT} for n in wholes)  # an assembly's
    edits = []
    for number, held in lists.items():
        if held & out:
            kept = b",".join(b"#%d" % n for n in _references(_text(data, entities[number], 1)) if n not in out)
            edits.append((*entities[number].arguments[1], b"(" + kept + b")"))
    return edits, len(out), unclear + still_there


def _hidden_items(data: bytes, entities: dict[int, _Entity]) -> tuple[set[int], set[int], int]:
    """Numbers of shapes that are hidden, and of whole representations; and of how many it can't be said which."""
    items: set[int] = set()
    wholes: set[int] = set()
    todo: list[int] = []
    unclear = 0
    for entity in entities.values():
        if entity.kind == b"INVISIBILITY":
            named = _references(_text(data, entity, 0))
            todo += named
            unclear += not named  # as Open CASCADE writes it of an occurrence
        unclear += entity.kind == b"CONTEXT_DEPENDENT_INVISIBILITY"
    seen: set[int] = set()
    while todo:
        number = todo.pop()
        if number in seen:
            continue
        seen.add(number)
        kind = entities[number].kind if number in entities else b""
        if kind == b"CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM":
            unclear += 1
        elif kind.endswith(b"STYLED_ITEM") or kind == b"PRESENTATION_LAYER_ASSIGNMENT":
            todo += _references(_text(data, entities[number], 2))
        elif kind:
            wholes.add(number)  # of shapes, or of their looks
            items_of = _references(_text(data, entities[number], 1))
            todo += [n for n in items_of if n in entities and entities[n].kind.endswith(b"STYLED_ITEM")]
        else:
            items.add(number)
    return items, wholes, unclear


def _is_list(data: bytes, entity: _Entity) -> bool:
    """Whether it is a representation that has items: those that relate one to something have none."""
    return entity.kind.endswith(b"REPRESENTATION") and _text(data, entity, 1).startswith(b"(")


def _kinds(data: bytes, numbers: set[int]) -> dict[int, bytes]:
    if not numbers:
        return {}
    return {n: match[2] for match in _KIND.finditer(data) if (n := int(match[1])) in numbers}


def _edited(data: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    pieces, at = [], 0
    for begin, end, text in sorted(edits):
        pieces += [data[at:begin], text]
        at = end
    return b"".join([*pieces, data[at:]])
