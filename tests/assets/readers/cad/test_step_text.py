"""Names and hidden shapes in the text of STEP files, in the ways that programs write them."""

from __future__ import annotations

import pytest

from scanstage.assets.readers.cad.step_text import mend_step

PRODUCT = """#1=PRODUCT('7-a','{}','',(#9));
#2=PRODUCT_DEFINITION_FORMATION_WITH_SPECIFIED_SOURCE('1',' ',#1,.MADE.);
#3=PRODUCT_DEFINITION('design','',#2,#8);
#4 = NEXT_ASSEMBLY_USAGE_OCCURRENCE ( 'NAUO1', {}, 'it''s (1, 2)', #7, #3, $ ) ;
"""


@pytest.mark.parametrize(
    ("product", "name", "expected"),
    [
        ("Arm", "''", "'Arm'"),
        ("Arm", "' '", "'Arm'"),
        ("Arm", "$", "'Arm'"),
        ("Arm", "'NAUO1'", "'Arm'"),
        ("Arm", "'Next assembly relationship'", "'Arm'"),
        ("Arm", "'=>[0:1:1:3]'", "'Arm'"),
        ("it''s (1, 2); #4", "''", "'it''s (1, 2); #4'"),
        (r"Geh\\X2\\00E4\\X0\\use", "''", r"'Geh\\X2\\00E4\\X0\\use'"),
        ("", "''", "'7-a'"),
        ("Arm", "'left arm'", None),
        ("Arm", "'2'", None),
    ],
)
def test_an_occurrence_has_a_name_of_its_own_or_its_products(product: str, name: str, expected: str | None) -> None:
    text = PRODUCT.format(product, name)
    wanted = text if expected is None else text.replace(f"'NAUO1', {name},", f"'NAUO1',{expected},")
    assert mend_step(text.encode()).data.decode() == wanted


def test_an_occurrence_of_nothing_keeps_its_name() -> None:
    text = b"#4=NEXT_ASSEMBLY_USAGE_OCCURRENCE('NAUO1','','',#7,#3,$);#3=PRODUCT_DEFINITION('','',#3,#8);"
    assert mend_step(text).data == text


SHAPES = """#10=ADVANCED_BREP_SHAPE_REPRESENTATION('a',(#11,#12,#13),#20);
#11=AXIS2_PLACEMENT_3D('',#1,#2,#3);
#12=MANIFOLD_SOLID_BREP('',#15);
#13=MANIFOLD_SOLID_BREP('',#16);
#14=SHAPE_REPRESENTATION('',(#11),#20);
#17=ADVANCED_FACE('',(#1),#18,.T.);
#18=PLANE('',#11);
#19=( ANNOTATION_CURVE_OCCURRENCE() STYLED_ITEM('',(#1),#18) );
#21=STYLED_ITEM('',(#1),#12);
#22=OVER_RIDING_STYLED_ITEM('',(#1),#13,#21);
#23=STYLED_ITEM('',(#1),#17);
#24=STYLED_ITEM('',(#1),#18);
#25=CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM('',(#1),#12,#21,(#9));
#26=PRESENTATION_LAYER_ASSIGNMENT('a','',(#21,#12,#18));
#27=MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',(#21),#20);
#28=CONSTRUCTIVE_GEOMETRY_REPRESENTATION('',(#18),#20);
#31=PRESENTATION_STYLE_BY_CONTEXT((#1),#14);
#32=OVER_RIDING_STYLED_ITEM('',(#31),#12,#21);
#33=STYLED_ITEM('',(#31),#13);
"""


@pytest.mark.parametrize(
    ("hidden", "kept", "taken_out", "still_there"),
    [
        ("#21", "#11,#13", 1, 0),
        ("#21, #22", "#11", 2, 0),
        ("#26", "#11,#13", 1, 0),
        ("#10", "#11", 2, 0),
        ("#24,#19,#99", None, 0, 0),  # a construction plane, a note
        ("#27", "#11,#13", 1, 0),
        ("#28", None, 0, 0),
        ("#23", None, 0, 1),  # a face of a solid
        ("#25", None, 0, 1),  # in one place of an assembly alone
        ("#32, #33", None, 0, 2),  # too
        ("#32, #33, #21", "#11,#13", 1, 2),
        ("#14", None, 0, 1),  # an assembly
        ("", None, 0, 1),
    ],
)
def test_what_is_hidden_is_taken_out_of_the_shapes_that_list_it(
    hidden: str, kept: str | None, taken_out: int, still_there: int
) -> None:
    text = f"{SHAPES}#30=INVISIBILITY(({hidden}));\n"
    found = mend_step(text.encode())
    assert (found.hidden, found.still_there) == (taken_out, still_there)
    assert found.data.decode() == (text if kept is None else text.replace("(#11,#12,#13)", f"({kept})"))


OPERATOR = """#1=CARTESIAN_TRANSFORMATION_OPERATOR_3D({});
#2=DIRECTION('',(-1.,0.,0.));
#3=DIRECTION('',(0.,1.,0.));
#4=DIRECTION('',(0.,0.,2.E0));
#5=DIRECTION('',(0.,0.,-1.));
#6=DIRECTION('',(0.,-1.,0.));
#7=CARTESIAN_TRANSFORMATION_OPERATOR_3D('','',$,#2,#3,#9,2.,#4);
#8=MAPPED_ITEM ( 'it''s', #9, #1 );
#10=(REPRESENTATION_RELATIONSHIP('','',#9,#9)REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION(#1)
SHAPE_REPRESENTATION_RELATIONSHIP());
"""


@pytest.mark.parametrize(
    ("operator", "is_followed"),
    [
        ("'','',$,#2,#6,#9,1.,#4", True),  # half a turn about Z: (-1)(-1)(1) = 1
        ("'','',$,#2,#3,#9,1.,#5", True),  # half a turn about Y
        ("'','',$,$,$,#9,$,$", True),
        ("'','',$,#2,#3,#9,1.,#4", False),  # mirrored along X
        ("'','',$,#2,$,#9,$,$", False),  # too: the other axes are Y and Z then
        ("'','',$,#2,#6,#9,2.,#4", False),  # twice as large
        ("'',$,#2,#6,#9,1.,#4", False),  # less than there is to say
        ("", False),
    ],
)
def test_placements_that_mirror_or_scale_are_counted(operator: str, is_followed: bool) -> None:
    text = OPERATOR.format(operator)
    found = mend_step(text.encode())
    assert (found.data.decode(), found.misplaced) == (text, 0 if is_followed else 2)


def test_comments_hide_nothing() -> None:
    found = mend_step(f"{SHAPES}/* #30=INVISIBILITY((#21)); */#31=/* here */INVISIBILITY((#22));".encode())
    assert (found.hidden, b"(#11,#12)" in found.data) == (1, True)


def test_text_that_never_ends_is_left() -> None:
    text = b"#1=INVISIBILITY((" + b"#1=PRODUCT(" * 50_000
    assert mend_step(text).data == text
