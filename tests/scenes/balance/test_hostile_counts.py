"""Annotation files that were made hostile: refused by name in bounded memory, whatever they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import scanstage.scenes.balance.coco_entries as coco_entries
from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.coco_entries import read_entries
from scanstage.scenes.balance.real_counts import RealCounts, read_real_counts
from scanstage.scenes.balance.targets import make_targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig


def coco(path: Path, **more: Any) -> Path:
    data = {
        "images": [{"id": 1}, {"id": 2}],
        "annotations": [{"image_id": 1, "category_id": 7}],
        "categories": [{"id": 7, "name": "owl"}],
    }
    path.write_text(json.dumps(data | more))
    return path


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"annotations": [], "categories": [{"id": 1, "name": "a", "instance_count": -5, "image_count": 1}]}, "is -5"),
        (
            {"annotations": [], "categories": [{"id": 1, "name": "a", "instance_count": 1, "image_count": 1e300}]},
            "1e+300",
        ),
        ({"annotations": [], "categories": [{"id": 1, "name": "a", "instance_count": 2.5, "image_count": 1}]}, "2.5"),
        ({"annotations": [], "categories": [{"id": 1, "name": "a", "instance_count": "9", "image_count": 1}]}, "'9'"),
        ({"annotations": [], "categories": [{"id": 1, "name": "a", "instance_count": True, "image_count": 1}]}, "True"),
        ({"categories": [{"id": 1e300, "name": "a"}]}, "the id of a category is 1e+300"),
        ({"categories": [{"id": 1.5, "name": "a"}]}, "the id of a category is 1.5"),
        ({"categories": [{"id": [1], "name": "a"}]}, "lacks id"),
        ({"categories": [{"id": 1, "name": "a" * 5000}]}, "5,000 characters"),
        ({"categories": {"id": 1, "name": "a"}}, "categories is not what it should be"),
        ({"categories": [[1, "a"]]}, "categories is not what it should be"),
        ({"categories": [7]}, "categories holds 7"),
        ({"annotations": "all"}, "annotations holds 'all'"),
        ({"annotations": [{"category_id": "7", "image_id": 1}]}, "a category_id is '7'"),
        ({"annotations": [{"category_id": 7, "image_id": None}]}, "an image_id is None"),
        ({"annotations": [{"category_id": 7}]}, "lacks image_id"),
        ({"annotations": [{"category_id": -3, "image_id": 1, "iscrowd": 1}]}, "unknown category_id -3"),
        ({"annotations": [{"category_id": 7, "image_id": "x" * 9000}]}, "an image_id is 'xxx"),
    ],
)
def test_fields_that_are_not_what_they_should_be(tmp_path: Path, more: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_real_counts(coco(tmp_path / "a.json", **more))
    assert told in str(caught.value)
    assert str(tmp_path / "a.json") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"categories": [{"id": 1e999, "name": "a"}]}', "not valid JSON"),
        ('{"categories": [{"id": 1' + "0" * 5000 + ', "name": "a"}]}', "not valid JSON"),
        ('{"categories": [{"id": NaN, "name": "a"}]}', "not valid JSON"),
        ('{"categories": [{"id": 1, "name": "a"}], "categories": []}', "categories is given twice"),
        ("[" * 100_000, "not what it should be"),
        ('{"a":' * 100_000, "nested more than 100 deep"),
        ('{"images": [{"x": ' + "[" * 100_000, "nested more than 100 deep"),
        ('{"categories": [{"id": 1, "name": "\\ud800"}', "not valid JSON"),
        ('{"categories": [{"id": 1, "name": "a"}]', "not valid JSON"),
    ],
)
def test_texts_that_are_none_or_too_deep(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=told):
        read_real_counts(tmp_path / "a.json")


class Endless:
    """A start, and then the same again until far more is asked for than may be kept."""

    def __init__(self, start: bytes, again: bytes) -> None:
        self.start, self.again, self.given = start, again, 0

    def read(self, count: int = -1) -> bytes:
        if not count:
            return b""
        data = self.start + self.again * (count // len(self.again))
        self.start = b""
        self.given += len(data)
        assert self.given < 3 * coco_entries.LONGEST_PIECE, "goes on reading"
        return data


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b'{"info": "', b"x"),
        (b'{"info": "', b'\\"'),
        (b'{"info": "\\', b"\\\\"),
        (b'{"info": "', b'\\\\\\"'),
        (b'{"info": 1', b"0"),
        (b'{"categories": [{"id": [', b"1,"),
        (b'{"annotations": [{"segmentation": [', b"[],"),
        (b"", b" \n"),
    ],
)
def test_one_endless_piece_is_given_up(start: bytes, again: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_entries, "LONGEST_PIECE", 2_000_000)
    monkeypatch.setattr(coco_entries, "_PIECE", 1 << 16)
    file: Any = Endless(start, again)
    with pytest.raises(ValueError, match="without a name"):
        read_entries(file)
    assert file.given <= 2_000_000 + (1 << 17)


@pytest.mark.parametrize(
    ("bound", "again", "told"),
    [
        ("MOST_CATEGORIES", b'{"id": %d, "name": "c%d"},', "more than 50 categories"),
        ("MOST_ANNOTATIONS", b'{"category_id": 1, "image_id": %d, "x": %d},', "more than 50 annotations"),
        ("MOST_CATEGORIES", b'{"category_id": %d, "image_id": %d},', "more than 50 categories"),
        ("MOST_NAMED_IMAGES", b'{"category_id": 1, "image_id": "a%d", "x": %d},', "more than 50 images"),
    ],
)
def test_what_is_kept_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, again: bytes, told: str
) -> None:
    monkeypatch.setattr(coco_entries, bound, 50)
    section = b"categories" if b"name" in again else b"annotations"
    entries = b"".join(again % (i, i) for i in range(51))
    (tmp_path / "a.json").write_bytes(b'{"' + section + b'": [' + entries.rstrip(b",") + b"]}")
    with pytest.raises(InputError, match=told):
        read_real_counts(tmp_path / "a.json")


def test_strings_with_escapes_and_ids_of_all_kinds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of two bytes, so that escapes lie across them."""
    monkeypatch.setattr(coco_entries, "_PIECE", 2)
    annotations = [
        {"category_id": 7, "image_id": i, "counts": 'a"\\"\\\\"'} for i in (1, "1", "b", 1, -1, 2**60, 1.5, "b")
    ]
    annotations += [{"category_id": 7, "image_id": 9, "ignore": 1}, {"category_id": 8, "image_id": 9, "iscrowd": True}]
    categories = [{"id": 7, "name": 'o"wl\\'}, {"id": 8, "name": "mouse"}]
    found = read_real_counts(coco(tmp_path / "a.json", annotations=annotations, categories=categories))
    assert found == RealCounts({'o"wl\\': 8, "mouse": 0}, {'o"wl\\': 6, "mouse": 0}, 6)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_what_is_no_file_holds_no_counts(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name, told in (("pipe", "pipe"), ("endless", "device"), ("folder", "folder")):
        for target in ({"fill": {"coco": name, "to": 5}}, {"power": 0.5, "coco": name}):
            config = BalanceConfig.model_validate({"target": target})
            with pytest.raises(InputError, match=told):
                make_targets(config, ("owl",), tmp_path)


def test_a_file_is_read_once_and_never_held(tmp_path: Path) -> None:
    path = coco(tmp_path / "a.json", annotations=[{"category_id": 7, "image_id": i} for i in range(40_000)])
    reads: list[int] = []

    class Watched:
        def __init__(self, file: BinaryIO) -> None:
            self.file = file

        def read(self, count: int = -1) -> bytes:
            reads.append(len(data := self.file.read(count)))
            return data

    with path.open("rb") as file:
        watched: Any = Watched(file)
        assert read_entries(watched).annotations == 40_000
    assert sum(reads) == path.stat().st_size
    assert max(reads) <= coco_entries._PIECE
