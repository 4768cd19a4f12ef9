"""Materials and colours of a USD come in as OpenUSD's rules have them, where Blender's importer has none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support.usd_files import BOUND, LID, PAINT, box, looks, read_usd, told, xform

pytestmark = [
    pytest.mark.blender,
    pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy wheel in this Python"),
]


@pytest.mark.parametrize(
    "rest",
    ["rel material:binding = </a/red>", "color3f[] primvars:displayColor = [(0.8, 0, 0)]"],
    ids=["bound", "shown"],
)
def test_faces_of_no_subset_have_the_mesh_s_own_colour(tmp_path: Path, rest: str) -> None:
    paints = PAINT.format("green", "0, 0.8, 0"), PAINT.format("red", "0.8, 0, 0")
    scan = read_usd(tmp_path, xform("a", box("m", rest, LID, about=BOUND), *paints))
    assert looks(scan) == {(0, 0.8, 0): 2, (0.8, 0, 0): 10}


BY_FACE = """color3f[] primvars:displayColor = [{}] (
 interpolation = "uniform"
)""".format(", ".join(["(0.8, 0, 0)"] * 2 + ["(0, 0, 0.5)"] * 4))


def test_faces_of_no_subset_have_colours_of_their_own(tmp_path: Path) -> None:
    """The second face is bound and not multiplied; of the others the first is red, and four are blue."""
    scan = read_usd(tmp_path, xform("a", box("m", BY_FACE, LID, about=BOUND), PAINT.format("green", "0, 0.8, 0")))
    assert looks(scan) == {(0.8, 0, 0): 2, (0, 0.8, 0): 2, (0, 0, 0.5): 8}
    assert told(scan) == []


def test_rests_of_meshes_that_are_called_alike_have_each_their_own_colour(tmp_path: Path) -> None:
    boxes = (
        xform(k, box("m", f"color3f[] primvars:displayColor = [({color})]", LID, about=BOUND))
        for k, color in (("b", "0.8, 0, 0"), ("c", "0, 0, 0.5"))
    )
    scan = read_usd(tmp_path, xform("a", *boxes, PAINT.format("green", "0, 0.8, 0")))
    assert looks(scan) == {(0.8, 0, 0): 10, (0, 0.8, 0): 4, (0, 0, 0.5): 10}


def test_subsets_that_are_for_something_else_change_no_material(tmp_path: Path) -> None:
    other = LID.replace("materialBind", "chosen")
    paints = PAINT.format("green", "0, 0.8, 0"), PAINT.format("red", "0.8, 0, 0")
    scan = read_usd(tmp_path, xform("a", box("m", "rel material:binding = </a/red>", other, about=BOUND), *paints))
    assert looks(scan) == {(0.8, 0, 0): 12}
    assert told(scan) == ["binds materials to faces of 'm' by subsets that aren't of the family materialBind"]


def test_a_mesh_has_the_colour_of_what_is_above_it(tmp_path: Path) -> None:
    scan = read_usd(tmp_path, xform("a", "color3f[] primvars:displayColor = [(1, 0, 0)]", box("m")))
    assert scan.vertex_color is not None
    assert np.unique(np.asarray(scan.vertex_color).reshape(-1, 4)[:, :3], axis=0).tolist() == [[255, 0, 0]]


READER = """def Material "reader" {{
 token outputs:surface.connect = </a/reader/s.outputs:surface>
 def Shader "s" {{
  uniform token info:id = "UsdPreviewSurface"
  {0}
  token outputs:surface
 }}
 def Shader "r" {{
  uniform token info:id = "UsdPrimvarReader_{1}"
  string inputs:varname = "{2}"
  {3}
  {1} outputs:result
 }}
}}"""
READ_COLOR = "color3f inputs:diffuseColor.connect = </a/reader/r.outputs:result>"
READS = READER.format(READ_COLOR, "float3", "displayColor", "float3 inputs:fallback = (0, 0, 0.5)")
RED = "color3f[] primvars:displayColor = [(0.8, 0, 0)]"
BIND = "rel material:binding = </a/reader>"


@pytest.mark.parametrize(
    ("prims", "expected"),
    [
        ((box("m", BIND, RED, about=BOUND),), {(0.8, 0, 0): 12}),
        ((box("m", BIND, about=BOUND),), {(0, 0, 0.5): 12}),
        (
            (xform("b", RED, box("m", BIND, about=BOUND)), box("n", BIND, about=BOUND)),
            {(0.8, 0, 0): 12, (0, 0, 0.5): 12},
        ),
        ((box("m", RED, LID.replace("green", "reader"), about=BOUND),), {(0.8, 0, 0): 12}),
    ],
    ids=["its own", "fallback", "of a prim above", "subset"],
)
def test_materials_read_colours_where_they_stand(
    tmp_path: Path, prims: tuple[str, ...], expected: dict[tuple[float, ...], int]
) -> None:
    scan = read_usd(tmp_path, xform("a", *prims, READS))
    assert looks(scan) == expected
    assert told(scan) == []


def test_instances_have_each_the_colour_of_its_own_prim(tmp_path: Path) -> None:
    about = "instanceable = true\n references = </p>"
    instances = xform("b", RED, about=about), xform("c", RED.replace("0.8, 0, 0", "0, 0.8, 0"), about=about)
    shared = f'class "p" {{\n{box("m", BIND, about=BOUND)}\n}}'
    assert looks(read_usd(tmp_path, xform("a", *instances, READS), shared)) == {(0.8, 0, 0): 12, (0, 0.8, 0): 12}


def test_inputs_of_a_material_are_those_of_what_is_connected_to_them(tmp_path: Path) -> None:
    inputs = "color3f inputs:tint = (0, 0.8, 0)\n float inputs:gloss = 0.25\n token outputs:surface.connect"
    connected = "color3f inputs:diffuseColor.connect = </a/p.inputs:tint>\n"
    connected += "float inputs:roughness.connect = </a/p.inputs:gloss>"
    paint = PAINT.format("p", "1, 1, 1").replace("token outputs:surface.connect", inputs)
    paint = paint.replace("color3f inputs:diffuseColor = (1, 1, 1)", connected)
    scan = read_usd(tmp_path, xform("a", box("m", "rel material:binding = </a/p>", about=BOUND), paint))
    assert looks(scan) == {(0, 0.8, 0): 12}
    assert scan.materials[0].roughness == pytest.approx(0.25)


def test_what_is_read_from_the_mesh_and_is_no_colour_is_told(tmp_path: Path) -> None:
    rough = 'float[] primvars:rough = [0, 0, 0, 0, 1, 1, 1, 1] (\n interpolation = "vertex"\n)'
    reads = READER.format("float inputs:roughness.connect = </a/reader/r.outputs:result>", "float", "rough", "")
    scan = read_usd(tmp_path, xform("a", box("m", BIND, rough, about=BOUND), reads))
    assert told(scan) == ["the materials 'reader' read more than colours from the mesh (primvars), which glTF can't"]
