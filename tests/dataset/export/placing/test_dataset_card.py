"""The card says what is in an export, what it is made of and whose that is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanstage.dataset.export.formats import EXPORTERS, export_dataset
from scanstage.dataset.export.placing.dataset_card import attribution, card
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.provenance import Provenance
from scanstage.dataset.records.run_file import RunFile, parse_run_file


def header(text: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert found is not None
    return dict(yaml.safe_load(found[1]))


@pytest.fixture
def run(toy_dataset: Path) -> RunFile:
    return open_dataset(toy_dataset).run


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_export_has_one(name: str, toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), name, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert header(text)["size_categories"] == ["n<1K"]
    assert "3 synthetic pictures" in text
    assert "box/toy" in text
    assert "{" not in text.split("## What it is made of")[0].split("## How to load it")[1].replace("{}", "")


def test_labels_are_those_of_the_parts(run: RunFile) -> None:
    text = card(run, "coco", {"train": {"box": 5, "ball": 1}, "val": {"box": 2}}, 9)
    assert "| box | 7 | 5 | 2 |" in text
    assert "| ball | 1 | 1 | 0 |" in text
    asked = replace(run, config={**run.config, "balance": {"target": {"box": 5}}})
    assert 'Asked for: `{"box": 5}`' in card(asked, "coco", {"train": {}}, 9)


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [(["CC BY 4.0"] * 2, "cc-by-4.0"), (["CC0-1.0", "CC BY 4.0"], "cc-by-4.0"), (["CC0-1.0"], "cc0-1.0"),
     (["MIT", "CC BY 4.0"], "other"), ([None], "other"), (["our own"], "other")],
)  # fmt: skip
def test_the_licence_is_what_all_scans_allow(run: RunFile, licenses: list[str | None], expected: str) -> None:
    scans = tuple(Provenance("scan", f"a/{i}", "a", text) for i, text in enumerate(licenses))
    text = card(replace(run, sources=scans), "coco", {"train": {}}, 9)
    assert header(text)["license"] == expected
    assert ("has to be cleared" in text) == (None in licenses)


def test_who_asks_to_be_named_is_named(run: RunFile) -> None:
    sources = (
        Provenance("scan", "mug/a", "mug", "CC BY 4.0", "Ada", "https://example.org/mug"),
        Provenance("scan", "mug/b", "mug", "CC BY 4.0", "Ada", "https://example.org/mug"),
        Provenance("scan", "owl/c", "owl", "CC BY-SA 4.0"),
        Provenance("scan", "can/d", "can", "CC0-1.0", "Bob"),
        Provenance("photo", "yard", number=12),
    )
    text = attribution(replace(run, sources=sources))
    assert text.count("By Ada.") == 1
    assert "- mug/a\n- mug/b" in text
    assert "## CC BY-SA 4.0" in text
    assert "can/d" not in text
    assert attribution(replace(run, sources=sources[3:])) == ""
    assert "| photo | yard (12 files) |" in card(replace(run, sources=sources), "coco", {"train": {}}, 9)


def test_names_from_outside_stay_in_their_cells(run: RunFile) -> None:
    bad = Provenance("scan", "a/b", "a", "x | y\n# heading", "[me](http://evil)", "<script>")
    text = card(replace(run, sources=(bad,)), "coco", {"train": {}}, 9)
    (row,) = [line for line in text.splitlines() if line.startswith("| scan | a/b")]
    assert r"x \| y \# heading" in row
    assert r"\[me\](http://evil)" in row
    assert r"\<script\>" in row


def test_sources_are_noted_with_the_run_and_read_again(run: RunFile) -> None:
    assert {s.name for s in run.sources if s.kind == "scan"} >= {"box/toy", "ball/toy"}
    assert all(s.license == "CC0-1.0" for s in run.sources if s.kind == "environment")
    assert parse_run_file(run.to_bytes()).sources == run.sources
    old = replace(run, sources=())
    assert "Sources were not recorded" in card(old, "coco", {"train": {}}, 9)
