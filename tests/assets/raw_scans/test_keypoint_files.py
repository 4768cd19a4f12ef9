"""Named points beside a scan: read, checked, and moved with the mesh."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.scan_files import write_binary_stl

from scanstage.assets.asset import AssetMeta
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.keypoint_files import SUFFIX, read_keypoints

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
        ("keypoints: {a: [0, 0", "is not plain YAML"),
        ("keypoint: {a: [0, 0, 0]}", "there is 'keypoint'"),
        ("keypoints: {a: [0, 0, 0], a: [0, 0, 1]}", "'a' is given twice"),
        ("keypoints: !!python/object/apply:os.getcwd []", "is not plain YAML"),
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
    with pytest.raises(InputError, match="more than 100,000 values"):
        read_keypoints(tmp_path / "bomb.yaml")


MERGES = ["a0: &a0 {x: [0, 0, 0]}"]
MERGES += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]


@pytest.mark.parametrize("text", ["\n".join([*MERGES, "keypoints: *a11"]), "keypoints: {<<: {tip: [0, 0, 0]}}"])
def test_merge_keys_are_refused_before_they_multiply(tmp_path: Path, text: str) -> None:
    """9 to the power of 11 pairs in 500 bytes: PyYAML below 6.0.4 would gather them all."""
    path = write_scan(tmp_path, CORNERS, text)
    with pytest.raises(InputError, match=r"line \d+, column \d+: merge keys \(<<\) are not read"):
        take_in(path, OPTIONS, tmp_path / "library")


@pytest.mark.parametrize("lead", ["../elsewhere/secret.txt", "/etc/passwd", "../scan/../elsewhere/secret.txt"])
@pytest.mark.parametrize("named", [False, True])
def test_a_link_out_of_the_folder_is_refused_and_nothing_of_it_shown(tmp_path: Path, lead: str, named: bool) -> None:
    for folder in ("scan", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("password: [correct horse")
    path = write_scan(tmp_path / "scan", CORNERS)
    beside = path.with_name(f"scan{SUFFIX}")
    beside.unlink()
    beside.symlink_to(lead)
    with pytest.raises(InputError, match="link that leads out of its folder") as e:
        take_in(path, replace(OPTIONS, keypoints=beside if named else None), tmp_path / "library")
    assert "horse" not in str(e.value)
    assert "root:" not in str(e.value)
    assert "cp -L" in (e.value.hint or "")


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    path = write_scan(tmp_path, CORNERS)
    (tmp_path / "deep").mkdir()
    beside = path.with_name(f"scan{SUFFIX}")
    beside.rename(tmp_path / "deep" / "points.yaml")
    beside.symlink_to("deep/points.yaml")
    assert len(take_in(path, OPTIONS, tmp_path / "library").meta.keypoints) == 4


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


def as_dangling(path: Path) -> None:
    path.symlink_to("gone.yaml")


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
@pytest.mark.parametrize("make", [as_pipe, as_endless, as_sparse, Path.mkdir, as_dangling])
@pytest.mark.parametrize("named", [False, True])
def test_what_is_no_file_is_refused_and_named(tmp_path: Path, make: Callable[[Path], None], named: bool) -> None:
    path = write_scan(tmp_path, CORNERS)
    beside = path.with_name(f"scan{SUFFIX}")
    beside.unlink()
    make(beside)
    with pytest.raises(InputError, match=f"scan{SUFFIX}"):
        take_in(path, replace(OPTIONS, keypoints=beside if named else None), tmp_path / "library")


def test_thousands_of_mistakes_are_not_all_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name that isn't there is compared with all that are: 10,000 of them would take minutes."""
    calls = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda *_: calls.append(1) or [])
    names = "\n".join(f"  p{i}: [0, 0, 0]" for i in range(1000))
    pairs = "\n".join(f"  - [q{i}, r{i}]" for i in range(5000))
    path = tmp_path / "k.yaml"
    path.write_text(f"keypoints:\n{names}\nskeleton:\n{pairs}")
    with pytest.raises(InputError) as e:
        read_keypoints(path)
    assert e.value.problems[-1].endswith("and more")
    assert len(calls) < 100


def test_points_far_outside_are_warned_of(tmp_path: Path) -> None:
    text = "keypoints: {near: [0.05, 0.04, 0.31], far: [50, 40, 300]}"
    path = write_scan(tmp_path, CORNERS, text)
    found = [f for f in inspect_scan(path).findings if f.topic == "keypoints"]
    assert [f.severity for f in found] == ["info", "warning"]
    assert "'far'" in found[1].what
    notes = take_in(path, OPTIONS, tmp_path / "library").meta.intake["findings"]
    assert sum("'far'" in note for note in notes) == 1
    assert not any("'near'" in note for note in notes)
