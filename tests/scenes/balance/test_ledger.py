from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.picture_order import Entry, Order, Shown


def entry(index: int, attempt: int | None = 0) -> Entry:
    order = Order(
        index, index // 2, ("owl", "möwe"), ("owl/a", "möwe/\u2028"), {"time": "night", "k": 3.5}, "builtin:city"
    )
    objects = (Shown("owl", "owl/a", index % 24, None), Shown("möwe", "möwe/\u2028", 3, "min_pixels"))
    return Entry(order, attempt, objects, {"stage": "table"})


def written(path: Path, count: int) -> Ledger:
    ledger = Ledger()
    ledger.open(path)
    for i in range(count):
        ledger.add(entry(i))
    return ledger


def loaded(path: Path) -> Ledger:
    ledger = Ledger()
    ledger.load(path)
    return ledger


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    ledger = written(tmp_path / "l", 5)
    ledger.add(entry(5, None))
    assert loaded(tmp_path / "l").entries == ledger.entries
    assert loaded(tmp_path / "nothing").entries == {}
    assert Entry.from_json(entry(3).to_json()) == entry(3)
    assert "\n" not in entry(3).to_json()


@pytest.mark.parametrize("cut", [1, 2, 30, 150])
def test_a_torn_last_line_is_dropped(tmp_path: Path, cut: int) -> None:
    written(tmp_path / "l", 4)
    data = (tmp_path / "l").read_bytes()
    (tmp_path / "l").write_bytes(data[:-cut])
    assert list(loaded(tmp_path / "l").entries) == ([0, 1, 2, 3] if cut == 1 else [0, 1, 2])


def test_a_line_torn_within_a_letter_costs_that_line_only(tmp_path: Path) -> None:
    written(tmp_path / "l", 3)
    data = (tmp_path / "l").read_bytes()
    at = data.rindex("ö".encode()) + 1
    (tmp_path / "l").write_bytes(data[:at])
    assert list(loaded(tmp_path / "l").entries) == [0, 1]


@pytest.mark.parametrize("broken", [b"{}", b"[1]", b"", b"\xff\xfe", b'{"order": 3}', b"[" * 9000])
def test_nothing_after_a_broken_line_is_believed(tmp_path: Path, broken: bytes) -> None:
    written(tmp_path / "l", 4)
    lines = (tmp_path / "l").read_bytes().splitlines()
    lines[2] = broken
    (tmp_path / "l").write_bytes(b"\n".join(lines) + b"\n")
    assert list(loaded(tmp_path / "l").entries) == [0, 1]


def test_lines_out_of_order_are_not_believed(tmp_path: Path) -> None:
    written(tmp_path / "l", 4)
    lines = (tmp_path / "l").read_bytes().splitlines(keepends=True)
    (tmp_path / "l").write_bytes(lines[0] + lines[2] + lines[1])
    assert list(loaded(tmp_path / "l").entries) == [0]


def test_a_reopened_ledger_goes_on_after_what_was_torn(tmp_path: Path) -> None:
    written(tmp_path / "l", 4)
    (tmp_path / "l").write_bytes((tmp_path / "l").read_bytes()[:-20])
    ledger = loaded(tmp_path / "l")
    ledger.open(tmp_path / "l")
    ledger.add(entry(3))
    ledger.add(entry(4))
    assert loaded(tmp_path / "l").entries == {i: entry(i) for i in range(5)}


def test_what_is_forgotten_is_gone_from_the_file_too(tmp_path: Path) -> None:
    ledger = written(tmp_path / "l", 6)
    ledger.forget_from(2)
    assert list(loaded(tmp_path / "l").entries) == [0, 1]
    ledger.add(entry(2, 7))
    assert loaded(tmp_path / "l").entries == {0: entry(0), 1: entry(1), 2: entry(2, 7)}


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    ledger = Ledger()
    ledger.add(entry(0))
    ledger.forget_from(0)
    assert ledger.entries == {}
    assert list(tmp_path.iterdir()) == []
