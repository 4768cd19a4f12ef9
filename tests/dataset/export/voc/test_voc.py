"""VOC's XML, masks and lists say what the records say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.voc.voc_folder import OCCLUDED, ROOT, TRUNCATED
from scanstage.dataset.records.finished_dataset import open_dataset


@pytest.fixture
def voc(toy_dataset: Path, tmp_path: Path) -> Path:
    options = ExportOptions.parse({"split": "train=0.67,val=0.33"})
    export_dataset(open_dataset(toy_dataset), "voc", tmp_path / "out", options)
    return tmp_path / "out" / ROOT


def test_boxes_and_flags_are_those_of_the_records(voc: Path, toy_dataset: Path) -> None:
    flags = set()
    for record in open_dataset(toy_dataset).records():
        root = ET.parse(voc / "Annotations" / f"{record.index:06d}.xml").getroot()
        assert root.findtext("filename") == record.image.file_name
        assert tuple(int(root.findtext(f"size/{k}") or 0) for k in ("width", "height")) == record.image.resolution_wh
        for found, instance in zip(root.findall("object"), record.instances, strict=True):
            x, y, w, h = instance.bbox_xywh
            box = [int(found.findtext(f"bndbox/{k}") or 0) for k in ("xmin", "ymin", "xmax", "ymax")]
            assert box == [x + 1, y + 1, x + w, y + h]
            assert found.findtext("name") == instance.class_name
            told = [found.findtext(k) for k in ("truncated", "occluded", "difficult")]
            beyond = instance.truncated_fraction > TRUNCATED, instance.visible_fraction < 1 - OCCLUDED
            assert told == [str(int(flag)) for flag in (*beyond, instance.ignore)]
            flags.add(tuple(told))
    assert len(flags) > 1


def test_masks_are_those_of_the_records(voc: Path, toy_dataset: Path) -> None:
    dataset = open_dataset(toy_dataset)
    number = {c.name: i for i, c in enumerate(dataset.categories, 1)}
    for record in dataset.records():
        classes, objects = (
            Image.open(voc / f"Segmentation{kind}" / f"{record.index:06d}.png") for kind in ("Class", "Object")
        )
        assert classes.mode == objects.mode == "P"
        assert (classes.getpalette() or [])[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
        expected = np.zeros((2, *reversed(record.image.resolution_wh)), int)
        for place, instance in enumerate(record.instances, 1):
            mask = instance.mask.decode().astype(bool)
            expected[0][mask] = 255 if instance.ignore else number[instance.class_name]
            expected[1][mask] = 255 if instance.ignore else place
        np.testing.assert_array_equal(np.array(classes), expected[0])
        np.testing.assert_array_equal(np.array(objects), expected[1])


def test_lists_name_every_picture_once(voc: Path) -> None:
    for kind in ("Main", "Segmentation"):
        lists = {p.stem: p.read_text().split() for p in (voc / "ImageSets" / kind).iterdir()}
        assert lists.keys() == {"train", "val"}
        assert sorted(lists["train"] + lists["val"]) == ["000000", "000001", "000002"]
    colors = (voc / "labelmap.txt").read_text().splitlines()[1:]
    assert colors == ["background:0,0,0::", "box:128,0,0::", "ball:0,128,0::"]


def test_pictures_are_jpeg(make_dataset, tmp_path: Path) -> None:
    root = make_dataset("output.format=png", "images=1")
    export_dataset(open_dataset(root), "voc", tmp_path / "out")
    (picture,) = (tmp_path / "out" / ROOT / "JPEGImages").iterdir()
    ours, theirs = (np.asarray(Image.open(p).convert("RGB"), float) for p in (root / "images/000000.png", picture))
    assert picture.suffix == ".jpg"
    assert Image.open(picture).format == "JPEG"
    assert np.abs(ours - theirs).mean() < 3
