"""Colours of single occurrences in the text of a STEP file, which Open CASCADE drops where the part has one of its own.

It takes the part's colour in every place then. So that is written as one of the occurrences that have no other. And of
the ways to say of which occurrence a colour is, only PRESENTATION_STYLE_BY_CONTEXT counts for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from scanstage.assets.readers.cad.step_entities import (
    Edit,
    Entities,
    Entity,
    is_list,
    kinds_of,
    last_number,
    named_by,
    text_of,
)

_IN_PLACE = b"CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM"
_BY_CONTEXT = b"PRESENTATION_STYLE_BY_CONTEXT"
_OCCURRENCE = b"NEXT_ASSEMBLY_USAGE_OCCURRENCE"
_NO_SHAPE = frozenset((b"AXIS2_PLACEMENT_3D", b"CARTESIAN_POINT"))
_MOST_STEPS = 1_000_000
"""Between parts and assemblies, of all parts together: more are of no assembly that means well."""


def is_of_occurrence(data: bytes, entities: Entities, styled: Entity) -> bool:
    """Whether a STYLED_ITEM, of whatever kind, is of what it names in some place of an assembly alone."""
    if styled.kind == _IN_PLACE:
        return True
    styles = [entities.get(n) for n in named_by(data, styled, 1)]
    return any(style is not None and style.kind == _BY_CONTEXT for style in styles)


def colors_of_occurrences(data: bytes, entities: Entities) -> tuple[list[Edit], int]:
    """What is to be changed for them to come in, and how many don't: these have the colour of their part."""
    styles = _Styles(data, entities)
    parts = {item: found for item, found in styles.of_items().items() if found.is_at_stake}
    if not parts:
        return [], 0
    listed = {n for item in parts for whole in styles.wholes[item] for n in named_by(data, entities[whole], 1)}
    writer = _Writer(data, entities, styles, kinds_of(data, listed))
    edits: list[Edit] = []
    lost = 0
    for item, found in parts.items():
        own = writer.edits(item, found)
        edits += own or []
        lost += len(found.placed) + found.unclear if own is None else 0
    return edits, lost


@dataclass
class _Colors:
    """Of one shape: numbers of the STYLED_ITEMs that say them.

    Attributes:
        own: of it wherever it is.
        placed: by occurrence, of it there.
        unclear: how many are of places that can't be told.
        of_whole: whether the representation that lists it has a colour.
        in_other_words: whether some are said in a way that Open CASCADE doesn't look at, whatever the part has.
    """

    own: list[int] = field(default_factory=list)
    placed: dict[int, int] = field(default_factory=dict)
    unclear: int = 0
    of_whole: bool = False
    in_other_words: bool = False

    @property
    def is_at_stake(self) -> bool:
        """Whether there are colours of occurrences that don't come in by themselves."""
        return bool(self.unclear or (self.placed and (self.own or self.of_whole or self.in_other_words)))


class _Styles:
    """Which styles are of what, and of which occurrence."""

    def __init__(self, data: bytes, entities: Entities) -> None:
        self._data, self._entities = data, entities
        self.shape_of: dict[int, int] = {}  # by occurrence or definition
        self.definition_of: dict[int, int] = {}  # by representation
        self.wholes: dict[int, list[int]] = defaultdict(list)  # representations of products that list an item
        self._places: dict[int, int] = {}  # occurrences, by what styles name for them
        of_shape: dict[int, int] = {}
        for number, entity in entities.items():
            if entity.kind == b"PRODUCT_DEFINITION_SHAPE":
                for of in named_by(data, entity, 2)[:1]:
                    self.shape_of[of], of_shape[number] = number, of
        for number, entity in entities.items():
            if entity.kind == b"SHAPE_DEFINITION_REPRESENTATION":
                self._note(of_shape, named_by(data, entity, 0), named_by(data, entity, 1))
            elif entity.kind == b"CONTEXT_DEPENDENT_SHAPE_REPRESENTATION":
                self._note(of_shape, named_by(data, entity, 1), [number, *named_by(data, entity, 0)])
        for number in self.definition_of:
            if number in entities and is_list(data, entities[number]):
                for item in set(named_by(data, entities[number], 1)):
                    self.wholes[item].append(number)

    def _note(self, of_shape: dict[int, int], shapes: list[int], numbers: list[int]) -> None:
        for shape in shapes[:1]:
            of = of_shape.get(shape)
            if of in self._entities and self._entities[of].kind == _OCCURRENCE:
                self._places |= dict.fromkeys(numbers, of)
            elif of is not None:
                self.definition_of |= dict.fromkeys(numbers, of)

    def of_items(self) -> dict[int, _Colors]:
        """By the number of the shape."""
        found: dict[int, _Colors] = defaultdict(_Colors)
        for number, entity in self._entities.items():
            items = named_by(self._data, entity, 2) if entity.kind.endswith(b"STYLED_ITEM") else []
            if len(items) != 1:
                continue
            if not is_of_occurrence(self._data, self._entities, entity):
                found[items[0]].own.append(number)
            elif self.looks(entity) == b"":
                continue  # of what is hidden there
            elif (place := self._place(entity)) is None:
                found[items[0]].unclear += 1
            else:
                found[items[0]].placed.setdefault(place, number)
                found[items[0]].in_other_words |= entity.kind == _IN_PLACE
        for item, colors in found.items():
            colors.of_whole = any(whole in found and found[whole].own for whole in self.wholes.get(item, ()))
        return found

    def _place(self, styled: Entity) -> int | None:
        """The occurrence that it is of; None where it names several, or none that is known."""
        if styled.kind == _IN_PLACE:
            named = named_by(self._data, styled, 4)
        else:
            styles = [self._entities.get(n) for n in named_by(self._data, styled, 1)]
            named = [n for style in styles for n in named_by(self._data, style, 1)]
        return self._places.get(named[0]) if len(named) == 1 else None

    def looks(self, styled: Entity) -> bytes | None:
        """What its styles consist of, as a list; empty where they say nothing, None where they aren't known."""
        styles = [self._entities.get(n) for n in named_by(self._data, styled, 1)]
        known = [s for s in styles if s is not None and s.kind in (b"PRESENTATION_STYLE_ASSIGNMENT", _BY_CONTEXT)]
        named = [n for style in known for n in named_by(self._data, style, 0)]
        if len(known) < len(styles):
            return None
        return _list(named) if named else b""


class _Assembly:
    """Which definitions consist of which."""

    def __init__(self, data: bytes, entities: Entities) -> None:
        self._ends: dict[int, tuple[int, int]] = {}  # of an occurrence: the assembly that it is in, and what it is of
        self._of: dict[int, list[int]] = defaultdict(list)
        self._within: dict[int, list[int]] = defaultdict(list)
        self._steps = 0
        for number, entity in entities.items():
            ends = (*named_by(data, entity, 3)[:1], *named_by(data, entity, 4)[:1])
            if entity.kind == _OCCURRENCE and len(ends) == 2:
                self._ends[number] = ends
                self._within[ends[0]].append(number)
                self._of[ends[1]].append(number)

    def others(self, part: int, colored: Iterable[int]) -> list[int] | None:
        """Occurrences that with ``colored`` ones make all places of a part, each once.

        None where that can't be told, or where one of them holds other things too.
        """
        if self._steps > _MOST_STEPS:
            return None
        above, todo = {part}, [part]
        while todo:
            for number in self._of[todo.pop()]:
                self._steps += 1
                whole = self._ends[number][0]
                if whole not in above:
                    above.add(whole)
                    todo.append(whole)
        mixed = {self._ends[n][1] for n in colored if n in self._ends} & above  # some of their places are coloured
        todo = list(mixed)
        while todo:
            for number in self._within[todo.pop()]:
                self._steps += 1
                own = self._ends[number][1]
                if own in above and own not in mixed:
                    mixed.add(own)
                    todo.append(own)
        found: list[int] = []
        seen, todo = {part}, [part]
        while todo and part in mixed:
            for number in self._of[todo.pop()]:
                self._steps += 1
                whole = self._ends[number][0]
                if number in colored or whole in seen:
                    continue
                if whole in mixed:
                    seen.add(whole)
                    todo.append(whole)
                elif not self._is_alone(number, part):
                    return None
                else:
                    found.append(number)
        return found if part in mixed and self._steps <= _MOST_STEPS else None

    def _is_alone(self, occurrence: int, part: int) -> bool:
        """Whether an occurrence consists of a part, once, and of nothing else: Open CASCADE colours all of it."""
        own = self._ends[occurrence][1]
        while own != part:
            self._steps += 1
            if len(self._within[own]) != 1 or self._steps > _MOST_STEPS:
                return False
            own = self._ends[self._within[own][0]][1]
        return True


class _Writer:
    """Writes colours of occurrences as Open CASCADE reads them, with entities of new numbers."""

    def __init__(self, data: bytes, entities: Entities, styles: _Styles, kinds: dict[int, bytes]) -> None:
        """``kinds``: of what stands in the representations."""
        self._data, self._entities, self._styles, self._kinds = data, entities, styles, kinds
        self._assembly = _Assembly(data, entities)
        self._number = last_number(data)

    def edits(self, item: int, colors: _Colors) -> list[Edit] | None:
        """For one shape, or None where it isn't as simple as here."""
        wholes = self._styles.wholes[item]
        if len(colors.own) > 1 or colors.unclear or colors.of_whole or len(wholes) != 1:
            return None
        whole = self._entities[wholes[0]]
        if any(n != item and self._kinds.get(n) not in _NO_SHAPE for n in named_by(self._data, whole, 1)):
            return None  # an occurrence has one colour, of however many bodies it is
        looks: dict[int, bytes | None] = {}
        for own in colors.own:
            others = self._assembly.others(self._styles.definition_of[wholes[0]], colors.placed)
            if others is None:
                return None
            looks = dict.fromkeys(others, self._styles.looks(self._entities[own]))
        for place, number in colors.placed.items():
            if self._entities[number].kind == _IN_PLACE:
                looks[place] = self._styles.looks(self._entities[number])
        known = {place: look for place, look in looks.items() if look and place in self._styles.shape_of}
        if len(known) < len(looks):
            return None
        first = self._entities[next(iter(colors.placed.values()))]
        style, text = text_of(self._data, first, 1), b""  # of the part wherever it is nothing is left to say
        if known:
            style, text = self._written(item, text_of(self._data, whole, 2), known)
        before = self._entities[colors.own[0]] if colors.own else first
        changed = [(*self._entities[number].arguments[1], style) for number in colors.own]
        return [(before.start, before.start, text), *changed]

    def _written(self, item: int, context: bytes, looks: dict[int, bytes]) -> tuple[bytes, bytes]:
        """A list of one of the new styles, and the text of them all."""
        point, frame = self._new(), self._new()
        lines = [
            b"#%d=CARTESIAN_POINT('',(0.,0.,0.));" % point,
            b"#%d=AXIS2_PLACEMENT_3D('',#%d,$,$);" % (frame, point),
        ]
        items, style = [], 0
        for place, look in looks.items():
            shape, of_place, style, styled = (self._new() for _ in range(4))
            lines += [
                b"#%d=SHAPE_REPRESENTATION('',(#%d),%b);" % (shape, frame, context),
                b"#%d=SHAPE_DEFINITION_REPRESENTATION(#%d,#%d);" % (of_place, self._styles.shape_of[place], shape),
                b"#%d=PRESENTATION_STYLE_BY_CONTEXT(%b,#%d);" % (style, look, shape),
                b"#%d=STYLED_ITEM('',(#%d),#%d);" % (styled, style, item),
            ]
            items.append(styled)
        kind = b"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION"
        lines.append(b"#%d=%b('',%b,%b);" % (self._new(), kind, _list(items), context))
        return _list([style]), b"\n".join([*lines, b""])

    def _new(self) -> int:
        self._number += 1
        return self._number


def _list(numbers: Iterable[int]) -> bytes:
    return b"(" + b",".join(b"#%d" % n for n in numbers) + b")"
