"""Maps of classes and instances, and panoptic pictures, are the records' masks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.label_maps.painting import class_map, instance_map, write_palette_png
from scanstage.dataset.records.finished_dataset import open_dataset


def test_semantic_maps_are_those_that_the_run_wrote(toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), "masks", tmp_path / "out")
    told = json.loads((tmp_path / "out/classes.json").read_text())
    assert told == {"0": None, "1": "box", "2": "ball", "255": "to be ignored"}
    for record in open_dataset(toy_dataset).records():
        ours = np.array(Image.open(tmp_path / "out/semantic/train" / f"{record.index:06d}.png"))
        of_run = np.array(Image.open(toy_dataset / "semantic" / f"{record.index:06d}.png"))
        known = ours != 255  # what is to be ignored is void here, and its class there
        labelled = np.isin(of_run, [1, 2])
        assert (ours[known & labelled] == of_run[known & labelled]).all()
        assert (ours[~labelled] == 0).all()
        instances = np.array(Image.open(tmp_path / "out/instances/train" / f"{record.index:06d}.png"))
        assert len(np.unique(instances)) == len(record.instances) + 1


def test_panoptic_segments_are_the_labels(toy_dataset: Path, tmp_path: Path) -> None:
    export_dataset(open_dataset(toy_dataset), "coco-panoptic", tmp_path / "out")
    document = json.loads((tmp_path / "out/annotations/panoptic_train.json").read_text())
    names = {c["id"]: c["name"] for c in document["categories"]}
    records = {r.index: r for r in open_dataset(toy_dataset).records()}
    assert len(document["annotations"]) == 3
    for annotation in document["annotations"]:
        rgb = np.array(Image.open(tmp_path / "out/annotations/panoptic_train" / annotation["file_name"])).astype(int)
        ids = rgb @ (1, 256, 65536)
        record = records[annotation["image_id"]]
        assert set(np.unique(ids)) == {0, *(s["id"] for s in annotation["segments_info"])}
        for segment, instance in zip(annotation["segments_info"], record.instances, strict=True):
            np.testing.assert_array_equal(ids == segment["id"], instance.mask.decode().astype(bool))
            assert segment["area"] == instance.area_px
            assert names[segment["category_id"]] == instance.class_name
            assert segment["iscrowd"] == int(instance.ignore)


def test_many_instances_take_two_bytes(toy_dataset: Path, tmp_path: Path) -> None:
    record = next(open_dataset(toy_dataset).records())
    many = replace(record, instances=record.instances * 100)
    ids = instance_map(many)
    assert ids.dtype == np.uint16
    assert ids.max() == len(many.instances)
    write_palette_png(tmp_path / "ids.png", ids)
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "ids.png")), ids)


def test_more_classes_than_a_byte_has_are_refused(toy_dataset: Path) -> None:
    record = next(open_dataset(toy_dataset).records())
    with pytest.raises(InputError, match="300 classes: a map of one byte a pixel holds 254"):
        class_map(record, [str(i) for i in range(300)])
