"""What is put right in the text of a STEP file before Open CASCADE reads it, which looks at none of it.

Occurrences that have no name of their own are called as their product, those that have a colour of their own keep it,
what the file hides (INVISIBILITY) is taken out of the shapes that list it, colours of curves are none of surfaces, and
all shapes have a unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from scanstage.assets.readers.cad.step_colors import colors_of_occurrences, is_of_occurrence
from scanstage.assets.readers.cad.step_entities import (
    Edit,
    Entities,
    Entity,
    edited,
    entities_of,
    is_list,
    kinds_of,
    named_by,
    references,
    text_of,
    without_comments,
)
from scanstage.assets.readers.cad.step_placements import placements_not_followed
from scanstage.assets.readers.cad.step_units import with_units

_LOOKED_AT = (
    *(b"NEXT_ASSEMBLY_USAGE_OCCURRENCE", b"INVISIBILITY", b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"),
    b"CURVE_STYLE",
)
"""Of files without any, nothing is to be mended."""
_PRODUCT_OF = 2
"""At which place a definition names its formation, and that its product."""
_NO_NAME = re.compile(rb"\$|\*|'(?:\s*|Next assembly relationship|=>\[[\d:]*\])'", re.IGNORECASE)
_NUMBER = re.compile(rb"'(?:NAUO)?\d+'", re.IGNORECASE)
_HAS_FACES = re.compile(rb"BREP|SOLID|SHELL|(?<!SUR)FACE|SURFACE_MODEL|SURFACE_SET|MAPPED_ITEM|GEOMETRIC_SET$")
"""Of what triangles are made; construction planes, curves and points may be hidden or not."""
_PLACEMENT = b"AXIS2_PLACEMENT_3D"
_CURVE_STYLE = re.compile(rb"#(\d+)\s*=\s*CURVE_STYLE\s*\(")


@dataclass(frozen=True)
class MendedStep:
    """Text for Open CASCADE.

    Attributes:
        data: the whole file.
        hidden: how many shapes were taken out, since the file hides them.
        still_there: how many things the file hides that can't be taken out: occurrences, faces of a solid.
        lost_colors: how many occurrences have a colour of their own that doesn't come in.
        misplaced: how many are to be mirrored or scaled, which they aren't.
        has_unit: whether it names a unit of length.
        unitless: how many contexts of shapes name none, of a file that does.
    """

    data: bytes
    hidden: int = 0
    still_there: int = 0
    lost_colors: int = 0
    misplaced: int = 0
    has_unit: bool = True
    unitless: int = 0


def mend_step(data: bytes) -> MendedStep:
    """Names, colours and what is hidden, as they are meant. Raises InputError for more than can be looked through."""
    units = with_units(without_comments(data))
    data = units.data
    mended = MendedStep(data, has_unit=units.given, unitless=units.lacking if units.given else 0)
    if not any(word in data for word in _LOOKED_AT):
        return mended
    entities = entities_of(data)
    edits = _names(data, entities)
    hidden, found, still_there = _hidden(data, entities)
    colors, lost_colors = colors_of_occurrences(data, entities)
    colors += _without_colors_of_curves(data, entities)
    return replace(
        mended,
        data=edited(data, [*edits, *hidden, *colors]),
        hidden=found,
        still_there=still_there,
        lost_colors=lost_colors,
        misplaced=placements_not_followed(data),
    )


def _without_colors_of_curves(data: bytes, entities: Entities) -> list[Edit]:
    """Styles without those of curves, whose colors Open CASCADE gives to surfaces that have none."""
    curves = {int(match[1]) for match in _CURVE_STYLE.finditer(data)}
    edits = []
    for style in entities.values():
        listed = named_by(data, style, 0) if style.kind == b"PRESENTATION_STYLE_ASSIGNMENT" else []
        if curves.intersection(listed):
            kept = b",".join(b"#%d" % n for n in listed if n not in curves)
            edits.append((*style.arguments[0], b"(" + (kept or b"NULL_STYLE(.NULL.)") + b")"))
    return edits


def _names(data: bytes, entities: Entities) -> list[Edit]:
    """Names of products, as they are written, in place of those that occurrences don't have."""
    edits = []
    for entity in entities.values():
        if entity.kind != b"NEXT_ASSEMBLY_USAGE_OCCURRENCE" or len(entity.arguments) < 5:
            continue
        own, name = text_of(data, entity, 0), text_of(data, entity, 1)
        if _NO_NAME.fullmatch(name) or (name == own and _NUMBER.fullmatch(name)):
            better = _product_name(data, entities, text_of(data, entity, 4))
            if better:
                edits.append((*entity.arguments[1], better))
    return edits


def _product_name(data: bytes, entities: Entities, definition: bytes) -> bytes:
    text = definition
    for _ in range(2):  # its formation, and the product of that
        text = text_of(data, _one(entities, text), _PRODUCT_OF)
    product = _one(entities, text)
    names = [text_of(data, product, 1), text_of(data, product, 0)]
    return next((name for name in names if name and not _NO_NAME.fullmatch(name)), b"")


def _one(entities: Entities, text: bytes) -> Entity | None:
    named = references(text)
    return entities.get(named[0]) if len(named) == 1 else None


def _hidden(data: bytes, entities: Entities) -> tuple[list[Edit], int, int]:
    """Lists of items without those that are hidden, how many of these there are, and how many are still there."""
    items, wholes, unclear = _hidden_items(data, entities)
    if not items | wholes:
        return [], 0, unclear
    lists = {n: set(named_by(data, e, 1)) for n, e in entities.items() if is_list(data, e)}
    listed: set[int] = set().union(*lists.values())
    in_wholes: set[int] = set().union(*(lists.get(n, set()) for n in wholes))
    kinds = kinds_of(data, items | in_wholes)
    with_faces = {n for n, kind in kinds.items() if _HAS_FACES.search(kind)}
    out = with_faces & listed
    still_there = len(with_faces - out)  # faces of a solid that is seen
    still_there += sum({kinds.get(k) for k in lists.get(n, ())} <= {_PLACEMENT} for n in wholes)  # an assembly's
    edits = []
    for number, held in lists.items():
        if held & out:
            kept = b",".join(b"#%d" % n for n in named_by(data, entities[number], 1) if n not in out)
            edits.append((*entities[number].arguments[1], b"(" + kept + b")"))
    return edits, len(out), unclear + still_there


def _hidden_items(data: bytes, entities: Entities) -> tuple[set[int], set[int], int]:
    """Numbers of shapes that are hidden, and of whole representations; and of how many it can't be said which."""
    items: set[int] = set()
    wholes: set[int] = set()
    todo: list[int] = []
    unclear = 0
    for entity in entities.values():
        if entity.kind == b"INVISIBILITY":
            named = named_by(data, entity, 0)
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
        is_style = kind.endswith(b"STYLED_ITEM")
        if is_style and is_of_occurrence(data, entities, entities[number]):
            unclear += 1  # elsewhere it may be seen
        elif is_style or kind == b"PRESENTATION_LAYER_ASSIGNMENT":
            todo += named_by(data, entities[number], 2)
        elif kind:
            wholes.add(number)  # of shapes, or of their looks
            items_of = named_by(data, entities[number], 1)
            todo += [n for n in items_of if n in entities and entities[n].kind.endswith(b"STYLED_ITEM")]
        else:
            items.add(number)
    return items, wholes, unclear
