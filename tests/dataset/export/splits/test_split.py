"""Splits: every picture in one part, each part with its share of every class, and what is held out stays out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.export.choices.export_job import ExportJob
from scanstage.dataset.export.choices.export_options import ExportOptions
from scanstage.dataset.export.choices.labelled_source import OneDataset
from scanstage.dataset.export.formats import export_dataset
from scanstage.dataset.export.splits.held_out import hold_out_assets, hold_out_values
from scanstage.dataset.export.splits.shares import parse_shares
from scanstage.dataset.export.splits.split import SPLIT_FILE
from scanstage.dataset.export.splits.stratified import sizes, stratify
from scanstage.dataset.records.finished_dataset import open_dataset
from scanstage.dataset.records.picture_facts import SplitFacts, split_facts

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def many(pictures: int, seed: int = 0) -> dict[int, Counter[str]]:
    """Labels as datasets have them: common classes, rare ones, pictures without any."""
    rng = np.random.default_rng(seed)
    often = {"bolt": 4.0, "nut": 2.0, "washer": 0.5, "gear": 0.05, "owl": 0.01}
    counts = {i: {name: int(rng.poisson(mean)) for name, mean in often.items()} for i in range(pictures)}
    return {i: Counter({k: n for k, n in found.items() if n}) for i, found in counts.items()}


@pytest.mark.parametrize("seed", range(5))
def test_each_part_has_its_share_of_every_class(seed: int) -> None:
    labels = many(2000, seed)
    parts = stratify(labels, SHARES)
    assert parts.keys() == labels.keys()
    assert Counter(parts.values()) == {"train": 1600, "val": 200, "test": 200}
    for name in ("bolt", "nut", "washer", "gear", "owl"):
        total = sum(found[name] for found in labels.values())
        for part, share in SHARES.items():
            found = sum(labels[i][name] for i, p in parts.items() if p == part)
            assert abs(found - share * total) <= max(1.0, 0.02 * share * total), (name, part)
    assert stratify(dict(reversed(labels.items())), SHARES) == parts


def test_chance_alone_would_not() -> None:
    """What the test before asks for is more than a split at random gives."""
    labels = many(2000)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(2000)[:200]
    found = [sum(labels[int(i)][name] for i in chosen) for name in ("gear", "owl")]
    asked = [0.1 * sum(c[name] for c in labels.values()) for name in ("gear", "owl")]
    assert any(abs(f - a) > 1 for f, a in zip(found, asked, strict=True))


@pytest.mark.parametrize(
    ("pictures", "expected"), [(0, (0, 0, 0)), (1, (1, 0, 0)), (3, (1, 1, 1)), (4, (2, 1, 1)), (15, (12, 2, 1))]
)
def test_parts_are_as_large_as_asked_and_not_empty(pictures: int, expected: tuple[int, ...]) -> None:
    assert tuple(sizes(pictures, SHARES).values()) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train=0.8", "add up to 0.8"),
        ("train=0.8,val", "'val' isn't NAME=SHARE"),
        ("train=0.8,train=0.2", "'train' is there twice"),
        ("../x=0.5,val=0.5", "'../x' can't be a folder's name"),
        ("train=nan,val=0.5", "'train=nan' isn't"),
        ("train=1.2,val=-0.2", "'train=1.2' isn't"),
        ("", "'' isn't"),
    ],
)
def test_shares_that_are_none_are_told(text: str, told: str) -> None:
    with pytest.raises(InputError, match="split") as refused:
        parse_shares(text)
    assert told in "\n".join(refused.value.problems)


def picture(index: int, assets: Sequence[str], hdri: str = "forest") -> SplitFacts:
    classes = frozenset((a, a[0]) for a in assets)
    return SplitFacts(index, Counter(a[0] for a in assets), frozenset(assets), classes, hdri, hdri)


def test_scans_held_out_are_in_no_picture_to_train_on() -> None:
    rng = np.random.default_rng(0)
    names = [f"{c}{i}" for c in "abc" for i in range(4)]
    facts = [picture(i, rng.choice(names, 2, replace=False)) for i in range(200)]
    held = hold_out_assets(facts, SHARES)
    assert {n[0] for n in held.things} == set("abc"), "of each class one"
    assert len(held.things) == 3
    trained = set().union(*(f.assets for f in facts if held.parts[f.index] == "train"))
    assert trained == set(names) - set(held.things)
    beside = Counter(held.parts.values())
    assert beside["val"] == pytest.approx(beside["test"], abs=1)
    assert hold_out_assets(facts[::-1], SHARES) == held


def test_poses_of_a_scan_are_held_out_together() -> None:
    """The same fox twice is one scan, in whatever class it came in; another file of its name is another."""
    foxes = ["a/fox-0badcafe", "a/fox-pose-run-0-5-0badcafe", "a/fox-pose-walk-0badcafe"]
    others = ["a/fox-deadbeef", "a/wolf-12345678"]
    facts = [picture(i, [(foxes + others)[i % 5]]) for i in range(100)]
    held = set(hold_out_assets(facts, {"train": 0.5, "val": 0.5}).things)
    assert held & set(foxes) in (set(), set(foxes))
    assert len(held - set(foxes)) + bool(held & set(foxes)) == 2, "of three scans"
    twice = [picture(i, [foxes[0], "b/fox-0badcafe"]) for i in range(9)] + [picture(9, [foxes[1]])]
    with pytest.raises(InputError, match="no class has two scans"):
        hold_out_assets(twice, SHARES)


@pytest.mark.parametrize(
    ("facts", "shares", "told"),
    [
        ([picture(i, ["a1", "b1"]) for i in range(9)], SHARES, "no class has two scans"),
        ([picture(i, ["a1", "a2"]) for i in range(9)], SHARES, "of 9 pictures, 9 show one of the scans held out"),
        ([picture(i, [f"a{i % 2}"]) for i in range(9)], {"val": 1.0}, "has to name train"),
        ([picture(i, [f"a{i % 2}"]) for i in range(9)], {"train": 1.0}, "a part beside it"),
    ],
)
def test_scans_that_cannot_be_held_out(facts: list[SplitFacts], shares: dict[str, float], told: str) -> None:
    with pytest.raises(InputError, match="hold_out") as refused:
        hold_out_assets(facts, shares)
    assert told in refused.value.problems[0]


def test_no_two_parts_share_a_light() -> None:
    lights = ["forest"] * 50 + ["city"] * 20 + ["night"] * 20 + ["studio"] * 5 + ["dawn"] * 5
    facts = [picture(i, ["a1"], light) for i, light in enumerate(lights)]
    held = hold_out_values(facts, SHARES, "hdri", lambda f: f.hdri)
    of_part = {part: {f.hdri for f in facts if held.parts[f.index] == part} for part in SHARES}
    assert sum(map(len, of_part.values())) == 5
    assert min(map(len, of_part.values())) > 0
    assert set(held.things) == of_part["val"] | of_part["test"]
    assert Counter(held.parts.values()) == {"train": 90, "val": 5, "test": 5} or len(of_part["train"]) >= 2
    with pytest.raises(InputError, match="have 2 of them, and there are 3 parts"):
        hold_out_values(facts[40:60], SHARES, "hdri", lambda f: f.hdri)


def test_facts_are_those_of_the_records(toy_dataset: Path) -> None:
    dataset = open_dataset(toy_dataset)
    for facts, record in ((split_facts(r), r) for r in dataset.records()):
        assert facts.index == record.index
        assert facts.labels == Counter(i.class_name for i in record.instances if not i.ignore)
        assert facts.assets == {o.asset_id for o in record.plan.objects}
        assert facts.classes == {(i.asset_id, i.class_name) for i in record.instances if not i.ignore}
        assert facts.hdri == (record.plan.world.hdri or "color")


def test_an_export_records_its_split(toy_dataset: Path, tmp_path: Path) -> None:
    dataset = open_dataset(toy_dataset)
    options = ExportOptions.parse({"split": "train=0.5,val=0.5"})
    out, figures = export_dataset(dataset, "coco", tmp_path / "out", options)
    told = json.loads((Path(str(out)) / SPLIT_FILE).read_text())
    assert told["shares"] == {"train": 0.5, "val": 0.5}
    assert sorted(told["pictures"]["train"] + told["pictures"]["val"]) == [0, 1, 2]
    assert figures["train"] + figures["val"] == figures["pictures"] == 3
    again = ExportJob(OneDataset(dataset), options)
    assert {p: [r.index for q, r in again.records() if q == p] for p in ("train", "val")} == told["pictures"]
    labels = Counter(i.class_name for r in dataset.records() for i in r.instances if not i.ignore)
    assert Counter(told["labels"]["train"]) + Counter(told["labels"]["val"]) == labels
