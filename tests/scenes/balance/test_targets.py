from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.balance.real_counts import RealCounts, read_real_counts
from scanstage.scenes.balance.targets import effective_number, make_targets, repeat_factors, shared_out, tempered
from scanstage.scenes.config.load import load_config
from scanstage.scenes.config.sections.balance_settings import BalanceConfig

CLASSES = ("owl", "mouse", "moth")


def coco(path: Path, annotations: list[tuple[int, int]], **more: object) -> Path:
    """(image_id, category_id) each; categories 1 owl, 2 mouse, 3 truck; 4 images."""
    data = {
        "images": [{"id": i} for i in range(1, 5)],
        "categories": [{"id": i, "name": n} for i, n in ((1, "owl"), (2, "mouse"), (3, "truck"))],
        "annotations": [
            {"id": k, "image_id": i, "category_id": c, "bbox": [0, 0, 1, 1]} for k, (i, c) in enumerate(annotations)
        ],
    }
    path.write_text(json.dumps(data | more))
    return path


def balance(target: object, **more: object) -> BalanceConfig:
    return BalanceConfig.model_validate({"target": target, **more})


def test_worked_by_hand() -> None:
    # 100 and 25 of 125: p = 0.8 and 0.2; square roots 0.894 and 0.447, two to one.
    w = tempered({"a": 100, "b": 25}, 0.5)
    assert w["a"] / w["b"] == pytest.approx(2.0)
    assert tempered({"a": 100, "b": 25}, 0.0) == {"a": 1.0, "b": 1.0}
    # t = 0.001; in 1 of 100,000 images: sqrt(0.001 / 0.00001) = 10; in 1,000: f = 0.01 > t: 1.
    factors = repeat_factors({"rare": 1, "common": 1000, "never": 0}, 100_000, 0.001)
    assert factors == {"rare": pytest.approx(10.0), "common": 1.0, "never": pytest.approx(10.0)}
    # beta = 0.9: E_1 = 1, E_2 = 1 + 0.9, E_3 = 1 + 0.9 + 0.81; limit 1 / (1 - beta) = 10.
    assert [effective_number(n, 0.9) for n in (1, 2, 3)] == pytest.approx([1.0, 1.9, 2.71])
    assert effective_number(10_000, 0.9) == pytest.approx(10.0)


@given(st.integers(0, 5000), st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_largest_remainder(total: int, weights: list[float]) -> None:
    shares = {str(i): w for i, w in enumerate(weights)}
    counts = shared_out(total, shares)
    assert sum(counts.values()) == total
    for c, share in shares.items():
        assert abs(counts[c] - total * share / sum(weights)) < 1


def test_largest_remainder_by_hand() -> None:
    # Hare quota 10: 4.7, 3.0, 1.6, 0.7 of 10 seats: 4 + 3 + 1 + 0 = 8; the remainders .7, .7, .6: the first two.
    assert shared_out(10, {"a": 47, "b": 30, "c": 16, "d": 7}) == {"a": 5, "b": 3, "c": 1, "d": 1}


def test_uniform_and_counts() -> None:
    uniform = make_targets(balance("uniform", total=10), CLASSES, Path())
    assert uniform.counts == {"owl": 4, "mouse": 3, "moth": 3}
    assert make_targets(balance("uniform"), CLASSES, Path()).counts is None
    counted = make_targets(balance({"owl": 400, "*": 50}), CLASSES, Path())
    assert counted.counts == {"owl": 400, "mouse": 50, "moth": 50}
    assert counted.shares["owl"] == pytest.approx(0.8)


def test_fill_adds_exactly_what_is_lacking(tmp_path: Path) -> None:
    path = coco(tmp_path / "real.json", [(1, 1)] * 480 + [(2, 3)] * 3 + [(3, 2)] * 600)
    target = {"fill": {"coco": "real.json", "to": 500, "map": {"truck": "moth"}}}
    filled = make_targets(balance(target), CLASSES, tmp_path)
    assert filled.counts == {"owl": 20, "mouse": 0, "moth": 497}
    assert filled.real == {"owl": 480, "mouse": 600, "moth": 3}
    assert filled.absent == ()
    assert make_targets(balance({"fill": {"coco": "real.json", "to": 500}}), CLASSES, tmp_path).absent == ("moth",)
    with pytest.raises(InputError, match="nothing to add"):
        make_targets(balance({"fill": {"coco": str(path), "to": 3, "map": {"truck": "moth"}}}), CLASSES, tmp_path)


def test_shares_by_real_frequencies(tmp_path: Path) -> None:
    given = {"counts": {"owl": 100, "mouse": 25, "moth": 0}}
    shares = make_targets(balance({"power": 0.5, **given}), CLASSES, Path()).shares
    assert shares == {"owl": pytest.approx(2 / 3), "mouse": pytest.approx(1 / 3), "moth": 0.0}
    even = make_targets(balance({"effective_number": 0.999999999, **given}), CLASSES, Path()).shares
    assert even == {c: pytest.approx(1 / 3, abs=1e-3) for c in CLASSES}
    coco(tmp_path / "real.json", [(1, 1), (1, 1), (2, 1), (3, 1), (4, 2)])
    # owl: in 3 of 4 images, r = 1; mouse in 1 of 4, r = sqrt(0.5 / 0.25); moth in none: as if in one.
    repeated = make_targets(balance({"repeat_factor": 0.5, "coco": "real.json"}), CLASSES, tmp_path).shares
    assert repeated["mouse"] / repeated["owl"] == pytest.approx(math.sqrt(2) / 4)
    assert repeated["moth"] == repeated["mouse"]


def test_crowds_do_not_count_and_lvis_counts_are_taken_where_there_are_no_annotations(tmp_path: Path) -> None:
    path = coco(tmp_path / "a.json", [(1, 1), (1, 1), (2, 2)])
    data = json.loads(path.read_text())
    data["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(data))
    assert read_real_counts(path) == RealCounts(
        {"owl": 1, "mouse": 1, "truck": 0}, {"owl": 1, "mouse": 1, "truck": 0}, 4
    )
    for category, n in zip(data["categories"], (1, 1977, 12), strict=True):
        category |= {"frequency": "r", "instance_count": n, "image_count": n, "synset": "x.n.01"}
    path.write_text(json.dumps(data))
    assert read_real_counts(path).instances == {"owl": 1, "mouse": 1, "truck": 0}, "a subset keeps the whole's counts"
    path.write_text(json.dumps(data | {"annotations": []}))
    assert read_real_counts(path).instances == {"owl": 1, "mouse": 1977, "truck": 12}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "{",
        '{"categories": 3}',
        '{"categories": [{"id": 1}]}',
        '{"categories": [{"id": "x", "name": 1}]}',
        '{"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}',
        '{"categories": [{"id": 1, "name": "a"}], "images": [], "annotations": [{"category_id": 7, "image_id": 1}]}',
        '{"categories": [{"id": 1, "name": "a"}], "images": [], "annotations": [{"id": 1}]}',
        "\x00\x01",
        "[" * 5000,
    ],
)
def test_what_is_no_coco_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_real_counts(path)
    assert str(path) in str(caught.value)


def test_unknown_names_are_told_with_the_nearest(tmp_path: Path) -> None:
    coco(tmp_path / "a.json", [(1, 1)])
    with pytest.raises(InputError, match="'trukc'; did you mean truck"):
        make_targets(balance({"fill": {"coco": "a.json", "to": 5, "map": {"trukc": "moth"}}}), CLASSES, tmp_path)
    with pytest.raises(InputError, match="no scan of class 'mot' in this run; did you mean moth"):
        make_targets(balance({"fill": {"coco": "a.json", "to": 5, "map": {"truck": "mot"}}}), CLASSES, tmp_path)
    with pytest.raises(InputError, match="did you mean owl"):
        make_targets(balance({"owls": 4}), CLASSES, tmp_path)
    with pytest.raises(InputError, match="no label of any class"):
        make_targets(balance({"owl": 0}), CLASSES, tmp_path)
    with pytest.raises(InputError, match="No such file"):
        make_targets(balance({"fill": {"coco": "b.json", "to": 5}}), CLASSES, tmp_path)


@pytest.mark.parametrize(
    "target",
    [{"power": 2}, {"power": 0.5}, {"power": 0.5, "coco": "a", "counts": {}}, {"fill": {"to": 5}}, {"owl": -1}, "even"],
)
def test_malformed_targets_are_refused(target: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        TypeAdapter(BalanceConfig).validate_python({"target": target})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{target: {power: 0.5, to: 3, counts: {apple: 2}}}", "balance.target.to: unknown key"),
        ("{target: 5}", "balance.target: expected a mapping, got 5"),
        ("{target: {fill: {tp: 5, counts: {apple: 2}}}}", "balance.target.fill.to: this key is required"),
        ("{target: {apple: 4}, total: 9}", "balance: total is for targets that are shares"),
    ],
)
def test_a_mistake_in_a_target_is_told_where_it_is(tmp_path: Path, given: str, told: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"balance: {given}\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert any(told in p for p in caught.value.problems), caught.value.problems
