from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.map_files import depth_exr, depth_png, normals_exr, normals_png
from scanstage.dataset.records.record import MapInfo
from scanstage.dataset.report_page.build_report import MEGABYTE, Report, ReportOptions, build_report, place_of_images
from scanstage.dataset.report_page.other_dataset import open_other
from scanstage.dataset.report_page.page import render_page
from scanstage.dataset.report_page.shown_pictures import decoded_map

Json = dict[str, Any]
HOSTILE = "<script>alert(1)</script>"


class Blocks(HTMLParser):
    """Scripts of a page, those that run and those that hold data; and all addresses that it names."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self.addresses: list[str] = []
        self.policy = ""
        self.tags: list[str] = []
        self._in: str | None = None
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag == "script":
            self._in = given.get("id") or ""
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action") and v]

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in = None

    def handle_data(self, data: str) -> None:
        if self._in == "":
            self.scripts.append(data)
        elif self._in:
            self.data[self._in] = data


def test_nothing_comes_from_elsewhere(report: Report) -> None:
    page = Blocks(report.html)
    assert all(a.startswith(("#", "data:")) or "creativecommons.org" in a for a in page.addresses), page.addresses
    assert "default-src 'none'" in page.policy
    assert "connect-src 'none'" in page.policy
    assert "unsafe-eval" not in page.policy
    for script in page.scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert len(page.scripts) == 2
    assert {"data-facts", "data-specs", "data-pictures"} == set(page.data)
    assert json.loads(page.data["data-facts"]) == json.loads(report.to_json())


def test_names_stay_text(paged: Path, report: Report) -> None:
    text = json.dumps(report.facts).replace('"ball"', json.dumps(HOSTILE)).replace("ball", HOSTILE)
    facts = json.loads(text) | {"name": HOSTILE, "folder": f"'; rm -rf ~ {HOSTILE}"}
    page = Blocks(render_page(facts, {}))
    plain = Blocks(report.html)
    assert len(page.scripts) == len(plain.scripts)
    assert page.tags.count("script") == plain.tags.count("script")
    assert b"<script>alert" not in render_page(facts, {})


def test_pictures_and_masks_are_those_of_the_dataset(paged: Path, report: Report, raw_records: list[Json]) -> None:
    pictures = json.loads(Blocks(report.html).data["data-pictures"])
    assert len(pictures) == len(raw_records)
    for record in raw_records:
        found = pictures[str(record["index"])]
        shown = cv2.imdecode(np.frombuffer(base64.b64decode(found["image"]), np.uint8), cv2.IMREAD_COLOR)
        own = cv2.imread(str(paged / "images" / record["image"]["file_name"]))
        assert np.abs(shown.astype(int) - own).mean() < 6
        detail = json.loads(gzip.decompress(base64.b64decode(found["detail"])))
        for label, instance in zip(detail["labels"], record["instances"], strict=True):
            size = detail["mask_wh"][::-1]
            mask = coco_mask.decode({"size": size, "counts": label["mask"].encode()})
            own_mask = coco_mask.decode({"size": size, "counts": instance["mask"]["counts"].encode()})
            assert (mask == own_mask).all()
            assert label["box"] == instance["bbox_xywh"]
            assert ("ignored" in label) == instance["ignore"]
            assert len(label["box_3d"]) == 12
            # Corners of the 3D box, bent by the lens, are the ends of its lines.
            ends = {tuple(p) for line in label["box_3d"] for p in (line[0], line[-1]) if p}
            corners = [c for c in instance["box_3d"]["corners_px"] if c is not None and max(map(abs, c)) < 1000]
            assert all(min(np.hypot(x - a, y - b) for a, b in ends) < 0.75 for x, y in corners), "whole pixels"
        assert detail["plan"]["factors"] == record["plan"]["factors"] or "camera" in detail["plan"]["factors"]
        assert "depth" in found


def test_a_page_has_the_size_that_is_asked_for(paged: Path) -> None:
    dataset = open_dataset(paged)
    small = build_report(dataset, "here", options=ReportOptions(megabytes=1.2))
    assert len(small.html) <= 1.2 * MEGABYTE
    assert small.facts["shown"] == 14
    few = build_report(dataset, "here", options=ReportOptions(pictures=8))
    assert few.facts["shown"] == len(few.facts["rows"]) == 8
    assert few.facts["pictures"] == 14
    assert few.facts["chosen"].startswith("8 of 14 pictures are shown")
    assert b"8 of 14 pictures are shown" in few.html
    smallest = few.facts["smallest"][0]["picture"]
    assert smallest in {row["index"] for row in few.facts["rows"]}


def test_a_broken_picture_is_told(paged: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(paged, copy)
    (copy / "images" / "000003.jpg").write_bytes(b"no picture")
    found = build_report(open_dataset(copy), "here")
    row = next(r for r in found.facts["rows"] if r["index"] == 3)
    assert row["findings"] == ["unreadable"]
    assert "SHA-256" in row["problem"]
    assert re.search(r"1 picture can't be shown", json.dumps(found.facts["glance"]))


def test_against_photos(paged: Path, report: Report, tmp_path: Path) -> None:
    coco = json.loads((paged / "annotations" / "instances.json").read_text())
    path = tmp_path / "photos.json"
    path.write_text(json.dumps(coco | {"categories": [c | {"name": c["name"].upper()} for c in coco["categories"]]}))
    found = build_report(open_dataset(paged), "here", open_other(path, paged / "images"))
    against = found.facts["against"]
    by_name = {d["name"]: d for d in against["differences"]}
    assert against["pictures"] == 14
    assert by_name["brightness"]["distance"] == by_name["aspect"]["distance"] == 0
    assert by_name["classes"]["distance"] == 1, "these are called otherwise"
    assert against["differences"][0]["name"] == "classes"
    assert against["left_out"] == ["Classes of pages alone: box, ball.", "Classes of photos alone: BOX, BALL."]
    assert b"Compared with photos" in found.html


def test_maps_of_every_kind_look_alike(paged: Path) -> None:
    record = next(open_dataset(paged).records())
    width, height = record.image.resolution_wh
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(0.5, 3, (height, width)).astype(np.float32)
    depth_m[:10] = np.inf
    normals = rng.normal(size=(height, width, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[:10] = 0
    files = {
        "depth": depth_png(depth_m),
        "depth_m": depth_exr(depth_m),
        "normals": normals_exr(normals),
        "normals_png": normals_png(normals),
    }
    for name, kinds in (("depth", ("depth", "depth_m")), ("normals", ("normals_png", "normals"))):
        png, exr = (
            decoded_map(replace(record, maps={kind: MapInfo("", "")}), name, files.__getitem__) for kind in kinds
        )
        assert png is not None
        assert exr is not None
        assert np.abs(png.astype(int) - exr).max() <= 4
        assert not png[:10].any()
        assert decoded_map(replace(record, maps={}), name, files.__getitem__) is None
    red = np.zeros_like(normals)
    red[..., 0] = 1
    shown = decoded_map(replace(record, maps={"normals": MapInfo("", "")}), "normals", lambda _: normals_exr(red))
    assert shown is not None
    assert shown[0, 0].tolist() == [255, 128, 128], "x is red"


def changed(paged: Path, tmp_path: Path, change: Any) -> Path:
    """A copy of the dataset with one record changed."""
    copy = tmp_path / "copy"
    shutil.copytree(paged, copy)
    path = copy / "records" / "000001.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    return copy


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["plan"]["factors"].pop("camera"),
        lambda r: r["plan"]["factors"]["camera"].update(azimuth_deg="abc"),
        lambda r: r["plan"]["factors"]["camera"].update(distance_m=0),
        lambda r: r["plan"]["factors"].update(surface=5),
        lambda r: r["plan"]["factors"].update(variables=[1]),
    ],
)
def test_a_record_that_was_changed_by_hand_is_named(paged: Path, tmp_path: Path, change: Any) -> None:
    with pytest.raises(InputError, match=r"records/000001\.json"):
        build_report(open_dataset(changed(paged, tmp_path, change)), "here")


def test_a_mask_that_claims_more_than_the_picture_is_not_drawn(paged: Path, tmp_path: Path) -> None:
    copy = changed(paged, tmp_path, lambda r: r["instances"][0]["mask"].update(counts="0oooooooooo0"))
    found = build_report(open_dataset(copy), "here")
    row = next(r for r in found.facts["rows"] if r["index"] == 1)
    assert "unreadable" in row["findings"]


def test_a_photo_that_is_gone_is_told(paged: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(paged / "images", images)
    (images / "000004.jpg").unlink()
    found = build_report(open_dataset(paged), "here", open_other(paged / "annotations" / "instances.json", images))
    assert found.facts["against"]["left_out"] == [
        "1 of the pictures of instances can't be read: of these labels alone are compared."
    ]


@pytest.mark.parametrize("folder", ["a#b?c%41 d", "näher"])
def test_the_way_to_the_pictures_own_files(folder: str, tmp_path: Path) -> None:
    named = place_of_images(tmp_path / folder / "ds", tmp_path / "pages" / "report.html")
    assert named is not None
    assert unquote(named) == f"../{folder}/ds/images"
    assert "#" not in named
    assert "?" not in named
