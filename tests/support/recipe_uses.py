"""Uses of what the recipes of CONTRIBUTING.md add, by the ways that users have: each runs in a process of its own.

Each takes a library of toy scans and an empty folder, and raises where something isn't as it should be.
"""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import scanstage
from support.analytic_engine import AnalyticEngines


def _config(library: Path, **keys: Any) -> scanstage.Config:
    document = {
        "images": 2,
        "seed": 3,
        "assets": {"library": str(library), "classes": ["box", "ball"]},
        "objects": {"count": 3, "placement": {"kind": "upright"}},
        "camera": {"resolution": [160, 120]},
    }
    return scanstage.load_config(document | keys)


def a_distribution(library: Path, folder: Path) -> None:
    fields = []
    for index in range(8):
        camera = {"resolution": [160, 120], "fov_deg": {"triangular": [40, 45, 60]}}
        plan = scanstage.plan(_config(library, images=8, camera=camera), index).plan
        fields.append(float(np.degrees(2 * np.arctan(plan.camera.resolution_wh[0] / 2 / plan.camera.fx))))
    assert len(set(fields)) == 8
    assert all(40 <= field <= 60 for field in fields), fields
    for wrong, reason in (([40, 45, 400], "camera.fov_deg"), ([50, 45, 60], "low <= mode <= high")):
        with pytest.raises(scanstage.InputError, match=reason):
            scanstage.load_config({"camera": {"fov_deg": {"triangular": wrong}}})


def an_exporter(library: Path, folder: Path) -> None:
    scanstage.generate(_config(library), folder / "toys", engines=AnalyticEngines())
    written = scanstage.export(folder / "toys", "createml", folder / "ml", split={"train": 0.5, "val": 0.5})
    dataset = scanstage.open_dataset(folder / "toys")
    boxes = sum(len(picture.labels) for picture in dataset)
    assert written.figures == {"pictures": 2, "boxes": boxes, "train": 1, "val": 1}
    found = {
        entry["image"]: (part, entry["annotations"])
        for part in ("train", "val")
        for entry in json.loads((folder / "ml" / part / "annotations.json").read_text())
    }
    for picture in dataset:
        name = picture.record.image.file_name
        part, boxes = found[name]
        assert (folder / "ml" / part / name).read_bytes() == (folder / "toys/images" / name).read_bytes()
        for box, label in zip(boxes, picture.labels, strict=True):
            x, y, w, h = (box["coordinates"][key] for key in ("x", "y", "width", "height"))
            assert (box["label"], (x - w / 2, y - h / 2, w, h)) == (label.class_name, label.bbox_xywh)


def an_annotation(library: Path, folder: Path) -> None:
    config = _config(library, output={"edges": True, "instances": True})
    assert not scanstage.generate(config, folder / "toys", engines=AnalyticEngines()).failed
    for picture in scanstage.open_dataset(folder / "toys"):
        ids, edges = picture.map("instances").astype(int), picture.map("edges")
        around = np.ones((3, 3), np.uint8) - np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]], np.uint8)
        shown = ids.astype(np.float32)
        changes = cv2.dilate(shown, around) != cv2.erode(shown, around)
        np.testing.assert_array_equal(edges > 0, changes)
        assert 0 < changes.sum() < changes.size
    assert not scanstage.check(folder / "toys").findings
    assert scanstage.generate(config, folder / "toys", engines=AnalyticEngines()).kept == 2
    _edges_of_another_picture_are_found(folder / "toys")


def _edges_of_another_picture_are_found(dataset: Path) -> None:
    """With its hash mended, so that the map's own check is what finds it."""
    first, second = (scanstage.open_dataset(dataset)[i].record for i in (0, 1))
    data = (dataset / second.maps["edges"].path).read_bytes()
    (dataset / first.maps["edges"].path).write_bytes(data)
    record = dataset / "records/000000.json"
    record.write_text(record.read_text().replace(first.maps["edges"].sha256, second.maps["edges"].sha256))
    assert {finding.kind for finding in scanstage.check(dataset).findings} == {"map-edges"}


def an_engine(library: Path, folder: Path) -> None:
    engines = importlib.import_module("scanstage.render.engine.clay_engine").ClayEngines()
    config = _config(library, output={"depth": True})
    summary = scanstage.generate(config, folder / "toys", engines=engines)
    assert (summary.done, summary.failed) == (2, [])
    assert not scanstage.check(folder / "toys").findings
    for picture in scanstage.open_dataset(folder / "toys"):
        assert picture.image().std() > 1
        assert picture.record.engine["engine"]
    normals = _config(library, output={"normals": True})
    with pytest.raises(scanstage.InputError, match="clay has no normals"):
        scanstage.generate(normals, folder / "normals", engines=engines)
    protocol = importlib.import_module("scanstage.render.engine.engine_protocol")
    members = {name for name in vars(protocol.Engine) if not name.startswith("_")}
    assert members <= set(dir(importlib.import_module("scanstage.render.engine.clay_engine").ClayEngine))


CUBE = """OFF
# eight corners, six squares
8 6 12
0 0 0\n1 0 0\n1 1 0\n0 1 0
0 0 1\n1 0 1\n1 1 1\n0 1 1
4 3 2 1 0\n4 4 5 6 7\n4 0 1 5 4 0.5 0.5 0.5\n4 1 2 6 5\n4 2 3 7 6\n4 3 0 4 7
"""


def a_scan_format(library: Path, folder: Path) -> None:
    from scanstage.assets.intake.take_in import IntakeOptions, take_in
    from scanstage.assets.readers.read_scan import read_scan

    (path := folder / "cube.off").write_text(CUBE)
    scan = read_scan(path)
    assert (scan.vertices.shape, scan.faces.shape) == ((8, 3), (12, 3))
    corners = scan.vertices[scan.faces]
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert abs(volume - 1) < 1e-12
    asset = take_in(path, IntakeOptions("cube", unit="m"), folder / "library")
    assert (asset.meta.class_name, asset.mesh().faces.shape) == ("cube", (12, 3))
    for broken in (
        CUBE[:-20],
        CUBE.replace("OFF", "PLY"),
        CUBE.replace("8 6 12", "8 600 12"),
        CUBE.replace("1 1 1", "x"),
    ):
        path.write_text(broken)
        with pytest.raises(scanstage.InputError, match=re.escape(str(path))):
            read_scan(path)
