"""``info`` and ``licenses`` of COCO documents, and which pictures name a licence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.export.coco.coco_document import document_head, encode_coco, picture_license
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.records.finished_dataset import FinishedDataset, open_dataset
from scanstage.dataset.records.provenance import Provenance
from scanstage.dataset.records.run_file import RunFile

CC_BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.fixture
def dataset(toy_dataset: Path) -> FinishedDataset:
    return open_dataset(toy_dataset)


def under(run: RunFile, *licenses: str | None) -> RunFile:
    return replace(run, sources=tuple(Provenance("scan", f"a/{i}", "a", x, "Ada") for i, x in enumerate(licenses)))


@pytest.mark.parametrize(
    ("licenses", "names", "of_pictures"),
    [
        (["CC BY 4.0", "cc-by-4.0"], ["CC BY 4.0"], {"license": 1}),
        (["CC0", "CC BY 4.0"], ["CC BY 4.0", "CC0-1.0"], {"license": 1}),
        (["CC0-1.0"], ["CC0-1.0"], {"license": 1}),
        (["MIT", "CC BY 4.0"], ["CC BY 4.0", "MIT"], {}),
        (["our own", "CC0"], ["CC0-1.0", "our own"], {"license": 2}),
        (["MIT", None], ["MIT"], {}),
        ([None], [], {}),
    ],
)
def test_pictures_name_a_licence_where_one_covers_all(
    dataset: FinishedDataset, licenses: list[str | None], names: list[str], of_pictures: dict[str, int]
) -> None:
    run = under(dataset.run, *licenses)
    found = document_head(run)["licenses"]
    assert [(x["id"], x["name"]) for x in found] == list(enumerate(names, 1))
    assert all(x["url"] == CC_BY for x in found if x["name"] == "CC BY 4.0")
    assert picture_license(run) == of_pictures
    images = json.loads(encode_coco(dataset.records(), run))["images"]
    assert [{k: v for k, v in i.items() if k == "license"} for i in images] == [of_pictures] * 3


def test_info_is_of_the_run_not_of_a_session(dataset: FinishedDataset) -> None:
    run = under(dataset.run, "MIT")
    info = document_head(run)["info"]
    assert info["contributor"] == "Ada"
    assert info["version"] == run.identity.scanstage
    assert info["url"].startswith("https://")
    assert document_head(replace(run, versions={"scanstage": "9"}, sessions=()))["info"] == info


def test_a_run_without_sources_says_what_it_always_said(dataset: FinishedDataset) -> None:
    head = document_head(replace(dataset.run, sources=()))
    assert head == {"info": {"description": "toys: synthetic images by scanstage", "version": "1.0"}, "licenses": []}
    assert picture_license(replace(dataset.run, sources=())) == {}


def test_it_stands_in_the_datasets_own_file_and_in_exports(dataset: FinishedDataset, tmp_path: Path) -> None:
    expected = document_head(dataset.run)
    assert expected["licenses"]
    paths = [Path(str(dataset.folder.coco))]
    files = {
        "coco": "annotations/instances_train.json",
        "coco-panoptic": "annotations/panoptic_train.json",
        "fiftyone": "train/labels.json",
    }
    for name, file in files.items():
        export_dataset(dataset, name, tmp_path / name)
        paths.append(tmp_path / name / file)
    for path in paths:
        document = json.loads(path.read_text("utf-8"))
        assert {k: document[k] for k in expected} == expected
    assert not check_dataset(Path(str(dataset.folder.root))).findings
