"""``scanstage report`` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.likeness_sets import photos
from support.toy_runs import CONFIG, command, run, toy_config

import scanstage


@pytest.fixture
def dataset(toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = toy_config(CONFIG, toy_library, monkeypatch, tmp_path)
    return run(config, out=tmp_path / "toys").folder.root  # type: ignore[return-value]


def test_both_files_and_the_dataset_stays_sound(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["report", str(dataset)]) == 0
    page, data = dataset / "__overview__" / "report.html", dataset / "__overview__" / "report.json"
    told = capsys.readouterr().out
    assert str(page) in told
    assert "The smallest label: " in told
    facts = json.loads(data.read_text())
    assert facts["pictures"] == 6
    assert facts["images"] == "../images"
    first = page.read_bytes()
    assert command(["check", str(dataset)]) == 0
    assert command(["report", str(dataset)]) == 0
    assert page.read_bytes() == first, "the same dataset gives the same page"


def test_elsewhere_and_against(dataset: Path, tmp_path: Path) -> None:
    page = tmp_path / "new folder" / "näher.html"
    coco = str(dataset / "annotations" / "instances.json")
    argv = ["report", str(dataset), "--out", str(page), "--against", coco, "--photos", str(dataset / "images")]
    assert command(argv) == 0
    facts = json.loads(page.with_suffix(".json").read_text())
    assert facts["against"]["pictures"] == 6
    assert facts["images"] == "../toys/images"
    assert facts["against"]["likeness"] is None
    assert any("has 6 pictures; of fewer than 10 nothing can be said" in text for text in facts["against"]["left_out"])
    assert not (dataset / "__overview__" / "report.html").exists()
    assert command(["report", str(dataset), "--against", str(dataset)]) == 0


def test_against_photos_with_four_questions(toy_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy_config(CONFIG.replace("images: 6", "images: 12"), toy_library, monkeypatch, tmp_path)
    more = run(config, out=tmp_path / "more").folder.root
    coco = photos(tmp_path / "photos", 14, 1, names=("ball", "box"))
    page = tmp_path / "page.html"
    assert command(["report", str(more), "--against", str(coco), "--out", str(page)]) == 0
    likeness = json.loads(page.with_suffix(".json").read_text())["against"]["likeness"]
    assert likeness["real"]["name"] == "photos_1"
    assert {p["answer"] for p in likeness["properties"].values()} <= {"yes", "nearly", "no", "not asked"}
    text = page.read_text("utf-8")
    assert "Four questions, with photos_1 as the real set" in text
    assert "Statistically similar? " in text


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["report", "nowhere"], "no such folder"),
        (["report", "toys", "--out", "toys"], "name ends with .html"),
        (["report", "toys", "--out", "page.pdf"], "name ends with .html"),
        (["report", "toys", "--out", "toys/run.html"], "among the dataset's own files"),
        (["report", "toys", "--out", "taken.html"], "isn't a report's"),
        (["report", "toys", "--photos", "toys/images"], "goes with a COCO file"),
        (["report", "toys", "--against", "toys/run.json"], "not a COCO file"),
        (["report", "toys", "--against", "nowhere"], "no such folder"),
        (["report", "toys", "--pictures", "0"], "--pictures"),
    ],
)
def test_mistakes_are_told(
    dataset: Path, argv: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(dataset.parent)
    Path("taken.json").write_text("{}")
    assert command(argv) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_from_python(dataset: Path, tmp_path: Path) -> None:
    made = scanstage.report(dataset, out=tmp_path / "page.html", pictures=4)
    assert made.facts["shown"] == 4
    assert made.page == tmp_path / "page.html"
