"""Pipes, devices, links and folders in place of a dataset's files: told by name, never waited for, never followed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.dataset_files import edit_record, png_of
from support.strange_places import put_socket, put_sparse

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.own_files import misplaced
from scanstage.dataset.records.picture_files import NotRecorded, image_is_whole, read_image, read_map
from scanstage.dataset.records.record_store import read_records
from scanstage.render.commands.merge import merge

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX")
PATIENCE_S = 60
SECRET = (255, 0, 200)


@pytest.fixture
def dataset(toy_dataset: Path, tmp_path: Path) -> Path:
    root = tmp_path / "toys"
    shutil.copytree(toy_dataset, root)
    return root


@pytest.fixture(autouse=True)
def _nothing_is_waited_for() -> Iterator[None]:
    """A command that waits for a pipe does so for ever."""

    def fail(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(PATIENCE_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


STRANGE: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": put_socket,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "itself": lambda path: path.symlink_to(path.name),
    "endless": put_sparse,
    "folder": Path.mkdir,
}
FILES = {
    "records/000001.json": {"record-unreadable", "coco-differs", "run-labels", "orphan"},
    "images/000001.jpg": {"image-missing", "coco-differs"},
    "depth/000001.exr": {"map-missing"},
    "semantic/000001.png": {"map-missing"},
    "run.json": {"run-missing"},
    "annotations/instances.json": {"coco-missing"},
    "__overview__/preview.png": {"sheet-missing"},
}
LINKS = {"link-outside", "link-broken", "misplaced"}


def put(path: Path, kind: str) -> None:
    path.unlink()
    STRANGE[kind](path)


def refusal(act: Callable[[], object]) -> str | None:
    """What a command is refused with; None where it isn't."""
    try:
        act()
    except InputError as e:
        return str(e)
    return None


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_found_and_left_out(dataset: Path, name: str, kind: str) -> None:
    put(dataset / name, kind)
    kinds = {f.kind for f in check_dataset(dataset).findings}
    # An endless picture is there as far as its name tells: the export says that it isn't what was recorded.
    expected = FILES[name] - ({"coco-differs"} if (kind, name) == ("endless", "images/000001.jpg") else set())
    assert kinds - LINKS == expected
    for format_ in ("coco", "bop"):
        told = refusal(lambda f=format_: export_dataset(open_dataset(dataset), f, None))
        assert told is None or name in told or "picture 1" in told


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", ["records/000001.json", "images/000001.jpg", "depth/000001.png"])
def test_a_picture_with_a_strange_file_is_made_again(dataset: Path, name: str, kind: str) -> None:
    folder = DatasetFolder(dataset)
    put(dataset / name, kind)
    whole = [r.index for r in read_records(folder) if image_is_whole(folder, r)]
    assert whole == [0, 2]


@pytest.mark.parametrize("kind", [kind for kind in STRANGE if kind != "folder"])
@pytest.mark.parametrize("name", ["images", "records", "depth", "shards", "annotations"])
def test_folders_that_are_none_are_refused_by_name(dataset: Path, name: str, kind: str) -> None:
    shutil.rmtree(dataset / name, ignore_errors=True)
    STRANGE[kind](dataset / name)
    assert [n for n, _ in misplaced(DatasetFolder(dataset))] == [name]
    with pytest.raises(InputError, match=f"toys/{name}: is"):
        open_dataset(dataset)
    assert "misplaced" in {f.kind for f in check_dataset(dataset).findings}


def test_a_folder_linked_elsewhere_is_no_empty_dataset(dataset: Path) -> None:
    """What lies behind a link is not read; taken for missing, an export would be empty without a word."""
    (dataset / "records").rename(dataset.parent / "records")
    (dataset / "records").symlink_to(dataset.parent / "records")
    with pytest.raises(InputError, match="records: is a link"):
        export_dataset(open_dataset(dataset), "coco", None)


def secret_picture(path: Path) -> bytes:
    """One that can be told in any sheet: of a colour that nothing else has."""
    data = png_of(np.full((120, 160, 3), SECRET[::-1], np.uint8))
    path.write_bytes(data)
    return data


def shows_secret(path: Path) -> bool:
    pixels = cv2.imread(str(path))[..., ::-1].astype(int)
    return bool((np.abs(pixels - SECRET).max(axis=-1) < 12).sum() > 1000)


def naming(name: str) -> Callable[[Path], None]:
    """A record that gives the secret picture's hash and names it."""

    def plant(root: Path) -> None:
        data = secret_picture(root.parent / "secret.png")
        told = {"file_name": name.format(parent=root.parent), "sha256": hashlib.sha256(data).hexdigest()}
        edit_record(root, 1, lambda r: r["image"].update(told))

    return plant


def linking(name: str, recorded: bool) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        data = secret_picture(root.parent / "secret.png")
        (root / name).unlink()
        (root / name).symlink_to(root.parent / "secret.png")
        if recorded:
            edit_record(root, 1, lambda r: r["image"].update(sha256=hashlib.sha256(data).hexdigest()))

    return plant


def folder_elsewhere(root: Path) -> None:
    data = secret_picture(root.parent / "secret.png")
    shutil.move(root / "images", root.parent / "elsewhere")
    (root.parent / "elsewhere/000001.jpg").write_bytes(data)
    (root / "images").symlink_to(root.parent / "elsewhere")
    edit_record(root, 1, lambda r: r["image"].update(sha256=hashlib.sha256(data).hexdigest()))


LEADING_OUT: dict[str, Callable[[Path], None]] = {
    "above": naming("../../secret.png"),
    "absolute": naming("{parent}/secret.png"),
    "through a folder": naming("000000.jpg/../../../secret.png"),
    "of another suffix": naming("000001.jpg/../../../secret.png/."),
    "a link": linking("images/000001.jpg", recorded=False),
    "a link that was recorded": linking("images/000001.jpg", recorded=True),
    "a linked folder": folder_elsewhere,
}


@pytest.mark.parametrize("name", LEADING_OUT)
def test_nothing_from_outside_gets_into_sheets_and_exports(dataset: Path, tmp_path: Path, name: str) -> None:
    LEADING_OUT[name](dataset)
    (dataset / "__overview__/preview.png").unlink()
    for format_ in ("coco", "bop"):
        out = tmp_path / "bop" if format_ == "bop" else None
        told = refusal(lambda f=format_, o=out: export_dataset(open_dataset(dataset), f, o))
        assert told is None or "picture 1" in told or "images: is a link" in told
    sheets = [p for p in (dataset / "__overview__/preview.png", *(tmp_path / "bop").rglob("*.jpg")) if p.is_file()]
    assert sheets or name == "a linked folder"
    assert not any(map(shows_secret, sheets))
    kinds = {f.kind for f in check_dataset(dataset).findings}
    assert kinds & {"image-name", "image-missing"}


def test_the_secret_would_be_seen(dataset: Path) -> None:
    """Else the test above could not fail."""
    data = secret_picture(dataset / "images/000001.png")
    edit_record(
        dataset,
        1,
        lambda r: r["image"].update(file_name="000001.png", sha256=hashlib.sha256(data).hexdigest()),
    )
    export_dataset(open_dataset(dataset), "coco", None)
    assert shows_secret(dataset / "__overview__/preview.png")


@pytest.mark.parametrize(
    "path", ["../secret", "depth/000000.exr", "depth/000001.png", "depth/./000001.exr", "images/000001.jpg", ""]
)
def test_a_map_is_where_its_index_says(dataset: Path, path: str) -> None:
    folder = DatasetFolder(dataset)
    edit_record(dataset, 1, lambda r: r["maps"]["depth_m"].update(path=path))
    assert {f.kind for f in check_dataset(dataset).findings} >= {"map-path", "coco-differs"}
    assert [r.index for r in read_records(folder)] == [0, 2]


def test_only_recorded_bytes_are_given_out(dataset: Path) -> None:
    folder = DatasetFolder(dataset)
    record = read_records(folder)[1]
    assert read_image(folder, record) == (dataset / "images/000001.jpg").read_bytes()
    for name in ("images/000001.jpg", "depth/000001.png"):
        (dataset / name).write_bytes((dataset / name.replace("1.", "2.")).read_bytes())
    with pytest.raises(NotRecorded, match="SHA-256"):
        read_image(folder, record)
    with pytest.raises(NotRecorded, match="SHA-256"):
        read_map(folder, record, "depth")


def merged(root: Path, *parts: Path) -> Any:
    return merge(root, list(parts), lambda text: None)


def victim_by(path: str, link: Callable[[Path], object]) -> Callable[[Path], None]:
    """A part that would write over ``victim.txt`` beside the dataset."""

    def plant(part: Path) -> None:
        link(part)
        data = b"overwritten"
        (part.parent / "payload").write_bytes(data)

        def change(record: dict[str, Any]) -> None:
            record["maps"]["depth"] = {"path": path, "sha256": hashlib.sha256(data).hexdigest()}

        edit_record(part, 1, change)

    return plant


def linked_depth(part: Path) -> None:
    shutil.rmtree(part / "depth")
    (part.parent / "deep/deeper").mkdir(parents=True)
    shutil.copy(part / "run.json", part.parent / "deep/victim.txt")
    (part / "depth").symlink_to(part.parent / "deep/deeper")


MERGES: dict[str, Callable[[Path], None]] = {
    "a linked folder and steps up": victim_by("depth/../../victim.txt", linked_depth),
    "steps up": victim_by("depth/../../victim.txt", lambda part: None),
    "an absolute path": victim_by("/tmp/victim.txt", lambda part: None),
    "another picture's map": victim_by("depth/000000.png", lambda part: None),
    "run.json": victim_by("run.json", lambda part: None),
}


@pytest.mark.parametrize("name", MERGES)
def test_a_merge_writes_only_a_picture_s_own_files(dataset: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "victim.txt").write_text("mine")
    MERGES[name](dataset)
    with_refusal = name == "a linked folder and steps up"
    if with_refusal:
        with pytest.raises(InputError, match="depth: is a link"):
            merged(tmp_path / "whole", dataset)
    else:
        assert merged(tmp_path / "whole", dataset).missing == [1]
        assert not (tmp_path / "whole/records/000001.json").exists()
    assert (tmp_path / "victim.txt").read_text() == "mine"
    assert b"overwritten" not in [p.read_bytes() for p in (tmp_path / "whole").rglob("*") if p.is_file()]


@pytest.mark.parametrize("name", ["images", "depth", "records", "shards"])
def test_a_merge_follows_no_link_in_its_target(dataset: Path, tmp_path: Path, name: str) -> None:
    whole, elsewhere = tmp_path / "whole", tmp_path / "elsewhere"
    elsewhere.mkdir()
    whole.mkdir()
    (whole / name).symlink_to(elsewhere)
    shutil.copy(dataset / "run.json", whole / "run.json")
    with pytest.raises(InputError, match=f"{name}: is a link"):
        merged(whole, dataset)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("linked", ["images/000001.jpg", "depth/000001.png", "records/000001.json"])
def test_a_merge_takes_no_link_for_a_file(dataset: Path, tmp_path: Path, linked: str) -> None:
    """Even if what it leads to has the very bytes that were recorded."""
    shutil.move(dataset / linked, tmp_path / "moved")
    (dataset / linked).symlink_to(tmp_path / "moved")
    assert merged(tmp_path / "whole", dataset).missing == [1]
    assert not [p for p in (tmp_path / "whole").rglob("*") if p.is_symlink()]


def test_a_file_that_becomes_a_link_while_it_is_taken_is_not_linked(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret")
    honest = os.link

    def swapped(source: Path, target: Path) -> None:
        source.unlink()
        source.symlink_to(tmp_path / "secret")
        honest(source, target)

    monkeypatch.setattr(os, "link", swapped)
    pictures = {p.name: p.read_bytes() for p in (dataset / "images").iterdir()}
    assert merged(tmp_path / "whole", dataset).missing == []
    assert {p.name: p.read_bytes() for p in (tmp_path / "whole/images").iterdir()} == pictures
    assert not [p for p in (tmp_path / "whole").rglob("*") if p.is_symlink()]


@pytest.mark.parametrize("link", ["quarantine", "quarantine/000009"])
def test_a_failure_is_not_kept_through_a_link(dataset: Path, tmp_path: Path, link: str) -> None:
    whole, elsewhere = tmp_path / "whole", tmp_path / "elsewhere"
    merged(whole, dataset)
    elsewhere.mkdir()
    (whole / link).parent.mkdir(exist_ok=True)
    (whole / link).symlink_to(elsewhere)
    (dataset / "quarantine/000009").mkdir(parents=True)
    (dataset / "quarantine/000009/reason.json").write_text(json.dumps({"reason": "x"}))
    (dataset / "quarantine/000009/plan.json").symlink_to("/etc/hostname")
    merged(whole, dataset)
    assert not list(elsewhere.iterdir())
    assert sorted(p.name for p in (whole / "quarantine/000009").iterdir()) == ["reason.json"]
