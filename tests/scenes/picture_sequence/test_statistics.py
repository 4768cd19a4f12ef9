"""Forecasts: counts add up, figures are those of the facts, and workers change nothing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanstage.dataset.labels.instances import make_labels
from scanstage.scenes.config.load import load_config
from scanstage.scenes.inputs.catalogue import open_catalogue
from scanstage.scenes.picture_sequence.forecast import forecast
from scanstage.scenes.picture_sequence.picture_source import open_source
from scanstage.scenes.picture_sequence.selection import Selection, single
from scanstage.scenes.picture_sequence.statistics import ObjectFacts, PictureFacts, dataset_statistics, picture_facts
from scanstage.scenes.planning.planner import Planner

CLASSES = ("ball", "box", "rod", "never")


def label(name: str, side: int = 50, **changes: object) -> ObjectFacts:
    return replace(ObjectFacts(name, "label", None, (side, 2 * side), side * side, 0.75, 0.0), **changes)


def test_figures_of_a_small_dataset() -> None:
    pictures = [
        PictureFacts(0, (label("ball", 32), label("ball", 33), label("box", 96))),
        PictureFacts(1, (label("ball", 97, truncated_fraction=0.2), label("rod", fate="drop", rule="min_pixels"))),
        PictureFacts(2, (label("rod", fate="ignore", rule="min_box_px"),), {"too near": 2}),
        PictureFacts(3, refused={"no room": 4}, failure="no room"),
    ]
    found = dataset_statistics(pictures, CLASSES)
    assert (found["pictures"], found["planned"]) == (4, 3)
    assert found["failed"] == [{"index": 3, "reason": "no room"}]
    assert found["attempts"]["histogram"] == {"1": 2, "3": 1}
    assert found["attempts"]["refused"] == {"no room": 4, "too near": 2}
    ball, rod, never = (found["classes"][n] for n in ("ball", "rod", "never"))
    assert (ball["labelled"], ball["pictures"]) == (3, 2)
    assert ball["coco_sizes"] == {"small": 1, "medium": 1, "large": 1}  # up to 32², up to 96², beyond
    assert ball["box_shorter_px"]["p50"] == 33
    assert ball["box_longer_px"]["p50"] == 66
    assert ball["truncated_fraction"]["any"] == 1
    assert ball["visible_fraction"]["histogram"] == [0] * 7 + [3, 0, 0]
    assert (rod["placed"], rod["labelled"], rod["ignored"], rod["dropped"]) == (2, 0, 1, 1)
    assert rod["dropped_by_rule"] == {"min_pixels": 1}
    assert rod["ignored_by_rule"] == {"min_box_px": 1}
    assert never["placed"] == 0
    assert never["box_shorter_px"] == {"p5": None, "p50": None, "p95": None}
    assert found["co_occurrence"]["pictures"] == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found["all"]["pictures"] == 2
    json.loads(json.dumps(found), parse_constant=lambda c: pytest.fail(c))


things = st.builds(
    ObjectFacts,
    st.sampled_from(CLASSES[:3]),
    st.sampled_from(["label", "ignore", "drop"]),
    st.sampled_from(["min_pixels", "min_box_px"]),
    st.tuples(st.integers(1, 200), st.integers(1, 200)),
    st.integers(1, 40_000),
    st.floats(0, 1),
    st.floats(0, 1),
)


@given(st.lists(st.lists(things, max_size=6), max_size=6), st.randoms())
def test_counts_add_up_in_any_order(pictures: list[list[ObjectFacts]], shuffled) -> None:
    facts = [PictureFacts(i, tuple(objects)) for i, objects in enumerate(pictures)]
    found = dataset_statistics(facts, CLASSES)
    for entry in (found["all"], *found["classes"].values()):
        assert entry["placed"] == entry["labelled"] + entry["ignored"] + entry["dropped"]
        assert sum(entry["coco_sizes"].values()) == entry["labelled"]
        assert sum(entry["visible_fraction"]["histogram"]) == entry["labelled"]
        assert sum(entry["placed_shares"]["truncated_fraction"]["histogram"]) == entry["placed"]
        assert entry["pictures"] <= found["planned"]
    for key in ("placed", "labelled", "ignored", "dropped"):
        assert sum(entry[key] for entry in found["classes"].values()) == found["all"][key]
    both = np.array(found["co_occurrence"]["pictures"])
    assert np.array_equal(both, both.T)
    again = list(facts)
    shuffled.shuffle(again)
    assert dataset_statistics(again, CLASSES) == found


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory, toy_library: Path) -> Planner:
    folder = tmp_path_factory.mktemp("forecast")
    text = f"assets: {{library: {toy_library}}}\nobjects: {{count: 6}}\ndistractors: {{count: 2}}\n"
    text += "camera: {resolution: [160, 120]}\n"
    text += "labels: {min_visible_fraction: 0.7, per_class: {rod: {on_violation: ignore}}}"
    (folder / "c.yaml").write_text(text)
    config = load_config(folder / "c.yaml")
    return Planner(config, open_catalogue(config, folder), folder)


def test_facts_are_the_labels(planner: Planner) -> None:
    """What is forecast is what finished pictures will hold."""
    for i in range(4):
        planned = planner.plan(i)
        facts = picture_facts(planned, planner.config.labels)
        instances, unlabelled = make_labels(planned, planner.config.labels)
        assert sorted((o.class_name, o.box_wh, o.area_px) for o in facts.objects if o.fate != "drop") == sorted(
            (n.class_name, n.bbox_xywh[2:], n.area_px) for n in instances
        )
        assert Counter(o.class_name for o in facts.objects if o.fate == "ignore") == Counter(
            n.class_name for n in instances if n.ignore
        )
        assert sum(o.fate == "drop" for o in facts.objects) == sum(u.class_name is not None for u in unlabelled)


def test_workers_change_nothing(planner: Planner) -> None:
    def told(workers: int) -> list[PictureFacts]:
        return [replace(f, seconds=0.0) for f in forecast(open_source(planner), Selection((3, 9)), workers)]

    alone, together = told(1), told(2)
    assert [f.index for f in alone] == list(range(3, 10))
    assert alone == together


def test_failures_are_facts(planner: Planner) -> None:
    labels = planner.config.labels.model_copy(update={"min_pixels": 10**6})
    config = planner.config.model_copy(update={"labels": labels})
    (fact,) = forecast(open_source(Planner(config, planner.catalogue, planner.base)), single(0), 1)
    assert fact.failure is not None
    assert "no object is visible enough" in fact.failure
    assert sum(fact.refused.values()) == 20
