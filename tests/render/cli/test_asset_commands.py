"""``scanstage assets``: what it prints, what it leaves, and its exit codes."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import trimesh
from support.scan_files import gradient_image, textured_patch, triangle_gltf, write_gltf, write_obj
from typer.testing import CliRunner

from scanstage.assets.intake import hdri_pack
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.asset_commands import app

RUN = CliRunner()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "deeper").mkdir(parents=True)
    trimesh.creation.box((0.1, 0.2, 0.3)).export(folder / "box.stl")
    trimesh.creation.icosphere(radius=5).export(folder / "deeper" / "ball.ply")
    (folder / "notes.txt").write_text("not a scan")
    return folder


def call(*args: object) -> tuple[int, str]:
    """Exit code and output; an InputError counts as 2, as the entry point has it."""
    result = RUN.invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})
    if isinstance(result.exception, InputError):
        return 2, result.output + str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_folders_are_taken_in_whole(tmp_path: Path, scans: Path) -> None:
    library = tmp_path / "library"
    code, output = call("add", scans, "--class", "thing", "--library", library, "--license", "CC0-1.0")
    assert code == 0, output
    assert "2 of 2" in output
    code, output = call("list", "--library", library, "--json")
    listed = json.loads(output)
    assert {entry["source"]["file"] for entry in listed} == {"box.stl", "ball.ply"}
    assert {entry["source"]["license"] for entry in listed} == {"CC0-1.0"}
    code, output = call("list", "--library", library)
    assert all(entry["asset_id"] in output for entry in listed)
    assert call("remove", listed[0]["asset_id"], "--library", library)[0] == 0
    assert len(list_assets(library)) == 1


def test_one_bad_scan_does_not_stop_the_others(tmp_path: Path, scans: Path) -> None:
    library = tmp_path / "library"
    bad = scans / "bad.obj"
    bad.write_text("v 0 0 0\n")
    code, output = call("add", bad, scans / "box.stl", "--class", "thing", "--library", library)
    assert code == 1
    assert "point cloud" in output
    assert len(list_assets(library)) == 1
    code, output = call("add", bad, scans / "none.stl", "--class", "thing", "--library", library)
    assert code == 2
    assert "none.stl" in output
    code, output = call("add", bad, scans / "deeper", "--class", "thing", "--library", library, "--stop")
    assert code == 2
    assert len(list_assets(library)) == 1


def test_textures_are_looked_for_in_the_folder_that_is_named(tmp_path: Path) -> None:
    """And a scan without its only texture is no success: 1 beside one that came in, 2 where none did."""
    library = tmp_path / "library"
    (textures := tmp_path / "scans" / "cup" / "materials" / "textures").mkdir(parents=True)
    gradient_image(8).save(textures / "texture.png")
    for name in ("cup", "shoe"):
        (tmp_path / "scans" / name / "meshes").mkdir(parents=True, exist_ok=True)
        write_obj(tmp_path / "scans" / name / "meshes" / "model.obj", *textured_patch(3 + len(name)), "texture.png")
    code, output = call("add", tmp_path / "scans", "--library", library)
    assert code == 1, output
    assert "cup/materials/textures/texture.png has its name; takes that" in output
    assert "1 of 2 scans" in output
    shoe = tmp_path / "scans" / "shoe"
    code, output = call("add", shoe / "meshes" / "model.obj", "--class", "shoe", "--library", library)
    assert code == 2
    assert "would lose all of its colours: 'texture.png' is not in" in output
    assert call("inspect", shoe)[0] == 1
    assert call("inspect", shoe, "--allow-plain")[0] == 0
    assert call("add", shoe, "--class", "shoe", "--library", library, "--allow-plain")[0] == 0
    assert {a.meta.materials[0].base_color_texture for a in list_assets(library)} == {"base_color0.png", None}


@pytest.mark.parametrize(
    "args",
    [
        ["--class", " a"],
        ["--class", "thing", "--unit", "km"],
        ["--class", "thing", "--up", "sideways"],
        ["--class", "thing", "--max-triangles", "0"],
        [],
    ],
)
def test_mistakes_in_options(tmp_path: Path, scans: Path, args: list[str]) -> None:
    code, _ = call("add", scans / "box.stl", "--library", tmp_path / "library", *args)
    assert code == 2
    assert not (tmp_path / "library").exists()


def test_nothing_to_take_in(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert call("add", tmp_path / "empty", "--class", "thing")[0] == 2
    code, output = call("list", "--library", tmp_path / "empty")
    assert code == 0
    assert "assets add" in output


def test_inspection_in_words_and_json(scans: Path) -> None:
    (scans / "cloud.obj").write_text("v 0 0 0\nv 1 0 0\n")
    code, output = call("inspect", scans)
    assert code == 1, "one is refused"
    assert "10 cm" in output
    assert "refused" in output
    assert "Poisson" in output
    code, output = call("inspect", scans, "--json")
    found = {Path(i["path"]).name: i for i in json.loads(output)}
    assert found["cloud.obj"]["refused"]
    assert found["ball.ply"]["unit"] == "cm"
    assert found["box.stl"]["triangles"] == 12


def test_unknown_pack(tmp_path: Path) -> None:
    code, output = call("pull", "nothing", "--library", tmp_path)
    assert code == 2
    assert "ycb" in output


def test_copies_in_one_call_do_not_replace_each_other(tmp_path: Path) -> None:
    """Two variants of a product may share mesh and file name and differ in their texture alone."""
    for variant in ("cherry", "lemon"):
        (tmp_path / variant).mkdir()
        (tmp_path / variant / "can.obj").write_text("mtllib can.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
        (tmp_path / variant / "can.mtl").write_text(f"newmtl a\nKd {1.0 * (variant == 'cherry')} 1 0\n")
    library = tmp_path / "library"
    code, output = call("add", tmp_path, "--class", "can", "--library", library)
    assert code == 1
    assert "lemon" in output
    (kept,) = list_assets(library)
    assert kept.meta.materials[0].base_color[0] == 1.0
    (tmp_path / "lemon" / "can.obj").rename(tmp_path / "lemon" / "lemon.obj")
    assert call("add", tmp_path, "--class", "can", "--library", library)[0] == 0
    assert len(list_assets(library)) == 2


def test_what_changes_the_look_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    code, output = call("add", tmp_path / "a.obj", "--class", "thing", "--library", tmp_path / "library")
    assert code == 0
    assert "gone.mtl" in output
    assert "unit m (guessed)" in output
    sure = call("add", tmp_path / "a.obj", "--class", "x", "--library", tmp_path, "--unit", "m", "--up", "z")[1]
    assert "guessed" not in sure


def test_libraries_that_are_none(tmp_path: Path, scans: Path) -> None:
    assert call("list", "--library", scans / "notes.txt")[0] == 2
    assert call("list", "--library", tmp_path / "nowhere")[0] == 0
    assert call("inspect", scans / "nowhere.stl")[0] == 2


def test_a_damaged_asset_is_named(tmp_path: Path, scans: Path) -> None:
    assert call("add", scans / "box.stl", "--class", "thing", "--library", tmp_path / "library")[0] == 0
    (asset,) = list_assets(tmp_path / "library")
    mesh = asset.folder / "mesh.npz"
    whole = mesh.read_bytes()
    for end in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        mesh.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"mesh\.npz"):
            asset.mesh()


def test_keypoints_come_in_and_are_mentioned(tmp_path: Path, scans: Path) -> None:
    library, named = tmp_path / "library", tmp_path / "points.yaml"
    named.write_text("keypoints: {corner: [0.05, 0.1, 0.15], wide: [9, 9, 9]}\nskeleton: [[corner, wide]]")
    code, output = call("add", scans, "--class", "thing", "--library", library, "--keypoints", named)
    assert code == 2
    assert "belongs to one scan" in output
    assert not library.exists()
    arguments = ("--class", "thing", "--library", library, "--unit", "m")
    code, output = call("add", scans / "box.stl", *arguments, "--keypoints", named)
    assert code == 0, output
    assert "2 keypoints" in output
    assert "'wide' lies" in output
    assert "'corner'" not in output
    code, output = call("list", "--library", library)
    assert code == 0
    assert "keypoints" in output
    named.rename(scans / "box.keypoints.yaml")
    code, output = call("inspect", scans / "box.stl")
    assert code == 0
    assert "2 named points" in output


def test_hdris_are_pulled_with_the_lines_that_a_config_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdri_pack, "_read", lambda _, names: dict.fromkeys(names, b"image"))
    code, output = call("pull", "hdris", "--library", tmp_path / "lib", "--archive", tmp_path / "a.tgz")
    assert code == 0, output
    found = re.findall(r'"([^"]*doors)"', output)
    assert [Path(f).is_dir() for f in found] == [True, True]
    assert list_assets(tmp_path / "lib") == []


def test_ids_in_a_list_can_be_copied(tmp_path: Path) -> None:
    scan = tmp_path / f"{'a very long name of a scan ' * 4}.ply"
    trimesh.creation.box((0.1, 0.1, 0.1)).export(scan)
    library = tmp_path / "library"
    call("add", scan, "--class", "thing", "--library", library)
    (asset,) = list_assets(library)
    assert len(asset.meta.asset_id) > 50
    found = RUN.invoke(app, ["list", "--library", str(library)], env={"COLUMNS": "50"})
    assert asset.meta.asset_id in found.output


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("traffic sign/a.stl", "traffic sign/deeper/b.stl", "杯子/c.stl"):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.box((0.1, 0.1, 0.1 + len(name) / 1000)).export(path)
    code, output = call("add", tmp_path / "scans", "--library", tmp_path / "library")
    assert code == 0, output
    assert "3 of 3 scans" in output
    found = Counter(a.meta.class_name for a in list_assets(tmp_path / "library"))
    assert found == {"traffic sign": 2, "杯子": 1}
    (tmp_path / "scans" / "loose.stl").write_bytes((tmp_path / "scans/杯子/c.stl").read_bytes())
    code, output = call("add", tmp_path / "scans", "--library", tmp_path / "other")
    assert code == 2
    assert "loose.stl lies in no folder of one" in output
    assert not (tmp_path / "other").exists()


def test_folders_that_are_the_word_of_a_layout_are_no_classes(tmp_path: Path) -> None:
    """As of Google's scanned objects: the class is the folder above, which may be the one that is named."""
    for k, name in enumerate(("owl/meshes/model.stl", "mug/Source/models/a.stl", "models/bolt/b.stl")):
        path = tmp_path / "scans" / name
        path.parent.mkdir(parents=True)
        trimesh.creation.box((0.1, 0.1, 0.1 + k / 1000)).export(path)
    assert call("add", tmp_path / "scans", "--library", tmp_path / "all")[0] == 0
    assert {a.meta.class_name for a in list_assets(tmp_path / "all")} == {"owl", "mug", "bolt"}
    assert call("add", tmp_path / "scans/owl", "--library", tmp_path / "one")[0] == 0
    assert [a.meta.class_name for a in list_assets(tmp_path / "one")] == ["owl"]
    code, output = call("add", tmp_path / "scans/mug/Source", "--library", tmp_path / "none")
    assert code == 2
    assert "lies in no folder of one" in output


def test_a_guess_that_may_be_wrong_is_told_with_what_mends_it(tmp_path: Path) -> None:
    library = tmp_path / "library"
    trimesh.creation.cylinder(3, 45).export(tmp_path / "bolt.stl")  # millimetres; taken for centimetres
    trimesh.creation.box((120, 80, 300)).export(tmp_path / "box.stl")  # nothing but millimetres
    code, output = call("add", tmp_path / "bolt.stl", tmp_path / "box.stl", "--class", "part", "--library", library)
    assert code == 0
    lines = output.splitlines()
    assert lines[0].startswith("? part/bolt-")
    command = next(line for line in lines if "--unit mm" in line)
    assert "if 4.5 cm is right, its file is in mm:" in command
    assert any(line.startswith("✓ part/box-") for line in lines)
    given = command[command.index("scanstage assets ") :].split()[2:]
    code, output = call(*given)
    assert code == 0, output
    bolt = next(a for a in list_assets(library) if "bolt" in a.meta.asset_id)
    assert max(bolt.meta.extents_m) == pytest.approx(0.045, rel=1e-3)
    assert "✓ part/bolt-" in output
    assert "guessed" not in output.split("up")[0]


def test_beginnings_of_names_tell_assets_apart(tmp_path: Path, scans: Path) -> None:
    library = tmp_path / "library"
    trimesh.creation.box((0.1, 0.2, 0.4)).export(scans / "bowl.stl")
    call("add", scans, "--class", "thing", "--library", library)
    code, output = call("remove", "thing/bo", "--library", library)
    assert code == 2
    assert "may be 2 assets: thing/bowl-" in output
    for text, told in (("bal", "removed thing/ball-"), ("thing/bow", "removed thing/bowl-")):
        code, output = call("remove", text, "--library", library)
        assert code == 0
        assert told in output
    code, output = call("remove", "box", "nothing", "--library", library)
    assert code == 2
    assert len(list_assets(library)) == 1, "none is removed where one isn't there"
    assert call("edit", "box", "--library", library)[0] == 2
    code, output = call("edit", "box", "--class", "Kiste", "--license", "CC0-1.0", "--library", library)
    assert code == 0
    (asset,) = list_assets(library)
    assert (asset.meta.class_name, asset.meta.asset_id.partition("/")[0]) == ("Kiste", "Kiste")
    assert asset.meta.source["license"] == "CC0-1.0"
    assert [p.name for p in library.iterdir()] == ["Kiste"]


def test_symmetries_are_asked_about_and_kept_when_accepted(tmp_path: Path, scans: Path) -> None:
    library = tmp_path / "library"
    call("add", scans / "box.stl", "--class", "box", "--library", library, "--unit", "m", "--up", "z")
    (asset,) = list_assets(library)
    written = (asset.folder / "asset.json").read_bytes()
    code, output = call("symmetries", "box", "--library", library)
    assert code == 0
    assert re.findall(r"(\d) \W *half turns about (\w)", output) == [("1", "x"), ("2", "y"), ("3", "z")]
    assert f"scanstage assets symmetries {asset.meta.asset_id} --accept 1 --library {library}" in output
    assert (asset.folder / "asset.json").read_bytes() == written, "asking writes nothing"
    code, output = call("symmetries", "box", "--library", library, "--accept", "1, 3")
    assert code == 0
    assert "2 single turns" in output
    (asset,) = list_assets(library)
    assert [m[:11:5] for m in asset.meta.symmetries.discrete] == [(1.0, -1.0, -1.0), (-1.0, -1.0, 1.0)]
    code, output = call("symmetries", "box", "--library", library, "--json")
    found = json.loads(output)
    assert [c["turns"] for c in found["candidates"]] == [2, 2, 2]
    assert found["kept"]["discrete"] == [list(m) for m in asset.meta.symmetries.discrete]
    assert call("symmetries", "box", "--library", library, "--accept", "none")[0] == 0
    assert (asset.folder / "asset.json").read_bytes() == written


def test_what_is_no_candidate_is_refused(tmp_path: Path, scans: Path) -> None:
    library = tmp_path / "library"
    call("add", scans / "box.stl", "--class", "box", "--library", library, "--unit", "m")
    code, output = call("symmetries", "box", "--library", library, "--accept", "1,7,x")
    assert code == 2
    assert "--accept 7: is none of the 3 candidates" in output
    assert "--accept x: is none" in output
    assert not list_assets(library)[0].meta.symmetries


def test_add_says_of_each_change_of_looks_what_inspect_says(tmp_path: Path) -> None:
    """A tile alone, glass that MTL can't say, and a height map, of which an asset keeps nothing."""
    positions, uvs, faces = textured_patch(6)
    write_obj(tmp_path / "a.obj", positions, uvs * 3, faces, texture="skin.1001.png")
    gradient_image().save(tmp_path / "skin.1001.png")
    gradient_image().save(tmp_path / "bump.png")
    (mtl,) = tmp_path.glob("*.mtl")
    mtl.write_text(mtl.read_text() + "\nTf 0.1 0.9 0.1\nmap_Bump bump.png\n")
    told = [call("inspect", tmp_path / "a.obj", "--json")[1]]
    told.append(call("add", tmp_path / "a.obj", "--class", "thing", "--library", tmp_path / "library")[1])
    for words in ("is named as a UDIM tile", "is tinted or bent", "is a height map"):
        assert all(words in text for text in told), (words, told)


def test_hidden_nodes_are_told_by_both(tmp_path: Path) -> None:
    document, binary = triangle_gltf()
    document["nodes"].append({"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}})
    document["scenes"][0]["nodes"].append(1)
    write_gltf(tmp_path / "a.glb", document, binary)
    assert "holds hidden nodes" in call("inspect", tmp_path / "a.glb")[1]
    added = call("add", tmp_path / "a.glb", "--class", "thing", "--library", tmp_path / "library")[1]
    assert "holds hidden nodes" in added
