"""A dataset's own folder says what is in it; what somebody wrote there stays."""

from __future__ import annotations

import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.dataset_files import export_again

from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.placing.own_card import is_ours, marked, remove_own_card
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.run_file import write_run_file

OWED = "LICENSES/ATTRIBUTION.md"


@pytest.fixture
def dataset(toy_dataset: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_dataset, tmp_path / "d"))


def header(root: Path) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", (root / "README.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return dict(yaml.safe_load(found[1]))


def with_license(root: Path, name: str | None) -> None:
    opened = open_dataset(root)
    sources = tuple(replace(s, license=name) if s.kind == "scan" else s for s in opened.run.sources)
    write_run_file(opened.folder, replace(opened.run, sources=sources))
    export_again(root)


def test_a_run_leaves_one(dataset: Path) -> None:
    text = (dataset / "README.md").read_text("utf-8")
    labels = json.loads((dataset / "run.json").read_text())["labels"]
    assert all(f"| {name} | {number} |" in text for name, number in labels.items())
    assert "3 synthetic pictures" in text
    assert header(dataset)["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "images/*"}]}
    ]
    assert header(dataset)["tags"] == ["synthetic", "scanstage", "3d-scans"]
    for tool in ("pycocotools", "torchvision", "supervision", "fiftyone", "datasets"):
        assert re.search(rf"^(from|import) {tool}", text, re.MULTILINE)
    assert all(f"`{folder}/`" in text for folder in ("images", "records", "depth", "semantic"))
    assert (dataset / re.findall(r"!\[.*\]\((.*)\)", text)[0]).is_file()


def test_it_follows_from_what_is_there(dataset: Path) -> None:
    before = (dataset / "README.md").read_bytes()
    assert is_ours(before)
    (dataset / "README.md").unlink()
    export_dataset(open_dataset(dataset), "coco", None)
    assert (dataset / "README.md").read_bytes() == before
    (dataset / "records/000002.json").unlink()
    export_again(dataset)
    assert "2 synthetic pictures" in (dataset / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "change", [lambda text: text + "Mine.\n", lambda text: text.replace("# toys", "# Toys of mine"), lambda _: "mine"]
)
def test_what_somebody_changed_stays(dataset: Path, change: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = dataset / "README.md"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    before = path.read_bytes()
    with caplog.at_level(logging.INFO, "scanstage"):
        export_again(dataset)
    assert path.read_bytes() == before
    assert "README.md: isn't as scanstage wrote it" in caplog.text
    remove_own_card(DatasetFolder(dataset))
    assert path.read_bytes() == before
    assert not check_dataset(dataset).findings


def test_who_is_to_be_named_is_named_as_long_as_that_is_so(dataset: Path) -> None:
    with_license(dataset, "CC BY 4.0")
    assert "- box/toy" in (dataset / OWED).read_text("utf-8")
    assert header(dataset)["license"] == "cc-by-4.0"
    assert not check_dataset(dataset).findings
    with_license(dataset, "CC0-1.0")
    assert not (dataset / "LICENSES").exists()
    with_license(dataset, "CC BY 4.0")
    (dataset / "LICENSES/mine.txt").write_text("mine")
    with_license(dataset, "CC0-1.0")
    assert [p.name for p in (dataset / "LICENSES").iterdir()] == ["mine.txt"]
    assert not check_dataset(dataset).findings


def test_nothing_is_written_through_links(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "theirs.md").write_text("theirs")
    (dataset / "LICENSES").symlink_to(tmp_path / "elsewhere")
    (dataset / "README.md").unlink()
    (dataset / "README.md").symlink_to(tmp_path / "theirs.md")
    with_license(dataset, "CC BY 4.0")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (dataset / "README.md").is_symlink()
    assert (tmp_path / "theirs.md").read_text() == "theirs"


@pytest.mark.parametrize("name", ["README.md", "LICENSES"])
def test_whatever_stands_there_is_left(dataset: Path, name: str) -> None:
    shutil.rmtree(dataset / "LICENSES", ignore_errors=True)
    if name == "README.md":
        (dataset / name).unlink()
        (dataset / name).mkdir()
    else:
        (dataset / name).write_text("mine")
    with_license(dataset, "CC BY 4.0")
    assert (dataset / name).is_dir() == (name == "README.md")
    remove_own_card(DatasetFolder(dataset))
    assert (dataset / name).exists()


def test_half_a_character_in_a_name_stops_nothing() -> None:
    assert is_ours(marked("\ud800\n"))


def test_the_mark_is_of_the_text_above_it() -> None:
    data = marked("One.\n")
    assert is_ours(data)
    assert not is_ours(data.replace(b"One", b"Two"))
    assert not is_ours(data + b"\n")
    assert not is_ours(b"One.\n")
    assert not is_ours(b"")
