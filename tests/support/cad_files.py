"""3MF and STEP files of tests, written out by hand: boxes in a unit."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

Size = tuple[float, float, float]

_STEP_UNITS = {"mm": "SI_UNIT(.MILLI.,.METRE.)", "cm": "SI_UNIT(.CENTI.,.METRE.)", "m": "SI_UNIT($,.METRE.)"}
_STEP = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION(('box'),'2;1');
FILE_NAME('box','',(''),(''),'','','');
FILE_SCHEMA(('AUTOMOTIVE_DESIGN {{ 1 0 10303 214 1 1 1 1 }}'));
ENDSEC;
DATA;
{}
ENDSEC;
END-ISO-10303-21;
"""
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r0" '
    'Target="/3D/3dmodel.model" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)
_TEXTURE = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="t0" '
    'Target="/{}" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"/></Relationships>'
)
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="png" ContentType="image/png"/><Default Extension="config" ContentType="text/xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
_CORNERS = [(k & 1, k >> 1 & 1, k >> 2) for k in range(8)]
_SIDES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))


class _StepEntities:
    """Numbered lines, each by its own reference."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers = count(1)

    def add(self, text: str) -> str:
        number = next(self._numbers)
        self.lines.append(f"#{number}={text};")
        return f"#{number}"

    def triple(self, kind: str, values: tuple[float, ...]) -> str:
        return self.add(f"{kind}('',({','.join(f'{float(v):.9E}' for v in values)}))")


def write_step(path: Path, size: Size, unit: str) -> Path:
    """A box from the origin to ``size``, as a solid of six planes (AP214); ``in`` is a unit by conversion."""
    e = _StepEntities()
    _step_product(e, "box", _step_context(e, unit), size)
    return _write(path, e)


def write_step_assembly(
    path: Path,
    boxes: Mapping[str, Size],
    placed: Sequence[tuple[str, str, Size]],
    hide: str = "",
    green: Mapping[int, str] | None = None,
) -> Path:
    """Boxes of one product each, mm, as CAD programs write assemblies: (name, product, where) of each occurrence.

    Products named ``red_*`` are red (STYLED_ITEM); others have no colour. ``hide``: what is hidden, where ``{style}``
    is that of the last red product, ``{solid}`` its solid, ``{shape}`` the representation of that and ``{layer}`` one.
    ``green``: which of the occurrences are green by themselves, and how: ``style`` or ``place`` says of which it is.
    """
    e = _StepEntities()
    context = _step_context(e, "mm")
    _, whole, of_whole = _step_product(e, "assembly", context, None)
    frame = _step_frame(e, (0, 0, 0), (0, 0, 1), (1, 0, 0))
    definitions: dict[str, tuple[str, str]] = {}
    red: dict[str, str] = {}
    for name, size in boxes.items():
        solid, *own = _step_product(e, name, context, size)
        definitions[name] = (own[0], own[1])
        if name.startswith("red_"):
            style = e.add(f"PRESENTATION_STYLE_ASSIGNMENT(({_step_look(e, '1.,0.,0.')}))")
            item = e.add(f"STYLED_ITEM('color',({style}),{solid})")
            e.add(f"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',({item}),{context})")
            layer = e.add(f"PRESENTATION_LAYER_ASSIGNMENT('0','',({solid}))")
            red = {"style": item, "solid": solid, "shape": own[1], "layer": layer}
    if hide:
        e.add(f"INVISIBILITY(({hide.format(**red)}))")
    for k, (name, product, at) in enumerate(placed):
        definition, own = definitions[product]
        there = _step_frame(e, at, (0, 0, 1), (1, 0, 0))
        moved = e.add(f"ITEM_DEFINED_TRANSFORMATION('','',{frame},{there})")
        relation = e.add(
            f"(REPRESENTATION_RELATIONSHIP('','',{own},{of_whole})"
            f"REPRESENTATION_RELATIONSHIP_WITH_TRANSFORMATION({moved})SHAPE_REPRESENTATION_RELATIONSHIP())"
        )
        occurrence = e.add(f"NEXT_ASSEMBLY_USAGE_OCCURRENCE('{k + 1}','{name}','',{whole},{definition},$)")
        shape = e.add(f"PRODUCT_DEFINITION_SHAPE('Placement','',{occurrence})")
        place = e.add(f"CONTEXT_DEPENDENT_SHAPE_REPRESENTATION({relation},{shape})")
        if k in (green or {}):
            _step_green(e, (green or {})[k], red, shape, place, f"SHAPE_REPRESENTATION('',({there}),{context})")
    return _write(path, e)


def _step_look(e: _StepEntities, color: str) -> str:
    colour = e.add(f"COLOUR_RGB('',{color})")
    filled = e.add(f"FILL_AREA_STYLE_COLOUR('',{colour})")
    fill = e.add(f"FILL_AREA_STYLE('',({filled}))")
    side = e.add(f"SURFACE_SIDE_STYLE('',({e.add(f'SURFACE_STYLE_FILL_AREA({fill})')}))")
    return e.add(f"SURFACE_STYLE_USAGE(.BOTH.,{side})")


def _step_green(e: _StepEntities, how: str, red: Mapping[str, str], shape: str, place: str, there: str) -> None:
    """An occurrence of the last red product, as Open CASCADE says it, or by an entity of its own."""
    look, over = _step_look(e, "0.,1.,0."), f"{red['solid']},{red['style']}"
    if how == "place":
        style = e.add(f"PRESENTATION_STYLE_ASSIGNMENT(({look}))")
        item = e.add(f"CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM('',({style}),{over},({place}))")
    else:
        own = e.add(there)
        e.add(f"SHAPE_DEFINITION_REPRESENTATION({shape},{own})")
        style = e.add(f"PRESENTATION_STYLE_BY_CONTEXT(({look}),{own})")
        item = e.add(f"OVER_RIDING_STYLED_ITEM('',({style}),{over})")
    context = there.rpartition(",")[2].strip(")")
    e.add(f"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION('',({item}),{context})")


def _write(path: Path, e: _StepEntities) -> Path:
    path.write_text(_STEP.format("\n".join(e.lines)))
    return path


def _step_product(e: _StepEntities, name: str, context: str, size: Size | None) -> tuple[str, str, str]:
    """Its solid ("" of an assembly, without size), its definition, and the representation of its shape."""
    application = e.add("APPLICATION_CONTEXT('automotive design')")
    mechanical = e.add(f"PRODUCT_CONTEXT('',{application},'mechanical')")
    product = e.add(f"PRODUCT('{name}','{name}','',({mechanical}))")
    formation = e.add(f"PRODUCT_DEFINITION_FORMATION('','',{product})")
    design = e.add(f"PRODUCT_DEFINITION_CONTEXT('part definition',{application},'design')")
    definition = e.add(f"PRODUCT_DEFINITION('design','',{formation},{design})")
    shape = e.add(f"PRODUCT_DEFINITION_SHAPE('','',{definition})")
    frame, solid = _step_frame(e, (0, 0, 0), (0, 0, 1), (1, 0, 0)), ""
    if size is None:
        representation = e.add(f"SHAPE_REPRESENTATION('',({frame}),{context})")
    else:
        shell = e.add(f"CLOSED_SHELL('',({','.join(_step_faces(e, size))}))")
        solid = e.add(f"MANIFOLD_SOLID_BREP('{name}',{shell})")
        representation = e.add(f"ADVANCED_BREP_SHAPE_REPRESENTATION('',({frame},{solid}),{context})")
    e.add(f"SHAPE_DEFINITION_REPRESENTATION({shape},{representation})")
    return solid, definition, representation


def _step_context(e: _StepEntities, unit: str) -> str:
    if unit == "in":
        millimetre = e.add(f"(LENGTH_UNIT()NAMED_UNIT(*){_STEP_UNITS['mm']})")
        length = e.add(f"LENGTH_MEASURE_WITH_UNIT(LENGTH_MEASURE(25.4),{millimetre})")
        exponents = e.add("DIMENSIONAL_EXPONENTS(1.,0.,0.,0.,0.,0.,0.)")
        metric = e.add(f"(CONVERSION_BASED_UNIT('INCH',{length})LENGTH_UNIT()NAMED_UNIT({exponents}))")
    else:
        metric = e.add(f"(LENGTH_UNIT()NAMED_UNIT(*){_STEP_UNITS[unit]})")
    angle = e.add("(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.))")
    solid = e.add("(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT())")
    exact = e.add(f"UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-06),{metric},'distance','')")
    return e.add(
        f"(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT(({exact}))"
        f"GLOBAL_UNIT_ASSIGNED_CONTEXT(({metric},{angle},{solid}))REPRESENTATION_CONTEXT('',''))"
    )


def _step_frame(e: _StepEntities, at: tuple[float, ...], z: tuple[float, ...], x: tuple[float, ...]) -> str:
    point, up, right = e.triple("CARTESIAN_POINT", at), e.triple("DIRECTION", z), e.triple("DIRECTION", x)
    return e.add(f"AXIS2_PLACEMENT_3D('',{point},{up},{right})")


def _step_faces(e: _StepEntities, size: tuple[float, float, float]) -> list[str]:
    places = [tuple(c * s for c, s in zip(corner, size, strict=True)) for corner in _CORNERS]
    vertices = [e.add(f"VERTEX_POINT('',{e.triple('CARTESIAN_POINT', at)})") for at in places]
    edges: dict[tuple[int, int], str] = {}
    faces = []
    for side in _SIDES:
        oriented = []
        for a, b in zip(side, (*side[1:], side[0]), strict=True):
            first, last = min(a, b), max(a, b)
            if (first, last) not in edges:
                along = tuple(q - p for p, q in zip(_CORNERS[first], _CORNERS[last], strict=True))
                vector = e.add(f"VECTOR('',{e.triple('DIRECTION', along)},1.)")
                line = e.add(f"LINE('',{e.triple('CARTESIAN_POINT', places[first])},{vector})")
                ends = f"{vertices[first]},{vertices[last]}"
                edges[first, last] = e.add(f"EDGE_CURVE('',{ends},{line},.T.)")
            oriented.append(e.add(f"ORIENTED_EDGE('',*,*,{edges[first, last]},.{'T' if a < b else 'F'}.)"))
        loop = e.add(f"EDGE_LOOP('',({','.join(oriented)}))")
        bound = e.add(f"FACE_OUTER_BOUND('',{loop},.T.)")
        u, v = ([q - p for p, q in zip(_CORNERS[side[0]], _CORNERS[side[k]], strict=True)] for k in (1, 3))
        normal = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        plane = e.add(f"PLANE('',{_step_frame(e, places[side[0]], normal, tuple(u))})")
        faces.append(e.add(f"ADVANCED_FACE('',({bound}),{plane},.T.)"))
    return faces


def write_3mf(
    path: Path,
    size: tuple[float, float, float],
    unit: str,
    before: str = "",
    triangle: str = "",
    after: str = "",
    build: str = '<item objectid="1"/>',
    files: dict[str, bytes] | None = None,
    says: str = "",
    code: str = "utf-8",
) -> Path:
    """A box; resources ``before`` and ``after`` it, attributes of its first ``triangle``, what is built, textures
    (``3D/*``) and a slicer's settings, attributes that the model ``says`` and the ``code`` that it is written in."""
    model = (
        f'<model unit="{unit}" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02" '
        f'xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02" {says} xmlns:cura="urn:cura">'
        f"<resources>{before}{boxes_object(1, size, triangle=triangle)}{after}</resources>"
        f"<build>{build}</build></model>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("3D/3dmodel.model", model.encode(code))
        for name, data in (files or {}).items():
            archive.writestr(name, data)
            if name.startswith("3D/"):
                archive.writestr("3D/_rels/3dmodel.model.rels", _TEXTURE.format(name))
    return path


def boxes_object(number: int, *sizes: Size, kind: str = "model", triangle: str = "", says: str = "") -> str:
    """A 3MF's object of boxes from the origin, 12 triangles each; ``says``: an element of its own."""
    places = [tuple(c * s for c, s in zip(corner, size, strict=True)) for size in sizes for corner in _CORNERS]
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in places)
    sides = [tuple(8 * box + k for k in side) for box in range(len(sizes)) for side in _SIDES]
    triangles = [t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))]
    written = "".join(
        f'<triangle v1="{a}" v2="{b}" v3="{c}" {triangle if k == 0 else ""}/>' for k, (a, b, c) in enumerate(triangles)
    )
    mesh = f"<mesh><vertices>{vertices}</vertices><triangles>{written}</triangles></mesh>"
    return f'<object id="{number}" type="{kind}">{says}{mesh}</object>'
