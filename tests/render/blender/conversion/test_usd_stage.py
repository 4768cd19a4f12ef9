"""What Blender's importer would make something else of in a USD comes in as OpenUSD's rules have it, or is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan
from scanstage.render.engine.blender_conversion import convert_with_blender

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]
HEAD = '#usda 1.0\n(\n defaultPrim = "a"\n upAxis = "Z"\n metersPerUnit = 1\n startTimeCode = 0\n endTimeCode = 10\n)\n'
SHEAR = "matrix4d xformOp:transform = ((1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))"
ORDER = 'uniform token[] xformOpOrder = ["{}"]'
CORNERS = [(x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
FACES = [0, 2, 3, 1, 4, 5, 7, 6, 0, 1, 5, 4, 2, 6, 7, 3, 0, 4, 6, 2, 1, 3, 7, 5]
"""Below, above, front, back, left, right."""


def box(name: str, *inside: str, side: float = 0.2, about: str = "") -> str:
    points = ", ".join(str(tuple(side * c for c in corner)) for corner in CORNERS)
    return f"""def Mesh "{name}" ({about}) {{
 int[] faceVertexCounts = [4, 4, 4, 4, 4, 4]
 int[] faceVertexIndices = {FACES}
 point3f[] points = [{points}]
 {chr(10).join(inside)}
}}"""


def xform(name: str, *inside: str, about: str = "") -> str:
    return f'def Xform "{name}" ({about}) {{\n{chr(10).join(inside)}\n}}'


def read(folder: Path, *prims: str, head: str = HEAD) -> RawScan:
    (folder / "a.usda").write_text(head + "\n".join(prims))
    return read_scan(folder / "a.usda", convert_with_blender)


def size(scan: RawScan) -> tuple[float, ...]:
    """Along X, Y and Z of the file; read ones have Y up."""
    x, z, y = np.ptp(scan.vertices[scan.faces].reshape(-1, 3), axis=0)
    return float(x), float(y), float(z)


def volume(scan: RawScan) -> float:
    a, b, c = scan.vertices[scan.faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def told(scan: RawScan) -> list[str]:
    return [f.what for f in scan.findings if f.topic != "format"]


def looks(scan: RawScan) -> dict[tuple[float, ...], int]:
    """How many triangles there are of each colour, linear."""
    colors = np.array([scan.materials[k].base_color[:3] for k in scan.face_material])
    if scan.vertex_color is not None:
        srgb = np.asarray(scan.vertex_color)[scan.faces].reshape(len(scan.faces), 3, 4)[:, 0, :3] / 255
        colors = colors * np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    found, counts = np.unique(colors.round(2), axis=0, return_counts=True)
    return {tuple(float(c) for c in color): int(n) for color, n in zip(found, counts, strict=True)}


MIRROR = SHEAR.replace("((1, 0", "((-1, 0")


@pytest.mark.parametrize(
    ("prims", "expected"),
    [
        ((xform("a", box("m", SHEAR, ORDER.format("xformOp:transform"))),), (0.4, 0.2, 0.2)),
        ((xform("a", xform("b", SHEAR, ORDER.format("xformOp:transform"), box("m"))),), (0.4, 0.2, 0.2)),
        ((xform("a", box("m", MIRROR, ORDER.format("xformOp:transform"))),), (0.4, 0.2, 0.2)),
        (  # in what two instances share, one of which is twice as long
            (
                xform(
                    "a",
                    xform("b", about="instanceable = true\n references = </p>"),
                    xform(
                        "c",
                        "double3 xformOp:scale = (2, 1, 1)",
                        "double3 xformOp:translate = (1, 0, 0)",
                        'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]',
                        about="instanceable = true\n references = </p>",
                    ),
                ),
                f'class "p" {{\n{box("m", SHEAR, ORDER.format("xformOp:transform"))}\n}}',
            ),
            (1.8, 0.2, 0.2),
        ),
    ],
    ids=["mesh", "above a mesh", "mirrored", "instances"],
)
def test_what_is_sheared_comes_in_sheared(
    tmp_path: Path, prims: tuple[str, ...], expected: tuple[float, float, float]
) -> None:
    """X grows by Y: twice as long, of the same volume."""
    scan = read(tmp_path, *prims)
    assert size(scan) == pytest.approx(expected, abs=1e-5)
    assert volume(scan) == pytest.approx(0.008 if len(prims) == 1 else 0.024, rel=1e-4)
    assert told(scan) == []


def test_instances_below_a_shear_are_sheared_and_what_is_hidden_beside_them_is_told(tmp_path: Path) -> None:
    """Two, a metre apart, and a box ten times as large that isn't seen."""
    instance = "instanceable = true\n references = </p>"
    scan = read(
        tmp_path,
        xform(
            "a",
            SHEAR,
            ORDER.format("xformOp:transform"),
            xform("b", about=instance),
            xform("c", "double3 xformOp:translate = (1, 0, 0)", ORDER.format("xformOp:translate"), about=instance),
            box("d", 'token visibility = "invisible"', side=2),
        ),
        f'class "p" {{\n{box("m")}\n}}',
    )
    assert size(scan) == pytest.approx((1.4, 0.2, 0.2), abs=1e-5)
    assert volume(scan) == pytest.approx(0.016, rel=1e-4)
    assert told(scan) == ["holds objects that are hidden: 'd'"]


def test_what_resets_its_place_stands_where_it_says(tmp_path: Path) -> None:
    """Of a box that all above moves by 10 m and makes five times as large: it is itself, a metre from the other."""
    moved = (
        "double3 xformOp:scale = (5, 5, 5)",
        "double3 xformOp:translate = (10, 0, 0)",
        'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:scale"]',
    )
    reset = ("double3 xformOp:translate = (1, 0, 0)", ORDER.format('!resetXformStack!", "xformOp:translate'))
    scan = read(tmp_path, xform("a", box("n"), xform("b", *moved, box("m", *reset))))
    assert size(scan) == pytest.approx((1.2, 0.2, 0.2), abs=1e-5)


PAINT = """def Material "{0}" {{
 token outputs:surface.connect = </a/{0}/s.outputs:surface>
 def Shader "s" {{
  uniform token info:id = "UsdPreviewSurface"
  color3f inputs:diffuseColor = ({1})
  token outputs:surface
 }}
}}"""
BOUND = 'prepend apiSchemas = ["MaterialBindingAPI"]'
LID = f"""def GeomSubset "lid" ({BOUND}) {{
 uniform token elementType = "face"
 uniform token familyName = "materialBind"
 int[] indices = [1]
 rel material:binding = </a/green>
}}"""


@pytest.mark.parametrize(
    "rest",
    ["rel material:binding = </a/red>", "color3f[] primvars:displayColor = [(0.8, 0, 0)]"],
    ids=["bound", "shown"],
)
def test_faces_of_no_subset_have_the_mesh_s_own_colour(tmp_path: Path, rest: str) -> None:
    paints = PAINT.format("green", "0, 0.8, 0"), PAINT.format("red", "0.8, 0, 0")
    scan = read(tmp_path, xform("a", box("m", rest, LID, about=BOUND), *paints))
    assert looks(scan) == {(0, 0.8, 0): 2, (0.8, 0, 0): 10}


BY_FACE = """color3f[] primvars:displayColor = [{}] (
 interpolation = "uniform"
)""".format(", ".join(["(0.8, 0, 0)"] * 2 + ["(0, 0, 0.5)"] * 4))


def test_faces_of_no_subset_have_colours_of_their_own(tmp_path: Path) -> None:
    """The second face is bound and not multiplied; of the others the first is red, and four are blue."""
    scan = read(tmp_path, xform("a", box("m", BY_FACE, LID, about=BOUND), PAINT.format("green", "0, 0.8, 0")))
    assert looks(scan) == {(0.8, 0, 0): 2, (0, 0.8, 0): 2, (0, 0, 0.5): 8}
    assert told(scan) == []


def test_rests_of_meshes_that_are_called_alike_have_each_their_own_colour(tmp_path: Path) -> None:
    boxes = (
        xform(k, box("m", f"color3f[] primvars:displayColor = [({color})]", LID, about=BOUND))
        for k, color in (("b", "0.8, 0, 0"), ("c", "0, 0, 0.5"))
    )
    scan = read(tmp_path, xform("a", *boxes, PAINT.format("green", "0, 0.8, 0")))
    assert looks(scan) == {(0.8, 0, 0): 10, (0, 0.8, 0): 4, (0, 0, 0.5): 10}


def test_subsets_that_are_for_something_else_change_no_material(tmp_path: Path) -> None:
    other = LID.replace("materialBind", "chosen")
    paints = PAINT.format("green", "0, 0.8, 0"), PAINT.format("red", "0.8, 0, 0")
    scan = read(tmp_path, xform("a", box("m", "rel material:binding = </a/red>", other, about=BOUND), *paints))
    assert looks(scan) == {(0.8, 0, 0): 12}
    assert told(scan) == ["binds materials to faces of 'm' by subsets that aren't of the family materialBind"]


def test_a_mesh_has_the_colour_of_what_is_above_it(tmp_path: Path) -> None:
    scan = read(tmp_path, xform("a", "color3f[] primvars:displayColor = [(1, 0, 0)]", box("m")))
    assert scan.vertex_color is not None
    assert np.unique(np.asarray(scan.vertex_color).reshape(-1, 4)[:, :3], axis=0).tolist() == [[255, 0, 0]]


def test_what_is_hidden_at_first_stays_out_and_what_is_hidden_later_comes_in(tmp_path: Path) -> None:
    later, at_first = (
        f'token visibility.timeSamples = {{ 0: "{first}", 5: "{then}" }}'
        for first, then in (("inherited", "invisible"), ("invisible", "inherited"))
    )
    scan = read(tmp_path, xform("a", box("m", later), box("n", at_first, side=1)))
    assert size(scan) == pytest.approx((0.2, 0.2, 0.2), abs=1e-6)
    assert [t for t in told(scan) if "hidden" in t] == ["holds objects that are hidden: 'n'"]


def test_what_moves_stands_where_it_is_at_the_first_frame(tmp_path: Path) -> None:
    """Of a metre in 10 frames, the first of which is the fifth: half a metre from the other box."""
    samples = "double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (1, 0, 0) }"
    moved = box("m", samples, ORDER.format("xformOp:translate"))
    head = HEAD.replace("startTimeCode = 0", "startTimeCode = 5")
    scan = read(tmp_path, xform("a", moved, box("n")), head=head)
    assert size(scan) == pytest.approx((0.7, 0.2, 0.2), abs=1e-5)
    assert told(scan) == ["moves 'm'"]


BONES = """def Skeleton "bones" (prepend apiSchemas = ["SkelBindingAPI"]) {
 uniform token[] joints = ["low"]
 uniform matrix4d[] bindTransforms = [((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))]
 uniform matrix4d[] restTransforms = [((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))]
 rel skel:animationSource = </a/bones/pose>
 def SkelAnimation "pose" {
  uniform token[] joints = ["low"]
  float3[] translations = [(0, 0, 0.5)]
  quatf[] rotations = [(1, 0, 0, 0)]
  half3[] scales = [(1, 1, 1)]
 }
}"""


def test_a_pose_without_frames_is_taken(tmp_path: Path) -> None:
    """Its only joint, and the box with it, stands half a metre up; another box doesn't."""
    skinned = box(
        "m",
        "int[] primvars:skel:jointIndices = [0] (\n interpolation = 'constant'\n elementSize = 1\n)",
        "float[] primvars:skel:jointWeights = [1] (\n interpolation = 'constant'\n elementSize = 1\n)",
        "rel skel:skeleton = </a/bones>",
        about='prepend apiSchemas = ["SkelBindingAPI"]',
    )
    scan = read(tmp_path, f'def SkelRoot "a" {{\n{BONES}\n{skinned}\n}}', xform("b", box("n")))
    assert size(scan) == pytest.approx((0.2, 0.2, 0.7), abs=1e-5)
    assert told(scan) == []


CURVE = """def BasisCurves "c" {
 int[] curveVertexCounts = [2]
 point3f[] points = [(0, 0, 0), (1, 0, 0)]
}"""
UNEVEN = (
    PAINT.format("p", "1, 1, 1").removesuffix("}")
    + """def Shader "t" {
  uniform token info:id = "UsdUVTexture"
  token inputs:wrapS = "repeat"
  token inputs:wrapT = "clamp"
 }
}"""
)


@pytest.mark.parametrize(
    ("prims", "what"),
    [
        ((CURVE,), "holds curves, points or patches, which are no meshes: 'c'"),
        (
            (box("g", 'uniform token purpose = "guide"', side=3),),
            "holds guides and proxies, which stand in for it in a viewer: 'g'",
        ),
        (
            (box("s", 'uniform token subdivisionScheme = "catmullClark"'),),
            "holds cages of smooth surfaces (subdivisionScheme), as some programs call all meshes: 's'",
        ),
        ((box("h", "int[] holeIndices = [1]"),), "holds faces that are holes (holeIndices): 'h'"),
        (
            (box("o", "float[] primvars:displayOpacity = [0.3]"),),
            "holds what is see-through by displayOpacity, without a material: 'o'",
        ),
        ((UNEVEN,), "textures of 'p' go on otherwise along U than along V, or are black beyond their edges"),
        (
            (f'def Sphere "b" {{\n double radius = 0.1\n {SHEAR}\n {ORDER.format("xformOp:transform")}\n}}',),
            "holds what is sheared, and no mesh: 'b'",
        ),
    ],
    ids=["curves", "guides", "smooth", "holes", "see-through", "wraps", "sheared"],
)
def test_what_does_not_come_in_as_it_is_is_told(tmp_path: Path, prims: tuple[str, ...], what: str) -> None:
    scan = read(tmp_path, xform("a", box("m"), *prims))
    assert told(scan) == [what]
    assert max(size(scan)) == pytest.approx(0.2, abs=0.11)
