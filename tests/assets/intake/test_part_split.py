"""Parts of scans: which names become which parts, and that every face keeps its own through all of intake."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.gltf_files import GltfParts
from support.toy_car import MATERIALS, WHEELS, car_shapes, write_car, write_parts_glb

from scanstage.assets.asset import Asset, AssetMeta
from scanstage.assets.intake.asset_edits import AssetEdits, edit_asset
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.library.part_meshes import part_of_faces
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices

CAR_PARTS = ("wheel=wheel_*", "window=cabin")


def choice(kind: str, *patterns: str) -> ReadingChoices:
    return ReadingChoices(parts=PartChoice.parse(kind, patterns))


def taken(path: Path, kind: str, *patterns: str, class_name: str = "car", max_triangles: int = 50_000) -> Asset:
    options = IntakeOptions(class_name, max_triangles=max_triangles, reading=choice(kind, *patterns))
    return take_in(path, options, path.parent / "library")


def classes(asset: Asset) -> list[tuple[str, str]]:
    return [(part.name, part.class_name) for part in asset.meta.parts]


def areas(asset: Asset) -> dict[str | None, float]:
    """m² of the faces of each part, by its name."""
    mesh, parts = asset.mesh(), asset.meta.parts
    names = [*(p.name for p in parts), None]
    of_face = trimesh.triangles.area(mesh.vertices[mesh.faces].astype(np.float64))
    return {names[k]: float(of_face[part_of_faces(mesh, parts) == k].sum()) for k in range(-1, len(parts))}


def test_each_named_node_is_a_part_and_copies_are_of_one_class(tmp_path: Path) -> None:
    shapes = {"body": car_shapes()["body"], "wheel": car_shapes()["wheel_FL"], "wheel.001": car_shapes()["wheel_FR"]}
    asset = taken(write_parts_glb(tmp_path / "car.glb", shapes), "node")
    assert classes(asset) == [("body", "body"), ("wheel", "wheel"), ("wheel.001", "wheel")]
    assert areas(asset) == pytest.approx({n: s.area for n, (s, _) in shapes.items()} | {None: 0}, rel=1e-5)
    assert AssetMeta.from_json(asset.meta.to_json()) == asset.meta


def test_patterns_choose_and_the_rest_is_of_no_part(tmp_path: Path) -> None:
    asset = taken(write_car(tmp_path / "car.glb"), "node", *CAR_PARTS)
    assert classes(asset) == [("cabin", "window"), *((name, "wheel") for name in WHEELS)]
    expected = {name: shape.area for name, (shape, _) in car_shapes().items()}
    found = areas(asset)
    assert found.pop(None) == pytest.approx(expected.pop("body"), rel=1e-5)
    assert found == pytest.approx(expected, rel=1e-5)
    assert [m.name for m in asset.meta.materials].count("rubber") == 4, "one that looks the same for each wheel"


def test_materials_of_one_class_are_one_part(tmp_path: Path) -> None:
    asset = taken(write_car(tmp_path / "car.glb"), "material", "tyre=rub*")
    assert classes(asset) == [("rubber", "tyre")]
    expected = sum(shape.area for shape, material in car_shapes().values() if MATERIALS[material][0] == "rubber")
    assert areas(asset)["rubber"] == pytest.approx(expected, rel=1e-5)
    assert [c for _, c in classes(taken(tmp_path / "car.glb", "material"))] == ["paint", "glass", "rubber"]


def nested(path: Path, *names: tuple[str, int], instances: list[list[float]] | None = None) -> Path:
    """Nodes of (name, number of the parent or -1), each with a tetrahedron of 10 cm in a place of its own."""
    parts = GltfParts(scenes=[{"nodes": [k for k, (_, above) in enumerate(names) if above < 0]}], meshes=[], nodes=[])
    corners = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
    primitive = {"attributes": {"POSITION": parts.add(corners)}, "indices": parts.add(np.ravel(faces), "uint32")}
    parts.json["meshes"] = [{"name": "tetrahedron", "primitives": [primitive]}]
    for k, (name, _) in enumerate(names):
        below = [j for j, (_, above) in enumerate(names) if above == k]
        parts.json["nodes"].append(
            {"mesh": 0, "translation": [0.2, 0.2 * k * k, 0], **({"name": name} if name else {})}
        )
        if below:
            parts.json["nodes"][k]["children"] = below
    if instances:
        places = {"attributes": {"TRANSLATION": parts.add(instances)}}
        parts.json["nodes"][-1]["extensions"] = {"EXT_mesh_gpu_instancing": places}
    return parts.write(path)


def faces_of(asset: Asset) -> dict[tuple[str, str], int]:
    of_face = Counter(part_of_faces(asset.mesh(), asset.meta.parts).tolist())
    return {(p.name, p.class_name): of_face[k] for k, p in enumerate(asset.meta.parts)} | (
        {("", ""): of_face[-1]} if of_face[-1] else {}
    )


def test_a_node_takes_what_hangs_on_it(tmp_path: Path) -> None:
    """The meshes of a wheel fit its own pattern too, and are no wheels; a bolt of another class is a part."""
    path = nested(
        tmp_path / "car.glb", ("car", -1), ("wheel_L", 0), ("wheel_L_tyre", 1), ("bolt", 1), ("", 3), ("wheel_R", 0)
    )
    found = faces_of(taken(path, "node", "wheel=wheel_*", "bolt=bolt"))
    assert found == {("wheel_L", "wheel"): 8, ("bolt", "bolt"): 8, ("wheel_R", "wheel"): 4, ("", ""): 4}


def test_a_node_without_a_name_is_called_as_its_mesh(tmp_path: Path) -> None:
    found = faces_of(taken(nested(tmp_path / "car.glb", ("", -1), ("hook", 0)), "node"))
    assert found == {("tetrahedron", "tetrahedron"): 4, ("hook", "hook"): 4}


def test_instances_are_parts_each(tmp_path: Path) -> None:
    path = nested(tmp_path / "car.glb", ("body", -1), ("wheel", 0), instances=[[0.3, 0, 0], [0.6, 0, 0], [0.9, 0, 0]])
    found = faces_of(taken(path, "node", "wheel=wheel"))
    assert found == {("wheel", "wheel"): 4, ("wheel (2)", "wheel"): 4, ("wheel (3)", "wheel"): 4, ("", ""): 4}


def test_what_is_called_as_the_whole_stays_with_it(tmp_path: Path) -> None:
    asset = taken(nested(tmp_path / "a.glb", ("car", -1), ("hook", 0)), "node")
    assert faces_of(asset) == {("hook", "hook"): 4, ("", ""): 4}
    assert any(f.startswith("no part: 'car' would have") for f in asset.meta.intake["findings"])
    with pytest.raises(InputError, match="'car' is the class of the whole scan"):
        taken(tmp_path / "a.glb", "node", "car=hook")


def write_obj_groups(path: Path, text: str) -> Path:
    """Tetrahedra, 0.2 m from each other, with lines of ``text`` before each."""
    lines: list[str] = []
    for k, before in enumerate(text.split("|")):
        lines += [f"v {0.2 * k + x} {y} {z}" for x, y, z in [(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0), (0, 0, 0.1)]]
        lines += [w.strip() for w in before.split(";") if w.strip()]
        lines += ["f " + " ".join(str(4 * k + c) for c in f) for f in [(1, 3, 2), (1, 2, 4), (1, 4, 3), (2, 3, 4)]]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o body|o wheel|o wheel.001", {("body", "body"): 4, ("wheel", "wheel"): 4, ("wheel.001", "wheel"): 4}),
        ("g body|g wheel left|g wheel|g default", {("body", "body"): 4, ("wheel", "wheel"): 8, ("", ""): 4}),
        ("o truck;g hook|o van;g hook", {("hook", "hook"): 4, ("hook (2)", "hook"): 4}),
        ("o truck|g hook", {("truck", "truck"): 4, ("hook", "hook"): 4}),
    ],
)
def test_objects_and_groups_of_an_obj_are_nodes(tmp_path: Path, text: str, expected: dict[object, int]) -> None:
    assert faces_of(taken(write_obj_groups(tmp_path / "a.obj", text), "node")) == expected


def test_parts_survive_simplification(tmp_path: Path) -> None:
    """Two halves of a ball, of one material: their border stays where it was."""
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.1)
    upper = ball.triangles_center[:, 2] > 0
    halves = {n: (trimesh.Trimesh(ball.vertices, ball.faces[k]), 0) for n, k in (("up", upper), ("down", ~upper))}
    path = write_parts_glb(tmp_path / "ball.glb", halves)
    asset = taken(path, "node", class_name="ball", max_triangles=1500)
    mesh = asset.mesh()
    assert len(mesh.faces) < 2500
    center = mesh.vertices[mesh.faces].mean(axis=1)[:, 2] - asset.meta.extents_m[2] / 2
    number = {p.name: k for k, p in enumerate(asset.meta.parts)}
    of_face = part_of_faces(mesh, asset.meta.parts)
    assert center[of_face == number["up"]].min() > -0.005
    assert center[of_face == number["down"]].max() < 0.005


def test_a_part_without_a_triangle_left_is_told(tmp_path: Path) -> None:
    shapes = {"body": car_shapes()["body"], "copy": car_shapes()["body"]}
    asset = taken(write_parts_glb(tmp_path / "car.glb", shapes), "node")
    assert classes(asset) == [("body", "body")]
    assert any(f.startswith("lost part: no triangle is left of copy") for f in asset.meta.intake["findings"])


def test_thin_glass_stays_the_part_that_it_was(tmp_path: Path) -> None:
    """An open pane becomes a thin wall with a material of its own."""
    pane = trimesh.Trimesh([[0, 0, 0], [0.2, 0, 0], [0.2, 0, 0.2], [0, 0, 0.2]], [[0, 1, 2], [0, 2, 3]])
    path = write_parts_glb(tmp_path / "car.glb", {"body": car_shapes()["body"], "pane": (pane, 2)})
    data = path.read_bytes()
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    document["materials"][2]["extensions"] = {"KHR_materials_transmission": {"transmissionFactor": 1.0}}
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + int.from_bytes(data[12:16], "little") :]
    head = np.array([2, 20 + len(text) + len(rest), len(text)], "<u4").tobytes()
    path.write_bytes(b"glTF" + head + b"JSON" + text + rest)
    asset = taken(path, "node")
    pane_part = next(p for p in asset.meta.parts if p.name == "pane")
    assert [asset.meta.materials[k].single_wall for k in pane_part.materials] == [True]
    assert areas(asset)["pane"] == pytest.approx(0.04, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "patterns", "problem"),
    [
        ("node", ("wheel=weel_*",), "wheel=weel_\\*: fits no node of the file"),
        ("material", ("wheel=wheel_*",), "fits no material of the file"),
        ("node", ("primitive=wheel_*",), "is taken by the built-in shapes"),
        ("bone", (), "'bone' is not known"),
        ("node", ("wheel",), "expected CLASS=PATTERN"),
        ("node", ("=wheel_*",), "expected CLASS=PATTERN"),
        (None, ("wheel=wheel_*",), "needs `parts`"),
    ],
)
def test_what_can_not_be_a_part_is_told(tmp_path: Path, kind: str, patterns: tuple[str, ...], problem: str) -> None:
    with pytest.raises(InputError, match=problem) as refused:
        taken(write_car(tmp_path / "car.glb"), kind, *patterns)
    if "fits no node" in problem:
        assert str(refused.value).endswith("its names: Sketchfab_root, body, cabin, " + ", ".join(WHEELS))


@pytest.mark.parametrize("kind", ["node", "material"])
@pytest.mark.parametrize("suffix", ["stl", "ply"])
def test_formats_without_names_are_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"box.{suffix}"
    trimesh.creation.box((0.1, 0.1, 0.1)).export(path)
    with pytest.raises(InputError, match=rf"box.{suffix}: `parts` {kind}: the file names no {kind}s"):
        taken(path, kind)


def test_inspection_lists_the_names_that_there_are(tmp_path: Path) -> None:
    path = write_car(tmp_path / "car.glb")
    found = inspect_scan(path, reading=choice("node", "wheel=wheel_[FR]L*"))
    told = {p.name: (p.class_name, p.triangles) for p in found.parts}
    assert told["Sketchfab_root"] == (None, 12 + 12 + 4 * 96)
    assert told["wheel_FL"] == told["wheel_RL.001"] == ("wheel", 96)
    assert told["wheel_FR"] == (None, 96)
    assert not found.refused
    assert inspect_scan(path, reading=choice("node", "wheel=x")).refused
    assert inspect_scan(path).parts == ()


def test_without_the_question_an_asset_is_what_it_always_was(tmp_path: Path) -> None:
    path = write_car(tmp_path / "car.glb")
    plain = take_in(path, IntakeOptions("car"), tmp_path / "plain")
    described = json.loads((plain.folder / "asset.json").read_text())
    assert "parts" not in described
    assert len(plain.meta.materials) == 3
    parted = taken(path, "node", *CAR_PARTS)
    assert parted.meta.asset_id == plain.meta.asset_id
    assert parted.digest() != plain.digest()
    a, b = plain.mesh(), parted.mesh()
    for key in ("vertices", "faces", "hull"):
        assert np.array_equal(getattr(a, key), getattr(b, key)), "nothing in a picture changes"
    looks = [[x.meta.materials[k].base_color for k in y.face_material] for x, y in ((plain, a), (parted, b))]
    assert looks[0] == looks[1]


def test_a_class_can_not_become_that_of_a_part(tmp_path: Path) -> None:
    asset = taken(write_car(tmp_path / "car.glb"), "node", *CAR_PARTS)
    with pytest.raises(InputError, match="'wheel' is the class of a part of it"):
        edit_asset(tmp_path / "library", asset, AssetEdits(class_name="wheel"))
    edited = edit_asset(tmp_path / "library", asset, AssetEdits(class_name="van", unit="cm"))
    assert edited.meta.parts == asset.meta.parts


@pytest.mark.parametrize(
    "parts",
    [
        [{"name": "a", "class_name": "a", "materials": [3]}],
        [{"name": "a", "class_name": "a", "materials": [0]}, {"name": "b", "class_name": "a", "materials": [0]}],
        [{"name": "a", "class_name": "a", "materials": [0]}, {"name": "a", "class_name": "a", "materials": [1]}],
        [{"name": "a"}],
        7,
    ],
)
def test_parts_that_can_not_be_are_refused(tmp_path: Path, parts: object) -> None:
    asset = taken(write_car(tmp_path / "car.glb"), "material")
    path = asset.folder / "asset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parts": parts}))
    with pytest.raises(InputError, match="can't read the asset"):
        Asset.open(asset.folder)
