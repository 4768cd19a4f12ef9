"""An export takes the place of an earlier one, and of nothing that a person has put there."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.formats import Format, export_dataset
from scanstage.dataset.export.placing.export_folder import MARK
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.render.cli.app import entrypoint


@pytest.fixture
def copy(toy_dataset: Path, tmp_path: Path) -> Path:
    root = tmp_path / "toys"
    shutil.copytree(toy_dataset, root)
    return root


@pytest.fixture
def out(copy: Path, tmp_path: Path) -> Path:
    """An export of it, some time ago."""
    out = tmp_path / "out"
    export_dataset(open_dataset(copy), "bop", out)
    return out


def put(name: str, text: str = "mine") -> Callable[[Path], object]:
    def do(out: Path) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)

    return do


def edited(out: Path) -> None:
    """One letter, much later."""
    path = out / "objects.json"
    path.write_text(path.read_text().replace("box", "cat"))
    later = time.time() + 60
    os.utime(path, (later, later))


def linked(out: Path) -> None:
    target = out.parent / "models"
    shutil.move(out / "models", target)
    (out / "models").symlink_to(target)


def in_mark(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def do(out: Path) -> None:
        mark = json.loads((out / MARK).read_text())
        change(mark)
        (out / MARK).write_text(json.dumps(mark))

    return do


PERSONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "notes": (put("notes.txt"), "notes.txt was written by no export"),
    "a picture among pictures": (put("train_pbr/000000/rgb/900000.jpg"), "rgb/900000.jpg was written by no export"),
    "a folder of weights": (put("runs/best.pt"), "runs/, runs/best.pt were written by no export"),
    "an empty folder": (lambda out: (out / "todo").mkdir(), "todo/ was written by no export"),
    "a hidden file": (put(".git/config"), ".git/"),
    "an edited file": (edited, "objects.json was changed since the export"),
    "a longer file": (put("camera.json", "{}"), "camera.json was changed since the export"),
    "a link in place of a folder": (linked, "models was written by no export"),
    "a link": (lambda out: (out / "data").symlink_to(out.parent / "toys"), "data was written by no export"),
    "a pipe": (lambda out: os.mkfifo(out / "queue"), "queue was written by no export"),
    "an export of old": (in_mark(lambda mark: mark.pop("files")), "doesn't list"),
    "a list of something else": (in_mark(lambda mark: mark.update(files={"a": 7})), "doesn't list"),
    "no mark": (lambda out: (out / MARK).unlink(), "not an earlier export"),
    "a mark that is a link": (
        lambda out: (shutil.move(out / MARK, out.parent / MARK), (out / MARK).symlink_to(out.parent / MARK)),
        "not an earlier export",
    ),
}


def content(folder: Path) -> dict[str, object]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else p.is_symlink() for p in folder.rglob("*")
    }


@pytest.mark.parametrize("name", PERSONS)
def test_what_a_person_put_there_is_named_and_kept(copy: Path, out: Path, tmp_path: Path, name: str) -> None:
    do, told = PERSONS[name]
    do(out)
    before = content(out)
    with pytest.raises(InputError) as refused:
        export_dataset(open_dataset(copy), "coco", out)
    assert told in "\n".join(refused.value.problems)
    assert content(out) == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "something was left behind"


def test_an_untouched_export_is_replaced_by_another(copy: Path, out: Path) -> None:
    export_dataset(open_dataset(copy), "coco", out)
    assert sorted(p.name for p in out.iterdir()) == ["README.md", "annotations", "images", MARK, "splits.json"]


def test_what_is_put_there_during_the_export_is_kept(copy: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(job: object, staging: Path) -> dict[str, int]:
        (staging / "new").write_text("x")
        (out / "note").write_text("mine")
        return {"pictures": 0}

    monkeypatch.setattr("scanstage.dataset.export.formats.EXPORTERS", {"coco": Format(meanwhile)})
    with pytest.raises(InputError, match="note was written by no export"):
        export_dataset(open_dataset(copy), "coco", out)
    assert (out / "note").read_text() == "mine"
    assert (out / "models").is_dir()
    assert not [p for p in out.parent.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    "where",
    [
        "images",
        "images/new",
        "records/x/y",
        "depth",
        "normals",
        "shards",
        "quarantine/000001",
        "preview.png",
        "__overview__/preview.png",
    ],
)
def test_nothing_is_exported_into_what_a_dataset_writes_itself(copy: Path, where: str) -> None:
    for name in {where, "alias/" + where}:
        (copy.parent / "alias").unlink(missing_ok=True)
        (copy.parent / "alias").symlink_to(copy)
        with pytest.raises(InputError, match="is in the dataset"):
            export_dataset(open_dataset(copy), "coco", (copy if name == where else copy.parent) / name)
    assert not (copy / "images/new").exists()


def test_a_folder_of_ones_own_in_a_dataset_takes_exports(copy: Path) -> None:
    export_dataset(open_dataset(copy), "coco", copy / "exports" / "images")
    assert (copy / "exports/images/annotations/instances_train.json").is_file()


def test_what_a_file_manager_leaves_is_nobodys(copy: Path, out: Path) -> None:
    for name in (".DS_Store", "models/Thumbs.db", "train_pbr/000000/.directory"):
        (out / name).write_bytes(b"left")
    export_dataset(open_dataset(copy), "bop", out)
    assert not (out / ".DS_Store").exists()
    (out / "models" / "scanstage_export.json").write_text("no mark, in a folder below")
    with pytest.raises(InputError, match=r"models/scanstage_export\.json was written by no export"):
        export_dataset(open_dataset(copy), "bop", out)


def test_what_a_trainer_leaves_is_nobodys(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "yolo"
    for _ in range(2):
        export_dataset(open_dataset(copy), "yolo", out)
        (out / "labels" / "train.cache").write_bytes(b"left")
    (out / "labels" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"labels/notes\.txt was written by no export"):
        export_dataset(open_dataset(copy), "yolo", out)


def test_a_folder_that_is_gone_is_made_again(copy: Path) -> None:
    before = (copy / "annotations" / "instances.json").read_bytes()
    shutil.rmtree(copy / "annotations")
    export_dataset(open_dataset(copy), "coco", None)
    assert (copy / "annotations" / "instances.json").read_bytes() == before


@pytest.mark.parametrize("command", ["export", "merge"])
def test_a_class_that_the_dataset_lacks_is_named_with_its_picture(
    copy: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = copy / "records" / "000001.json"
    record.write_text(re.sub(r'("class_name":\s*)"\w+"', r'\1"zebra"', record.read_text()))
    assert entrypoint([command, str(copy)]) == 2
    told = capsys.readouterr().err
    assert "picture 1: its record is broken" in told
    assert "'zebra'" in told


def test_an_export_says_what_it_leaves_out(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "records" / "000001.json").write_text("{")
    assert entrypoint(["export", str(copy)]) == 0
    assert "1 picture left out" in capsys.readouterr().err
