"""Whole runs of a car with parts, without Blender: what is recorded, checked, exported and reported."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from support.cast_engine import CastEngines
from support.likeness_sets import photos
from support.toy_car import WHEELS, write_car
from support.toy_runs import command, run

import scanstage
from scanstage.assets.intake.take_in import IntakeOptions, take_in
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.reading_choices import PartChoice, ReadingChoices
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.records.record import Record
from scanstage.render.commands.look.replay import replay

PATTERNS = ("wheel=wheel_*", "window=cabin")
CLASSES = ["wheel", "window"]
CONFIG = """
name: cars
images: 3
seed: 3
assets: {library: %s, classes: [%s]}
objects: {count: 3, placement: {kind: upright, density: 0.6}}
stage: {kind: ground}
camera: {resolution: [160, 120], elevation_deg: {uniform: [15, 30]}}
labels: {%s}
output: {instances: true, semantic: true, depth: true}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cars with parts; of the class van, the same without; a wheel by itself."""
    folder = tmp_path_factory.mktemp("cars")
    path = write_car(folder / "car.glb")
    parted = ReadingChoices(parts=PartChoice.parse("node", PATTERNS))
    take_in(path, IntakeOptions("car", reading=parted), folder / "library")
    take_in(path, IntakeOptions("van"), folder / "library")
    take_in(path, IntakeOptions("wheel", unit="cm"), folder / "library")
    return folder / "library"


def made(folder: Path, library: Path, labels: str, classes: str = "car", more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    config = folder / "cars.yaml"
    config.write_text(CONFIG % (library, classes, labels) + more)
    assert run(config, CastEngines(), out=folder / "out").failed == []
    return folder / "out"


@pytest.fixture(scope="module")
def with_whole(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole"), library, "parts: with_whole")


@pytest.fixture(scope="module")
def alone(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("alone"), library, "on_violation: drop_label")


def records(root: Path) -> list[Record]:
    return [Record.from_json(p.read_bytes()) for p in sorted((root / "records").glob("*.json"))]


def categories(root: Path) -> list[tuple[str, str]]:
    document = json.loads((root / "annotations" / "instances.json").read_text())
    return [(c["name"], c["supercategory"]) for c in document["categories"]]


def test_the_parts_are_labelled_in_place_of_the_whole(alone: Path) -> None:
    assert categories(alone) == [(name, "car") for name in CLASSES]
    for record in records(alone):
        assert {i.class_name for i in record.instances} == set(CLASSES)
        assert {i.part_of for i in record.instances} <= {1, 2, 3}
        assert {i.part for i in record.instances} <= {"cabin", *WHEELS}
        assert [(u.class_name, u.reason) for u in record.unlabelled if u.part_of is None] == [
            ("car", "its parts are labelled")
        ] * 3
    assert check_dataset(alone).findings == ()


def test_masks_of_parts_lie_in_that_of_the_whole_and_apart(with_whole: Path) -> None:
    """What is left of the whole is the body, which is no part."""
    assert categories(with_whole) == [("car", "object"), *((name, "car") for name in CLASSES)]
    for record in records(with_whole):
        masks = {i.instance_id: i.mask.decode() for i in record.instances}
        wholes = [i for i in record.instances if i.part_of is None]
        assert len(wholes) == 3
        for whole in wholes:
            mine = [masks[i.instance_id] for i in record.instances if i.part_of == whole.instance_id]
            assert mine
            together = np.sum(mine, axis=0)
            assert together.max() == 1
            assert not (together.astype(bool) & ~masks[whole.instance_id]).any()
            assert together.sum() < masks[whole.instance_id].sum()
    assert check_dataset(with_whole).findings == ()


def test_without_parts_all_is_as_it_was(library: Path, with_whole: Path, tmp_path: Path) -> None:
    root = made(tmp_path, library, "parts: none")
    assert categories(root) == [("car", "object")]
    for record, other in zip(records(root), records(with_whole), strict=True):
        assert record.instances == tuple(i for i in other.instances if i.part_of is None)
        assert record.plan == other.plan
        assert record.image.sha256 == other.image.sha256
    assert check_dataset(root).findings == ()


def test_pycocotools_reads_part_of(with_whole: Path, alone: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(with_whole / "annotations" / "instances.json"))
    whole_id = coco.getCatIds(["car"])[0]
    seen = 0
    for annotation in coco.dataset["annotations"]:
        if annotation["category_id"] == whole_id:
            assert "part_of" not in annotation
            continue
        whole = coco.anns[annotation["part_of"]]
        assert (whole["category_id"], whole["image_id"]) == (whole_id, annotation["image_id"])
        assert whole["attributes"]["instance_id"] == annotation["attributes"]["part_of_instance"]
        assert not (coco.annToMask(annotation) & ~coco.annToMask(whole)).any()
        seen += 1
    assert seen == sum(i.part_of is not None for r in records(with_whole) for i in r.instances)
    document = json.loads((alone / "annotations" / "instances.json").read_text())
    assert not any("part_of" in a for a in document["annotations"])
    grouped = Counter((a["image_id"], a["attributes"]["part_of_instance"]) for a in document["annotations"])
    assert max(grouped.values()) > 1


def test_maps_have_the_ids_and_categories_of_parts(with_whole: Path, alone: Path) -> None:
    for root, names in ((with_whole, ["car", *CLASSES]), (alone, CLASSES)):
        for record in records(root):
            ids, semantic = (
                cv2.imread(str(root / record.maps[kind].path), cv2.IMREAD_UNCHANGED)
                for kind in ("instances", "semantic")
            )
            for item in record.instances:
                if item.part_of is not None:
                    assert (ids == item.instance_id).sum() == item.area_px
                    assert (semantic[ids == item.instance_id] == names.index(item.class_name) + 1).all()
            body = np.isin(ids, [1, 2, 3])
            assert body.any()
            assert (semantic[body] == (1 if root == with_whole else 0)).all()


@pytest.mark.parametrize("format_", ["yolo-seg", "voc", "kitti", "masks", "coco-panoptic", "coco", "parquet", "bop"])
def test_other_formats_take_parts_as_labels(with_whole: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "out"
    assert command(["export", str(with_whole), "--format", format_, "--out", str(out)]) == 0
    if format_ == "coco-panoptic":
        document = json.loads(next(out.glob("annotations/panoptic_*.json")).read_text())
        assert {"car", *CLASSES} == {c["name"] for c in document["categories"]}
        segments = [s for a in document["annotations"] for s in a["segments_info"]]
        assert all(s["area"] <= s["bbox"][2] * s["bbox"][3] for s in segments)
    if format_ == "bop":
        scene = json.loads((out / "train_pbr" / "000000" / "scene_gt.json").read_text())
        assert [len(objects) for objects in scene.values()] == [3, 3, 3], "a BOP object is a whole"


def test_bop_has_no_parts(alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["export", str(alone), "--format", "bop", "--out", str(tmp_path / "out")]) == 2
    assert "labels.parts: with_whole" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["alone", "with_whole"])
def test_reports_previews_and_replays(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    root = request.getfixturevalue(kind)
    page = tmp_path / "page.html"
    assert command(["report", str(root), "--out", str(page)]) == 0
    facts = json.loads(page.with_suffix(".json").read_text())
    by_name = {c["name"]: c for c in facts["classes"]}
    assert list(by_name) == (CLASSES if kind == "alone" else ["car", *CLASSES])
    assert all(c["labels"] + sum(c["lost"].values()) == c["placed"] for c in by_name.values())
    made_again = replay(root, 1, tmp_path / "again", engines=CastEngines())
    assert made_again.same_labels
    assert made_again.same_file
    config = str(root.parent / "cars.yaml")
    assert command(["preview", config, "--images", "1", "--out", str(tmp_path / "sheet.png")]) == 0
    assert command(["plan", config, "--stats", "--images", "2"]) == 0


def changed(root: Path, tmp_path: Path, change: Any) -> list[str]:
    """Kinds of findings once a record was changed: of its first part and the whole of that."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    path = copy / "records" / "000000.json"
    record = Record.from_json(path.read_bytes())
    part = next(i for i in record.instances if i.part_of is not None)
    whole = next(i for i in record.instances if i.instance_id == part.part_of)
    found = {part.instance_id: part, whole.instance_id: whole} | {i.instance_id: i for i in change(part, whole)}
    instances = tuple(found.get(i.instance_id, i) for i in record.instances)
    extra = tuple(i for k, i in found.items() if k not in {x.instance_id for x in record.instances})
    path.write_text(replace(record, instances=instances + extra).to_json())
    return [f.kind for f in check_dataset(copy).findings]


def test_the_check_finds_parts_that_can_not_be(with_whole: Path, tmp_path: Path) -> None:
    beyond = changed(with_whole, tmp_path / "a", lambda p, w: [replace(p, part_of=w.instance_id % 3 + 1)])
    assert "part-beyond" in beyond
    unknown = changed(with_whole, tmp_path / "b", lambda p, w: [replace(p, part_of=99)])
    assert "id-unknown" in unknown
    other = changed(with_whole, tmp_path / "c", lambda p, w: [replace(p, asset_id="van/x")])
    assert "plan-differs" in other
    twice = changed(with_whole, tmp_path / "d", lambda p, w: [replace(p, instance_id=500)])
    assert "mask-overlap" in twice


def test_a_class_of_scans_may_be_one_of_parts_too(library: Path, tmp_path: Path) -> None:
    """The loose wheels and those of cars are one class; a class whose scans all have parts has no labels."""
    root = made(tmp_path, library, "parts: alone", "car, wheel, van")
    assert categories(root) == [("wheel", "object"), ("van", "object"), ("window", "car")]
    assert check_dataset(root).findings == ()
    found = Counter((i.class_name, i.part_of is None) for r in records(root) for i in r.instances)
    assert found["wheel", False] > 0
    assert ("car", True) not in found


@pytest.mark.parametrize("parts", ["alone", "with_whole"])
def test_a_balanced_run_counts_whole_objects(library: Path, tmp_path: Path, parts: str) -> None:
    root = made(tmp_path, library, f"parts: {parts}", "car, van", "balance: {target: {car: 5, van: 4}}\n")
    assert check_dataset(root).findings == ()
    figures = json.loads((root / "balance.json").read_text())
    assert figures["targets"]["counts"] == {"car": 5, "van": 4}
    assert command(["report", str(root)]) == 0


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("balance: {target: {wheel: 5}}\n", "targets count whole objects: classes of parts (wheel, window)"),
        (
            "distractors: {count: 1, source: [wheel]}\n",
            "'wheel' can't be a distractor: it is a class of labelled parts",
        ),
    ],
)
def test_what_parts_can_not_be_is_told(library: Path, tmp_path: Path, more: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        made(tmp_path, library, "parts: alone", more=more)
    assert problem in str(refused.value)


def test_scans_with_a_labelled_part_are_no_clutter(library: Path, tmp_path: Path) -> None:
    """Of the library, only the van may lie about beside wheels that have labels: a car has some, and so is a wheel."""
    more = "distractors: {count: 2, source: library}\n"
    root = made(tmp_path, library, "parts: alone", "car", more)
    shown = {o.asset_id.partition("/")[0] for r in records(root) for o in r.plan.objects if o.class_name is None}
    assert shown == {"van"}


def test_rules_of_a_class_of_parts(library: Path, tmp_path: Path) -> None:
    root = made(tmp_path, library, "parts: with_whole, per_class: {wheel: {min_pixels: 60}}")
    for record in records(root):
        assert min((i.area_px for i in record.instances if i.class_name == "wheel"), default=60) >= 60
        assert {u.class_name for u in record.unlabelled} <= {"wheel"}
        assert all(u.part_of and u.visible_px < 60 for u in record.unlabelled)
    assert check_dataset(root).findings == ()


def test_a_fit_refuses_parts_by_name(alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(alone.parent / "cars.yaml")
    real = photos(tmp_path / "real", 40, 1, names=("wheel", "window"))
    argv = ["fit", str(real), "--images", str(real.parent / "images"), "--base", config]
    assert command([*argv, "--out", str(tmp_path / "fit")]) == 2
    assert "labels.parts: none" in capsys.readouterr().err


def test_likeness_counts_labels_of_parts(alone: Path, tmp_path: Path) -> None:
    config = alone.parent / "cars.yaml"
    assert run(config, CastEngines(), out=tmp_path / "cars", images=10).failed == []
    real = photos(tmp_path / "real", 12, 1, names=("wheel", "window"))
    argv = ["compare", str(real), str(tmp_path / "cars"), "--photos", str(real.parent / "images"), "--labels-only"]
    assert command([*argv, "--json", str(tmp_path / "figures.json")]) == 0
    assert sorted(json.loads((tmp_path / "figures.json").read_text())["classes"]) == CLASSES


def test_labels_in_python_know_their_whole(with_whole: Path) -> None:
    picture = next(iter(scanstage.open_dataset(with_whole)))
    parts = [label for label in picture.labels if label.part_of is not None]
    assert {label.class_name for label in parts} == set(CLASSES)
    assert {label.part_of for label in parts} <= {label.instance_id for label in picture.labels}
