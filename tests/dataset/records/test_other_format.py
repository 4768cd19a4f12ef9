"""A dataset of another version of scanstage is neither rendered over nor exported as if it were empty."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.dataset_files import edit_record
from support.toy_runs import generated

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.export.formats import EXPORTERS, export_dataset
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import OtherFormat, Record
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.engine.blender_session import BlenderEngines


@pytest.fixture
def older(toy_dataset: Path, tmp_path: Path) -> Path:
    """The toy dataset as a version might have written it that knew no cameras."""
    root = tmp_path / "toys"
    shutil.copytree(toy_dataset, root)
    for index in range(3):
        edit_record(root, index, lambda r: (r.pop("camera"), r.update(format=1)))
    return root


@pytest.mark.parametrize("format_", EXPORTERS)
def test_it_is_not_exported(older: Path, format_: str) -> None:
    before = (older / "annotations" / "instances.json").read_bytes()
    with pytest.raises(InputError, match="format 1"):
        export_dataset(open_dataset(older), format_, None)
    assert (older / "annotations" / "instances.json").read_bytes() == before


def test_it_is_not_gone_on_with(older: Path, toy_dataset: Path) -> None:
    before = {p: p.read_bytes() for p in older.rglob("*.json")}
    config = toy_dataset.parent / "toys.yaml"
    with pytest.raises(InputError, match="format 1"):
        generated(config, GenerateOptions(out=older), BlenderEngines(None))
    assert {p: p.read_bytes() for p in older.rglob("*.json")} == before


def test_check_says_why_it_cannot_be_read(older: Path) -> None:
    findings = [f for f in check_dataset(older).findings if f.kind == "record-unreadable"]
    assert len(findings) == 3
    assert all("format 1" in f.message for f in findings)


@pytest.mark.parametrize("text", ['{"format": 1}', '{"format": 3}'])
def test_another_format_is_told_from_a_broken_record(text: str) -> None:
    with pytest.raises(OtherFormat):
        Record.from_json(text)


@pytest.mark.parametrize("text", ["{}", '{"format": 2}', '{"format": true}', '{"format": "1"}', "[1]", "{"])
def test_a_broken_record_is_no_other_format(text: str) -> None:
    with pytest.raises(ValueError, match="not a record") as caught:
        Record.from_json(text)
    assert not isinstance(caught.value, OtherFormat)
