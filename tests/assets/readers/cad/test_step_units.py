"""Every context of shapes in the text of a STEP file has a unit of length, whatever way it is written in."""

from __future__ import annotations

import pytest

from scanstage.assets.readers.cad.step_units import with_units

INCHES = "#1=( CONVERSION_BASED_UNIT('INCH; old',#9)\n LENGTH_UNIT() NAMED_UNIT(#8));\n"
DEGREES = "#2=(CONVERSION_BASED_UNIT('DEGREE',#9)NAMED_UNIT(#8)PLANE_ANGLE_UNIT());\n"
WITH_UNITS = (
    "#3=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#1,#2))REPRESENTATION_CONTEXT('',''));\n"
)
BARE = "#4=(GEOMETRIC_REPRESENTATION_CONTEXT(3)\nREPRESENTATION_CONTEXT('a;b',''));\n"
OF_ANGLES = (
    "#5=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT\n(\n(#2))REPRESENTATION_CONTEXT('',''));\n"
)
SIMPLE = "#6=GEOMETRIC_REPRESENTATION_CONTEXT('','plain',3);\n"
ON_PAPER = "#10=(GEOMETRIC_REPRESENTATION_CONTEXT(2)REPRESENTATION_CONTEXT('paper',''));\n"
ON_SURFACES = (
    "#7=(GEOMETRIC_REPRESENTATION_CONTEXT(2)PARAMETRIC_REPRESENTATION_CONTEXT()REPRESENTATION_CONTEXT('2D',''));\n"
)


@pytest.mark.parametrize("text", [INCHES + WITH_UNITS, WITH_UNITS + ON_SURFACES + ON_PAPER + INCHES, "nothing"])
def test_what_has_units_stays_as_it_is(text: str) -> None:
    found = with_units(text.encode())
    assert (found.data.decode(), found.given, found.lacking) == (text, "INCH" in text, 0)


def test_what_has_none_has_that_of_the_first_other_one() -> None:
    found = with_units((BARE + INCHES + DEGREES + OF_ANGLES + WITH_UNITS + SIMPLE + ON_SURFACES).encode())
    assert (found.given, found.lacking) == (True, 3)
    text = found.data.decode()
    assert INCHES.strip() in text
    assert ON_SURFACES.strip() in text
    assert (
        "#4=(GEOMETRIC_REPRESENTATION_CONTEXT(3)\nGLOBAL_UNIT_ASSIGNED_CONTEXT((#1,#2)) REPRESENTATION_CONTEXT(" in text
    )
    assert "GLOBAL_UNIT_ASSIGNED_CONTEXT\n(\n(#1,#2))" in text
    assert (
        "#6=(GEOMETRIC_REPRESENTATION_CONTEXT(3) GLOBAL_UNIT_ASSIGNED_CONTEXT((#1,#2)) REPRESENTATION_CONTEXT" in text
    )
    assert "('','plain'))" in text.replace("( ", "(")


def test_where_none_is_named_they_are_millimetres_and_angles_stay() -> None:
    found = with_units((DEGREES + OF_ANGLES + BARE).encode())
    assert (found.given, found.lacking) == (False, 2)
    text = found.data.decode()
    assert "#6=(LENGTH_UNIT() NAMED_UNIT(*) SI_UNIT(.MILLI.,.METRE.));" in text
    assert "((#6,#2))" in text.replace("\n(\n", "(")
    assert "GLOBAL_UNIT_ASSIGNED_CONTEXT((#6,#7,#8))" in text


def test_text_that_goes_on_without_end_is_looked_through_once() -> None:
    for text in (b"#1=(LENGTH_UNIT ", b"#1=('GEOMETRIC_REPRESENTATION_CONTEXT;#2=("):
        assert not with_units(text * 1000).given
    long = INCHES.replace("NAMED", "(" * 5000 + "NAMED")  # of which no more than some thousands are read
    assert (with_units((INCHES + WITH_UNITS).encode()).given, with_units((long + WITH_UNITS).encode()).given) == (
        True,
        False,
    )
