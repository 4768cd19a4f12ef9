"""Every figure of a report against the records, read as plain JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanstage.dataset.analysis.recorded_table import recorded_table
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.run_file import FailedPicture
from scanstage.dataset.report_page.build_report import Report, report_parts
from scanstage.dataset.report_page.report_facts import asked, report_facts
from scanstage.scenes.picture_sequence.identity import Aims

Json = dict[str, Any]


def kept(record: Json) -> list[Json]:
    return [i for i in record["instances"] if not i["ignore"]]


def test_counts(report: Report, raw_records: list[Json]) -> None:
    facts = report.facts
    labels = Counter(i["class_name"] for r in raw_records for i in kept(r))
    placed = Counter(o["class_name"] for r in raw_records for o in r["plan"]["objects"] if o["class_name"])
    shown = Counter(c for r in raw_records for c in {i["class_name"] for i in kept(r)})
    assert {c["name"]: (c["placed"], c["labels"], c["pictures"]) for c in facts["classes"]} == {
        c: (placed[c], labels[c], shown[c]) for c in ("box", "ball")
    }
    assert facts["labels"] == labels.total()
    assert facts["ignored"] == sum(i["ignore"] for r in raw_records for i in r["instances"]) > 0
    assert facts["pictures"] == facts["shown"] == len(raw_records)
    assert facts["chosen"] is None
    together = sum({"box", "ball"} <= {i["class_name"] for i in kept(r)} for r in raw_records)
    assert facts["together"][0][1] == facts["together"][1][0] == together


def values_of(raw_records: list[Json]) -> dict[str, list[float]]:
    """What a report counts, by hand."""
    found: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for record in raw_records:
        width, height = record["image"]["resolution_wh"]
        plan, camera = record["plan"], record["plan"]["factors"]["camera"]
        for name, key in (("elevation_deg",) * 2, ("azimuth_deg",) * 2, ("roll_deg",) * 2, ("fov_deg",) * 2):
            add(name, camera[key])
        add("camera_distance_m", camera["distance_m"])
        add("exposure_ev", record["exposure_ev"])
        add("attempts", plan["attempt"] + 1)
        add("labels", len(kept(record)))
        add("kinds", len({i["class_name"] for i in kept(record)}))
        for item in kept(record):
            x, y, w, h = item["bbox_xywh"]
            add("box_size_px", math.sqrt(w * h))
            add("box_share", math.sqrt(w * h / width / height))
            add("aspect", w / h)
            add("center_x", (x + w / 2) / width)
            add("center_y", (y + h / 2) / height)
            add("visible_fraction", item["visible_fraction"])
            add("truncated_fraction", item["truncated_fraction"])
            add("distance_m", math.dist(item["pose"]["translation_m"], (0, 0, 0)))
    return found


def test_histograms_hold_what_the_records_say(report: Report, raw_records: list[Json]) -> None:
    figures, values = report.facts["figures"], values_of(raw_records)
    for name, known in values.items():
        edges = np.array(figures[name]["edges"])
        inside = np.clip(known, edges[0], edges[-1])  # edges are rounded
        expected, _ = np.histogram(inside, edges)
        assert sum(figures[name]["counts"]) == len(known)
        assert figures[name]["always"] == (np.ptp(known) == 0), name
        if not figures[name]["always"]:
            assert figures[name]["counts"] == expected.tolist(), name
        assert figures[name]["p5_p50_p95"][1] == pytest.approx(np.median(known), rel=1e-5, abs=1e-9), name
    measured = {"brightness", "contrast", "saturation", "warmth", "blur", "clipped_dark", "clipped_bright"}
    assert set(figures) == set(values) | measured | {"agreement"} | ({"lamp_kelvin"} & set(figures))


def test_where_labels_lie_and_from_where_they_are_seen(report: Report, raw_records: list[Json]) -> None:
    grid = np.zeros((18, 24), int)
    sphere = np.zeros((12, 24), int)
    for record in raw_records:
        camera = np.array(record["plan"]["camera"]["camera_to_world"])[:3, 3]
        poses = {o["instance_id"]: np.array(o["object_to_world"]) for o in record["plan"]["objects"]}
        for item in kept(record):
            x, y, w, h = item["bbox_xywh"]
            grid[int((y + h / 2) / 120 * 18), int((x + w / 2) / 160 * 24)] += 1
            local = np.linalg.inv(poses[item["instance_id"]]) @ [*camera, 1.0]
            local = local[:3] / np.linalg.norm(local[:3])
            sector = int((math.degrees(math.atan2(local[1], local[0])) + 180) / 360 * 24) % 24
            sphere[min(11, int((local[2] + 1) / 2 * 12)), sector] += 1
    assert report.facts["centers"][""] == grid.tolist()
    assert report.facts["directions"][""] == sphere.tolist()


def test_rows_are_the_pictures(report: Report, raw_records: list[Json]) -> None:
    for row, record in zip(report.facts["rows"], raw_records, strict=True):
        labels = kept(record)
        assert row["index"] == record["index"]
        assert row["file"] == record["image"]["file_name"]
        assert row["classes"] == dict(Counter(i["class_name"] for i in labels))
        assert row["factors"]["hdri"] == record["plan"]["world"]["hdri"].removeprefix("builtin:")
        assert row["factors"]["time"] == record["plan"]["factors"]["variables"]["time"]
        if labels:
            assert row["numbers"]["smallest_px"] == min(min(i["bbox_xywh"][2:]) for i in labels)
            visible = min(i["visible_fraction"] for i in labels)
            assert row["numbers"]["least_visible"] == pytest.approx(visible, rel=1e-4)
    smallest = min((i for r in raw_records for i in kept(r)), key=lambda i: i["area_px"])
    assert report.facts["smallest"][0]["area_px"] == smallest["area_px"]
    assert json.loads(report.to_json()) == json.loads(json.dumps(report.facts))


def test_sentences_answer_what_is_asked_first(paged: Path, report: Report) -> None:
    by_topic = {s["topic"]: s for s in report.facts["glance"]}
    assert {"Classes", "Ties", "Smallest label", "Labels", "Pictures"} <= set(by_topic)
    dataset = open_dataset(paged)
    table = recorded_table(dataset.name, [c.name for c in dataset.categories], dataset.records())
    aims = Aims(20, {"box": 5, "ball": 1000})
    config = dataset.run.config | {"balance": {"target": {"box": 5, "ball": 1000}, "count": "instances"}}
    run = replace(
        dataset.run,
        config=config,
        identity=replace(dataset.run.identity, aims=aims),
        failed=(FailedPicture(17, "the GPU fell off the bus"), FailedPicture(18, "the GPU fell off the bus")),
    )
    parts = report_parts(replace(dataset, run=run), "here", table, [], None)
    facts = report_facts(parts)
    by_topic = {s["topic"]: s for s in facts["glance"]}
    assert f"ball ({facts['classes'][1]['labels']} of 1,000 labels)" in by_topic["Classes"]["text"]
    assert "box" not in by_topic["Classes"]["text"]
    assert by_topic["Failed"]["text"] == "2 pictures could not be made."
    assert by_topic["Unfinished"]["text"].startswith("4 pictures of 20 ")
    assert facts["quality"]["failed"] == [{"reason": "the GPU fell off the bus", "pictures": [17, 18]}]
    assert [c["target"] for c in facts["classes"]] == [5, 1000]


def test_shares_are_of_what_is_there(paged: Path) -> None:
    dataset = open_dataset(paged)
    run = dataset.run
    made = recorded_table(dataset.name, [c.name for c in dataset.categories], dataset.records())
    assert asked(run, made) is None
    config = run.config | {"balance": {"target": "uniform", "count": "images", "tolerance": 0.1}}
    run = replace(run, config=config, identity=replace(run.identity, aims=Aims(9, {"box": 0.25, "ball": 0.75})))
    shown = int((made.counts > 0).sum())
    found = asked(run, made)
    assert found is not None
    assert found.of == "pictures"
    assert found.by_class == {"box": math.floor(shown * 0.25), "ball": math.floor(shown * 0.75)}
    assert found.tolerance == 0.1
    for odd in ({}, {"box": 10**400}, {"box": float("nan")}):
        assert asked(replace(run, identity=replace(run.identity, aims=Aims(9, odd))), made) is None
