"""COCO files as pycocotools reads them: keypoints, ignored regions, evaluation."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from scanstage.assets.asset import AssetMeta
from scanstage.dataset.labels.categories import Category, make_categories
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.run_file import parse_run_file


@pytest.fixture(scope="module")
def coco(toy_dataset: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(toy_dataset / "annotations" / "instances.json"))


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_the_truth_as_detections_is_perfect(coco: COCO, kind: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        keys = ("image_id", "category_id", "bbox", "segmentation")
        found = [{k: a[k] for k in keys} | {"score": 1.0} for a in coco.dataset["annotations"] if not a["iscrowd"]]
        evaluation = COCOeval(coco, coco.loadRes(found), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == 1.0  # AP at IoU 0.50:0.95
    assert evaluation.stats[8] == 1.0  # recall
    matches = [e["gtIgnore"] for e in evaluation.evalImgs if e is not None and e["aRng"] == [0, 1e10]]
    assert sum(int(np.sum(m)) for m in matches) == 1


def test_ignored_instances_are_regions_to_ignore(coco: COCO, toy_dataset: Path) -> None:
    ignored = [a for a in coco.dataset["annotations"] if a["iscrowd"]]
    assert [(a["ignore"], "min_visible_fraction" in a["attributes"]["reason"]) for a in ignored] == [(1, True)]
    assert coco.annToMask(ignored[0]).sum() == ignored[0]["area"]
    run = json.loads((toy_dataset / "run.json").read_text())
    assert sum(run["labels"].values()) == len(coco.dataset["annotations"]) - 1


def test_keypoints_are_those_of_the_records(coco: COCO, toy_dataset: Path) -> None:
    categories = {c["id"]: c for c in coco.dataset["categories"]}
    assert categories[1]["keypoints"] == ["low", "high"]
    assert categories[1]["skeleton"] == categories[2]["skeleton"] == [[1, 2]]
    truth = {(r.index, i.instance_id): i for r in open_dataset(toy_dataset).records() for i in r.instances}
    seen = 0
    for annotation in coco.dataset["annotations"]:
        instance = truth[annotation["image_id"], annotation["attributes"]["instance_id"]]
        triples = np.array(annotation["keypoints"]).reshape(-1, 3)
        assert annotation["num_keypoints"] == (triples[:, 2] > 0).sum()
        for name, (x, y, flag) in zip(categories[annotation["category_id"]]["keypoints"], triples, strict=True):
            point = next(k for k in instance.keypoints if k.name == name)
            assert flag == point.visibility
            if flag:
                seen += 1
                assert np.allclose((x, y), point.xy_px, atol=1e-3)
    assert seen > 10


def test_categories_join_the_points_of_their_assets() -> None:
    def meta(**points: Any) -> AssetMeta:
        names = list(points)
        return AssetMeta("a/b", "a", (1, 1, 1), 1, (), keypoints=points, skeleton=((names[0], names[-1]),))

    one, two = meta(head=(0, 0, 1), tail=(1, 0, 0)), meta(head=(0, 0, 1), paw=(0, 1, 0))
    found = make_categories(["a", "b"], {"a": [one, two]})
    assert found == (Category("a", ("head", "tail", "paw"), (("head", "tail"), ("head", "paw"))), Category("b"))
    run = {"config": {"name": "x"}, "identity": {"config": {}, "classes": ["a", "b"]}}
    told = run | {"categories": [c.to_json() for c in found]}
    assert parse_run_file(json.dumps(told).encode()).categories == found
    assert parse_run_file(json.dumps(run).encode()).categories == (Category("a"), Category("b"))


@pytest.mark.parametrize("told", [{"categories": 3}, {"categories": [{}]}, {"identity": {}}, {"config": {}}])
def test_a_run_file_that_names_no_categories_is_none(told: dict[str, Any]) -> None:
    run = {"config": {"name": "x"}, "identity": {"config": {}, "classes": ["a"]}} | told
    with pytest.raises(ValueError, match=r"categories|identity|config"):
        parse_run_file(json.dumps(run).encode())
