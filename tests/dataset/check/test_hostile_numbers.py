"""Numbers that JSON, arrays or people don't have, in records, run.json and notes; and work that would grow squared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scanstage.assets.messages import index_spans as wording
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.index_spans import joined, named_runs, pictures_in, without
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.check.check_labels import MOST_COVERING, PAIR_RUNS, check_masks, check_references, read_masks
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.labels.rle_mask import RunMask
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import Record
from scanstage.dataset.records.run_file import Session, read_run_file
from scanstage.render.bookkeeping.shard_notes import noted_failures, with_notes
from scanstage.render.commands.merge import merge

Make = Callable[..., Path]
NUMBERS = ("NaN", "Infinity", "-1e400", str(2**70), str(-(2**63)), "9" * 5000, "1e300", "-1")
PLACES = {
    "fraction": ("instances", 0, "visible_fraction"),
    "area": ("instances", 0, "area_px"),
    "box": ("instances", 0, "bbox_xywh", 2),
    "id": ("instances", 0, "instance_id"),
    "pose": ("instances", 0, "pose", "scale"),
    "keypoint": ("instances", 0, "keypoints", 0, "xy_px", 0),
    "width": ("image", "resolution_wh", 0),
    "mask": ("instances", 1, "mask", "size_hw", 1),
    "focal length": ("plan", "camera", "fx"),
    "matrix": ("plan", "camera", "camera_to_world", 1, 2),
    "object": ("plan", "objects", 0, "object_to_world", 2, 2),
    "index": ("index",),
    "exposure": ("exposure_ev",),
    "factor": ("plan", "factors", "camera", "distance_m"),
    "IoU": ("agreement", 0, "iou"),
}
IN_RUN = {
    "pictures": ("pictures",),
    "labels": ("labels", "box"),
    "given": ("given",),
    "failed": ("failed", 0, "index"),
    "frames": ("sessions", 0, "frames", 1),
    "seconds": ("sessions", 0, "seconds", "total"),
    "config": ("config", "images"),
    "aims": ("identity", "aims", "images"),
}


@pytest.fixture(scope="module")
def small_dataset(make_dataset: Make) -> Path:
    """Two small pictures, with all that a record can hold: they are checked, exported and merged five hundred times."""
    return make_dataset("images=2", "camera.resolution=[80,60]")


@pytest.fixture
def dataset(small_dataset: Path, tmp_path: Path) -> Path:
    root = tmp_path / "toys"
    shutil.copytree(small_dataset, root)
    run = json.loads((root / "run.json").read_text())
    (root / "run.json").write_text(json.dumps(run | {"failed": [{"index": 1, "reason": "x"}], "given": 0}))
    return root


def put(path: Path, place: tuple[str | int, ...], number: str) -> None:
    whole = json.loads(path.read_text())
    node = whole
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = "@@"
    path.write_text(json.dumps(whole).replace('"@@"', number))


def strict(path: Path) -> None:
    """As the standard has JSON."""
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{path.name} holds {name}"))


def use(root: Path) -> None:
    """All that reads a dataset, without an engine: refused, or done with sound files."""
    check_dataset(root, workers=1)
    whole = root.with_name("whole")
    for act in (
        lambda: export_dataset(open_dataset(root), "coco", None),
        lambda: export_dataset(open_dataset(root), "bop", root.with_name("bop")),
        lambda: merge(whole, [root], lambda text: None),
        lambda: merge(root, [], lambda text: None),
    ):
        try:
            act()
        except InputError:
            continue
    for path in (root / "annotations/instances.json", whole / "annotations/instances.json", whole / "run.json"):
        if path.exists():
            strict(path)
    for path in root.with_name("bop").rglob("*.json"):
        strict(path)


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_in_a_record_gives_a_traceback_or_broken_files(dataset: Path, number: str) -> None:
    path = dataset / "records/000001.json"
    sound = path.read_text()
    for place in PLACES.values():
        put(path, place, number)
        use(dataset)
        path.write_text(sound)
        for made in ("whole", "bop"):
            shutil.rmtree(dataset.with_name(made), ignore_errors=True)


@pytest.mark.parametrize("number", [*NUMBERS, '"x"', "[]", "{}", "null", "true"])
def test_no_number_in_run_json_gives_a_traceback_or_broken_files(dataset: Path, number: str) -> None:
    path = dataset / "run.json"
    sound = path.read_text()
    for place in IN_RUN.values():
        put(path, place, number)
        use(dataset)
        path.write_text(sound)
        for made in ("whole", "bop"):
            shutil.rmtree(dataset.with_name(made), ignore_errors=True)


@pytest.mark.parametrize("number", ["NaN", "1e400", "-Infinity"])
@pytest.mark.parametrize("place", ["fraction", "focal length", "matrix", "IoU", "pose", "exposure"])
def test_what_is_no_number_makes_no_record(dataset: Path, place: str, number: str) -> None:
    path = dataset / "records/000001.json"
    put(path, PLACES[place], number)
    with pytest.raises(ValueError, match="finite number"):
        Record.from_json(path.read_text())
    assert "record-unreadable" in {f.kind for f in check_dataset(dataset).findings}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("failed", 7, "failed"),
        ("failed", [{"index": -1, "reason": ""}], "failed.0.index"),
        ("sessions", [3], "sessions.0"),
        ("given", -5, "given"),
        ("given", 10**9, "given"),
        ("command", {"set": [1]}, "command.set.0"),
        ("identity", [], "identity"),
        ("config", None, "config"),
    ],
)
def test_what_is_relied_on_of_run_json_is_looked_at(dataset: Path, key: str, value: Any, told: str) -> None:
    path = dataset / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(InputError, match=f"isn't what a run of scanstage writes \\({told}: "):
        read_run_file(DatasetFolder(dataset))


@pytest.mark.parametrize(
    "note", [b"[]", b"{", b'{"failed": 7}', b'{"failed": [{"index": 1e400, "reason": 1}]}', b"\xff"]
)
def test_a_note_that_no_shard_writes_is_none(dataset: Path, note: bytes) -> None:
    folder = DatasetFolder(dataset)
    (dataset / "shards").mkdir()
    (dataset / "shards/0-of-2.json").write_bytes(note)
    (dataset / "shards/1-of-2.json").write_text(json.dumps({"sessions": [{"pictures": 1}], "failed": []}))
    assert noted_failures(folder) == {}
    one, two = Session(pictures=1), Session(pictures=2)
    assert with_notes(folder, [one, two]) == (one, two)


class Counting(str):
    """A text that counts how often it is compared."""

    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counting.times += 1
        return str.__eq__(self, other)


def compared(act: Callable[[], object]) -> int:
    Counting.times = 0
    act()
    return Counting.times


def test_classes_are_looked_up_not_gone_through(toy_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of ninety thousand classes, a record of ten thousand labels."""
    from scanstage.dataset.check import check_dataset as check_module

    given: list[Any] = []
    monkeypatch.setattr(check_module, "check_references", lambda record, classes: given.append(classes) or iter(()))
    check_module._check_picture(toy_dataset, tuple(f"c{i}" for i in range(1000)), (), True, 1)
    (classes,) = given
    record = Record.from_json((toy_dataset / "records/000001.json").read_bytes())
    work = []
    for number in (500, 1000):
        known = type(classes)(Counting(f"class {i}") for i in range(number))
        work.append(compared(lambda known=known: list(check_references(record, known))))
    assert work[1] <= 2 * work[0] + 10 < 100


def test_not_all_is_compared_with_all(toy_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record in which each of many objects is said to hide a pixel of each."""
    record = Record.from_json((toy_dataset / "records/000001.json").read_bytes())
    number = 400
    covered = dict.fromkeys(range(number), 1)
    instances = tuple(replace(record.instances[0], instance_id=i, covered_by=covered) for i in range(number))
    masks, _ = read_masks(replace(record, instances=instances))
    looked, common = [], RunMask.common
    monkeypatch.setattr(RunMask, "common", lambda a, b: looked.append(1) or common(a, b))
    assert {"covered-by"} <= {kind for kind, _ in check_masks(replace(record, instances=instances), masks)}
    assert number < len(looked) <= number + MOST_COVERING / PAIR_RUNS < number**2 / 2


def test_runs_of_pictures_are_reckoned_as_runs() -> None:
    """Ten million pictures that nobody made are one run of them."""
    asked = joined((i, 9_999_999) for i in range(1000))
    assert asked == [(0, 9_999_999)]
    left = without(asked, [5, 9_999_999, 12, 13, 10**9])
    assert left == [(0, 4), (6, 11), (14, 9_999_998)]
    assert pictures_in(left) == 9_999_996
    assert named_runs(left) == "0-4, 6-11, 14-9999998"
    assert wording.spans([3, 1, 2, 7]) == "1-3, 7"
    assert without([(0, 3)], range(4)) == []
    assert without([], [1]) == []
