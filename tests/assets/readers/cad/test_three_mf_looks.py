"""How what a 3MF builds looks: its materials' names and colours, what lets light through, and its textures' edges."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.cad_files import boxes_object, write_3mf
from support.scan_files import png_bytes

from scanstage.assets.asset import Material
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.part_split import named_parts
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import PartChoice
from scanstage.assets.readers.read_scan import read_scan

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lib3mf") is None, reason="lib3mf isn't installed")
SIZE = (30.0, 20.0, 10.0)
BASES = (
    '<basematerials id="5"><base name="Red  PLA" displaycolor="#FF0000"/><base name="White" displaycolor="#FFFFFF"/>'
    '<base name="Glass" displaycolor="#0000FF40"/></basematerials>'
)
TEXTURE = (
    '<m:texture2d id="7" path="/3D/Textures/a.png" contenttype="image/png" tilestyleu="{}" tilestylev="{}"/>'
    '<m:texture2dgroup id="8" texid="7"><m:tex2coord u="0" v="0"/><m:tex2coord u="{}" v="0"/>'
    '<m:tex2coord u="0" v="1"/></m:texture2dgroup>'
)


def looks(scan: RawScan) -> dict[str, tuple[tuple[float, ...], str, int]]:
    """Colour, alpha mode and number of faces of each material."""
    numbers = np.bincount(scan.face_material, minlength=len(scan.materials)).tolist()
    return {
        m.name: (tuple(round(c, 3) for c in m.base_color), m.alpha_mode, n)
        for m, n in zip(scan.materials, numbers, strict=True)
    }


def test_materials_have_the_names_of_the_file(tmp_path: Path) -> None:
    """White is a colour too; what says none is in the grey of scans without one."""
    after = boxes_object(2, SIZE, triangle='pid="5" p1="1"')
    build = '<item objectid="1"/><item objectid="2"/>'
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", BASES, 'pid="5" p1="0"', after, build)
    assert looks(read_scan(path)) == {
        "Red PLA": ((1, 0, 0, 1), "OPAQUE", 1),
        "White": ((1, 1, 1, 1), "OPAQUE", 1),
        "material": (Material().base_color, "OPAQUE", 22),
    }


def test_materials_become_parts_by_their_names(tmp_path: Path) -> None:
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", BASES, 'pid="5" p1="0"')
    parts = named_parts(read_scan(path), PartChoice("material"))
    assert sorted((p.name, p.class_name, p.triangles) for p in parts) == [("Red PLA", "Red PLA", 1)]


@pytest.mark.parametrize(
    ("indices", "name"), [('p1="2"', "Glass"), ('p1="1" p2="1" p3="1"', "White"), ('pid="5" p1="1"', "White")]
)
def test_indices_of_triangles_are_of_the_group_of_their_object(tmp_path: Path, indices: str, name: str) -> None:
    """Where a triangle names no group of its own."""
    red = boxes_object(2, SIZE, triangle=indices).replace("<object ", '<object pid="5" pindex="0" ')
    mirrored = '<item objectid="2" transform="-1 0 0 0 1 0 0 0 1 0 0 0"/>'
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", BASES, after=red, build=mirrored))
    assert {n: k for n, (*_, k) in looks(scan).items()} == {"Red PLA": 11, name: 1}
    assert scan.materials[scan.face_material[0]].name == name


def test_indices_at_corners_make_gradients_of_the_group_of_their_object(tmp_path: Path) -> None:
    group = '<m:colorgroup id="6"><m:color color="#FF0000"/><m:color color="#00FF00"/></m:colorgroup>'
    red = boxes_object(2, SIZE, triangle='p1="0" p2="1" p3="0"').replace("<object ", '<object pid="6" pindex="0" ')
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", group, after=red, build='<item objectid="2"/>')
    scan = read_scan(path)
    assert scan.vertex_color is not None
    assert scan.vertex_color[scan.faces[0]].tolist() == [[255, 0, 0, 255], [0, 255, 0, 255], [255, 0, 0, 255]]
    assert (scan.vertex_color[scan.faces[1:]] == [255, 0, 0, 255]).all()


def test_display_properties_are_told(tmp_path: Path) -> None:
    metal = (
        '<m:pbmetallicdisplayproperties id="20"><m:pbmetallic name="chrome" metallicness="1" roughness="0.1"/>'
        "</m:pbmetallicdisplayproperties>"
    )
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", metal + BASES, 'pid="5" p1="0"'))
    assert [(f.severity, f.what) for f in scan.findings if f.topic == "material"] == [
        ("warning", "holds properties of metal, gloss or translucency (display properties)")
    ]


def test_white_all_over_is_told_as_its_colour(tmp_path: Path) -> None:
    white = boxes_object(2, SIZE).replace("<object ", '<object pid="5" pindex="1" ')
    build = '<item objectid="2"/>'
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", BASES, after=white, build=build)
    told = [f.what for f in inspect_scan(path).findings if f.topic == "color"]
    assert told == ["all of it is white, as it says"]


def test_what_is_see_through_beside_gradients_stays_so(tmp_path: Path) -> None:
    """With a gradient of colours all have them at their vertices, with their alpha."""
    gradient = '<m:colorgroup id="6"><m:color color="#FF0000"/><m:color color="#00FF00"/></m:colorgroup>'
    glass = boxes_object(2, SIZE, triangle='pid="6" p1="0" p2="1" p3="1"').replace(
        "<object ", '<object pid="5" pindex="2" '
    )
    path = write_3mf(
        tmp_path / "a.3mf", SIZE, "millimeter", BASES + gradient, after=glass, build='<item objectid="2"/>'
    )
    scan = read_scan(path)
    assert looks(scan) == {"material": ((1, 1, 1, 1), "OPAQUE", 1), "Glass": ((1, 1, 1, 1), "BLEND", 11)}
    assert scan.vertex_color is not None
    clear = scan.vertex_color[scan.faces[scan.face_material == [m.name for m in scan.materials].index("Glass")]]
    assert np.unique(clear.reshape(-1, 4), axis=0).tolist() == [[0, 0, 255, 64]]
    assert any("'Glass'" in f.what and "BLEND" in f.what for f in inspect_scan(path).findings)


@pytest.mark.parametrize(
    ("style", "row"),
    [("wrap", None), ("mirror", [10, 20, 20, 10]), ("clamp", [10, 20, 20, 20]), ("none", [10, 20, 20, 20])],
)
def test_textures_go_on_beyond_their_edges_as_the_file_says(tmp_path: Path, style: str, row: list[int] | None) -> None:
    """A picture of two columns, 10 and 20, whose U goes to 2: as it looks from U 0 to 2."""
    image = np.array([[[10] * 3, [20] * 3]] * 2, np.uint8)
    files = {"3D/Textures/a.png": png_bytes(Image.fromarray(image))}
    before, build = TEXTURE.format(style, "wrap", 2), '<item objectid="1"/>'
    triangle = 'pid="8" p1="0" p2="1" p3="2"'
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", before, triangle, "", build, files)
    scan = read_scan(path)
    name = scan.materials[scan.face_material[0]].base_color_texture
    assert name is not None
    assert scan.corner_uv is not None
    with Image.open(io.BytesIO(scan.images[name])) as picture:
        pixels = np.asarray(picture.convert("RGB"))[0, :, 0].tolist()
    if row is None:
        assert (pixels, scan.corner_uv[0].tolist()) == ([10, 20], [[0, 0], [2, 0], [0, 1]])
        return
    u0, u2 = (len(pixels) * float(u) for u in scan.corner_uv[0, :2, 0])
    seen = [pixels[int(u0 + (k + 0.5) / 4 * (u2 - u0))] for k in range(4)]
    assert seen == row
    assert any("shows nothing beyond its edges" in f.what for f in scan.findings) == (style == "none")
