"""A dataset behind a lens: it is sound as made, and what was compared behind the lens can't be left out or be bad."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.dataset_files import edit_record, export_again

from scanstage.dataset.check.check_dataset import check_dataset

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def behind_lens(make_dataset: Make) -> Path:
    return make_dataset("camera.distortion={k1: -0.12, k2: 0.02, p1: 0.001}", "images=2")


@pytest.fixture
def dataset(behind_lens: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(behind_lens, tmp_path / "toys"))


def found(root: Path) -> set[str]:
    return {f.kind for f in check_dataset(root).findings if f.path == "records/000001.json"}


def test_as_made_it_is_sound(dataset: Path) -> None:
    assert check_dataset(dataset).findings == ()


def all_beside(record: dict[str, Any]) -> None:
    for agreement in record["lens_agreement"]:
        agreement["iou"] = 0.9


def small_gone(record: dict[str, Any]) -> None:
    labelled = record["instances"][0]["instance_id"]
    for agreement in record["lens_agreement"]:
        if agreement["instance_id"] == labelled:
            agreement.update(engine_px=0, iou=0.0, box_px=None)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda r: r["lens_agreement"].clear(), "agreement-missing"),
        (lambda r: r["lens_agreement"].pop(), "agreement-missing"),
        (all_beside, "disagreement"),
        (small_gone, "disagreement"),
        (lambda r: r["camera"]["distortion"].__setitem__(0, 0.0), "camera"),
        (lambda r: r["camera"].update(model="pinhole", distortion=[]), "camera"),
    ],
)
def test_what_is_wrong_behind_the_lens_is_found(dataset: Path, change: Callable[[Any], object], kind: str) -> None:
    edit_record(dataset, 1, change)
    export_again(dataset)
    assert kind in found(dataset)
