"""Datasets that scanstage 0.1.0 made are read, checked and exported, but not gone on with: others would follow.

They were made with the toy scans and the analytic engine; ``PLACE`` stands for the folder that they were made in. What
the scans' digests are is taken from the toy library of today, which another numpy may write otherwise.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import datasets_of_0_1
from support.analytic_engine import AnalyticEngines
from support.toy_runs import DATA, digest, generated

import scanstage
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.run_file import read_run_file
from scanstage.render.bookkeeping.run_options import GenerateOptions


@pytest.fixture
def place(tmp_path: Path, toy_library: Path) -> Path:
    found = tmp_path / "place"
    shutil.copytree(Path(datasets_of_0_1.__file__).parent, found)
    shutil.copytree(toy_library, found / "library")
    digests = {a.meta.asset_id: a.digest()[:16] for a in list_assets(toy_library)}
    for name in ("plain", "balanced"):
        path = found / name / "run.json"
        run = json.loads(path.read_text().replace("PLACE", str(found)))
        run["identity"]["assets"] = {asset_id: digests[asset_id] for asset_id in run["identity"]["assets"]}
        path.write_text(json.dumps(run))
        config = found / f"{name}.yaml"
        config.write_text(config.read_text().replace("PLACE", str(found)))
    return found


def test_they_are_of_the_format_without_a_number(place: Path) -> None:
    for name in ("plain", "balanced"):
        run = json.loads((place / name / "run.json").read_text())
        assert "format" not in run
        assert run["identity"]["scanstage"] == "0.1.0"
        read = read_run_file(DatasetFolder(place / name))
        assert (read.format, read.pictures, read.name) == (1, 3, name)
        assert [c.name for c in read.categories] == ["box", "ball"]
        assert read.sessions[0].pictures == 3


def test_they_are_read_and_checked(place: Path) -> None:
    dataset = scanstage.open_dataset(place / "plain")
    assert [p.index for p in dataset] == [0, 1, 2]
    assert all(p.image().shape == (60, 80, 3) for p in dataset)
    assert scanstage.check(place / "plain").findings == ()
    assert scanstage.export(place / "plain", "coco", place / "again").figures["pictures"] == 3
    assert (place / "again/annotations/instances_train.json").read_bytes() == (
        place / "plain/annotations/instances.json"
    ).read_bytes()


@pytest.mark.parametrize("options", [{}, {"images": 4, "extend": True}])
@pytest.mark.parametrize("name", ["plain", "balanced"])
def test_none_is_gone_on_with_by_a_version_that_makes_other_pictures(
    place: Path, name: str, options: dict[str, Any]
) -> None:
    before, engines = digest(place / name, *DATA, "run.json"), AnalyticEngines()
    with pytest.raises(InputError, match=r"pictures are of a scanstage of 0\.1\.0") as refused:
        generated(place / f"{name}.yaml", GenerateOptions(out=place / name, **options), engines)
    assert "the version that began it" in str(refused.value.hint)
    assert (engines.opened, digest(place / name, *DATA, "run.json")) == (0, before)
    if not options:
        assert generated(place / f"{name}.yaml", GenerateOptions(out=place / name, fresh=True)).done == 3


def test_one_of_a_newer_version_is_told_as_such(place: Path) -> None:
    path = place / "plain" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    for options in (GenerateOptions(out=place / "plain"), GenerateOptions(out=place / "plain", fresh=True)):
        with pytest.raises(InputError, match="has format 99, of a newer scanstage") as refused:
            generated(place / "plain.yaml", options)
        assert "update scanstage" in str(refused.value.hint)
    with pytest.raises(InputError, match="of a newer scanstage"):
        scanstage.open_dataset(place / "plain")
    assert [f.kind for f in scanstage.check(place / "plain").findings] == ["run-unreadable"]


def test_targets_stay_whole_numbers(place: Path) -> None:
    run = read_run_file(DatasetFolder(place / "balanced"))
    assert json.dumps(run.to_json()["identity"]["aims"]) == '{"images": null, "targets": {"box": 3, "ball": 3}}'
