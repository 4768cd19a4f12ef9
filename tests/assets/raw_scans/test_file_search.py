"""Textures that lie elsewhere in the tree than a scan says: the one that must be meant is taken, and told."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.scan_files import textured_patch, triangle_gltf, write_bop_ply, write_gltf, write_obj

from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import ReadingChoices
from scanstage.assets.readers.blender_copies.blender_copy import copy_for_blender
from scanstage.assets.readers.read_scan import read_scan
from scanstage.assets.textures.texture_coding import decode_rgb

PATCH = textured_patch(3)


def picture(path: Path, red: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (red, 0, 0)).save(path)
    return path


def obj(path: Path, texture: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_obj(path, *PATCH, texture=texture)


def red(scan: RawScan) -> int | None:
    """Of the one texture of its colour; None where it has none."""
    name = scan.materials[0].base_color_texture
    return None if name is None else int(decode_rgb(scan.images[name], name)[0, 0, 0])


def read(path: Path, within: Path | None = None) -> RawScan:
    return read_scan(path, choices=ReadingChoices(within=within))


def moved(scan: RawScan) -> list[str]:
    return [f.what for f in scan.findings if f.topic.startswith("moved")]


@pytest.mark.parametrize("named", ["Größe Ü 01.PNG", r"D:\Scans\Größe ü 01.png"])
def test_umlauts_may_be_written_in_two_characters(tmp_path: Path, named: str) -> None:
    """As macOS writes names (NFD), and programs on Windows write paths (NFC)."""
    picture(tmp_path / unicodedata.normalize("NFD", "größe ü 01.png"), 30)
    assert red(read(obj(tmp_path / "a.obj", named))) == 30


def test_what_lies_in_the_folder_that_was_named_is_inside(tmp_path: Path) -> None:
    picture(tmp_path / "model" / "textures" / "skin.png", 30)
    path = obj(tmp_path / "model" / "meshes" / "a.obj", "../textures/skin.png")
    scan = read(path, tmp_path / "model")
    assert (red(scan), moved(scan)) == (30, [])
    with pytest.raises(InputError, match="leads out of the scan's folder") as e:
        read(path)
    assert "name the folder that holds both" in (e.value.hint or "")
    with pytest.raises(InputError, match="leads out of the scan's folder"):
        read(path, tmp_path / "elsewhere")  # which isn't above it


@pytest.mark.parametrize("kind", ["obj", "ply", "gltf"])
@pytest.mark.parametrize("named", ["texture.png", "C:\\Users\\jane\\a b\\texture.png", "/home/jane/Texture.PNG"])
def test_a_texture_with_a_folder_of_its_own(tmp_path: Path, kind: str, named: str) -> None:
    """The layout of Google's Scanned Objects, of which two lie in the folder, each with a texture of the same name."""
    for name, shade in (("cup", 40), ("shoe", 90)):
        meshes = tmp_path / name / "meshes"
        picture(tmp_path / name / "materials" / "textures" / "texture.png", shade)
        path = obj(meshes / "model.obj", named)
        if kind == "ply":
            path = write_bop_ply(meshes / "model.ply", *PATCH)
            path.write_text(path.read_text().replace("skin.png", named))
        elif kind == "gltf":
            document, binary = triangle_gltf(
                images=[{"uri": named}],
                textures=[{"source": 0}],
                materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
            )
            uv = np.zeros((3, 2), "<f4").tobytes()
            document["bufferViews"].append({"buffer": 0, "byteOffset": 44, "byteLength": 24})
            document["accessors"].append({"bufferView": 2, "componentType": 5126, "count": 3, "type": "VEC2"})
            document["meshes"][0]["primitives"][0] |= {"material": 0, "attributes": {"POSITION": 0, "TEXCOORD_0": 2}}
            path = write_gltf(meshes / "model.gltf", document, binary + bytes(2) + uv, uri="a.bin")
            (meshes / "a.bin").write_bytes(binary + bytes(2) + uv)
        scan = read(path, tmp_path)
        assert red(scan) == shade
        assert len(moved(scan)) == 1
        assert f"{name}/materials/textures/texture.png has its name" in moved(scan)[0]


def test_the_nearest_counts_and_folders_tell_alike_ones_apart(tmp_path: Path) -> None:
    picture(tmp_path / "old" / "skin.png", 10)
    picture(tmp_path / "scan" / "maps" / "skin.png", 20)
    path = obj(tmp_path / "scan" / "a.obj", "gone/skin.png")
    assert red(read(path, tmp_path)) == 20
    picture(tmp_path / "scan" / "maps" / "blue" / "skin.png", 50)
    assert red(read(path, tmp_path)) is None  # there are two, and the name tells neither
    (missing,) = [f.what for f in read(path, tmp_path).findings if f.topic == "missing texture"]
    assert missing.endswith("scan/maps/blue/skin.png, scan/maps/skin.png have its name")
    assert red(read(obj(path, "D:\\job\\Blue\\skin.png"), tmp_path)) == 50
    with pytest.raises(InputError, match=r"scan/maps/blue/skin\.png, scan/maps/skin\.png have its name"):
        read(obj(path, "D:\\job\\skin.png"), tmp_path)


def test_textures_of_other_scans_are_left_to_them(tmp_path: Path) -> None:
    obj(tmp_path / "shoe" / "b.obj", "skin.png")
    picture(tmp_path / "shoe" / "maps" / "skin.png", 10)
    path = obj(tmp_path / "cup" / "a.obj", "skin.png")
    scan = read(path, tmp_path)
    assert red(scan) is None
    assert any("shoe/maps/skin.png has its name" in f.what for f in scan.findings)
    picture(tmp_path / "skin.png", 70)  # with scans in folders of their own, one for all
    (tmp_path / "shoe" / "maps" / "skin.png").unlink()
    assert red(read(path, tmp_path)) == 70


def test_links_lead_nowhere(tmp_path: Path) -> None:
    picture(tmp_path / "private" / "skin.png", 10)
    path = obj(tmp_path / "scan" / "meshes" / "a.obj", "skin.png")
    (tmp_path / "scan" / "maps").symlink_to(tmp_path / "private")
    (tmp_path / "scan" / "one").mkdir()
    (tmp_path / "scan" / "one" / "skin.png").symlink_to(tmp_path / "private" / "skin.png")
    assert red(read(path, tmp_path / "scan")) is None
    for name in ("../maps/skin.png", "../one/skin.png", "../../private/skin.png", f"{tmp_path}/private/skin.png"):
        with pytest.raises(InputError, match="leads out of the folder"):
            read(obj(path, name), tmp_path / "scan")


def test_absolute_paths_of_this_machine_are_where_they_say(tmp_path: Path) -> None:
    for folder, shade in (("one", 10), ("two", 20)):
        picture(tmp_path / folder / "skin.png", shade)
    scan = read(obj(tmp_path / "meshes" / "a.obj", f"{tmp_path}/two/skin.png"), tmp_path)
    assert (red(scan), moved(scan)) == (20, [])


@pytest.mark.parametrize("named", ["C:\\jobs\\a.mtl", "../a.mtl", "/home/jane/a.mtl", "gone/a.mtl"])
def test_textures_are_relative_to_the_material_file_that_is_found(tmp_path: Path, named: str) -> None:
    picture(tmp_path / "maps" / "deep" / "skin.png", 30)
    picture(tmp_path / "scan" / "deep" / "skin.png", 10)
    path = obj(tmp_path / "scan" / "a.obj", "deep/skin.png")
    (tmp_path / "scan" / "a.mtl").rename(tmp_path / "maps" / "a.mtl")
    path.write_text(path.read_text().replace("mtllib a.mtl", f"mtllib {named}"))
    scan = read(path, tmp_path)
    assert red(scan) == 30
    assert ["maps/a.mtl has its name" in what for what in moved(scan)] == [True]


@pytest.mark.parametrize("lost", ["skin.png", "a.mtl"])
def test_a_scan_that_loses_its_only_texture_is_no_success(tmp_path: Path, lost: str) -> None:
    picture(tmp_path / "skin.png", 10)
    path = obj(tmp_path / "a.obj", "skin.png")
    (tmp_path / lost).unlink()
    with pytest.raises(InputError, match=f"would lose all of its colours: '{lost}' is not in {tmp_path}") as e:
        take_in(path, IntakeOptions("thing", unit="m"), tmp_path / "library")
    assert "`allow_plain`" in (e.value.hint or "")
    inspection = inspect_scan(path)
    assert inspection.refused
    assert "--allow-plain" in inspection.findings[-1].action
    assert not inspect_scan(path, allow_plain=True).refused
    asset = take_in(path, IntakeOptions("thing", unit="m", allow_plain=True), tmp_path / "library")
    assert any(lost in note for note in asset.meta.intake["findings"])


def test_some_colors_are_enough(tmp_path: Path) -> None:
    """Of two textures one is there; and vertex colours, which a texture would overrule, are colours too."""
    picture(tmp_path / "skin.png", 10)
    path = obj(tmp_path / "a.obj", "skin.png")
    *first, last = path.read_text().splitlines()
    path.write_text("\n".join([*first, "usemtl other", last]))
    path.with_suffix(".mtl").write_text("newmtl skin\nmap_Kd skin.png\nnewmtl other\nmap_Kd gone.png\n")
    assert not inspect_scan(path).refused
    colored = obj(tmp_path / "b.obj", "gone.png")
    colored.write_text("\n".join(f"{row} 1 0 0" if row[:2] == "v " else row for row in colored.read_text().split("\n")))
    assert not inspect_scan(colored).refused
    assert read(colored).vertex_color is not None


def test_what_blender_reads_finds_its_textures_too(tmp_path: Path) -> None:
    """An FBX's image lies in another folder of the tree: the copy that Blender is given has it beside the scan."""
    picture(tmp_path / "textures" / "skin.png", 30)
    (tmp_path / "source").mkdir()
    name = b"C:\\work\\textures\\skin.png"
    (tmp_path / "source" / "a.fbx").write_bytes(b"Kaydara FBX Binary  \0\x1a\0" + bytes(20) + name + bytes(50))
    copy = copy_for_blender(tmp_path / "source" / "a.fbx", tmp_path / "copy", ReadingChoices(within=tmp_path))
    assert (copy.file.parent / "skin.png").read_bytes() == (tmp_path / "textures" / "skin.png").read_bytes()
    assert (copy.lost, len(copy.findings)) == ((), 1)
    alone = copy_for_blender(tmp_path / "source" / "a.fbx", tmp_path / "other")
    assert alone.lost == ("C:/work/textures/skin.png",)


def test_a_scan_through_blender_that_lost_its_textures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.usda").write_text("#usda 1.0\nasset inputs:file = @skin.png@\n")

    def convert(source: Path, target: Path, folder: Path) -> None:
        write_gltf(target, *triangle_gltf())

    inspection = inspect_scan(tmp_path / "a.usda", convert=convert)
    assert inspection.refused
    assert "'skin.png': not there" in inspection.findings[-1].what
    picture(tmp_path / "skin.png", 3)
    assert not inspect_scan(tmp_path / "a.usda", convert=convert).refused
