"""Planted faults are found, sound datasets give no finding, and no file, however broken, gives a traceback."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenEXR
import pytest
from support.dataset_files import edit_record, export_again, png_of, put_map

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.labels.instances import Rle
from scanstage.dataset.records.map_files import depth_exr, normals_exr, normals_png, soft_masks_npz
from scanstage.render.cli.app import entrypoint

Change = Callable[[dict[str, Any]], object]
Plant = Callable[[Path], object]


@pytest.fixture
def dataset(toy_dataset: Path, tmp_path: Path) -> Path:
    root = tmp_path / "toys"
    shutil.copytree(toy_dataset, root)
    return root


def in_record(change: Change, index: int = 1) -> Plant:
    """A fault in a record that exports follow: only the record itself is wrong."""

    def plant(root: Path) -> None:
        edit_record(root, index, change)
        export_again(root)

    return plant


def in_instance(change: Change, number: int = 0) -> Plant:
    return in_record(lambda record: change(record["instances"][number]))


def in_run(change: Change) -> Plant:
    def plant(root: Path) -> None:
        run = json.loads((root / "run.json").read_text())
        change(run)
        (root / "run.json").write_text(json.dumps(run))

    return plant


def assign(key: str, value: Any) -> Change:
    return lambda d: d.__setitem__(key, value)


def shift(key: str, *steps: float) -> Change:
    return lambda d: d.__setitem__(key, [v + s for v, s in zip(d[key], steps, strict=True)])


def put(name: str, data: bytes = b"x") -> Plant:
    def plant(root: Path) -> None:
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    return plant


def remove(name: str) -> Plant:
    return lambda root: (root / name).unlink()


def mask_of(instance: dict[str, Any], key: str = "mask") -> np.ndarray:
    return Rle(tuple(instance[key]["size_hw"]), instance[key]["counts"]).decode()


def put_mask(instance: dict[str, Any], mask: np.ndarray, key: str = "mask") -> None:
    instance[key]["counts"] = Rle.encode(mask).counts


def rehashed_image(pixels: np.ndarray) -> Plant:
    data = cv2.imencode(".jpg", pixels)[1].tobytes()

    def plant(root: Path) -> None:
        put("images/000001.jpg", data)(root)
        in_record(lambda r: r["image"].__setitem__("sha256", hashlib.sha256(data).hexdigest()))(root)

    return plant


def truncated_image(root: Path) -> None:
    data = (root / "images/000001.jpg").read_bytes()[:-700]
    put("images/000001.jpg", data)(root)
    edit_record(root, 1, lambda r: r["image"].__setitem__("sha256", hashlib.sha256(data).hexdigest()))


def overlapping(root: Path) -> None:
    """Two instances share pixels; each is true to itself."""

    def change(record: dict[str, Any]) -> None:
        first, second = record["instances"][0], record["instances"][1]
        for key in (
            "mask",
            "mask_amodal",
            "bbox_xywh",
            "bbox_amodal_xywh",
            "area_px",
            "visible_fraction",
            "covered_by",
        ):
            second[key] = first[key]
        record["agreement"][1]["cast_px"] = first["area_px"]

    in_record(change)(root)


def stray_pixel(instance: dict[str, Any]) -> None:
    """A pixel that is in the mask alone, in the middle of its box."""
    modal, amodal = mask_of(instance), mask_of(instance, "mask_amodal")
    y, x = np.argwhere(modal)[len(np.argwhere(modal)) // 2]
    amodal[y, x] = False
    put_mask(instance, amodal, "mask_amodal")


def amodal_elsewhere(record: dict[str, Any]) -> None:
    """Of what another object hides: the amodal mask goes another way about it, with area, box and subset as told."""
    masks = {i["instance_id"]: mask_of(i) for i in record["instances"]}
    for instance in record["instances"]:
        modal, amodal = masks[instance["instance_id"]], mask_of(instance, "mask_amodal")
        for other in (int(i) for i in instance["covered_by"] if int(i) in masks):
            x, y, w, h = instance["bbox_amodal_xywh"]
            free = np.zeros_like(amodal)
            free[y + 1 : y + h - 1, x + 1 : x + w - 1] = True
            free &= ~amodal & ~masks[other]
            hidden = amodal & ~modal & masks[other]
            for edge in ([y, y + h - 1], slice(None)), (slice(None), [x, x + w - 1]):
                hidden[edge] = False
            if free.any() and hidden.any():
                amodal[tuple(np.argwhere(hidden)[0])], amodal[tuple(np.argwhere(free)[0])] = False, True
                put_mask(instance, amodal, "mask_amodal")
                return
    raise AssertionError("no label hides a part of another")


def another_map(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    def plant(root: Path) -> None:
        path = f"{name}/000001.png"
        pixels = change(cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED))
        edit_record(root, 1, lambda r: put_map(root, r, name, path, png_of(pixels)))

    return plant


def another_exr(name: str, encode: Callable[[np.ndarray], bytes], change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """A well-formed map, recorded with its hash, made of the picture's depth in metres."""

    def plant(root: Path) -> None:
        with OpenEXR.File(str(root / "depth/000001.exr")) as file:
            data = encode(change(file.channels()["Y"].pixels))
        path = {"depth_m": "depth"}.get(name, name) + "/000001.exr"
        edit_record(root, 1, lambda r: put_map(root, r, name, path, data))

    return plant


def normals_and(change: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Normals that all point to the camera, and the picture of them."""

    def plant(root: Path) -> None:
        field = np.zeros((120, 160, 3), np.float32)
        field[..., 2], field[:9] = -0.8, 0
        field[9:, :, 0] = 0.6
        png = change(cv2.imdecode(np.frombuffer(normals_png(field), np.uint8), cv2.IMREAD_COLOR))
        edit_record(root, 1, lambda r: put_map(root, r, "normals", "normals/000001.exr", normals_exr(field)))
        edit_record(root, 1, lambda r: put_map(root, r, "normals_png", "normals/000001.png", png_of(png)))

    return plant


def soft_masks(moved: bool) -> Plant:
    def plant(root: Path) -> None:
        def change(record: dict[str, Any]) -> None:
            masks = [(i["instance_id"], mask_of(i).astype(np.float32)) for i in record["instances"]]
            rolled = [(i, (0, 0, 160, 120), np.roll(m, 80 if moved else 0, axis=1)) for i, m in masks]
            put_map(root, record, "soft_masks", "soft_masks/000001.npz", soft_masks_npz(rolled, (120, 160)))

        edit_record(root, 1, change)

    return plant


def flipped_byte(name: str) -> Plant:
    def plant(root: Path) -> None:
        data = bytearray((root / name).read_bytes())
        data[len(data) // 2] ^= 0x55
        (root / name).write_bytes(data)

    return plant


def link_out(root: Path) -> None:
    elsewhere = root.parent / "elsewhere.jpg"
    shutil.move(root / "images/000001.jpg", elsewhere)
    (root / "images/000001.jpg").symlink_to(elsewhere)


def lost_picture(root: Path, index: int = 1) -> None:
    for name in ("records/{}.json", "images/{}.jpg", "depth/{}.exr", "depth/{}.png", "instances/{}.png"):
        (root / name.format(f"{index:06d}")).unlink()
    (root / f"semantic/{index:06d}.png").unlink()
    export_again(root)


def other_annotation(root: Path) -> None:
    path = root / "annotations/instances.json"
    document = json.loads(path.read_text())
    document["annotations"][2]["category_id"] = 3 - document["annotations"][2]["category_id"]
    path.write_text(json.dumps(document, separators=(",", ":")))


def unlabelled(instance_id: int) -> dict[str, Any]:
    return {"instance_id": instance_id, "class_name": "box", "reason": "a test"}


def keypoint_of(record: dict[str, Any]) -> dict[str, Any]:
    return record["instances"][0]["keypoints"][0]


FAULTS: dict[str, tuple[set[str], Plant]] = {
    "record cut short": (
        {"record-unreadable", "coco-differs", "run-labels", "orphan"},
        lambda root: (root / "records/000001.json").write_text("{"),
    ),
    "record of another picture": (
        {"index", "coco-differs"},
        lambda root: edit_record(root, 1, assign("index", 7)),
    ),
    "plan of another picture": ({"index"}, in_record(lambda r: r["plan"].__setitem__("index", 7))),
    "picture missing from the run": ({"picture-missing"}, lost_picture),
    "last picture missing": ({"picture-missing"}, lambda root: lost_picture(root, 2)),
    "image missing": ({"image-missing", "coco-differs"}, remove("images/000001.jpg")),
    "image changed": (
        {"image-hash"},
        put("images/000001.jpg", cv2.imencode(".jpg", np.zeros((120, 160, 3), np.uint8))[1].tobytes()),
    ),
    "image cut short": ({"image-unreadable"}, truncated_image),
    "image of another size": ({"image-size"}, rehashed_image(np.zeros((100, 160, 3), np.uint8))),
    "image grey": ({"image-size"}, rehashed_image(np.zeros((120, 160), np.uint8))),
    "id twice": ({"id-twice"}, in_record(lambda r: r["unlabelled"].append(unlabelled(1)))),
    "unlabelled id not in the plan": ({"id-unknown"}, in_record(lambda r: r["unlabelled"].append(unlabelled(99)))),
    "id not in the plan": (
        {"id-unknown", "object-lost", "map-instances"},
        in_record(lambda r: r["instances"][0].__setitem__("instance_id", 99)),
    ),
    "object neither labelled nor unlabelled": ({"object-lost"}, in_record(lambda r: r["instances"].pop(0))),
    "another asset than planned": ({"plan-differs"}, in_instance(assign("asset_id", "rod/toy"))),
    "unknown class": (
        {"class-unknown", "plan-differs", "coco-differs", "run-labels"},
        lambda root: edit_record(root, 1, lambda r: r["instances"][0].__setitem__("class_name", "dragon")),
    ),
    "ignored without a reason": ({"ignore-reason"}, in_instance(assign("ignore", True))),
    "mask of another size": (
        {"mask-size", "coco-differs"},
        lambda root: edit_record(root, 1, lambda r: r["instances"][0]["mask"].__setitem__("size_hw", [60, 80])),
    ),
    "mask cut short": (
        {"mask-unreadable", "coco-differs"},
        lambda root: edit_record(
            root, 1, lambda r: r["instances"][0]["mask"].__setitem__("counts", r["instances"][0]["mask"]["counts"][:-4])
        ),
    ),
    "mask that no code has": (
        {"mask-unreadable", "coco-differs"},
        lambda root: edit_record(root, 1, lambda r: r["instances"][0]["mask"].__setitem__("counts", "~~é")),
    ),
    "box one pixel short": ({"box-not-tight"}, in_instance(shift("bbox_xywh", 0, 0, -1, 0))),
    "box shifted": ({"box-not-tight"}, in_instance(shift("bbox_xywh", 0, 1, 0, 0))),
    "area": ({"area", "agreement-other"}, in_instance(lambda i: i.__setitem__("area_px", i["area_px"] + 1))),
    "modal pixel outside amodal": ({"modal-not-in-amodal", "visible-fraction"}, in_instance(stray_pixel)),
    "masks that overlap": ({"mask-overlap", "box-3d", "map-depth", "map-instances", "map-semantic"}, overlapping),
    "amodal box too small": ({"amodal-box"}, in_instance(shift("bbox_amodal_xywh", 1, 0, -1, 0))),
    "amodal box too large": ({"amodal-box"}, in_instance(shift("bbox_amodal_xywh", -1, 0, 1, 0))),
    "fraction above 1": ({"fraction-range", "visible-fraction"}, in_instance(assign("visible_fraction", 1.25))),
    "visible fraction": ({"visible-fraction"}, in_instance(assign("visible_fraction", 0.123))),
    "truncated inside the image": ({"truncated-fraction"}, in_instance(assign("truncated_fraction", 0.25))),
    "covered by too few": ({"covered-by"}, in_instance(lambda i: i["covered_by"].update({"0": 3}))),
    "amodal mask beside what is hidden": ({"covered-by"}, in_record(amodal_elsewhere, 0)),
    "another camera": ({"camera"}, in_record(lambda r: r["camera"]["k"][0].__setitem__(2, 80.5))),
    "pose moved": ({"pose"}, in_instance(lambda i: shift("translation_m", 0, 0.001, 0)(i["pose"]))),
    "pose mirrored": (
        {"pose", "box-3d"},
        in_instance(lambda i: i["pose"].__setitem__("rotation", (-np.array(i["pose"]["rotation"])).tolist())),
    ),
    "pose of another scale": ({"pose"}, in_instance(lambda i: i["pose"].__setitem__("scale", 1.01))),
    "3D corner moved": ({"box-3d"}, in_instance(lambda i: i["box_3d"]["corners_m"][3].__setitem__(0, 9.0))),
    "3D corner projected elsewhere": (
        {"box-3d"},
        in_instance(lambda i: i["box_3d"]["corners_px"][2].__setitem__(1, -400.0)),
    ),
    "keypoint said to be outside": ({"keypoint"}, in_record(lambda r: keypoint_of(r).__setitem__("visibility", 0))),
    "keypoint said to be inside": (
        {"keypoint"},
        in_record(lambda r: keypoint_of(r).__setitem__("xy_px", [-5.0, 20.0])),
    ),
    "keypoint moved": (
        {"keypoint"},
        in_record(lambda r: keypoint_of(r)["xy_px"].__setitem__(0, keypoint_of(r)["xy_px"][0] + 1)),
    ),
    "render that disagrees": ({"disagreement"}, in_record(lambda r: r["agreement"][0].__setitem__("iou", 0.9))),
    "box of the render elsewhere": ({"disagreement"}, in_record(lambda r: r["agreement"][0].__setitem__("box_px", 7))),
    "object not compared": ({"agreement-missing"}, in_record(lambda r: r["agreement"].pop())),
    "something else compared": (
        {"agreement-other"},
        in_record(lambda r: r["agreement"][0].__setitem__("cast_px", 4444)),
    ),
    "IoU above 1": ({"agreement-range"}, in_record(lambda r: r["agreement"][0].__setitem__("iou", 1.5))),
    "map missing": ({"map-missing"}, remove("depth/000001.png")),
    "map changed": (
        {"map-hash"},
        lambda root: (
            put("normals/000000.png", png_of(np.zeros((120, 160, 3), np.uint8)))(root)
            or edit_record(
                root, 0, lambda r: r["maps"].update(normals_png={"path": "normals/000000.png", "sha256": "0" * 64})
            )
        ),
    ),
    "map elsewhere": (
        {"map-path", "coco-differs"},
        lambda root: edit_record(
            root, 0, lambda r: r["maps"].update(normals={"path": "../../etc/passwd", "sha256": "0" * 64})
        ),
    ),
    "map of another size": ({"map-size"}, another_map("semantic", lambda pixels: pixels[:-1])),
    "map cut short": (
        {"map-unreadable"},
        lambda root: edit_record(
            root,
            1,
            lambda r: put_map(
                root, r, "instances", "instances/000001.png", (root / "instances/000001.png").read_bytes()[:-60]
            ),
        ),
    ),
    "EXR cut short": (
        {"map-unreadable"},
        lambda root: edit_record(
            root,
            1,
            lambda r: put_map(root, r, "depth_m", "depth/000001.exr", (root / "depth/000001.exr").read_bytes()[:300]),
        ),
    ),
    "instance map that is not the masks": ({"map-instances"}, another_map("instances", lambda p: np.roll(p, 1, 1))),
    "semantic map that is not the classes": ({"map-semantic"}, another_map("semantic", lambda p: np.roll(p, 9, 1))),
    "depth that is not the objects'": ({"map-depth"}, another_map("depth", lambda p: p + np.uint16(300))),
    "depth in metres of empty space": (
        {"map-depth"},
        another_exr("depth_m", depth_exr, lambda d: np.where(d == 0, np.float32(1e29), d)),
    ),
    "depth in metres that is not the millimetres": ({"map-depth"}, another_exr("depth_m", depth_exr, lambda d: d + 1)),
    "normals that are no directions": (
        {"map-normals"},
        another_exr("normals", normals_exr, lambda d: np.stack([d, d, d], -1)),
    ),
    "instance map of unknown objects": (
        {"map-instances"},
        another_map("instances", lambda p: np.where(np.arange(len(p))[:, None] < 3, np.uint16(77), p)),
    ),
    "instance map of 8 bits": ({"map-instances"}, another_map("instances", lambda p: p.astype(np.uint8))),
    "semantic map of more than the objects": (
        {"map-semantic"},
        another_map("semantic", lambda p: np.where(np.arange(len(p))[:, None] < 3, np.uint16(1), p)),
    ),
    "normals shown otherwise": ({"map-normals"}, normals_and(lambda colors: 255 - colors)),
    "depth in metres cut short": (
        {"map-unreadable"},
        lambda root: edit_record(
            root,
            1,
            lambda r: put_map(root, r, "depth_m", "depth/000001.exr", (root / "depth/000001.exr").read_bytes()[:-900]),
        ),
    ),
    "soft masks of another picture": ({"map-soft-masks"}, soft_masks(moved=True)),
    "map that the config asked for neither there nor recorded": (
        {"map-missing"},
        lambda root: (
            in_run(lambda run: run.setdefault("config", {}).update(output={"semantic": True}))(root)
            or edit_record(root, 1, lambda r: r["maps"].pop("semantic"))
            or (root / "semantic/000001.png").unlink()
        ),
    ),
    "run.json missing": ({"run-missing"}, remove("run.json")),
    "run.json broken": ({"run-unreadable"}, put("run.json", b"{")),
    "run.json of something else": ({"run-unreadable"}, put("run.json", b"{}")),
    "run cut short": ({"run-unfinished"}, in_run(lambda run: run.pop("pictures"))),
    "run that counts other pictures": ({"run-count"}, in_run(assign("pictures", 9))),
    "run that counts other labels": ({"run-labels"}, in_run(lambda run: run["labels"].update(box=77))),
    "COCO missing": ({"coco-missing"}, remove("annotations/instances.json")),
    "COCO broken": ({"coco-unreadable"}, put("annotations/instances.json", b"{")),
    "COCO of other categories": ({"coco-differs"}, other_annotation),
    "COCO written otherwise": (
        {"coco-differs"},
        lambda root: (root / "annotations/instances.json").write_text(
            json.dumps(json.loads((root / "annotations/instances.json").read_text()), indent=1)
        ),
    ),
    "annotations of unknown origin": ({"annotation-unknown"}, put("annotations/old.json")),
    "sheet missing": ({"sheet-missing"}, remove("__overview__/preview.png")),
    "sheet broken": ({"sheet-unreadable"}, put("__overview__/preview.png")),
    "orphaned image": ({"orphan"}, put("images/000009.jpg")),
    "orphaned map": ({"orphan"}, put("normals/000009.exr")),
    "strange record": ({"orphan"}, put("records/copy of 000001.json")),
    "leftover": ({"leftover"}, put("images/.000001.jpg.a8x_k2zq")),
    "leftover beside run.json": ({"leftover"}, put(".run.json.a8x_k2zq")),
    "link out of the dataset": ({"link-outside", "image-missing", "coco-differs"}, link_out),
    "broken link": ({"link-broken", "orphan"}, lambda root: (root / "images/x.jpg").symlink_to("y.jpg")),
}


def test_a_sound_dataset_has_no_finding(dataset: Path) -> None:
    report = check_dataset(dataset)
    assert report.findings == ()
    assert report.pictures == 3
    assert sum(report.labels.values()) == 8  # the ninth is ignored
    figures = report.agreement["cycles"]
    assert figures.objects == 9
    assert figures.least_iou is not None
    assert 0.98 <= figures.least_iou <= 1
    assert figures.engine_labels == 0


def test_sound_maps_of_every_kind_have_no_finding(dataset: Path) -> None:
    normals_and(lambda colors: colors)(dataset)
    soft_masks(moved=False)(dataset)
    assert check_dataset(dataset).findings == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(dataset: Path, name: str) -> None:
    expected, plant = FAULTS[name]
    plant(dataset)
    found = check_dataset(dataset).findings
    assert {f.kind for f in found} == expected, [str(f) for f in found]
    for finding in found:
        assert not finding.path.startswith("/")
        assert finding.message


def test_faults_are_of_many_kinds() -> None:
    assert len({kind for kinds, _ in FAULTS.values() for kind in kinds}) >= 40


def test_a_failed_picture_that_the_run_names_is_told_once(dataset: Path) -> None:
    lost_picture(dataset)
    in_run(assign("failed", [{"index": 1, "reason": "the engine crashed 3 times"}]))(dataset)
    assert [f.kind for f in check_dataset(dataset).findings] == ["pictures-failed"]


def test_frames_that_nobody_asked_for_are_not_missing(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset("images=9", frames=(1, 2))
    assert check_dataset(root).findings == ()
    in_run(lambda run: run["sessions"].append({"frames": [5, 6]}))(root)
    (finding,) = check_dataset(root).findings
    assert finding.kind == "picture-missing"
    assert "2 pictures are missing: 5-6;" in finding.message


def test_the_users_own_files_beside_the_dataset_are_left_alone(dataset: Path) -> None:
    put("notes.txt")(dataset)
    put("thesis/000001.json")(dataset)
    assert check_dataset(dataset).findings == ()


def test_fast_skips_decoding_but_not_hashes(dataset: Path) -> None:
    truncated_image(dataset)
    assert check_dataset(dataset, fast=True).findings == ()
    flipped_byte("images/000000.jpg")(dataset)
    assert {f.kind for f in check_dataset(dataset, fast=True).findings} == {"image-hash"}


@pytest.mark.parametrize("seed", range(8))
def test_no_broken_file_gives_a_traceback(dataset: Path, seed: int) -> None:
    """Bytes flipped, files cut short and swapped: findings, never an exception."""
    rng = np.random.default_rng(seed)
    files = sorted(p for p in dataset.rglob("*") if p.is_file())
    for path in rng.permutation(np.array(files, object))[:12]:
        data = bytearray(path.read_bytes())
        match rng.integers(4):
            case 0:
                data = data[: rng.integers(len(data))]
            case 1:
                for at in rng.integers(len(data), size=rng.integers(1, 20)):
                    data[at] = rng.integers(256)
            case 2:
                data = bytearray(files[rng.integers(len(files))].read_bytes())
            case _:
                at = rng.integers(len(data))
                data[at : at + 40] = rng.bytes(rng.integers(60))
        path.write_bytes(data)
    assert check_dataset(dataset).findings


def _numbers(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        return [found for key, value in items for found in _numbers(value, (*path, key))]
    return [path]


@pytest.mark.parametrize("seed", range(4))
def test_no_absurd_value_gives_a_traceback(dataset: Path, seed: int) -> None:
    """Every leaf of a record and of run.json may hold anything that JSON can."""
    rng = np.random.default_rng(seed)
    absurd = [-1, 0, 1e300, -1e300, 2**70, "", "é~", None, True, [], {}, [1, 2], float("nan"), float("inf"), 0.5]
    for name in ("records/000001.json", "run.json"):
        whole = json.loads((dataset / name).read_text())
        for _ in range(25):
            broken = json.loads(json.dumps(whole))
            leaves = _numbers(broken)
            *parents, last = leaves[rng.integers(len(leaves))]
            node = broken
            for key in parents:
                node = node[key]
            node[last] = absurd[rng.integers(len(absurd))]
            (dataset / name).write_text(json.dumps(broken))
            check_dataset(dataset, fast=True)
        (dataset / name).write_text(json.dumps(whole))


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError):
            check_dataset(path)


def test_several_processes_find_the_same(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanstage.dataset.check.check_dataset.ALONE_UP_TO", 0)
    monkeypatch.setattr("scanstage.dataset.check.check_dataset.PICTURES_A_TASK", 1)
    assert check_dataset(dataset, workers=2).findings == ()
    FAULTS["box shifted"][1](dataset)
    assert check_dataset(dataset, workers=2) == check_dataset(dataset, workers=1)


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entrypoint(["check", str(dataset)]) == 0
    text = capsys.readouterr().out
    assert "no findings" in text
    assert "in the median" in text
    FAULTS["box shifted"][1](dataset)
    assert entrypoint(["check", str(dataset), "--json", str(tmp_path / "f.json")]) == 1
    assert "records/000001.json: instance 1: box" in capsys.readouterr().out
    told = json.loads((tmp_path / "f.json").read_text())
    assert [set(f) for f in told["findings"]] == [{"path", "kind", "message"}]
    report = check_dataset(dataset)
    assert (told["pictures"], told["labels"]) == (3, sum(report.labels.values()))
    assert told["engine_labels"] == 0
    (figures,) = told["agreement"].values()
    assert figures["objects"] > 0
    assert 0.98 <= figures["least_iou"] <= figures["median_iou"] <= 1
    assert figures["largest_box_px"] in (0, 1)
    assert entrypoint(["check", str(dataset), "--json", "-"]) == 1
    assert json.loads(capsys.readouterr().out) == told
    assert entrypoint(["check", str(tmp_path / "nowhere")]) == 2
    assert entrypoint(["check", str(dataset), "--json", str(tmp_path / "no" / "such" / "f.json")]) == 2
