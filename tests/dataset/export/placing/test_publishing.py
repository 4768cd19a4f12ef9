"""Exports and runs that end at the same time: what stays is true of the records that stay."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.dataset_files import edit_record
from support.interleaving import Explorer, Process, here

import scanstage.dataset.export.placing.in_place_export as export_module
from scanstage.assets.files.locations import locate
from scanstage.assets.files.stores import put, read_file
from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export import formats as exporters
from scanstage.dataset.export.coco import coco_folder
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.placing import publishing
from scanstage.dataset.export.placing.in_place_export import export
from scanstage.dataset.export.placing.publishing import publish, record_listing
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset

PICTURES = (0, 1, 2)


@pytest.fixture
def part(toy_dataset: Path, tmp_path: Path) -> Path:
    """A dataset of which pictures 1 and 2 are still to be made; they lie beside it."""
    root = tmp_path / "toys"
    shutil.copytree(toy_dataset, root)
    for index in (1, 2):
        (root / f"records/{index:06d}.json").rename(tmp_path / f"{index:06d}.json")
    return root


def add(root: Path, index: int) -> None:
    """What a run does for each picture, the other files being there."""
    (root.parent / f"{index:06d}.json").rename(root / f"records/{index:06d}.json")


def end_run(root: Path) -> None:
    """What a run does when it has made all of its pictures."""
    dataset = open_dataset(root)
    export(dataset.folder, dataset.run, insist=True)


def exported(file: Path) -> list[int]:
    return [image["id"] for image in json.loads(file.read_text())["images"]]


class Hook:
    """Does something once, before or after the first call of a function."""

    def __init__(self, patch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[], None], late: bool):
        self._real, self._act, self._late, self.calls = getattr(module, name), act, late, 0
        patch.setattr(module, name, self)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        first = self.calls == 1
        if first and not self._late:
            self._act()
        result = self._real(*arguments, **named)
        if first and self._late:
            self._act()
        return result


MOMENTS = pytest.mark.parametrize(
    ("module", "name", "late"),
    [
        (export_module, "coco_pieces", False),
        (export_module, "coco_pieces", True),
        (export_module, "contact_sheet", True),
        (export_module, "write_atomically", False),
        (export_module, "write_atomically", True),
    ],
    ids=["listed", "read", "drawn", "putting", "put"],
)


@MOMENTS
def test_a_run_that_ends_during_an_export_has_the_last_word(
    part: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, late: bool
) -> None:
    def ends() -> None:
        add(part, 1)
        add(part, 2)
        end_run(part)
        truth.update(
            {p: p.read_bytes() for p in (part / "annotations/instances.json", part / "__overview__/preview.png")}
        )

    truth: dict[Path, bytes] = {}
    Hook(monkeypatch, module, name, ends, late)
    _, figures = export_dataset(open_dataset(part), "coco", None)
    assert exported(part / "annotations/instances.json") == [0, 1, 2]
    assert figures["pictures"] == 3
    assert {p: p.read_bytes() for p in truth} == truth


@MOMENTS
def test_a_picture_that_goes_away_during_an_export_is_not_in_it(
    part: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, late: bool
) -> None:
    """Removed by hand, to be made anew; its files go as well, which breaks off what reads them at that moment."""

    def goes() -> None:
        (part / "records/000002.json").unlink()
        (part / "images/000002.jpg").unlink()

    add(part, 2)
    Hook(monkeypatch, module, name, goes, late)
    export_dataset(open_dataset(part), "coco", None)
    assert exported(part / "annotations/instances.json") == [0]


def test_a_record_that_is_replaced_during_an_export_is_in_it_as_it_is_now(
    part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same names: a run with --fresh, or a picture rendered again."""

    def replaced() -> None:
        new = part / "records/.000000.json.abcdefgh"
        record = json.loads((part / "records/000000.json").read_text())
        new.write_text(json.dumps(record | {"instances": []}))
        new.replace(part / "records/000000.json")

    Hook(monkeypatch, export_module, "contact_sheet", replaced, False)
    _, figures = export_dataset(open_dataset(part), "coco", None)
    assert figures["labels"] == 0
    assert json.loads((part / "annotations/instances.json").read_text())["annotations"] == []


def test_a_dataset_that_is_made_anew_during_an_export_is_exported_with_its_own_name(
    part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anew() -> None:
        run = json.loads((part / "run.json").read_text())
        run["config"]["name"] = "newer"
        (part / "run.json").write_text(json.dumps(run))

    Hook(monkeypatch, exporters, "export", anew, False)
    export_dataset(open_dataset(part), "coco", None)
    assert "newer" in json.loads((part / "annotations/instances.json").read_text())["info"]["description"]


def test_a_newer_export_to_the_same_folder_stays(part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def newer() -> None:
        add(part, 1)
        export_dataset(open_dataset(part), "coco", tmp_path / "out")

    before = sorted((p, p.stat().st_mtime_ns) for p in part.rglob("*") if p.is_file())
    Hook(monkeypatch, coco_folder, "CocoDocument", newer, True)
    export_dataset(open_dataset(part), "coco", tmp_path / "out")
    assert exported(tmp_path / "out/annotations/instances_train.json") == [0, 1]
    added = [p for p in (part / "records").iterdir() if "000001" in p.name]
    after = sorted((p, p.stat().st_mtime_ns) for p in part.rglob("*") if p.is_file() and p not in added)
    assert after == before, "an export to elsewhere wrote into the dataset"


class Restless:
    """Records that are added to each time that one looks."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.looked = 0
        patch.setattr(publishing, "record_listing", self)

    def __call__(self, folder: DatasetFolder) -> int:
        self.looked += 1
        return self.looked


def test_while_records_are_added_all_the_time_nothing_is_overwritten(
    part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (part / "annotations/instances.json").read_bytes()
    restless = Restless(monkeypatch)
    with pytest.raises(InputError, match="are being added") as caught:
        export_dataset(open_dataset(part), "coco", None)
    assert "`out`" in str(caught.value.hint)
    assert (part / "annotations/instances.json").read_bytes() == before
    assert restless.looked == 2 * publishing.TRIES
    end_run(part)  # a run has to publish in the end, whatever its last actors do
    assert exported(part / "annotations/instances.json") == [0]


def test_what_is_broken_is_told_at_once(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what changed meanwhile is a reason to try again."""
    edit_record(part, 0, lambda r: r["instances"][0].update(class_name="unheard of"))
    tries = Hook(monkeypatch, export_module, "coco_pieces", lambda: None, False)
    with pytest.raises(InputError, match="is broken"):
        export_dataset(open_dataset(part), "coco", None)
    assert tries.calls == 1


def test_an_export_of_a_dataset_at_rest_is_made_once(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = Hook(monkeypatch, export_module, "coco_pieces", lambda: None, False)
    export_dataset(open_dataset(part), "coco", None)
    assert tries.calls == 1


def test_on_a_store_the_newer_one_stays_too(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = locate(f"memory://{uuid.uuid4().hex}/toys", "")
    for path in (p for p in part.rglob("*") if p.is_file()):
        put(store / path.relative_to(part).as_posix(), path.read_bytes())  # type: ignore[arg-type]

    def ends() -> None:
        for index in (1, 2):
            content = (part.parent / f"{index:06d}.json").read_bytes()
            put(store / f"records/{index:06d}.json", content)  # type: ignore[arg-type]
        dataset = open_dataset(store)
        export(dataset.folder, dataset.run, insist=True)

    Hook(monkeypatch, export_module, "contact_sheet", ends, True)
    export_dataset(open_dataset(store), "coco", None)
    images = json.loads(read_file(store / "annotations/instances.json"))["images"]
    assert [i["id"] for i in images] == [0, 1, 2]


class Writers:
    """Exports and a run, stopping between all that they do: what is put is a file of the records' names.

    Args:
        root: of a dataset that is made for each order.
    """

    def __init__(self, root: Path) -> None:
        self.folder = DatasetFolder(root)
        self.root = root

    def start(self, exports: int) -> list[Process]:
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "records").mkdir(parents=True)
        (self.root / "records/000000.json").touch()
        (self.root / "put").write_text("000000.json")
        return [Process(k, self._export) for k in range(exports)] + [Process(exports, self._run)]

    def _export(self, process: Process) -> None:
        publish(self.folder, self._derive, self._put)

    def _run(self, process: Process) -> None:
        for index in (1, 2):
            process.pause("add")
            (self.root / f"records/{index:06d}.json").touch()
        publish(self.folder, self._derive, self._put, insist=True)

    def _derive(self) -> str:
        self._pause("derive")
        return self.records()

    def _put(self, names: str) -> None:
        self._pause("put")
        (self.root / "put").write_text(names)
        self._pause("look")

    @staticmethod
    def _pause(at: str) -> None:
        process = here()
        assert process is not None
        process.pause(at)

    def records(self) -> str:
        return " ".join(sorted(p.name for p in (self.root / "records").iterdir()))


@pytest.fixture
def writers(tmp_path: Path) -> Writers:
    return Writers(tmp_path / "w")


def test_in_every_order_of_exports_and_a_run_s_end_the_records_that_stay_are_put(writers: Writers) -> None:
    explorer = Explorer(switches=2)
    for story in explorer.all_orders(lambda: writers.start(2)):
        assert (writers.root / "put").read_text() == writers.records(), "\n".join(story)
    assert explorer.runs > 200


def test_without_the_look_afterwards_an_older_one_would_stay(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "record_listing", lambda folder: 0)
    orders = Explorer(switches=1).all_orders(lambda: writers.start(1))
    assert any((writers.root / "put").read_text() != writers.records() for _ in orders)


@pytest.mark.parametrize("change", ["added", "removed", "replaced", "renamed"])
def test_a_listing_tells_what_changed(tmp_path: Path, change: str) -> None:
    records = tmp_path / "records"
    records.mkdir()
    for index in PICTURES:
        (records / f"{index:06d}.json").write_text("{}")
    os.utime(records, ns=(1, 1))
    folder = DatasetFolder(tmp_path)
    before = record_listing(folder)
    assert record_listing(folder) == before
    if change == "added":
        (records / "000003.json").write_text("{}")
    elif change == "removed":
        (records / "000002.json").unlink()
    elif change == "renamed":
        (records / "000002.json").rename(records / "000007.json")
    else:
        (records / ".000002.json.abcdefgh").write_text("[]")
        (records / ".000002.json.abcdefgh").replace(records / "000002.json")
    assert record_listing(folder) != before


def test_a_dataset_without_records_has_a_listing(tmp_path: Path) -> None:
    assert record_listing(DatasetFolder(tmp_path)) is None
