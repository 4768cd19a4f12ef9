"""Colours of 3MF that only a slicer knows: those of the filaments that bodies are printed with."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from pathlib import Path

import pytest
from support.cad_files import boxes_object, write_3mf

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices
from scanstage.assets.readers.cad import slicer_settings as settings
from scanstage.assets.readers.cad.slicer_settings import slicer_settings
from scanstage.assets.readers.read_scan import read_scan

needs_lib3mf = pytest.mark.skipif(importlib.util.find_spec("lib3mf") is None, reason="lib3mf isn't installed")
SIZE = (30.0, 20.0, 10.0)
OF_BOTH = (
    '<object id="3" type="model"><components><component objectid="1"/><component objectid="2"/></components></object>'
)
EXTRUDER = '<metadata key="extruder" value="{}"/>'
BAMBU = '<config><object id="3">{}<part id="1" subtype="normal_part">{}</part><part id="2">{}</part></object></config>'
PRUSA = (
    '<config><object id="2">{}<volume firstid="0" lastid="11">{}</volume><volume firstid="12" lastid="23">{}</volume>'
    "</object></config>"
)
RED, GREEN, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)
GREY = (0.8, 0.8, 0.8, 1.0)
COLORS = json.dumps({"filament_colour": ["#FF0000", "#00FF0080", "#0000FF"]}).encode()
PRUSA_COLORS = b'; a = 1\n; extruder_colour = "";#00FF00;""\n; filament_colour = #FF0000;#FFFFFF;"#0000FF"\n'


def colors(scan: RawScan) -> list[tuple[float, ...]]:
    """Of the first and of the last face."""
    return [scan.materials[scan.face_material[k]].base_color for k in (0, -1)]


def told(scan: RawScan) -> list[tuple[str, str]]:
    return [(f.severity, f.what) for f in scan.findings if f.topic == "color"]


@needs_lib3mf
@pytest.mark.parametrize(
    ("whole", "first", "second", "expected", "which"),
    [
        ("", "2", "3", (GREEN, BLUE), "filaments 2, 3"),
        ("3", "2", "", (GREEN, BLUE), "filaments 2, 3"),
        ("3", "2", "0", (GREEN, BLUE), "filaments 2, 3"),
        ("", "", "", (RED, RED), "filament 1"),
        ("2", "7", "1", (GREY, RED), "filament 1"),
    ],
)
def test_bodies_have_the_colours_of_their_filaments(
    tmp_path: Path, whole: str, first: str, second: str, expected: tuple[object, ...], which: str
) -> None:
    """Of the part, else of its object, else the first; as Bambu Studio and Orca write them."""
    says = BAMBU.format(*(EXTRUDER.format(number) if number else "" for number in (whole, first, second)))
    files = {"Metadata/model_settings.config": says.encode(), "Metadata/project_settings.config": COLORS}
    after = boxes_object(2, SIZE) + OF_BOTH
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build='<item objectid="3"/>', files=files)
    scan = read_scan(path)
    assert tuple(colors(scan)) == expected
    bare = [("info", "shapes without a colour beside coloured ones: 12 triangles")] * (GREY in expected)
    assert told(scan) == [("info", f"bodies without colours of their own, which a slicer prints with {which}"), *bare]
    assert not any("no colours of vertices" in f.what for f in inspect_scan(path).findings)


@needs_lib3mf
@pytest.mark.parametrize(
    ("whole", "first", "second", "expected"),
    [("", "2", "1", (GREEN, RED)), ("3", "", "2", (BLUE, GREEN)), ("3", "0", "1", (BLUE, RED))],
)
def test_volumes_of_prusaslicer_have_the_colours_of_their_filaments(
    tmp_path: Path, whole: str, first: str, second: str, expected: tuple[object, ...]
) -> None:
    says = PRUSA.format(*(EXTRUDER.format(number) if number else "" for number in (whole, first, second)))
    files = {"Metadata/Slic3r_PE_model.config": says.encode(), "Metadata/Slic3r_PE.config": PRUSA_COLORS}
    after = boxes_object(2, SIZE, SIZE)
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build='<item objectid="2"/>', files=files)
    assert tuple(colors(read_scan(path))) == expected


@needs_lib3mf
@pytest.mark.parametrize("slicer", ["", "bambu", "prusa"])
def test_objects_and_parts_of_slicers_are_nodes(tmp_path: Path, slicer: str) -> None:
    """Built twice, all are there twice."""
    called = '<metadata key="name" value="{}"/>'
    files, after, number, inner = {}, boxes_object(2, SIZE) + OF_BOTH, 3, ["", "lid"]
    if slicer == "bambu":
        says = BAMBU.format(called.format("toy"), called.format("body"), called.format("hat"))
        files, inner = {"Metadata/model_settings.config": says.encode()}, ["body", "hat"]
    elif slicer == "prusa":
        says = PRUSA.format(called.format("toy"), called.format("body"), called.format("hat"))
        files, inner = {"Metadata/Slic3r_PE_model.config": says.encode()}, ["body", "hat"]
        after, number = boxes_object(2, SIZE, SIZE), 2
    named = after.replace('<object id="2"', '<object name="lid" id="2"').replace(
        '<object id="3"', '<object name="t" id="3"'
    )
    build = f'<item objectid="{number}"/>' * 2
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=named, build=build, files=files)
    scan = read_scan(path, choices=ReadingChoices(parts=PartChoice("node")))
    top = "toy" if slicer else "t"
    assert [(n.name, n.parent) for n in scan.nodes] == [
        (top, -1), (inner[0], 0), (inner[1], 0), (top, -1), (inner[0], 3), (inner[1], 3)
    ]  # fmt: skip
    assert scan.face_node is not None
    assert scan.face_node.tolist() == [1] * 12 + [2] * 12 + [4] * 12 + [5] * 12
    assert not read_scan(path).nodes


@needs_lib3mf
def test_colours_of_a_file_itself_count_more(tmp_path: Path) -> None:
    """Also where they are white."""
    white = '<basematerials id="5"><base name="White" displaycolor="#FFFFFF"/></basematerials>'
    files = {"Metadata/project_settings.config": COLORS}
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", white, 'pid="5" p1="0"', files=files)
    assert colors(read_scan(path)) == [(1.0, 1.0, 1.0, 1.0), RED]


@needs_lib3mf
@pytest.mark.parametrize(
    ("attribute", "painted"),
    [('paint_color="1C"', True), ('sl:mmu_segmentation = "4"', True), ('paint_color=""', False), ("", False)],
)
def test_paint_of_a_slicer_is_told(tmp_path: Path, attribute: str, painted: bool) -> None:
    space = 'xmlns:sl="http://schemas.slic3r.org/3mf/2017/06"'
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", triangle=attribute, says=space)
    what = "bodies whose triangles are painted with filaments in a slicer: 1"
    assert told(read_scan(path)) == ([("warning", what)] if painted else [])
    assert any("no colours of vertices" in f.what for f in inspect_scan(path).findings) != painted


def archive(**files: bytes) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as written:
        for name, data in files.items():
            written.writestr(f"Metadata/{name}.config", data)
    return zipfile.ZipFile(buffer)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model_settings", b'<!DOCTYPE config [<!ENTITY a "b">]><config/>'),
        ("model_settings", b'<config><object id="one"/></config>'),
        ("model_settings", b" " * 1001),
        ("project_settings", b"{"),
        ("project_settings", b"[" * 1000),
        ("Slic3r_PE", b"\xff"),
    ],
    ids=["a DTD", "no number", "too large", "no JSON", "nested", "no text"],
)
def test_settings_that_cannot_be_read(name: str, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MAX_SETTINGS_BYTES", 1000)
    assert slicer_settings(archive(**{name: data})) == {"objects": {}, "colors": [], "unread": True}


def test_colours_that_are_none_leave_the_others_their_numbers() -> None:
    given = json.dumps({"filament_colour": ["", 7, "#0000ff"]}).encode()
    assert slicer_settings(archive(project_settings=given))["colors"] == [None, None, (0, 0, 255)]
    assert slicer_settings(archive(project_settings=b"[]")) == {"objects": {}, "colors": [], "unread": False}
