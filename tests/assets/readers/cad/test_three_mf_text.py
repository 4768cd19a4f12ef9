"""What lib3mf can't read of a 3MF, or doesn't say: extensions, slices, other codes, and why it fails."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support.cad_files import boxes_object, write_3mf

from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.read_scan import read_scan

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lib3mf") is None, reason="lib3mf isn't installed")
SIZE = (30.0, 20.0, 10.0)
SPACES = 'xmlns:{0}="{1}" requiredextensions="m {0}"'
BOOLEAN = "http://schemas.3mf.io/3dmanufacturing/booleanoperations/2023/07"
SLICE = "http://schemas.microsoft.com/3dmanufacturing/slice/2015/07"


@pytest.mark.parametrize("space", ["http://example.com/unknown/2020", BOOLEAN, SLICE])
def test_extensions_that_it_requires_are_told(tmp_path: Path, space: str) -> None:
    """All but those that are read."""
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", says=SPACES.format("x", space)))
    told = [(f.severity, f.what) for f in scan.findings if f.topic == "extension"]
    assert told == ([] if space == SLICE else [("warning", f"requires {space}")])


@pytest.mark.parametrize("required", [True, False])
def test_boolean_shapes_are_refused_by_name(tmp_path: Path, required: bool) -> None:
    says = SPACES.format("bo", BOOLEAN)
    shape = '<bo:booleanshape objectid="1" operation="difference"><bo:boolean objectid="2"/></bo:booleanshape>'
    after = boxes_object(2, SIZE) + f'<object id="3" type="model">{shape}</object>'
    path = write_3mf(
        tmp_path / "a.3mf",
        SIZE,
        "millimeter",
        after=after,
        build='<item objectid="3"/>',
        says=says if required else says.partition(" required")[0],
    )
    with pytest.raises(InputError, match="neither a mesh nor made of others") as e:
        read_scan(path)
    assert (BOOLEAN in str(e.value)) == required


def test_extensions_are_named_where_nothing_is_left(tmp_path: Path) -> None:
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", build="", says=SPACES.format("x", "urn:unknown"))
    with pytest.raises(InputError, match="it builds nothing; it requires urn:unknown, which isn't read"):
        read_scan(path)


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(tmp_path: Path, code: str) -> None:
    """Here of a material's name, too."""
    base = '<basematerials id="5"><base name="größe" displaycolor="#FF0000"/></basematerials>'
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", base, 'pid="5" p1="0"', code=code))
    assert tuple(np.ptp(scan.vertices, axis=0)) == SIZE
    assert scan.materials[scan.face_material[0]].name == "größe"


def test_a_thumbnail_that_is_not_there_is_said(tmp_path: Path) -> None:
    after = boxes_object(2, SIZE).replace("<object ", '<object thumbnail="/Metadata/t.png" ')
    path = write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", after=after, build='<item objectid="2"/>')
    with pytest.raises(InputError, match="names a thumbnail or a texture that isn't in it"):
        read_scan(path)


@pytest.mark.parametrize("resolution", ["lowres", "fullres"])
def test_slices_that_are_finer_than_the_mesh_are_told(tmp_path: Path, resolution: str) -> None:
    corners = "".join(f'<x:vertex x="{x}" y="{y}"/>' for x, y in ((0, 0), (5, 0), (5, 5)))
    ends = "".join(f'<x:segment v2="{k}"/>' for k in (1, 2, 0))
    polygon = f'<x:polygon startv="0">{ends}</x:polygon>'
    stack = (
        f'<x:slicestack id="9" zbottom="0"><x:slice ztop="1"><x:vertices>{corners}</x:vertices>{polygon}</x:slice>'
        "</x:slicestack>"
    )
    sliced = boxes_object(2, SIZE).replace("<object ", f'<object x:slicestackid="9" x:meshresolution="{resolution}" ')
    build, says = '<item objectid="2"/>', SPACES.format("x", SLICE)
    scan = read_scan(write_3mf(tmp_path / "a.3mf", SIZE, "millimeter", stack, after=sliced, build=build, says=says))
    told = [f.what for f in scan.findings]
    assert told == (["holds slices that are finer than their mesh (of low resolution)"] * (resolution == "lowres"))
