"""What Blender's importer would make something else of in a USD comes in as OpenUSD's rules have it, or is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from support.usd_files import HEAD, PAINT, box, read_usd, size, told, volume, xform

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]
SHEAR = "matrix4d xformOp:transform = ((1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))"
ORDER = 'uniform token[] xformOpOrder = ["{}"]'
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
    scan = read_usd(tmp_path, *prims)
    assert size(scan) == pytest.approx(expected, abs=1e-5)
    assert volume(scan) == pytest.approx(0.008 if len(prims) == 1 else 0.024, rel=1e-4)
    assert told(scan) == []


def test_instances_below_a_shear_are_sheared_and_what_is_hidden_beside_them_is_told(tmp_path: Path) -> None:
    """Two, a metre apart, and a box ten times as large that isn't seen."""
    instance = "instanceable = true\n references = </p>"
    scan = read_usd(
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
    scan = read_usd(tmp_path, xform("a", box("n"), xform("b", *moved, box("m", *reset))))
    assert size(scan) == pytest.approx((1.2, 0.2, 0.2), abs=1e-5)


def test_what_is_hidden_at_first_stays_out_and_what_is_hidden_later_comes_in(tmp_path: Path) -> None:
    later, at_first = (
        f'token visibility.timeSamples = {{ 0: "{first}", 5: "{then}" }}'
        for first, then in (("inherited", "invisible"), ("invisible", "inherited"))
    )
    scan = read_usd(tmp_path, xform("a", box("m", later), box("n", at_first, side=1)))
    assert size(scan) == pytest.approx((0.2, 0.2, 0.2), abs=1e-6)
    assert [t for t in told(scan) if "hidden" in t] == ["holds objects that are hidden: 'n'"]


def test_what_moves_stands_where_it_is_at_the_first_frame(tmp_path: Path) -> None:
    """Of a metre in 10 frames, the first of which is the fifth: half a metre from the other box."""
    samples = "double3 xformOp:translate.timeSamples = { 0: (0, 0, 0), 10: (1, 0, 0) }"
    moved = box("m", samples, ORDER.format("xformOp:translate"))
    head = HEAD.replace("startTimeCode = 0", "startTimeCode = 5")
    scan = read_usd(tmp_path, xform("a", moved, box("n")), head=head)
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
    scan = read_usd(tmp_path, f'def SkelRoot "a" {{\n{BONES}\n{skinned}\n}}', xform("b", box("n")))
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
    scan = read_usd(tmp_path, xform("a", box("m"), *prims))
    assert told(scan) == [what]
    assert max(size(scan)) == pytest.approx(0.2, abs=0.11)
