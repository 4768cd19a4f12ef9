"""Bodies of 3MF that are there for a printer alone, as slicers write them, and properties that lie on each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support.cad_files import boxes_object, write_3mf
from support.scan_files import gradient_image, png_bytes

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.readers.read_scan import read_scan

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lib3mf") is None, reason="lib3mf isn't installed")
SIZE = (30.0, 20.0, 10.0)
HELPER = (60.0, 60.0, 60.0)
BOTH = '<item objectid="1"/><item objectid="2"/>'
CURA = '<metadatagroup><metadata name="cura:{}" preserve="1" type="xs:boolean">{}</metadata></metadatagroup>'
OF_BOTH = (
    '<object id="3" type="model"><components><component objectid="1"/><component objectid="2"/></components></object>'
)
BAMBU = '<config><object id="3"><part id="1" subtype="normal_part"/><part id="2" subtype="{}"/></object></config>'
PRUSA = (
    '<config><object id="2"><volume firstid="0" lastid="11"><metadata type="volume" key="volume_type" '
    'value="ModelPart"/></volume><volume firstid="12" lastid="23">{}</volume></object></config>'
)


def told(scan: RawScan) -> list[str]:
    return [f.what for f in scan.findings if f.topic == "printing"]


def extents(scan: RawScan) -> tuple[float, ...]:
    return tuple(np.ptp(scan.vertices[scan.faces].reshape(-1, 3), axis=0))


@pytest.mark.parametrize("kind", ["support", "solidsupport"])
def test_supports_are_left_out(tmp_path: Path, kind: str) -> None:
    after = boxes_object(2, HELPER, kind=kind)
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build=BOTH))
    assert (extents(scan), len(scan.faces)) == (SIZE, 12)
    assert "only help to print" in told(scan)[0]


@pytest.mark.parametrize(("setting", "value", "size"), [
    ("infill_mesh", "True", SIZE),
    ("support_mesh", "true", SIZE),
    ("infill_mesh", "False", HELPER),
])  # fmt: skip
def test_helping_meshes_of_cura_are_left_out(
    tmp_path: Path, setting: str, value: str, size: tuple[float, float, float]
) -> None:
    after = boxes_object(2, HELPER, says=CURA.format(setting, value))
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build=BOTH))
    assert (extents(scan), bool(told(scan))) == (size, size == SIZE)


@pytest.mark.parametrize(
    ("subtype", "size", "word"),
    [
        ("modifier_part", SIZE, "help to print"),
        ("support_blocker", SIZE, "help to print"),
        ("negative_part", SIZE, "cut out"),
        ("normal_part", HELPER, ""),
    ],
)
def test_modifiers_of_bambu_are_left_out(
    tmp_path: Path, subtype: str, size: tuple[float, float, float], word: str
) -> None:
    files = {"Metadata/model_settings.config": BAMBU.format(subtype).encode()}
    after = boxes_object(2, HELPER) + OF_BOTH
    build = '<item objectid="3"/>'
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build=build, files=files))
    assert extents(scan) == size
    assert [word in what for what in told(scan)] == ([True] if word else [])


@pytest.mark.parametrize(
    ("says", "size", "word"),
    [
        ('<metadata type="volume" key="volume_type" value="ParameterModifier"/>', SIZE, "help to print"),
        ('<metadata type="volume" key="modifier" value="1"/>', SIZE, "help to print"),
        ('<metadata type="volume" key="volume_type" value="NegativeVolume"/>', SIZE, "cut out"),
        ('<metadata type="volume" key="volume_type" value="ModelPart"/>', HELPER, ""),
    ],
)
def test_modifiers_of_prusaslicer_are_left_out(
    tmp_path: Path, says: str, size: tuple[float, float, float], word: str
) -> None:
    """They are runs of triangles of the object that they modify."""
    files = {"Metadata/Slic3r_PE_model.config": PRUSA.format(says).encode()}
    after, build = boxes_object(2, SIZE, HELPER), '<item objectid="2"/>'
    scan = read_scan(write_3mf(tmp_path / "a.3mf", HELPER, "millimeter", after=after, build=build, files=files))
    assert extents(scan) == size
    assert [word in what for what in told(scan)] == ([True] if word else [])


def test_settings_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    files = {"Metadata/model_settings.config": b"<config><object id="}
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", files=files))
    assert "can't be read" in told(scan)[0]


@pytest.mark.parametrize(
    ("attribute", "size"), [('printable="0"', SIZE), ("printable = 'false'", SIZE), ('printable="1"', HELPER)]
)
def test_what_a_slicer_is_not_to_print_is_left_out(tmp_path: Path, attribute: str, size: tuple[float, ...]) -> None:
    build = f'<item objectid="2" transform="1 0 0 0 1 0 0 0 1 0 0 0" {attribute}/><item objectid="1"/>'
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=boxes_object(2, HELPER), build=build))
    assert extents(scan) == size
    assert told(scan) == (["objects that are switched off in a slicer (not to be printed): 1"] if size == SIZE else [])


def test_what_builds_supports_alone_is_refused(tmp_path: Path) -> None:
    path = write_3mf(
        tmp_path / "a.3mf",
        SIZE,
        "millimeter",
        after=boxes_object(2, HELPER, kind="support"),
        build='<item objectid="2"/>',
    )
    with pytest.raises(InputError, match="nothing but supports"):
        read_scan(path)


UNDER = '<basematerials id="5"><base name="grey" displaycolor="#808080"/></basematerials>'
ON_IT = '<m:colorgroup id="6"><m:color color="{}"/></m:colorgroup>'
LAYERS = '<m:multiproperties id="9" pids="{}" {}><m:multi pindices="0 0"/></m:multiproperties>'
TEXTURE = (
    '<m:texture2d id="7" path="/3D/Textures/a.png" contenttype="image/png"/>'
    '<m:texture2dgroup id="8" texid="7"><m:tex2coord u="0.25" v="0.75"/></m:texture2dgroup>'
)
MULTIPLY = 'blendmethods="multiply"'


@pytest.mark.parametrize(
    ("pids", "color", "blend", "expected"),
    [
        ("5 6", "#FF0000", "", (1.0, 0.0, 0.0)),
        ("5 6", "#FF0000", 'blendmethods="mix"', (1.0, 0.0, 0.0)),
        ("5 6", "#FF000080", "", (0.609, 0.107, 0.107)),  # of 0.502 red on 0.216, linear
        ("5 6", "#FF000080", MULTIPLY, (1.0, 0.0, 0.0)),  # a material isn't multiplied
        ("6 5", "#FF0000", "", (1.0, 0.0, 0.0)),  # wherever it is named
    ],
)
def test_colours_lie_on_materials(
    tmp_path: Path, pids: str, color: str, blend: str, expected: tuple[float, float, float]
) -> None:
    before = UNDER + ON_IT.format(color) + LAYERS.format(pids, blend)
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", before, 'pid="9" p1="0"')
    scan = read_scan(path)
    first = scan.materials[scan.face_material[0]]
    np.testing.assert_allclose(first.base_color, [*expected, 1], atol=5e-3)
    assert (np.bincount(scan.face_material)[scan.face_material[0]], first.alpha_mode) == (1, "OPAQUE")


@pytest.mark.parametrize(
    ("pids", "blend", "color", "has_texture"),
    [
        ("8 6", MULTIPLY, (1.0, 0.0, 0.0), True),
        ("6 8", MULTIPLY, (1.0, 0.0, 0.0), True),
        ("5 8", "", (1.0, 1.0, 1.0), True),
        ("8 6", "", (1.0, 0.0, 0.0), False),
    ],
    ids=["colour times texture", "texture times colour", "texture on a material", "colour over a texture"],
)
def test_textures_lie_on_materials(
    tmp_path: Path, pids: str, blend: str, color: tuple[float, float, float], has_texture: bool
) -> None:
    image = png_bytes(gradient_image(8))
    before = UNDER + ON_IT.format("#FF0000") + TEXTURE + LAYERS.format(pids, blend)
    files = {"3D/Textures/a.png": image}
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", before, 'pid="9" p1="0"', files=files))
    first = scan.materials[scan.face_material[0]]
    assert first.base_color[:3] == pytest.approx(color, abs=5e-3)
    assert (first.base_color_texture is not None) == has_texture
    if has_texture:
        assert scan.corner_uv is not None
        assert scan.corner_uv[0].tolist() == [[0.25, 0.75]] * 3
