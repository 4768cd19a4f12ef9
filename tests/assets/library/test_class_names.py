"""Classes keep the names that people give them; folders are what every file system has."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scan_files import write_binary_stl
from trimesh.creation import box

from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.library.class_names import class_folder, class_name_of
from scanstage.assets.library.stored_assets import find_asset, list_assets
from scanstage.assets.messages.errors import InputError

NAMES = ["traffic sign/stop", "杯子", "Été", "a:b*c?", "..", "../x", "con", "a'b\"c", "🦆", "x" * 100]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept(name: str, tmp_path: Path) -> None:
    asset = take_in(write_binary_stl(tmp_path / "s.stl", box((1, 1, 1))), IntakeOptions(name), tmp_path / "library")
    (found,) = list_assets(tmp_path / "library")
    assert found.meta.class_name == name
    assert found.folder.resolve().is_relative_to((tmp_path / "library").resolve())
    assert find_asset(tmp_path / "library", asset.meta.asset_id).meta == asset.meta
    assert find_asset(tmp_path / "library", asset.meta.class_name).meta == asset.meta
    with pytest.raises(InputError) as told:
        find_asset(tmp_path / "library", "no such thing")
    assert f"--library {tmp_path / 'library'}" in str(told.value.hint)


def test_two_ways_to_write_it_are_one_class() -> None:
    composed, apart = (unicodedata.normalize(form, "Été") for form in ("NFC", "NFD"))
    assert composed != apart
    assert class_name_of(apart) == composed
    assert class_folder(class_name_of(apart)) == class_folder(composed)


@pytest.mark.parametrize("name", ["duck", "024_bowl", "a.b", "A-b_c"])
def test_plain_names_are_their_own_folders(name: str) -> None:
    assert class_folder(name) == name


@given(st.text(max_size=110), st.text(max_size=110))
def test_folders_are_plain_and_tell_classes_apart(one: str, other: str) -> None:
    names = set()
    for text in (one, other):
        with contextlib.suppress(InputError):
            names.add(class_name_of(text))
    folders = {class_folder(name) for name in names}
    assert len(folders) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", folder) for folder in folders)


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "text on one line"), (" a", "'a'"), ("a\tb", "'a b'"), ("a" * 101, "101 characters"), ("primitive", "taken")],
)
def test_other_names_are_refused(text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        class_name_of(text)
    assert told in str(refused.value)
