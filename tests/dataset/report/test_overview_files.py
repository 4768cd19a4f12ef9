"""Sheets lie where loaders of pictures don't look, also in datasets that had them elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from support.dataset_files import export_again

from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.records.dataset_folder import BALANCE_CHART, EARLIER_PLACES, PREVIEW, DatasetFolder
from scanstage.dataset.report.overview_files import put_sheet, sheet_name


@pytest.fixture
def dataset(toy_dataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_dataset, tmp_path / "d"))


def test_no_picture_lies_in_the_folder_itself(dataset: Path) -> None:
    assert [p.name for p in dataset.glob("*.png")] == []
    assert (dataset / PREVIEW).is_file()
    assert all(Path(name).parts[0].startswith("__") for name in (PREVIEW, BALANCE_CHART))


def test_an_earlier_dataset_is_sound_and_gets_its_sheet_moved(dataset: Path) -> None:
    (dataset / PREVIEW).rename(dataset / "preview.png")
    (dataset / "__overview__").rmdir()
    (dataset / "README.md").unlink()  # which came with the other place
    assert not check_dataset(dataset).findings
    (dataset / "preview.png").write_bytes(b"x")
    assert {(f.path, f.kind) for f in check_dataset(dataset).findings} == {("preview.png", "sheet-unreadable")}
    export_again(dataset)
    assert not (dataset / "preview.png").exists()
    assert not check_dataset(dataset).findings


@pytest.mark.parametrize("name", EARLIER_PLACES)
def test_a_picture_of_the_users_stays(name: str, tmp_path: Path) -> None:
    folder = DatasetFolder(tmp_path)
    put_sheet(folder, name, b"first")
    mine = tmp_path / EARLIER_PLACES[name]
    mine.write_bytes(b"mine")
    put_sheet(folder, name, b"second")
    assert (tmp_path / name).read_bytes() == b"second"
    assert mine.read_bytes() == b"mine"
    assert sheet_name(folder, name) == name


def test_a_picture_of_the_users_stays_in_a_folder_that_becomes_a_dataset(make_dataset: Any, tmp_path: Path) -> None:
    """Also where the sheet of a dataset of now has gone, and where all is made anew."""
    folder = make_dataset()
    mine = folder / "preview.png"
    for act in (export_again, lambda d: DatasetFolder(d).clear()):
        mine.write_bytes(b"mine")
        shutil.rmtree(folder / "__overview__", ignore_errors=True)
        act(folder)
        assert mine.read_bytes() == b"mine"
