"""Named points beside a scan: read, checked, and moved with the mesh."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scan_files import write_binary_stl

from assets.asset import AssetMeta
from assets.errors import InputError
from assets.inspection import inspect_scan
from assets.intake import IntakeOptions, take_in
from assets.keypoints import SUFFIX, read_keypoints

OPTIONS = IntakeOptions("thing")
# No two edges are alike: distances tell which vertex is which.
CORNERS = np.array([[0, 0, 0], [0.2, 0, 0.01], [0.03, 0.13, 0], [0.05, 0.04, 0.3]], float)
FACES = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]]


def write_scan(tmp_path: Path, points: np.ndarray, text: str | None = None) -> Path:
    path = write_binary_stl(tmp_path / "scan.stl", trimesh.Trimesh(points, FACES, process=False))
    names = "\n".join(f"  p{i}: [{x}, {y}, {z}]" for i, (x, y, z) in enumerate(np.float32(points).tolist()))
    (tmp_path / f"scan{SUFFIX}").write_text(text if text is not None else f"keypoints:\n{names}\nskeleton: [[p0, p3]]")
    return path


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize(("unit", "per_m"), [("m", 1.0), ("cm", 100.0), ("mm", 1000.0)])
def test_points_go_where_the_vertices_go(tmp_path: Path, up: str, unit: str, per_m: float) -> None:
    points = (CORNERS + np.array([3.0, -2.0, 0.7])) * per_m
    asset = take_in(write_scan(tmp_path, points), replace(OPTIONS, unit=unit, up=up), tmp_path / "library")
    named = np.array(list(asset.meta.keypoints.values()))
    assert list(asset.meta.keypoints) == ["p0", "p1", "p2", "p3"]
    assert asset.meta.skeleton == (("p0", "p3"),)
    vertices = asset.mesh().vertices.astype(float)
    for point in named:
        assert np.linalg.norm(vertices - point, axis=1).min() < 2e-6
    apart, before = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (named, CORNERS))
    np.testing.assert_allclose(apart, before, atol=2e-6)  # so each is at its own vertex
    before, after = np.linalg.det(CORNERS[1:] - CORNERS[0]), np.linalg.det(named[1:] - named[0])
    assert np.sign(before) == np.sign(after)  # turned, not mirrored


def test_metadata_round_trips_and_old_metadata_loads(tmp_path: Path) -> None:
    meta = take_in(write_scan(tmp_path, CORNERS), OPTIONS, tmp_path / "library").meta
    assert AssetMeta.from_json(meta.to_json()) == meta
    old = json.loads(meta.to_json())
    del old["keypoints"], old["skeleton"]
    assert AssetMeta.from_json(json.dumps(old)) == replace(meta, keypoints={}, skeleton=())


def test_a_scan_without_a_file_has_none(tmp_path: Path) -> None:
    path = write_scan(tmp_path, CORNERS)
    (tmp_path / f"scan{SUFFIX}").unlink()
    assert take_in(path, OPTIONS, tmp_path / "library").meta.keypoints == {}


def test_a_named_file_goes_before_the_one_beside(tmp_path: Path) -> None:
    path = write_scan(tmp_path, CORNERS)
    other = tmp_path / "other.yaml"
    other.write_text("keypoints: {tip: [0.05, 0.04, 0.3]}")
    meta = take_in(path, replace(OPTIONS, keypoints=other), tmp_path / "library").meta
    assert list(meta.keypoints) == ["tip"]
    with pytest.raises(InputError, match=r"absent\.yaml"):
        take_in(path, replace(OPTIONS, keypoints=tmp_path / "absent.yaml"), tmp_path / "library")


def test_numbers_are_read_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "a.keypoints.yaml"
    path.write_text("keypoints: {on: [1e-2, -.5, +3]}")
    assert read_keypoints(path).points == {"on": (0.01, -0.5, 3.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "keypoints: expected a mapping"),
        ("keypoints: {}", "keypoints: expected a mapping"),
        ("keypoints: [1, 2]", "keypoints: expected a mapping"),
        ("keypoints: {a: [0, 0, 0]}\nskeletons: []", "skeletons: unknown key; did you mean skeleton"),
        ("keypoints: {a: [0, 0]}", "keypoints.a: expected three finite numbers"),
        ("keypoints: {a: [0, 0, .nan]}", "keypoints.a: expected three finite numbers"),
        ("keypoints: {a: [0, 0, yes]}", "keypoints.a: expected three finite numbers"),
        ("keypoints: {a: 3}", "got 3"),
        ("keypoints: {1: [0, 0, 0]}", "1 is no name"),
        ("keypoints: {handle: [0, 0, 0]}\nskeleton: [[handle, handel]]", "'handel'; did you mean handle"),
        ("keypoints: {a: [0, 0, 0]}\nskeleton: [[a]]", "skeleton.0: expected a pair"),
        ("keypoints: {a: [0, 0, 0]}\nskeleton: a-b", "skeleton: expected a list"),
        ("keypoints: {a: [0, 0", "is not YAML"),
        ("keypoint: {a: [0, 0, 0]}", "there is 'keypoint'"),
        ("keypoints: {a: [0, 0, 0], a: [0, 0, 1]}", "'a' is given twice"),
        ("keypoints: !!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = write_scan(tmp_path, CORNERS, text)
    with pytest.raises(InputError) as e:
        take_in(path, OPTIONS, tmp_path / "library")
    assert all(str(tmp_path / f"scan{SUFFIX}") in p for p in e.value.problems)
    assert said in "\n".join(e.value.problems)
    assert not (tmp_path / "library").exists()


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "k.yaml"
    path.write_text("points: {}\nkeypoints: {a: [1], b: [1, 2, x]}\nskeleton: [[a, c], [d]]")
    with pytest.raises(InputError) as e:
        read_keypoints(path)
    assert len(e.value.problems) == 5


def test_references_that_blow_up_do_no_harm(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40))]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines) + "\nkeypoints: {x: *a39}\nskeleton: [*a39]")
    with pytest.raises(InputError, match="expected three finite numbers"):
        read_keypoints(tmp_path / "bomb.yaml")


def test_points_far_outside_are_warned_of(tmp_path: Path) -> None:
    text = "keypoints: {near: [0.05, 0.04, 0.31], far: [50, 40, 300]}"
    path = write_scan(tmp_path, CORNERS, text)
    found = [f for f in inspect_scan(path).findings if f.topic == "keypoints"]
    assert [f.severity for f in found] == ["info", "warning"]
    assert "'far'" in found[1].what
    notes = take_in(path, OPTIONS, tmp_path / "library").meta.intake["findings"]
    assert sum("'far'" in note for note in notes) == 1
    assert not any("'near'" in note for note in notes)
