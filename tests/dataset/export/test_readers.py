"""Exports as others read them: each reader that is not ours gives back the boxes and masks of the records.

The readers come with ``pip install -e ".[readers]"``; without one its tests are skipped. The table in docs/formats.md
is the one of this module.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from PIL import Image

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.join.join_parts import join
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.record import Record

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
PARTS = ("train", "val")
Mask = npt.NDArray[np.bool_]


@dataclass
class Seen:
    """A label as a reader gives it: its box by edges, from 0 on; its mask where the reader has one."""

    name: str
    box: tuple[float, float, float, float]
    mask: Mask | None = None


Pictures = dict[str, list[Seen]]
"""Labels by the picture's name without suffix."""
Reader = Callable[[Path, str], Pictures]


def stem(path: object) -> str:
    return Path(str(path)).stem


def of_xywh(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
    return float(x), float(y), float(x + w), float(y + h)


def drawn(rings: Any, size_hw: tuple[int, int]) -> Mask:
    """What OpenCV fills, border included, as most trainers do."""
    mask = np.zeros(size_hw, np.uint8)
    for ring in rings:
        cv2.fillPoly(mask, [np.round(np.asarray(ring, float).reshape(-1, 2)).astype(np.int32)], 1)
    return mask.astype(bool)


def names_of(folder: Path) -> list[str]:
    about = yaml.safe_load((folder / "data.yaml").read_text("utf-8"))
    return list(about["names"].values())


# COCO ----------------------------------------------------------------------------------------------------------------


def coco_pycocotools(out: Path, part: str) -> Pictures:
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(out / f"annotations/instances_{part}.json"))
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    return {
        stem(image["file_name"]): [
            Seen(names[a["category_id"]], of_xywh(*a["bbox"]), coco.annToMask(a).astype(bool))
            for a in coco.loadAnns(coco.getAnnIds(image["id"]))
        ]
        for image in coco.dataset["images"]
    }


def coco_torchvision(out: Path, part: str) -> Pictures:
    from torchvision.datasets import CocoDetection

    with contextlib.redirect_stdout(io.StringIO()):
        data = CocoDetection(str(out / "images" / part), str(out / f"annotations/instances_{part}.json"))
    names = {c["id"]: c["name"] for c in data.coco.dataset["categories"]}
    found = {}
    for place, image_id in enumerate(data.ids):
        image, target = data[place]
        about = data.coco.loadImgs(image_id)[0]
        assert image.size == (about["width"], about["height"])
        found[stem(about["file_name"])] = [
            Seen(names[a["category_id"]], of_xywh(*a["bbox"]), data.coco.annToMask(a).astype(bool)) for a in target
        ]
    return found


def coco_supervision(out: Path, part: str) -> Pictures:
    import supervision

    data = supervision.DetectionDataset.from_coco(
        str(out / "images" / part), str(out / f"annotations/instances_{part}.json"), force_masks=True
    )
    return _supervision(data)


def _supervision(data: Any) -> Pictures:
    found = {}
    for path, _, detections in data:
        masks = detections.mask if detections.mask is not None else [None] * len(detections)
        found[stem(path)] = [
            Seen(data.classes[c], tuple(map(float, box)), None if m is None else np.asarray(m, bool))
            for box, c, m in zip(detections.xyxy, detections.class_id, masks, strict=True)
        ]
    return found


def coco_datumaro(out: Path, part: str) -> Pictures:
    return _datumaro(out, "coco_instances", part)


def _datumaro(out: Path, format_: str, part: str) -> Pictures:
    import datumaro

    data = datumaro.Dataset.import_from(str(out), format_)
    labels = data.categories()[datumaro.AnnotationType.label]
    found: Pictures = {}
    for item in data:
        if item.subset != part:
            continue
        seen = found.setdefault(stem(item.id), [])
        masked = any(a.type == datumaro.AnnotationType.mask for a in item.annotations)
        for annotation in item.annotations:
            if annotation.type == datumaro.AnnotationType.bbox and not masked:
                seen.append(Seen(labels[annotation.label].name, tuple(annotation.points)))
            elif annotation.type == datumaro.AnnotationType.mask:
                mask = np.asarray(annotation.image, bool)
                seen.append(Seen(labels[annotation.label].name, of_xywh(*_box(mask)), mask))
    return found


def _box(mask: Mask) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1


def coco_globox(out: Path, part: str) -> Pictures:
    import globox

    return _globox(globox.AnnotationSet.from_coco(out / f"annotations/instances_{part}.json"))


def _globox(data: Any, names: list[str] | None = None) -> Pictures:
    return {
        stem(a.image_id): [
            Seen(names[int(b.label)] if names else b.label, (b.xmin, b.ymin, b.xmax, b.ymax)) for b in a.boxes
        ]
        for a in data
    }


def coco_sahi(out: Path, part: str) -> Pictures:
    from sahi.utils.coco import Coco

    path = str(out / f"annotations/instances_{part}.json")
    data = Coco.from_coco_dict_or_path(path, image_dir=str(out / "images" / part))
    found = {}
    for image in data.images:
        size = image.height, image.width
        found[stem(image.file_name)] = [
            Seen(a.category_name, of_xywh(*a.bbox), drawn(a.segmentation, size) if a.segmentation else None)
            for a in image.annotations
        ]
    return found


def coco_labelformat(out: Path, part: str) -> Pictures:
    from labelformat.formats import COCOInstanceSegmentationInput

    data = COCOInstanceSegmentationInput(out / f"annotations/instances_{part}.json")
    found = {}
    for label in data.get_labels():
        size = label.image.height, label.image.width
        seen = []
        for item in label.objects:
            rings = [np.array(ring) for ring in item.segmentation.polygons]
            every = np.concatenate(rings)
            seen.append(Seen(item.category.name, (*every.min(axis=0), *every.max(axis=0)), drawn(rings, size)))
        found[stem(label.image.filename)] = seen
    return found


def coco_labelformat_boxes(out: Path, part: str) -> Pictures:
    from labelformat.formats import COCOObjectDetectionInput

    return _labelformat(COCOObjectDetectionInput(out / f"annotations/instances_{part}.json"))


def _labelformat(data: Any) -> Pictures:
    return {
        stem(label.image.filename): [
            Seen(o.category.name, (o.box.xmin, o.box.ymin, o.box.xmax, o.box.ymax)) for o in label.objects
        ]
        for label in data.get_labels()
    }


def coco_pylabel(out: Path, part: str) -> Pictures:
    from pylabel import importer

    path = str(out / f"annotations/instances_{part}.json")
    return _pylabel(importer.ImportCoco(path, path_to_images=str(out / "images" / part)))


def _pylabel(data: Any, names: list[str] | None = None) -> Pictures:
    found: Pictures = {}
    for _, row in data.df.iterrows():
        edges = (row[f"ann_bbox_{k}"] for k in ("xmin", "ymin", "xmax", "ymax"))
        name = names[int(row["cat_id"])] if names else row["cat_name"]
        found.setdefault(stem(row["img_filename"]), []).append(Seen(name, tuple(map(float, edges))))
    return found


def coco_ultralytics_converter(out: Path, part: str) -> Pictures:
    """What Ultralytics' own converter makes of it."""
    from ultralytics.data.converter import convert_coco

    made = out.parent / "converted"
    if not made.exists():
        convert_coco(str(out / "annotations") + "/", save_dir=str(made), use_segments=True, cls91to80=False)
    import json

    document = json.loads((out / f"annotations/instances_{part}.json").read_text("utf-8"))
    names = [c["name"] for c in document["categories"]]
    found = {}
    for image in document["images"]:
        width, height = image["width"], image["height"]
        text = (made / "labels" / part / f"{stem(image['file_name'])}.txt").read_text("ascii")
        seen = []
        for line in text.splitlines():
            number, *shares = line.split()
            ring = np.array(shares, float).reshape(-1, 2) * (width, height)
            mask = drawn([ring], (height, width))
            seen.append(Seen(names[int(number)], (*ring.min(axis=0), *ring.max(axis=0)), mask))
        found[stem(image["file_name"])] = seen
    return found


# YOLO ----------------------------------------------------------------------------------------------------------------


def yolo_ultralytics(out: Path, part: str) -> Pictures:
    return _ultralytics(out, part, "detect")


def seg_ultralytics(out: Path, part: str) -> Pictures:
    return _ultralytics(out, part, "segment")


def obb_ultralytics(out: Path, part: str) -> Pictures:
    return _ultralytics(out, part, "obb")


def pose_ultralytics(out: Path, part: str) -> Pictures:
    return _ultralytics(out, part, "pose")


def _ultralytics(out: Path, part: str, task: str) -> Pictures:
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    about = check_det_dataset(str(out / "data.yaml"), autodownload=False)
    data = YOLODataset(img_path=about[part], data=about, task=task, augment=False, imgsz=160)
    found = {}
    for label in data.labels:
        height, width = label["shape"]
        seen = []
        segments = label["segments"] or [None] * len(label["cls"])
        for number, box, ring in zip(label["cls"], label["bboxes"], segments, strict=True):
            x, y, w, h = box * (width, height, width, height)
            mask = None if ring is None or task == "obb" else drawn([ring * (width, height)], (height, width))
            name = about["names"][int(number.item())]
            seen.append(Seen(name, of_xywh(x - w / 2, y - h / 2, w, h), mask))
        found[stem(label["im_file"])] = seen
    return found


def yolo_supervision(out: Path, part: str) -> Pictures:
    import supervision

    folders = str(out / "images" / part), str(out / "labels" / part), str(out / "data.yaml")
    return _supervision(supervision.DetectionDataset.from_yolo(*folders))


def seg_supervision(out: Path, part: str) -> Pictures:
    import supervision

    folders = str(out / "images" / part), str(out / "labels" / part), str(out / "data.yaml")
    return _supervision(supervision.DetectionDataset.from_yolo(*folders, force_masks=True))


def obb_supervision(out: Path, part: str) -> Pictures:
    import supervision

    folders = str(out / "images" / part), str(out / "labels" / part), str(out / "data.yaml")
    return _supervision(supervision.DetectionDataset.from_yolo(*folders, is_obb=True))


def yolo_datumaro(out: Path, part: str) -> Pictures:
    return _datumaro(out, "yolo", part)


def yolo_globox(out: Path, part: str) -> Pictures:
    import globox

    data = globox.AnnotationSet.from_yolo_v5(out / "labels" / part, image_folder=out / "images" / part)
    return _globox(data, names_of(out))


def yolo_labelformat(out: Path, part: str) -> Pictures:
    from labelformat.formats import YOLOv8ObjectDetectionInput

    return _labelformat(YOLOv8ObjectDetectionInput(out / "data.yaml", part))


def yolo_pylabel(out: Path, part: str) -> Pictures:
    from pylabel import importer

    made = importer.ImportYoloV5(
        str(out / "labels" / part), path_to_images=str(out / "images" / part), cat_names=names_of(out)
    )
    return _pylabel(made, names_of(out))


# others --------------------------------------------------------------------------------------------------------------


def voc_torchvision(out: Path, part: str) -> Pictures:
    from torchvision.datasets import VOCDetection, VOCSegmentation

    boxes = VOCDetection(str(out), year="2012", image_set=part)
    masks = VOCSegmentation(str(out), year="2012", image_set=part)
    found = {}
    for (_, target), (_, classes), path in zip(boxes, masks, boxes.images, strict=True):
        objects = np.array(classes)
        seen = []
        for item in target["annotation"]["object"]:
            left, top, right, bottom = (int(item["bndbox"][k]) for k in ("xmin", "ymin", "xmax", "ymax"))
            seen.append(Seen(item["name"], (left - 1, top - 1, right, bottom)))
            assert objects[top - 1 : bottom, left - 1 : right].any()
        found[stem(path)] = seen
    return found


def voc_supervision(out: Path, part: str) -> Pictures:
    import supervision

    root = out / "VOCdevkit/VOC2012"
    data = supervision.DetectionDataset.from_pascal_voc(str(root / "JPEGImages"), str(root / "Annotations"))
    return _listed(_supervision(data), root / f"ImageSets/Main/{part}.txt")


def _listed(found: Pictures, file: Path) -> Pictures:
    return {name: found[name] for name in file.read_text("ascii").split()}


def voc_datumaro(out: Path, part: str) -> Pictures:
    found = _datumaro(out / "VOCdevkit/VOC2012", "voc_detection", part)
    # Its boxes end at the last pixel, and begin at VOC's first, 1.
    return {name: [Seen(s.name, _from_voc(s.box)) for s in seen] for name, seen in found.items()}


def _from_voc(box: tuple[float, ...]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return left - 1, top - 1, right, bottom


def voc_globox(out: Path, part: str) -> Pictures:
    import globox

    root = out / "VOCdevkit/VOC2012"
    found = _globox(globox.AnnotationSet.from_pascal_voc(root / "Annotations"))
    found = {name: [Seen(s.name, _from_voc(s.box)) for s in seen] for name, seen in found.items()}
    return _listed(found, root / f"ImageSets/Main/{part}.txt")


def kitti_torchvision(out: Path, part: str) -> Pictures:
    from torchvision.datasets import Kitti

    place = out.parent / "Kitti"  # where it looks
    place.mkdir(exist_ok=True)
    if not (place / "raw").exists():
        (place / "raw").symlink_to(out)
    data = Kitti(str(out.parent), train=True)
    found = {
        stem(path): [Seen(item["type"], tuple(item["bbox"])) for item in data[place][1]]
        for place, path in enumerate(data.images)
    }
    return _listed(found, out / f"ImageSets/{part}.txt")


def kitti_labelformat(out: Path, part: str) -> Pictures:
    from labelformat.formats import KittiObjectDetectionInput

    data = KittiObjectDetectionInput(out / "training/label_2", category_names="box,ball", images_rel_path="../image_2")
    return _listed(_labelformat(data), out / f"ImageSets/{part}.txt")


def kitti_datumaro(out: Path, part: str) -> Pictures:
    import datumaro

    data = datumaro.Dataset.import_from(str(out / "training"), "kitti3d")
    labels = data.categories()[datumaro.AnnotationType.label]
    found = {
        stem(item.id): [Seen(labels[a.label].name, of_xywh(*a.get_bbox())) for a in item.annotations] for item in data
    }
    return _listed(found, out / f"ImageSets/{part}.txt")


def panoptic_datumaro(out: Path, part: str) -> Pictures:
    return _datumaro(out, "coco_panoptic", part)


def huggingface_datasets(out: Path, part: str) -> Pictures:
    import datasets
    from pycocotools import mask as coco_mask

    cache = out.parent / "cache"
    data = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(cache))
    found = {}
    for row in data["validation" if part == "val" else part]:
        assert row["image"].size == (row["width"], row["height"])
        there = row["objects"]
        if isinstance(there, list):  # the older form
            there = {key: [o[key] for o in there] for key in (there[0] if there else ())}
        codes = [{"size": s["size"], "counts": s["counts"]} for s in there["segmentation"]]
        masks = [coco_mask.decode(code).astype(bool) for code in codes]
        triples = zip(there["category"], there["bbox"], masks, strict=True)
        found[f"{row['image_id']:06d}"] = [Seen(n, of_xywh(*box), mask) for n, box, mask in triples]
    return found


def parquet_datasets(out: Path, part: str) -> Pictures:
    import datasets
    from pycocotools import mask as coco_mask

    data = datasets.load_dataset(str(out), cache_dir=str(out.parent / "parquet cache"))
    rows = data[part]
    names = rows.features["objects"]["category_id"].feature.names
    found = {}
    for row in rows:
        assert row["image"].size == (row["width"], row["height"])
        there = row["objects"]
        assert [names[i] for i in there["category_id"]] == there["category"]
        masks = [coco_mask.decode(dict(code)).astype(bool) for code in there["segmentation"]]
        triples = zip(there["category"], there["bbox"], masks, strict=True)
        found[f"{row['image_id']:06d}"] = [Seen(n, of_xywh(*box), mask) for n, box, mask in triples]
    return found


def webdataset_webdataset(out: Path, part: str) -> Pictures:
    import webdataset
    from pycocotools import mask as coco_mask

    shards = [str(p) for p in sorted((out / part).glob("*.tar"))]
    data = webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8").to_tuple("__key__", "jpg", "json")
    found = {}
    for key, image, told in data:
        assert image.shape == (told["height"], told["width"], 3)
        found[key] = [
            Seen(a["category"], of_xywh(*a["bbox"]), coco_mask.decode(a["segmentation"]).astype(bool))
            for a in told["annotations"]
        ]
    return found


# the table -----------------------------------------------------------------------------------------------------------

EXACT, PAINTED = "exact", "as painted"
"""Masks are the records', or as OpenCV paints outlines: with all pixels that the line touches, to the right and below
one more, and where pieces are joined, the joint."""


@dataclass(frozen=True)
class Cell:
    """A reader of a format. ``masks``: how they are the records', None where it reads none. ``loose``: how far its
    boxes may be off, pixels, since it works them out of something else."""

    reader: str
    format: str
    read: Reader
    masks: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    loose: float = 0.01
    module: str = ""

    @property
    def title(self) -> str:
        return " ".join([self.format, *(value for _, value in self.options)])


POLYGONS = (("masks", "polygons"),)
CELLS = [
    Cell("pycocotools", "coco", coco_pycocotools, EXACT),
    Cell("pycocotools", "coco", coco_pycocotools, EXACT, POLYGONS),
    Cell("torchvision", "coco", coco_torchvision, EXACT),
    Cell("torchvision", "coco", coco_torchvision, EXACT, POLYGONS),
    Cell("supervision", "coco", coco_supervision, EXACT),
    Cell("supervision", "coco", coco_supervision, PAINTED, POLYGONS),
    Cell("datumaro", "coco", coco_datumaro, EXACT),
    Cell("globox", "coco", coco_globox),
    Cell("sahi", "coco", coco_sahi),
    Cell("sahi", "coco", coco_sahi, PAINTED, POLYGONS),
    Cell("labelformat", "coco", coco_labelformat_boxes),
    Cell("labelformat", "coco", coco_labelformat, PAINTED, POLYGONS),
    Cell("pylabel", "coco", coco_pylabel),
    Cell("ultralytics (convert_coco)", "coco", coco_ultralytics_converter, PAINTED, (), 1.5, "ultralytics"),
    Cell("ultralytics (convert_coco)", "coco", coco_ultralytics_converter, PAINTED, POLYGONS, 0.01, "ultralytics"),
    Cell("ultralytics", "yolo", yolo_ultralytics),
    Cell("supervision", "yolo", yolo_supervision),
    Cell("datumaro", "yolo", yolo_datumaro),
    Cell("globox", "yolo", yolo_globox),
    Cell("labelformat", "yolo", yolo_labelformat),
    Cell("pylabel", "yolo", yolo_pylabel),
    Cell("ultralytics", "yolo-seg", seg_ultralytics, PAINTED),
    Cell("supervision", "yolo-seg", seg_supervision, PAINTED),
    Cell("ultralytics", "yolo-pose", pose_ultralytics),
    Cell("ultralytics", "yolo-obb", obb_ultralytics, None, (), 12),
    Cell("supervision", "yolo-obb", obb_supervision, None, (), 12),
    Cell("torchvision", "voc", voc_torchvision),
    Cell("supervision", "voc", voc_supervision),
    Cell("datumaro", "voc", voc_datumaro),
    Cell("globox", "voc", voc_globox),
    Cell("torchvision", "kitti", kitti_torchvision),
    Cell("labelformat", "kitti", kitti_labelformat),
    Cell("datumaro", "kitti", kitti_datumaro),
    Cell("datumaro", "coco-panoptic", panoptic_datumaro, EXACT),
    Cell("datasets", "huggingface", huggingface_datasets, EXACT),
    Cell("datasets", "parquet", parquet_datasets, EXACT),
    Cell("webdataset", "webdataset", webdataset_webdataset, EXACT),
]


@pytest.fixture(scope="session")
def readable(make_dataset: Any) -> Path:
    """Eight pictures without regions to be ignored, of which readers think differently."""
    return make_dataset("images=8", "labels.per_class={}", "objects.count=4")


@pytest.fixture(scope="session")
def exported(readable: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cell], Path]:
    made: dict[str, Path] = {}

    def export(cell: Cell) -> Path:
        if cell.title not in made:
            options = ExportOptions.parse({"split": "train=0.75,val=0.25", **dict(cell.options)})
            out = tmp_path_factory.mktemp("export") / cell.format
            export_dataset(open_dataset(readable), cell.format, out, options)
            made[cell.title] = out
        return made[cell.title]

    return export


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Readers download nothing and write nothing to a home."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    monkeypatch.setenv("YOLO_AUTOINSTALL", "false")
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.getbasetemp()))
    with np.errstate(all="ignore"):
        yield


def compare(cell: Cell, record: Record, found: list[Seen]) -> None:
    """Raise AssertionError where a picture's labels aren't those that a reader found, in whatever order."""
    assert len(found) == len(record.instances), f"picture {record.index}"
    left = list(found)
    for instance in record.instances:
        box = np.array(of_xywh(*instance.bbox_xywh))
        same = [s for s in left if s.name == instance.class_name]
        assert same, f"picture {record.index}: no {instance.class_name} is left"
        best = min(same, key=lambda s: float(np.abs(np.array(s.box) - box).max()))
        assert np.abs(np.array(best.box) - box).max() <= cell.loose, f"picture {record.index}: {best.box} for {box}"
        left = [s for s in left if s is not best]
        if cell.masks is None:
            continue
        assert best.mask is not None
        truth = instance.mask.decode().astype(bool)
        if cell.masks == EXACT:
            np.testing.assert_array_equal(best.mask, truth)
            continue
        assert best.mask[truth].all(), f"picture {record.index}"
        touched = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        pieces, holes = (cv2.connectedComponents(m.astype(np.uint8), connectivity=4)[0] for m in (truth, ~truth))
        joints = (pieces - 2 + holes - 2) * max(instance.bbox_xywh[2:])
        assert (best.mask & ~touched).sum() <= joints, f"picture {record.index}"


@pytest.mark.parametrize("cell", CELLS, ids=[f"{c.reader}: {c.title}" for c in CELLS])
def test_a_reader_gives_back_the_records(cell: Cell, exported: Callable[[Cell], Path], readable: Path) -> None:
    module = cell.module or cell.reader
    pytest.importorskip(module)
    if module == "ultralytics" and "convert" in cell.reader:
        pytest.importorskip("faster_coco_eval")
    out = exported(cell)
    records = {f"{r.index:06d}": r for r in open_dataset(readable).records()}
    seen = []
    for part in PARTS:
        found = cell.read(out, part)
        for name, labels in found.items():
            compare(cell, records[name], labels)
        seen += list(found)
    assert sorted(seen) == sorted(records)


def table() -> str:
    """A row a reader, a column a format: what is read and compared."""
    columns = list(dict.fromkeys(c.title for c in CELLS))
    readers = list(dict.fromkeys(c.reader for c in CELLS))
    lines = ["| reader | " + " | ".join(f"`{c}`" for c in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for reader in readers:
        words = {c.title: _told(c) for c in CELLS if c.reader == reader}
        lines.append(f"| {reader} | " + " | ".join(words.get(title, "") for title in columns) + " |")
    return "\n".join(lines)


def _told(cell: Cell) -> str:
    boxes = "boxes" if cell.loose < 1 else "boxes²"
    return boxes + {None: "", EXACT: ", masks", PAINTED: ", masks¹"}[cell.masks]


def test_the_page_has_this_table() -> None:
    found = re.search(r"\| reader \|.*?(?=\n\n|\Z)", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert found[0].strip() == table(), "python tests/dataset/export/test_readers.py prints it"


def test_a_dataset_itself_is_loaded_as_its_card_says(readable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of README.md, each with its own imports; those whose reader isn't here are passed over."""
    monkeypatch.chdir(readable)
    code = re.findall(r"```python\n(.*?)```", (readable / "README.md").read_text("utf-8"), re.DOTALL)
    tried = set()
    for block in code[0].split("\n\n"):
        module = block.split()[1].partition(".")[0]
        with contextlib.suppress(ModuleNotFoundError), contextlib.redirect_stdout(io.StringIO()):
            names: dict[str, Any] = {}
            exec(block, names)
            assert len(names["data"]["train"] if module == "datasets" else names.get("data", range(8))) == 8
            tried.add(module)
    assert {"pycocotools", "scanstage"} <= tried


def test_loaders_of_pictures_take_no_sheet_for_one(readable: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    taken = datasets.Image(decode=False)

    def pictures(*name: str, **where: str) -> set[str]:
        data = datasets.load_dataset(*name, **where, cache_dir=str(tmp_path / "cache"))
        return {
            Path(i["path"]).relative_to(readable).parts[0] for i in data["train"].cast_column("image", taken)["image"]
        }

    assert pictures(str(readable)) == {"images"}
    maps = {"depth", "instances", "semantic"}
    assert pictures("imagefolder", data_dir=str(readable)) == {"images", *maps}


@pytest.mark.parametrize("format_", ["huggingface", "parquet"])
def test_datasets_reads_what_was_joined(readable: Path, tmp_path: Path, format_: str) -> None:
    """Where a picture comes from is text: a column that ends in file_name would be taken for a picture."""
    datasets = pytest.importorskip("datasets")
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(tmp_path / "far.png")
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "segmentation": [[1, 2, 31, 2, 31, 22, 1, 22]]}
    image = {"id": 1, "file_name": "far.png", "width": 64, "height": 48}
    document = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "thing"}]}
    (tmp_path / "real.json").write_text(json.dumps(document))
    out, figures = join([readable], tmp_path / "all", format_, real=[tmp_path / "real.json"])
    kind = {"path": "imagefolder", "data_dir": str(out)} if format_ == "huggingface" else {"path": str(out)}
    rows = datasets.load_dataset(**kind, cache_dir=str(tmp_path / "cache"))["train"]
    assert len(rows) == figures["pictures"]
    last = max(rows, key=lambda row: row["image_id"])
    source = last["source"] if isinstance(last["source"], dict) else json.loads(last["source"])
    assert (source["kind"], source["original"]) == ("real", "far.png")
    assert last["image"].size == (64, 48)


def test_ultralytics_trains_from_it_as_it_stands(exported: Callable[[Cell], Path], tmp_path: Path) -> None:
    pytest.importorskip("ultralytics")
    out = exported(next(c for c in CELLS if c.format == "yolo"))
    command = [
        *(sys.executable, "-c", "from ultralytics.cfg import entrypoint; entrypoint()", "detect", "train"),
        *(f"data={out / 'data.yaml'}", "model=yolo11n.yaml", "epochs=1", "imgsz=64", "batch=2", "workers=0"),
        *(f"project={tmp_path}", "plots=False", "device=cpu"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert next(tmp_path.rglob("weights/last.pt")).stat().st_size > 1e6


if __name__ == "__main__":
    print(table())
