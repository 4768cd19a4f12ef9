"""Skins, morphs, instances and animations: as worked out by hand, and as Blender's own importer has them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.gltf_files import GltfParts, document_of, draco_by_blender, places_by_blender, sorted_places
from support.unit_boxes import WHEEL

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan
from scanstage.assets.raw_scans.reading_choices import ReadingChoices
from scanstage.assets.raw_scans.scan_pose import ScanPose
from scanstage.assets.readers.read_scan import read_scan
from scanstage.render.engine.blender_conversion import convert_with_blender

needs_bpy = pytest.mark.skipif(not WHEEL, reason="no bpy wheel in this Python")
HALF = 0.5**0.5
TRIANGLE = [[0, 0, 0], [0.1, 0, 0], [0, 0.2, 0]]


def quaternion(axis: list[float], degrees: float) -> list[float]:
    half = np.radians(degrees) / 2
    return [*(np.sin(half) * np.array(axis, float)), float(np.cos(half))]


def placed_triangle(node: dict[str, Any] | None = None, **mesh: Any) -> GltfParts:
    """A triangle of 10 x 20 cm on node 0, alone in its scene."""
    parts = GltfParts(nodes=[{"mesh": 0, **(node or {})}], scenes=[{"nodes": [0]}])
    parts.json["meshes"] = [{"primitives": [{"attributes": {"POSITION": parts.add(TRIANGLE)}}], **mesh}]
    return parts


def read(parts: GltfParts, folder: Path, pose: str | None = None) -> RawScan:
    choices = ReadingChoices(pose=ScanPose.parse(pose) if pose else None)
    return read_scan(parts.write(folder / "scan.glb"), choices=choices)


def column(**changes: Any) -> GltfParts:
    """A slanted column of 20 units on two joints under an armature of a hundredth, with two morphs and a clip."""
    parts = GltfParts()
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    points = np.array([[x + 0.05 * z, y, z] for z in np.linspace(0, 20, 5) for x, y in corners])
    sides = [(4 * k + i, 4 * k + (i + 1) % 4) for k in range(4) for i in range(4)]
    faces = [t for a, b in sides for t in ((a, b, b + 4), (a, b + 4, a + 4))]
    upper = np.clip((points[:, 2] - 5) / 10, 0, 1)
    bind = np.tile(np.eye(4), (2, 1, 1))
    bind[1, 2, 3] = -10
    zeros = np.zeros(20)
    moved = np.stack([np.where(points[:, 2] > 15, 3.0, 0.0), np.where(points[:, 2] < 1, 2.0, 0.0)])
    primitive = {
        "attributes": {
            "POSITION": parts.add(points),
            "JOINTS_0": parts.add(np.stack([zeros, zeros + 1, zeros, zeros], axis=1), "uint8"),
            "WEIGHTS_0": parts.add(np.stack([1 - upper, upper, zeros, zeros], axis=1)),
        },
        "indices": parts.add(np.ravel(faces), "uint16"),
        "targets": [
            {"POSITION": parts.add(np.stack([zeros, zeros, moved[0]], axis=1))},
            {"POSITION": parts.add(np.stack([moved[1], zeros, zeros], axis=1))},
        ],
    }
    turns = [quaternion([0, 1, 0], 20), quaternion([0, 1, 0], 80), quaternion([1, 0, 0], 60)]
    times = parts.add([0.0, 1.0, 2.0])
    parts.json |= {
        "scene": 0,
        "scenes": [{"nodes": [0, 3]}],
        "nodes": [
            {"scale": [0.01] * 3, "rotation": quaternion([1, 0, 0], -90), "translation": [0.1, 0, 0], "children": [1]},
            {"children": [2], "rotation": quaternion([0, 0, 1], 30)},
            {"translation": [0, 0, 10], "rotation": turns[0]},
            {"mesh": 0, "skin": 0, "translation": [5, 5, 5], "scale": [3, 3, 3]},
        ],
        "meshes": [{"primitives": [primitive], "weights": [0.0, 0.5]}],
        "skins": [{"joints": [1, 2], "inverseBindMatrices": parts.add(bind.transpose(0, 2, 1))}],
        "animations": [
            {
                "name": "bend",
                "samplers": [
                    {"input": times, "output": parts.add(turns)},
                    {"input": times, "output": parts.add([0, 0.5, 1, 0.5, 0.2, 0])},
                    {"input": times, "output": parts.add([[0, 0, 10], [0, 0, 12], [0, 0, 9]]), "interpolation": "STEP"},
                ],
                "channels": [
                    {"sampler": 0, "target": {"node": 2, "path": "rotation"}},
                    {"sampler": 1, "target": {"node": 3, "path": "weights"}},
                    {"sampler": 2, "target": {"node": 2, "path": "translation"}},
                ],
            }
        ],
        **changes,
    }
    return parts


@pytest.mark.blender
@needs_bpy
@pytest.mark.parametrize("frame", [0, 12, 24, 36, 48])  # else it turns unevenly
def test_poses_are_those_of_blenders_importer(tmp_path: Path, frame: int) -> None:
    path = column().write(tmp_path / "a.glb")
    ours = sorted_places(read_scan(path, choices=ReadingChoices(pose=ScanPose.parse(f"bend:{frame}"))).vertices)
    np.testing.assert_allclose(ours, places_by_blender(path, frame), atol=1.5e-4)


@pytest.mark.blender
@needs_bpy
def test_the_rest_pose_is_that_of_blenders_importer(tmp_path: Path) -> None:
    """An armature of a hundredth, joints that are turned, a morph at its default, a node that is of no account."""
    path = column(animations=[]).write(tmp_path / "a.glb")
    ours = sorted_places(read_scan(path).vertices)
    assert len(ours) == 20
    np.testing.assert_allclose(ours, places_by_blender(path), atol=1.5e-4)


@pytest.mark.blender
@needs_bpy
def test_compressed_scans_are_posed_before_blender_sees_them(tmp_path: Path) -> None:
    path, pose = column().write(tmp_path / "a.glb"), ScanPose.parse("24")
    squeezed = draco_by_blender(path)
    assert "KHR_draco_mesh_compression" in document_of(squeezed)["extensionsRequired"]
    ours = read_scan(squeezed, convert_with_blender, ReadingChoices(pose=pose))
    assert "pose" in {f.topic for f in ours.findings}
    expected = sorted_places(read_scan(path, choices=ReadingChoices(pose=pose)).vertices)
    np.testing.assert_allclose(sorted_places(ours.vertices), expected, atol=1.5e-4)


@pytest.mark.blender
@needs_bpy
def test_instances_are_those_of_blenders_importer(tmp_path: Path) -> None:
    parts = placed_triangle({"translation": [0, 1, 0], "scale": [2, 1, 1]})
    turns = [quaternion([0, 0, 1], 0), quaternion([0, 0, 1], 90), quaternion([0, 1, 0], 45)]
    attributes = {
        "TRANSLATION": parts.add([[0, 0, 0], [1, 0, 0], [0, 0, 1]]),
        "ROTATION": parts.add(np.rint(np.array(turns) * 32767), "int16", normalized=True),
        "SCALE": parts.add([[1, 1, 1], [2, 2, 2], [1, -1, 1]]),
    }
    parts.json["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    parts.json["extensionsUsed"] = parts.json["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    scan = read(parts, tmp_path)
    assert len(scan.faces) == 3
    assert [f.topic for f in scan.findings] == ["instances"]
    np.testing.assert_allclose(sorted_places(scan.vertices), places_by_blender(tmp_path / "scan.glb"), atol=1.5e-4)


def test_instances_stand_where_they_should(tmp_path: Path) -> None:
    """The node is 2 up and twice as large; the second instance is turned by 90 degrees about Z, 1 to the right."""
    parts = placed_triangle({"translation": [0, 2, 0], "scale": [2, 2, 2]})
    attributes = {
        "TRANSLATION": parts.add([[0, 0, 0], [1, 0, 0]]),
        "ROTATION": parts.add([[0, 0, 0, 1], [0, 0, HALF, HALF]]),
    }
    parts.json["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    expected = [[0, 2, 0], [0.2, 2, 0], [0, 2.4, 0], [2, 2, 0], [2, 2.2, 0], [1.6, 2, 0]]
    np.testing.assert_allclose(read(parts, tmp_path).vertices, expected, atol=1e-6)


def test_a_skin_puts_its_mesh_where_its_joints_are(tmp_path: Path) -> None:
    """One joint at 1 up in metres; the mesh was bound in centimetres, lying: 20 cm stand 20 cm."""
    parts = placed_triangle({"skin": 0, "translation": [9, 9, 9], "rotation": [0, 0, 1, 0]})
    parts.json["nodes"] += [{"translation": [0, 1, 0], "children": [2]}, {"rotation": quaternion([1, 0, 0], -90)}]
    parts.json["scenes"] = [{"nodes": [0, 1]}]
    attributes = parts.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["POSITION"] = parts.add([[0, 0, 0], [10, 0, 0], [0, 0, 20]])
    attributes["JOINTS_0"] = parts.add(np.zeros((3, 4)), "uint16")
    attributes["WEIGHTS_0"] = parts.add([[255, 0, 0, 0]] * 3, "uint8", normalized=True)
    bind = parts.add([np.diag([0.01, 0.01, 0.01, 1.0])])
    parts.json["skins"] = [{"joints": [2], "inverseBindMatrices": bind}]
    scan = read(parts, tmp_path)
    np.testing.assert_allclose(scan.vertices, [[0, 1, 0], [0.1, 1, 0], [0, 1.2, 0]], atol=1e-7)
    assert not scan.findings, "nothing of it is left out"


def test_weights_count_as_shares_and_vertices_without_any_hang_on_the_first_joint(tmp_path: Path) -> None:
    parts = placed_triangle({"skin": 0})
    parts.json["nodes"] += [{"translation": [1, 0, 0]}, {"translation": [3, 0, 0]}]
    parts.json["scenes"] = [{"nodes": [0, 1, 2]}]
    attributes = parts.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = parts.add([[0, 1, 0, 0]] * 3, "uint8")
    attributes["WEIGHTS_0"] = parts.add([[2, 2, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]])
    parts.json["skins"] = [{"joints": [1, 2]}]
    scan = read(parts, tmp_path)
    np.testing.assert_allclose(scan.vertices, [[2, 0, 0], [3.1, 0, 0], [1, 0.2, 0]], atol=1e-7)
    assert [f.topic for f in scan.findings] == ["skin"]


@pytest.mark.parametrize(("node", "mesh", "width"), [([0.5], [1.0], 0.2), (None, [1.0], 0.3), (None, None, 0.1)])
def test_morphs_apply_by_the_nodes_weights_then_the_meshs(
    tmp_path: Path, node: list[float] | None, mesh: list[float] | None, width: float
) -> None:
    parts = placed_triangle({"weights": node} if node else {}, **({"weights": mesh} if mesh else {}))
    target = {"POSITION": parts.add([[0, 0, 0], [0.2, 0, 0], [0, 0, 0]])}
    parts.json["meshes"][0]["primitives"][0]["targets"] = [target]
    assert np.ptp(read(parts, tmp_path).vertices[:, 0]) == pytest.approx(width)


def animated(kind: str, values: Any, path: str = "translation", times: Any = (0.0, 2.0)) -> GltfParts:
    parts = placed_triangle()
    sampler = {"input": parts.add(times), "output": parts.add(values), "interpolation": kind}
    channels = [{"sampler": 0, "target": {"node": 0, "path": path}}]
    parts.json["animations"] = [{"samplers": [sampler], "channels": channels}]
    return parts


@pytest.mark.parametrize(
    ("kind", "values", "pose", "x"),
    [
        ("LINEAR", [[0, 0, 0], [4, 0, 0]], "0.5s", 1.0),
        ("LINEAR", [[0, 0, 0], [4, 0, 0]], "12", 1.0),  # 24 frames a second
        ("STEP", [[1, 0, 0], [4, 0, 0]], "1.99s", 1.0),
        ("STEP", [[1, 0, 0], [4, 0, 0]], "48", 4.0),
        # In, value, out of each key: at s = 1/4 of 2 s, 4 * (3/16 - 2/64) + 2 * 3 * (1/64 - 2/16 + 1/4).
        ("CUBICSPLINE", [[9, 9, 9], [0, 0, 0], [3, 0, 0], [0, 0, 0], [4, 0, 0], [9, 9, 9]], "0.5s", 0.625 + 0.84375),
    ],
)
def test_between_keys(tmp_path: Path, kind: str, values: Any, pose: str, x: float) -> None:
    scan = read(animated(kind, values), tmp_path, pose)
    assert scan.vertices[0].tolist() == pytest.approx([x, 0, 0], abs=1e-6)
    assert [f.topic for f in scan.findings] == ["pose"]


def test_turns_go_the_shorter_way_at_an_even_pace(tmp_path: Path) -> None:
    """From 0 to 120 degrees, the second written as its negative: a quarter of the time is 30 degrees."""
    values = [[0, 0, 0, 1], (-np.array(quaternion([0, 0, 1], 120))).tolist()]
    scan = read(animated("LINEAR", values, "rotation"), tmp_path, "0.5s")
    np.testing.assert_allclose(scan.vertices[1], [0.1 * np.cos(np.pi / 6), 0.05, 0], atol=1e-7)


def test_several_clips_want_a_name(tmp_path: Path) -> None:
    parts = animated("LINEAR", [[0, 0, 0], [4, 0, 0]])
    other = copy.deepcopy(parts.json["animations"][0]) | {"name": "run away"}
    parts.json["animations"] += [other]
    with pytest.raises(InputError) as e:
        read(parts, tmp_path, "12")
    assert "several animations" in str(e.value)
    assert "'animation0'" in str(e.value)
    assert "run away" in str(e.value)
    assert read(parts, tmp_path, "run away:12").vertices[0, 0] == pytest.approx(1)
    with pytest.raises(InputError, match="did you mean run away"):
        read(parts, tmp_path, "runaway:12")


def test_what_is_no_moment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="behind the end"):
        read(animated("LINEAR", [[0, 0, 0], [4, 0, 0]]), tmp_path, "60")
    with pytest.raises(InputError, match="no animation"):
        read(placed_triangle(), tmp_path, "1")
    for text in ("-1", "soon", ":3", "nan", "", "walk:"):
        with pytest.raises(InputError, match="expected a frame"):
            ScanPose.parse(text)
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(InputError, match="glTF alone"):
        read_scan(tmp_path / "a.obj", choices=ReadingChoices(pose=ScanPose.parse("1")))


def test_what_is_not_taken_is_told(tmp_path: Path) -> None:
    parts = animated("LINEAR", [[0, 0, 0], [4, 0, 0]])
    assert "the animation 'animation0' (2 s, frames 0 to 48)" in read(parts, tmp_path).findings[0].what
    pointer = {"sampler": 0, "target": {"path": "pointer", "extensions": {"KHR_animation_pointer": {}}}}
    parts.json["animations"][0]["channels"].append(pointer)
    assert {f.topic for f in read(parts, tmp_path, "0").findings} == {"animation", "pose"}
    parts.json["nodes"] = [{"mesh": 0}, {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}}]
    parts.json["scenes"] = [{"nodes": [0, 1]}]
    scan = read(parts, tmp_path)
    assert len(scan.faces) == 1
    assert "hidden" in {f.topic for f in scan.findings}


def broken_rig(kind: str) -> GltfParts:
    parts = placed_triangle({"skin": 0})
    attributes = parts.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["JOINTS_0"] = parts.add([[7 if kind == "joint" else 0, 0, 0, 0]] * 3, "uint8")
    attributes["WEIGHTS_0"] = parts.add([[1, 0, 0, 0]] * (2 if kind == "weights" else 3))
    bind = parts.add([np.eye(4)] * 1)
    parts.json["nodes"] += [{"children": [2]}, {"children": [1] if kind == "loop" else []}]
    parts.json["skins"] = [{"joints": [1, 2] if kind == "bind" else [2], "inverseBindMatrices": bind}]
    if kind == "no joints":
        parts.json["skins"] = [{"joints": []}]
    if kind == "no skin":
        parts.json["skins"] = []
    if kind == "target":
        moved = {"POSITION": parts.add([[0, 0, 1]] * 2)}
        parts.json["meshes"][0] |= {"weights": [1]}
        parts.json["meshes"][0]["primitives"][0]["targets"] = [moved]
    if kind == "blank":
        parts.json["accessors"].append({"componentType": 5126, "count": 30_000_000, "type": "VEC3"})
        parts.json["meshes"][0] |= {"weights": [1]}
        parts.json["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": len(parts.json["accessors"]) - 1}]
    if kind == "instances":
        parts.json["accessors"].append({"componentType": 5126, "count": 30_000_000, "type": "VEC3"})
        attributes = {"TRANSLATION": len(parts.json["accessors"]) - 1}
        parts.json["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    return parts


@pytest.mark.parametrize(
    "kind", ["joint", "weights", "bind", "no joints", "no skin", "loop", "target", "blank", "instances"]
)
def test_broken_rigs_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError):
        read(broken_rig(kind), tmp_path)


def test_many_morphs_of_one_accessor_are_refused(tmp_path: Path) -> None:
    parts = placed_triangle(weights=[1] * 100_000)
    many = parts.add(np.zeros((3000, 3)))
    primitive = parts.json["meshes"][0]["primitives"][0]
    primitive["attributes"]["POSITION"] = many
    primitive["targets"] = [{"POSITION": many}] * 100_000
    with pytest.raises(InputError, match="morphs"):
        read(parts, tmp_path)


def test_each_pose_is_an_asset_of_its_own(tmp_path: Path) -> None:
    path = animated("LINEAR", [[1, 1, 1], [1, 3, 1]], "scale").write(tmp_path / "a.glb")
    poses = [None, *map(ScanPose.parse, ("0", "48", "animation0:1s"))]
    options = [IntakeOptions("leaf", reading=ReadingChoices(pose=pose)) for pose in poses]
    assets = [take_in(path, own, tmp_path / "library") for own in options]
    assert len({a.meta.asset_id for a in assets}) == 4
    assert [a.meta.intake.get("pose") for a in assets] == [None, "0", "48", "animation0:1s"]
    heights = [max(a.meta.extents_m) for a in assets]
    assert heights == pytest.approx([0.2, 0.2, 0.6, 0.4])
    names = {ScanPose.parse(text).slug for text in ("走:12", "跑:12", "12", "12s", f"{'a' * 60}:1", f"b{'a' * 60}:1")}
    assert len(names) == 6
