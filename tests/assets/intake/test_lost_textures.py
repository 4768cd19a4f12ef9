"""What has lost its textures comes in where other colours are left, and is told; else it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.scan_files import triangle_gltf, write_gltf

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanFinding

SHAPE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nusemtl window\nf 1/1 2/1 3/1\nusemtl body\nf 1/1 4/1 2/1\n"
RED, GREY, BLACK = "0.6 0.01 0.01", "0.588 0.588 0.588", "0 0 0"


def car(folder: Path, body: str, window: str = GREY) -> Path:
    """A window whose texture isn't there, and a plain body."""
    (folder / "a.obj").write_text("mtllib a.mtl\n" + SHAPE)
    (folder / "a.mtl").write_text(f"newmtl window\nKd {window}\nmap_Kd gone.png\nnewmtl body\nKd {body}\n")
    return folder / "a.obj"


def test_other_colours_are_enough(tmp_path: Path) -> None:
    path = car(tmp_path, RED)
    inspection = inspect_scan(path)
    assert not inspection.refused
    assert ["'gone.png' is not in" in f.what for f in inspection.findings if f.topic == "missing texture"] == [True]
    asset = take_in(path, IntakeOptions("car"), tmp_path / "library")
    assert {m.name: m.base_color[0] for m in asset.meta.materials}["body"] == 0.6


@pytest.mark.parametrize(("body", "window"), [(GREY, GREY), (BLACK, GREY), (GREY, RED)])
def test_greys_that_nobody_chose_and_what_lies_beneath_the_texture_are_none(
    tmp_path: Path, body: str, window: str
) -> None:
    path = car(tmp_path, body, window)
    assert inspect_scan(path).refused
    with pytest.raises(InputError, match=r"would lose all of its colours: 'gone.png' is not in"):
        take_in(path, IntakeOptions("car"), tmp_path / "library")


@pytest.mark.parametrize("rest", [[0.6, 0.01, 0.01, 1], [0.8, 0.8, 0.8, 1]])
def test_an_fbx_too(tmp_path: Path, rest: list[float]) -> None:
    """Of which only Blender knows which material lost its picture: it comes in white."""
    text = b"S" + bytes([8, 0, 0, 0]) + b"gone.png"
    (tmp_path / "a.fbx").write_bytes(b"Kaydara FBX Binary  \0\x1a\0" + bytes(20) + text + bytes(50))
    document, binary = triangle_gltf()
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": c}} for c in ([1, 1, 1, 1], rest)]
    primitive = document["meshes"][0]["primitives"][0]
    document["meshes"][0]["primitives"] = [primitive | {"material": k} for k in range(2)]

    def converted(_source: Path, target: Path, _folder: Path) -> tuple[ScanFinding, ...]:
        write_gltf(target, document, binary)
        return ()

    inspection = inspect_scan(tmp_path / "a.fbx", convert=converted)
    assert inspection.refused == (rest[0] == 0.8)
    told = [f.what for f in inspection.findings if f.topic == "missing texture"]
    assert told == ["'gone.png': not there"]
