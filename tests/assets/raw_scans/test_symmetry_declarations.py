"""Symmetries declared beside a scan: read, checked, placed on the asset, kept in the library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.scan_files import write_binary_stl

from scanstage.assets.asset import Asset, AssetMeta
from scanstage.assets.intake.asset_edits import AssetEdits, edit_asset
from scanstage.assets.intake.inspection import inspect_scan
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.keypoint_files import SUFFIX, read_keypoints
from scanstage.assets.symmetry import Symmetries, SymmetryAxis, turn

OPTIONS = IntakeOptions("thing", unit="mm", up="y")
X, Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
BOX = "symmetries: {discrete: [{axis: x, turns: 2}, {axis: [0, 0, 2], turns: 2, offset: [0, 0, 0]}]}"


def write_scan(folder: Path, text: str | None, size_mm: tuple[float, float, float] = (100, 60, 80)) -> Path:
    """A box in millimetres, Y up, off the origin."""
    box = trimesh.creation.box(size_mm)
    box.apply_translation((300, -20, 7))
    path = write_binary_stl(folder / "scan.stl", box)
    if text is not None:
        (folder / f"scan{SUFFIX}").write_text(text)
    return path


def test_they_are_kept_in_the_frame_and_unit_of_the_asset(tmp_path: Path) -> None:
    asset = take_in(write_scan(tmp_path, BOX), OPTIONS, tmp_path / "library")
    # Without an offset an axis goes through the middle: 60 mm high, 30 mm above the base.
    expected = (turn(X, (0, 0, 0.03), 2), turn(Z, (0, 0, 0), 2))
    np.testing.assert_allclose(asset.meta.symmetries.discrete, expected, atol=1e-8)
    assert Asset.open(asset.folder).meta == asset.meta
    vertices = asset.mesh().vertices.astype(float)
    for matrix in asset.meta.symmetries.transforms():
        turned = vertices @ matrix[:3, :3].T + matrix[:3, 3]
        assert np.linalg.norm(turned[:, None] - vertices[None], axis=2).min(axis=1).max() < 1e-6


def test_a_matrix_and_keypoints_may_stand_beside(tmp_path: Path) -> None:
    text = (
        "keypoints: {corner: [250, -50, -33]}\nsymmetries:\n  continuous: [{axis: z, offset: [0.01, 0, 0]}]\n"
        "  discrete:\n    - [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 0.06], [0, 0, 0, 1]]\n"
    )
    meta = take_in(write_scan(tmp_path, text), OPTIONS, tmp_path / "library").meta
    assert list(meta.keypoints) == ["corner"]
    half = (-1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.06, 0.0, 0.0, 0.0, 1.0)
    assert meta.symmetries == Symmetries((SymmetryAxis(Z, (0.01, 0.0, 0.0)),), (half,))


def test_scans_without_any_are_as_they_were(tmp_path: Path) -> None:
    plain = take_in(write_scan(tmp_path, None), OPTIONS, tmp_path / "plain")
    assert "symmetries" not in json.loads((plain.folder / "asset.json").read_text())
    assert AssetMeta.from_json(plain.meta.to_json()) == plain.meta
    turned = take_in(write_scan(tmp_path, BOX), OPTIONS, tmp_path / "turned")
    assert turned.meta.asset_id == plain.meta.asset_id
    assert replace(turned.meta, symmetries=Symmetries(), intake={}) == replace(plain.meta, intake={})


def test_another_unit_moves_them_along(tmp_path: Path) -> None:
    wrong = take_in(write_scan(tmp_path, BOX), replace(OPTIONS, unit="cm"), tmp_path / "library")
    edited = edit_asset(tmp_path / "library", wrong, AssetEdits(unit="mm"))
    expected = Symmetries((), (turn(X, (0, 0, 0.03), 2), turn(Z, (0, 0, 0), 2)))
    np.testing.assert_allclose(edited.meta.symmetries.discrete, expected.discrete, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symmetries: [x]", "symmetries: expected continuous"),
        ("symmetries: {}", "symmetries: expected continuous"),
        ("symetries: {continuous: [{axis: z}]}", "there is 'symetries'"),
        ("symmetries: {discret: []}", "unknown key; did you mean discrete"),
        ("symmetries: {continuous: {axis: z}}", "symmetries.continuous: expected a list"),
        ("symmetries: {continuous: [z]}", "symmetries.continuous.0: expected {axis"),
        ("symmetries: {continuous: [{axis: w}]}", "symmetries.continuous.0.axis: expected x, y, z or three"),
        ("symmetries: {continuous: [{axis: [0, 0, 0]}]}", "has no direction"),
        ("symmetries: {continuous: [{axis: z, turns: 2}]}", "turns': unknown key"),
        ("symmetries: {continuous: [{axis: z, offset: [0, .nan, 0]}]}", "continuous.0.offset: expected three"),
        ("symmetries: {discrete: [{axis: z}]}", "discrete.0.turns: expected a whole number from 2 to 100, got None"),
        ("symmetries: {discrete: [{axis: z, turns: yes}]}", "discrete.0.turns: expected a whole number"),
        ("symmetries: {discrete: [{axis: z, turns: 1}]}", "discrete.0.turns: expected a whole number"),
        ("symmetries: {discrete: [[1, 2]]}", "discrete.0: expected a matrix of four rows"),
        (
            "symmetries: {discrete: [[[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]}",
            "discrete.0: it mirrors",
        ),
        (
            "symmetries: {discrete: [[[-2, 0, 0, 0], [0, -2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]}",
            "discrete.0: it scales or shears",
        ),
        ("symmetries: {discrete: [[[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]}", "it doesn't turn"),
        (
            "symmetries: {discrete: [{axis: x, turns: 2, offset: [0, 0, 0]}, {axis: x, turns: 2}]}",
            "symmetries: their axes don't meet in one point",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = write_scan(tmp_path, text)
    with pytest.raises(InputError) as e:
        take_in(path, OPTIONS, tmp_path / "library")
    assert said in "\n".join(e.value.problems)
    assert not (tmp_path / "library").exists()
    assert inspect_scan(path).refused


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "k.yaml"
    path.write_text(
        "keypoints: {a: [1]}\n"
        "symmetries: {continuous: [{axis: w, ofset: 1}, 3], discrete: [{axis: z, turns: 0}, [1]], other: 1}"
    )
    with pytest.raises(InputError) as e:
        read_keypoints(path)
    assert len(e.value.problems) == 7


def test_what_the_mesh_does_not_have_is_warned_of(tmp_path: Path) -> None:
    for name, text, warned in (("right", BOX, False), ("wrong", "symmetries: {continuous: [{axis: z}]}", True)):
        (folder := tmp_path / name).mkdir()
        path = write_scan(folder, text)
        notes = take_in(path, OPTIONS, folder / "library").meta.intake["findings"]
        assert any("declared turns leave the surface" in note for note in notes) == warned
        assert any(f.topic == "symmetries" and f.severity == "info" for f in inspect_scan(path).findings)
