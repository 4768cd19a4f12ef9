"""What every format is listed in, and what holds for all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scanstage
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import EXPORTERS, PARTS, export_dataset
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.render.cli import share_commands

ROOT = Path(__file__).parents[3]
IN_PARTS = [name for name, entry in EXPORTERS.items() if "split" in entry.options]


def test_help_and_pages_name_all_formats() -> None:
    source = Path(share_commands.__file__).read_text("utf-8")
    texts = {
        "--help": " ".join(re.findall(r'"(.*?)"', re.search(r'"--format".*?\n        \),', source, re.DOTALL)[0])),  # type: ignore[index]
        "export": str(scanstage.export.__doc__),
        "docs/formats.md": (ROOT / "docs/formats.md").read_text("utf-8"),
    }
    for where, text in texts.items():
        missing = [name for name in EXPORTERS if not re.search(rf"(?<![\w-]){name}(?![\w-])", text)]
        assert not missing, where


@pytest.mark.parametrize("name", IN_PARTS)
def test_pictures_and_labels_are_counted_by_part(name: str, toy_dataset: Path, tmp_path: Path) -> None:
    options = ExportOptions.parse({"split": "train=0.67,val=0.33"})
    _, figures = export_dataset(open_dataset(toy_dataset), name, tmp_path / "out", options)
    assert (figures["pictures"], figures["train"], figures["val"]) == (3, 2, 1)


@pytest.mark.parametrize("name", [n for n in IN_PARTS if "images" in EXPORTERS[n].options])
def test_pictures_are_links_where_that_was_asked(name: str, toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), name, tmp_path / "out", ExportOptions(images="link"))
    assert len([p for p in (tmp_path / "out").rglob("*.jpg") if p.is_symlink()]) == 3


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_same_records_give_the_same_bytes(name: str, toy_dataset: Path, tmp_path: Path) -> None:
    def made(folder: Path) -> dict[str, bytes]:
        export_dataset(open_dataset(toy_dataset), name, folder)
        files = (p for p in folder.rglob("*") if p.is_file() and p.name != "scanstage_export.json")
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    assert made(tmp_path / "one") == made(tmp_path / "two")


def test_options_are_known_by_name() -> None:
    known = set(ExportOptions.__dataclass_fields__)
    assert all(entry.options <= known for entry in EXPORTERS.values())
    assert known >= PARTS
