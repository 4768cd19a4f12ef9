"""Plain YAML is the core schema of YAML 1.2, and costs no more than its bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from scanstage.assets.files import plain_yaml
from scanstage.assets.files.plain_yaml import MAX_DEPTH, MAX_NODES, PlainLoader, what_is_wrong


def load(text: str) -> Any:
    return yaml.load(text, Loader=PlainLoader)  # a SafeLoader


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x10", 16),
        ("-7", -7),
        ("+12", 12),
        ("1e3", 1000.0),
        ("1.", 1.0),
        ("-.5", -0.5),
        ("+.5e-1", 0.05),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("!!str 010", "010"),
        ("!!float 3", 3.0),
        ('!!int "3"', 3),
    ],
)
def test_what_is_a_number_a_truth_value_or_nothing(text: str, value: object) -> None:
    got = load(text)
    assert (got, type(got)) == (value, type(value))


def test_not_a_number() -> None:
    assert math.isnan(load(".nan"))


@pytest.mark.parametrize(
    "text",
    [
        *("1:30", "190:20:30", "1_000", "0b1", "0o8", "-0x1", "2001-12-14", "2001-12-14 21:59:43.1 -5", "=", "<<"),
        *("yes", "No", "on", "OFF", "y", "1e", ".", "-.", "+", "0x", "nan", "inf", "١٢", "tRUE", "010 ten"),
    ],
)
def test_what_is_text(text: str) -> None:
    assert load(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("!!int bread", "!!bool yes", "!!float 1:30", "!!null nothing", "!!int [1]", "!!map a", "!!seq {a: 1}"),
        *("!!timestamp 2001-12-14", "!!binary aGk=", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1]", "!local x"),
        *("!!python/name:os.system", "!!python/object/apply:os.getcwd []", "!!merge <<", "!!value ="),
        *("{a: 1, a: 2}", "{1: a, 0x1: b}", "{? [a] : 1}", "{? {a: 1} : 1}", "*unknown", "a\n--- b", "%YAML 9.9\n---"),
        *("9" * 5000, "0x" + "f" * 5000, "1." + "0" * 5000),
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load(text)


@pytest.mark.parametrize("text", ["{<<: {a: 1}}", "a: &a {b: 1}\nc: {<<: *a, d: 2}", "<<: [{a: 1}]", "- <<: 1"])
def test_merge_keys_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as e:
        load(text)
    assert "merge keys (<<) are not read" in what_is_wrong(e.value)
    assert "line " in what_is_wrong(e.value)


def test_a_key_may_be_called_so_in_quotes() -> None:
    assert load("{'<<': 1}") == {"<<": 1}


def doubling(levels: int) -> str:
    """2 to the power of ``levels`` values."""
    return "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, levels))])


def keyed(levels: int) -> str:
    return "\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{b: *a{i - 1}, c: *a{i - 1}}}" for i in range(1, levels))])


def flat(times: int) -> str:
    return f"a: &a [{'x, ' * times}]\nb: [{'*a, ' * times}]"


@pytest.mark.parametrize("text", [doubling(40), keyed(40), flat(400), "[" + "a, " * (MAX_NODES + 1) + "]"])
def test_what_aliases_multiply_is_counted_before_it_is_built(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[object] = []
    monkeypatch.setattr(PlainLoader, "construct_object", lambda *a, **_: built.append(a))
    with pytest.raises(yaml.MarkedYAMLError, match="more than 100,000 values"):
        load(text)
    assert not built


def test_aliases_within_bounds_are_what_they_stand_for() -> None:
    assert load("a: &a [1, &b {c: d}]\ne: *a\nf: *b") == {"a": [1, {"c": "d"}], "e": [1, {"c": "d"}], "f": {"c": "d"}}
    assert len(load(doubling(14))) == 14


def chained(levels: int) -> str:
    """Each line puts one more level around the line before."""
    return "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, levels))])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200 + "]" * 200,
        "{a: " * 200 + "}" * 200,
        "- " * 200 + "x",
        "? " * 200 + "x",
        "\n".join(" " * i + "a:" for i in range(200)),
        chained(200),
        "[" * 100_000,
    ],
)
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match=f"nested more than {MAX_DEPTH} levels"):
        load(text)


def test_ordinary_depth_is_read() -> None:
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert len(load(chained(MAX_DEPTH - 2))) == MAX_DEPTH - 2


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "a: &a [&b [*a, *b]]", "&a {? *a : 1}"])
def test_what_contains_itself_is_refused(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="stands for what it is a part of"):
        load(text)


LONG: dict[str, Callable[[int], str]] = {
    "list": lambda n: "[" + "a, " * n + "]",
    "keys": lambda n: "\n".join(f"k{i}: 1" for i in range(n)),
    "anchors": lambda n: "[" + ", ".join(f"&a{i} x, *a{i}" for i in range(n)) + "]",
    "siblings": lambda n: "\n".join(f"- - &a{i} [x]\n  - *a{i}" for i in range(n)),
}


@pytest.mark.parametrize("kind", LONG)
def test_work_grows_with_the_text_and_no_faster(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [0]

    def counted(name: str) -> None:
        before = getattr(PlainLoader, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            steps[0] += 1
            return before(self, *args, **kwargs)

        monkeypatch.setattr(PlainLoader, name, call)

    for name in ("compose_node", "construct_object", "_grow", "forward", "fetch_more_tokens"):
        counted(name)

    def work(n: int) -> int:
        steps[0] = 0
        load(LONG[kind](n))
        return steps[0]

    assert work(2000) < 2.2 * work(1000)


def test_what_is_wrong_shows_nothing_of_the_file() -> None:
    with pytest.raises(yaml.YAMLError) as e:
        load("password: [correct horse\nuser: {")
    assert "horse" in str(e.value)  # as PyYAML words it
    assert "horse" not in what_is_wrong(e.value)
    assert what_is_wrong(e.value).startswith("line 2, column")
    assert what_is_wrong(ValueError("a\nb")) == "a b"


def test_nobody_else_is_changed() -> None:
    assert yaml.safe_load("010") == 8
    assert plain_yaml.PlainLoader.yaml_constructors is not yaml.SafeLoader.yaml_constructors
