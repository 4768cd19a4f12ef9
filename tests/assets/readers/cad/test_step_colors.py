"""Colours of occurrences in the text of STEP files: which of them get the part's, and where that is too much to say.

What a color is here is one number, for a SURFACE_STYLE_USAGE that is not in the text: 70 the part's, 71 and on others.
"""

from __future__ import annotations

import re
import time

import pytest

from scanstage.assets.readers.cad.step_text import mend_step

PART, SUB, TOP = 1, 2, 3
SOLID = 40


def assembly(*occurrences: tuple[int, int], bodies: str = "#40", style: str = "#40") -> str:
    """Part 1 with a solid, 40, of colour 70; occurrences 100 and on of (assembly, what is in it)."""
    lines = [f"#{k}=PRODUCT_DEFINITION('','',#9,#8);" for k in (PART, SUB, TOP)]
    lines += ["#11=PRODUCT_DEFINITION_SHAPE('','',#1);", "#12=SHAPE_DEFINITION_REPRESENTATION(#11,#13);"]
    lines += [f"#13=ADVANCED_BREP_SHAPE_REPRESENTATION('',(#14,{bodies}),#15);", "#14=AXIS2_PLACEMENT_3D('',#16,$,$);"]
    lines += ["#40=MANIFOLD_SOLID_BREP('',#17);", "#41=MANIFOLD_SOLID_BREP('',#17);"]
    lines += ["#20=PRESENTATION_STYLE_ASSIGNMENT((#70));", f"#21=STYLED_ITEM('',(#20),{style});"]
    for k, (whole, own) in enumerate(occurrences):
        lines += [f"#{100 + k}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','a','',#{whole},#{own},$);"]
        lines += [f"#{200 + k}=PRODUCT_DEFINITION_SHAPE('','',#{100 + k});"]
        lines += [f"#{300 + k}=CONTEXT_DEPENDENT_SHAPE_REPRESENTATION(#{400 + k},#{200 + k});"]
    return "\n".join([*lines, ""])


def colored(occurrence: int, look: int) -> str:
    """As Open CASCADE writes it: the style says of which occurrence it is."""
    k = occurrence + 400
    lines = [
        f"#{k}=SHAPE_REPRESENTATION('',(#14),#15);",
        f"#{k + 100}=SHAPE_DEFINITION_REPRESENTATION(#{k - 300},#{k});",
    ]
    lines += [f"#{k + 200}=PRESENTATION_STYLE_BY_CONTEXT((#{look}),#{k});"]
    return "\n".join([*lines, f"#{k + 300}=OVER_RIDING_STYLED_ITEM('',(#{k + 200}),#40,#21);", ""])


def in_place(occurrence: int, look: str, place: str = "") -> str:
    """By the entity that STEP has for it."""
    k = occurrence + 800
    style = f"#{k}=PRESENTATION_STYLE_ASSIGNMENT(({look}));\n"
    place = place or f"#{occurrence + 200}"
    return f"{style}#{k + 100}=CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM('',(#{k}),#40,#21,({place}));\n"


def colors_in(data: bytes) -> dict[str, set[int]]:
    """By occurrence, and ``part`` for what has no place: the colours of styles that items name, as is read in them."""
    text = data.decode()
    shapes = dict(re.findall(r"#(\d+)=PRODUCT_DEFINITION_SHAPE\('','',#(\d+)\)", text))
    places = {own: shapes[of] for of, own in re.findall(r"SHAPE_DEFINITION_REPRESENTATION\(#(\d+),#(\d+)\)", text)}
    styles = {k: (of, "part") for k, of in re.findall(r"#(\d+)=PRESENTATION_STYLE_ASSIGNMENT\(\(#(\d+)\)\)", text)}
    found = re.findall(r"#(\d+)=PRESENTATION_STYLE_BY_CONTEXT\(\(#(\d+)\),#(\d+)\)", text)
    styles |= {k: (of, places[at]) for k, of, at in found}
    seen: dict[str, set[int]] = {}
    for style in re.findall(r"(?<!PLACE_)(?<!DEPENDENT_OVER_RIDING_)STYLED_ITEM\('',\(#(\d+)\),#40", text):
        look, place = styles[style]
        seen.setdefault(place, set()).add(int(look))
    return seen


THREE = assembly((TOP, PART), (TOP, PART), (TOP, PART))
NESTED = assembly((SUB, PART), (TOP, SUB), (TOP, SUB))
MIXED = assembly((SUB, PART), (TOP, SUB), (TOP, SUB), (TOP, PART))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (THREE, {"part": {70}}),
        (THREE + colored(101, 71), {"100": {70}, "101": {71}, "102": {70}}),
        (THREE + colored(100, 71) + colored(101, 72) + colored(102, 73), {"100": {71}, "101": {72}, "102": {73}}),
        (THREE + in_place(101, "#71"), {"100": {70}, "101": {71}, "102": {70}}),
        (THREE + in_place(101, "#71", "#401"), {"100": {70}, "101": {71}, "102": {70}}),
        (THREE + in_place(101, "NULL_STYLE(.NULL.)"), {"part": {70}}),
        (NESTED + colored(101, 71), {"101": {71}, "102": {70}}),
        (NESTED + colored(100, 71), {"100": {71}}),
        (MIXED + colored(101, 71), {"101": {71}, "102": {70}, "103": {70}}),
        (MIXED + colored(103, 71), {"100": {70}, "103": {71}}),
        (MIXED + colored(101, 71) + colored(103, 72), {"101": {71}, "102": {70}, "103": {72}}),
    ],
)
def test_the_part_has_its_color_where_an_occurrence_has_none(text: str, expected: dict[str, set[int]]) -> None:
    found = mend_step(text.encode())
    assert (colors_in(found.data), found.lost_colors) == (expected, 0)
    numbers = re.findall(rb"^#(\d+)=", found.data, re.MULTILINE)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        (assembly((TOP, PART), (TOP, PART), bodies="#40,#41") + colored(100, 71), 1),  # a part of two bodies
        (assembly((SUB, PART), (SUB, 5), (TOP, SUB), (TOP, SUB)) + colored(102, 71), 1),  # beside another part
        (assembly((TOP, PART), (TOP, PART), style="#13") + colored(100, 71) + colored(101, 72), 2),
        (THREE + in_place(100, "#71", "#301,#302"), 1),
        (THREE + in_place(100, "#71", "#999"), 1),
        (THREE + "#22=STYLED_ITEM('',(#20),#40);\n" + colored(100, 71), 1),
        (assembly((PART, PART), (SUB, PART), (PART, SUB)) + colored(999, 71), 1),
    ],
)
def test_where_it_is_too_much_to_say_the_part_keeps_its_color(text: str, lost: int) -> None:
    found = mend_step(text.encode())
    assert (found.data.decode(), found.lost_colors) == (text, lost)


def test_assemblies_within_themselves_end() -> None:
    text = assembly((PART, SUB), (SUB, PART), (SUB, SUB), (TOP, PART)) + colored(101, 71)
    found = mend_step(text.encode())
    assert (colors_in(found.data)["101"], found.lost_colors) == ({71}, 0)


def test_many_shapes_of_a_deep_assembly_are_given_up_and_told() -> None:
    """A thousand levels above each of two thousand shapes were two million steps."""
    deep = [(PART + 5000 + k, PART + 4999 + k if k else PART) for k in range(1000)]
    lines = [assembly(*deep[:1])]
    lines += [
        f"#{10_000 + k}=NEXT_ASSEMBLY_USAGE_OCCURRENCE('','a','',#{a},#{b},$);" for k, (a, b) in enumerate(deep[1:])
    ]
    lines += ["#500=SHAPE_REPRESENTATION('',(#14),#15);", "#600=SHAPE_DEFINITION_REPRESENTATION(#200,#500);"]
    lines += ["#700=PRESENTATION_STYLE_BY_CONTEXT((#71),#500);"]
    for k in range(20_000, 30_000, 5):
        lines += [f"#{k}=SHAPE_REPRESENTATION('',(#{k + 1}),#15);", f"#{k + 1}=MANIFOLD_SOLID_BREP('',#17);"]
        lines += [f"#{k + 2}=SHAPE_DEFINITION_REPRESENTATION(#11,#{k});", f"#{k + 3}=STYLED_ITEM('',(#20),#{k + 1});"]
        lines += [f"#{k + 4}=OVER_RIDING_STYLED_ITEM('',(#700),#{k + 1},#{k + 3});"]
    begun = time.monotonic()
    found = mend_step("\n".join(lines).encode())
    assert 0 < found.lost_colors < 2000
    assert time.monotonic() - begun < 20
