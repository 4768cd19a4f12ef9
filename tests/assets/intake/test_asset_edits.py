"""An asset with another unit is the asset that it would have been, had its unit been known."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from support.hollow_shapes import ring
from support.scan_files import write_binary_stl

from scanstage.assets.asset import META_FILE, Asset
from scanstage.assets.intake.asset_edits import AssetEdits, edit_asset, set_symmetries
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.library.collision_file import load_collision
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.assets.symmetry import Symmetries, turn


def taken(folder: Path, mesh: trimesh.Trimesh, unit: str) -> Asset:
    folder.mkdir()
    scan = write_binary_stl(folder / "scan.stl", mesh)
    (folder / "scan.keypoints.yaml").write_text("keypoints: {rim: [1.0, 2.0, 3.0]}")
    return take_in(scan, IntakeOptions("thing", unit=unit), folder / "library")


@pytest.mark.skipif(importlib.util.find_spec("coacd") is None, reason="coacd isn't installed")
@pytest.mark.usefixtures("collision_parts")
def test_it_is_as_if_its_unit_had_been_given(tmp_path: Path) -> None:
    mesh = ring()
    mesh.apply_scale(1000)
    wrong, right = taken(tmp_path / "wrong", mesh, "cm"), taken(tmp_path / "right", mesh, "mm")
    assert load_collision(right.folder), "a ring collides by parts"
    edited = edit_asset(tmp_path / "wrong" / "library", wrong, AssetEdits(unit="mm"))
    (stored,) = list_assets(tmp_path / "wrong" / "library")
    assert stored.meta == edited.meta
    assert stored.meta.asset_id == wrong.meta.asset_id
    np.testing.assert_allclose(stored.meta.extents_m, right.meta.extents_m, rtol=1e-5)
    np.testing.assert_allclose(stored.meta.keypoints["rim"], right.meta.keypoints["rim"], rtol=1e-4)
    for name in ("vertices", "hull"):
        np.testing.assert_allclose(getattr(stored.mesh(), name), getattr(right.mesh(), name), atol=1e-6)
    before, after = load_collision(wrong.folder), load_collision(stored.folder)
    assert len(before) == len(after) > 1
    ours = np.concatenate(after)
    theirs = np.concatenate(load_collision(right.folder))
    np.testing.assert_allclose(np.ptp(ours, axis=0), np.ptp(theirs, axis=0), rtol=0.02)
    assert (stored.meta.intake["unit"], stored.meta.intake["unit_origin"]) == ("mm", "given")


def test_what_changes_no_picture_leaves_its_runs_as_they_are(tmp_path: Path) -> None:
    """Confirming a guess, or adding a licence, must not take a dataset from who has begun it."""
    box = taken(tmp_path / "box", trimesh.creation.box((30, 30, 20)), "auto")
    library = tmp_path / "box" / "library"
    assert box.meta.intake["unit_origin"] == "guessed"
    unit, before = box.meta.intake["unit"], box.digest()
    edited = edit_asset(library, box, AssetEdits(unit=unit))
    assert edited.digest() == before
    licensed = edit_asset(library, edited, AssetEdits(license="CC0", author="A"))
    assert licensed.digest() == before
    (stored,) = list_assets(library)
    assert (stored.meta.intake["unit"], stored.meta.intake["unit_origin"]) == (unit, "given")
    assert "unit_alternatives" not in stored.meta.intake
    assert stored.meta.source | {"license": "CC0", "author": "A"} == stored.meta.source
    turned = set_symmetries(stored, Symmetries(discrete=(turn((0, 0, 1), (0, 0, 0), 2),)))
    assert turned.digest() == before
    assert turned.meta.source == stored.meta.source
    again = edit_asset(library, turned, AssetEdits(url="https://a.b/c"))
    assert again.meta.source == stored.meta.source | {"url": "https://a.b/c"}
    assert again.meta.symmetries == turned.meta.symmetries
    other = edit_asset(library, again, AssetEdits(unit="m" if unit != "m" else "cm", class_name=None))
    assert other.digest() != before
    assert other.meta.source == again.meta.source


@pytest.mark.parametrize(("unit", "side", "others"), [("m", 112, ["cm", "mm"]), ("m", 2, []), ("mm", 112, [])])
def test_a_given_unit_that_makes_a_giant_is_doubted(tmp_path: Path, unit: str, side: float, others: list[str]) -> None:
    box = taken(tmp_path / "box", trimesh.creation.box((side, side, side)), unit)
    assert box.meta.intake.get("unit_alternatives", []) == others


def test_what_cannot_be_changed_is_told_and_left(tmp_path: Path) -> None:
    box = taken(tmp_path / "box", trimesh.creation.box((0.1, 0.1, 0.1)), "m")
    library = tmp_path / "box" / "library"
    other = take_in(tmp_path / "box" / "scan.stl", IntakeOptions("other"), library)
    before = [(a.meta, a.digest()) for a in list_assets(library)]
    for edits, told in (
        (AssetEdits(unit="mm"), "0.1 mm large"),
        (AssetEdits(unit="km"), "'km' is not known"),
        (AssetEdits(class_name="other"), f"{other.meta.asset_id} is in"),
        (AssetEdits(class_name=" "), "class name"),
    ):
        with pytest.raises(InputError) as refused:
            edit_asset(library, box, edits)
        assert told in str(refused.value)
    assert [(a.meta, a.digest()) for a in list_assets(library)] == before
    unknown = replace(box, meta=replace(box.meta, intake={}))
    with pytest.raises(InputError, match="isn't known which unit"):
        edit_asset(library, unknown, AssetEdits(unit="cm"))


def test_symmetries_found_later_change_nothing_else(tmp_path: Path) -> None:
    box = taken(tmp_path / "box", trimesh.creation.box((0.1, 0.1, 0.1)), "m")
    before = {p.name: p.read_bytes() for p in box.folder.iterdir()}
    known = Symmetries((), (turn((0.0, 0.0, 1.0), (0.0, 0.0, 0.0), 4),))
    changed = set_symmetries(box, known)
    assert changed.meta == replace(box.meta, symmetries=known) == Asset.open(box.folder).meta
    assert changed.digest() == box.digest(), "pictures of it go on, and are exported with what is known now"
    with pytest.raises(InputError, match="meet in one point"):
        set_symmetries(box, Symmetries((), tuple(turn((1.0, 0.0, 0.0), (0.0, 0.0, z), 2) for z in (0.0, 0.1))))
    assert Asset.open(box.folder).meta.symmetries == known
    assert set_symmetries(changed, Symmetries()).meta == box.meta
    assert {p.name: p.read_bytes() for p in box.folder.iterdir()} == before


def test_an_asset_without_symmetries_has_the_digest_of_its_file(tmp_path: Path) -> None:
    box = taken(tmp_path / "box", trimesh.creation.box((0.1, 0.1, 0.1)), "m")
    written = (box.folder / META_FILE).read_bytes()
    assert box.digest() == hashlib.sha256(written).hexdigest()
    other = replace(box.meta, class_name="symmetries")  # which is no key
    (box.folder / META_FILE).write_text(other.to_json() + "\n", "utf-8")
    assert box.digest() == hashlib.sha256((box.folder / META_FILE).read_bytes()).hexdigest()
