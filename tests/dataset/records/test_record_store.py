from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scanstage.assets.files.atomic import write_atomically
from scanstage.dataset.export.coco.coco_document import encode_coco
from scanstage.dataset.labels.agreement import compare, disagreements
from scanstage.dataset.labels.categories import Category
from scanstage.dataset.labels.instances import Rle, make_labels
from scanstage.dataset.labels.poses import camera_info
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import ImageInfo, Record
from scanstage.dataset.records.run_file import RunFile
from scanstage.dataset.report.contact_sheet import contact_sheet
from scanstage.dataset.report.label_drawing import class_colors, draw_labels
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.picture_sequence.identity import Identity
from scanstage.scenes.planning.planner import Planner
from scanstage.scenes.sight.cast_plan import Planned

masks = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@pytest.fixture(scope="module")
def planned(toy_library: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    folder = tmp_path_factory.mktemp("config")
    path = folder / "c.yaml"
    path.write_text(f"assets: {{library: {toy_library}}}\nobjects: {{count: 6}}\ndistractors: {{count: 2}}")
    config = load_config(path)
    planner = Planner(config, open_catalogue(config, folder), folder)
    return [planner.plan(i) for i in range(3)]


def record_of(planned: Planned, **labels: float) -> Record:
    config = load_labels(**labels)
    instances, unlabelled = make_labels(planned, config)
    agreement = compare(
        planned.seen.instance_ids, planned.seen.instance_ids, [o.instance_id for o in planned.plan.objects]
    )
    image = ImageInfo(f"{planned.plan.index:06d}.jpg", planned.plan.camera.resolution_wh, "0" * 64)
    plan, engine = planned.plan, {"engine": "none"}
    return Record(plan.index, image, instances, unlabelled, agreement, engine, 0.0, plan, camera_info(plan.camera))


def load_labels(**labels: float):
    from scanstage.scenes.config.sections.label_settings import LabelsConfig

    return LabelsConfig.model_validate(labels)


@given(masks)
def test_rle_round_trip(mask: np.ndarray) -> None:
    rle = Rle.encode(mask)
    assert np.array_equal(rle.decode(), mask)


@given(masks)
def test_boxes_are_tight_and_half_open(mask: np.ndarray) -> None:
    box = pixel_box(mask)
    if box is None:
        assert not mask.any()
        return
    x, y, w, h = box
    inside = mask[y : y + h, x : x + w]
    assert inside.sum() == mask.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


def test_labels_hold_together(planned: list[Planned]) -> None:
    for p in planned:
        record = record_of(p)
        assert record.instances
        for i in record.instances:
            modal, amodal = i.mask.decode(), i.mask_amodal.decode()
            assert i.area_px == modal.sum()
            assert pixel_box(modal) == i.bbox_xywh
            assert not (modal & ~amodal).any()
            assert np.isclose(i.visible_fraction, modal.sum() / amodal.sum())
            assert sum(i.covered_by.values()) == (amodal & ~modal).sum()
            assert np.array_equal(modal, p.seen.instance_ids == i.instance_id)
        ids = [i.instance_id for i in record.instances] + [u.instance_id for u in record.unlabelled]
        assert sorted(ids) == [o.instance_id for o in p.plan.objects]


def test_distractors_get_no_label(planned: list[Planned]) -> None:
    for p in planned:
        clutter = {o.instance_id for o in p.plan.objects if o.class_name is None}
        assert clutter
        assert not clutter & {i.instance_id for i in record_of(p).instances}


def test_the_keep_rules_apply_and_say_why(planned: list[Planned]) -> None:
    record = record_of(planned[0], min_visible_fraction=0.999)
    assert all(i.visible_fraction >= 0.999 for i in record.instances)
    for u in record.unlabelled:
        assert "min_visible_fraction" in u.reason or "min_pixels" in u.reason or u.class_name is None


def test_records_round_trip(planned: list[Planned]) -> None:
    record = record_of(planned[1])
    assert Record.from_json(record.to_json()) == record


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 9}', "\x00"])
def test_broken_records_are_value_errors(text: str) -> None:
    with pytest.raises(ValueError, match="record"):
        Record.from_json(text)


def toy_run(*classes: str) -> RunFile:
    return RunFile({"name": "toys"}, Identity({}, classes), tuple(map(Category, classes)))


def test_coco_loads_in_pycocotools(planned: list[Planned], tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    records = [record_of(p) for p in planned]
    classes = ["rod", "box", "ball", "never_placed"]
    path = tmp_path / "instances.json"
    path.write_bytes(encode_coco(records, toy_run(*classes)))
    coco = COCO(str(path))
    assert [c["name"] for c in coco.loadCats(sorted(coco.getCatIds()))] == classes
    assert sorted(coco.getImgIds()) == [0, 1, 2]
    truth = {(r.index, i.instance_id): i for r in records for i in r.instances}
    assert len(coco.getAnnIds()) == len(truth)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        instance = truth[annotation["image_id"], annotation["attributes"]["instance_id"]]
        mask = coco.annToMask(annotation).astype(bool)
        assert np.array_equal(mask, instance.mask.decode())
        assert annotation["area"] == mask.sum()
        assert tuple(annotation["bbox"]) == pixel_box(mask)
        assert classes[annotation["category_id"] - 1] == instance.class_name


def test_exports_are_the_same_bytes_each_time(planned: list[Planned]) -> None:
    records = [record_of(p) for p in planned]
    again = [Record.from_json(r.to_json()) for r in records]
    run = toy_run("rod", "box", "ball")
    assert encode_coco(records, run) == encode_coco(again, run)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_encoded_file_is_one_compact_document(planned: list[Planned], count: int) -> None:
    records = [record_of(p) for p in planned][:count]
    data = encode_coco(iter(records), toy_run("rod", "box", "ball"))
    document = json.loads(data)
    assert data == json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    assert list(document) == ["info", "licenses", "images", "annotations", "categories"]
    assert [i["id"] for i in document["images"]] == [r.index for r in records]
    assert [i["file_name"] for i in document["images"]] == [r.image.file_name for r in records]
    labels = [(r.index, i.instance_id) for r in records for i in r.instances]
    assert [(a["image_id"], a["attributes"]["instance_id"]) for a in document["annotations"]] == labels
    assert [a["id"] for a in document["annotations"]] == list(range(1, len(labels) + 1))
    assert [c["name"] for c in document["categories"]] == ["rod", "box", "ball"]


def grid(*values: int) -> np.ndarray:
    return np.array(values, np.uint16).reshape(1, -1).repeat(20, axis=0).repeat(10, axis=1)


def test_agreement_of_equal_maps() -> None:
    ids = grid(0, 1, 2)
    agreement = compare(ids, ids, [1, 2, 3])
    assert [a.iou for a in agreement] == [1, 1, 1]
    assert disagreements(agreement, "cycles", {1, 2}) == []


def test_a_shifted_engine_is_found() -> None:
    cast = grid(0, 1, 2)
    for shift in (1, 2):
        problems = disagreements(compare(cast, np.roll(cast, shift, axis=1), [1, 2]), "cycles", {1, 2})
        assert len(problems) == 2


def test_swapped_ids_are_found() -> None:
    cast = grid(0, 1, 2)
    swapped = np.array([0, 2, 1], np.uint16)[cast]
    assert len(disagreements(compare(cast, swapped, [1, 2]), "cycles", {1, 2})) == 2


def test_a_small_label_that_is_not_rendered_is_found() -> None:
    cast = np.zeros((20, 20), np.uint16)
    cast[3:8, 3:8] = 1
    agreement = compare(cast, np.zeros_like(cast), [1])
    assert len(disagreements(agreement, "cycles", {1})) == 1
    assert disagreements(agreement, "cycles", set()) == []  # it got no label


@settings(max_examples=20)
@given(st.integers(1, 200))
def test_class_colours_differ(n: int) -> None:
    colors = class_colors([str(i) for i in range(min(n, 24))])
    assert len(set(colors.values())) == len(colors)


def test_drawn_labels_stay_on_their_objects(planned: list[Planned]) -> None:
    record = record_of(planned[0])
    grey = np.full((480, 640, 3), 100, np.uint8)
    drawn = draw_labels(grey, record.instances, class_colors(["ball", "box", "rod"]))
    changed = (drawn != grey).any(axis=-1)
    covered = np.zeros_like(changed)
    for i in record.instances:
        assert changed[i.mask.decode()].mean() > 0.99
        x, y, w, h = i.bbox_xywh
        covered[max(y - 25, 0) : y + h + 25, max(x - 80, 0) : x + w + 80] = True
    assert not (changed & ~covered).any()


@pytest.mark.parametrize("size", [(4096, 16), (16, 4096), (1920, 1080)])
def test_the_sheet_takes_thin_labels_and_odd_shapes(tmp_path: Path, planned: list[Planned], size) -> None:
    width, height = size
    mask = np.zeros((height, width), bool)
    mask[2:14, 5:6] = True
    record = record_of(planned[0])
    thin = replace(record.instances[0], mask=Rle.encode(mask), bbox_xywh=(5, 2, 1, 12))
    folder = DatasetFolder(tmp_path)
    folder.create()
    data = cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes()
    (folder.images / "000000.png").write_bytes(data)
    image = ImageInfo("000000.png", size, hashlib.sha256(data).hexdigest())
    record = replace(record, instances=(thin,), image=image)
    sheet = contact_sheet(folder, [record], ["ball", "box", "rod"])
    assert max(sheet.shape) < 2000
    assert (sheet.max(axis=-1) > 100).any()


def test_atomic_writes_leave_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def fail(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_holds_no_nan(planned: list[Planned]) -> None:
    json.loads(record_of(planned[0]).to_json(), parse_constant=lambda c: pytest.fail(c))
