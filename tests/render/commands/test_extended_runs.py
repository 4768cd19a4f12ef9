"""Balanced datasets that are extended for higher targets, by shards and parts too: no picture gets another's order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.analytic_engine import AnalyticEngines
from support.toy_runs import DATA, brick_config, command, digest, generated

from scanstage.assets.messages.errors import InputError
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.records.record import Record
from scanstage.render.bookkeeping.run_notes import ShardNotes
from scanstage.render.bookkeeping.run_options import GenerateOptions
from scanstage.render.commands.merge import merge
from scanstage.scenes.balance.ledger import Ledger
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

CONFIG = """
assets: {library: %s, classes: [box, ball, brick]}
objects: {count: {integer: [3, 5]}, placement: {kind: upright, density: 0.5}}
stage: {kind: ground}
camera: {resolution: [80, 60], elevation_deg: {uniform: [5, 25]}}
labels: {min_pixels: 12, min_visible_fraction: 0.4}
balance: {target: {box: 8, "*": 5}}
"""
HIGHER = ("balance.target.box=12", "balance.target.ball=9")
EXTENDED = {"box": 12, "ball": 9, "brick": 5}


@pytest.fixture
def config(tmp_path: Path, toy_library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return brick_config(CONFIG, toy_library, monkeypatch, tmp_path)


def run(config: Path, out: Path, shard: str | None = None, **options):
    asked = GenerateOptions(out=out, part=Shard.parse(shard) if shard else WHOLE, **options)
    return generated(config, asked, AnalyticEngines())


def content(folder: Path) -> dict[str, str]:
    return digest(folder, *DATA) | {"orders": (folder / "orders.jsonl").read_text()}


def told(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def strangers(folder: Path) -> list[int]:
    """Pictures that don't show what the ledger says of them."""
    ledger = Ledger()
    ledger.load(DatasetFolder(folder).ledger)
    records = (Record.from_json(p.read_text()) for p in sorted((folder / "records").glob("*.json")))
    return [
        r.index
        for r in records
        if (entry := ledger.entries.get(r.index)) is None
        or entry.attempt != r.plan.attempt
        or sorted(entry.order.assets) != sorted(o.asset_id for o in r.plan.objects if o.class_name is not None)
    ]


def test_what_a_lost_ledger_ordered_is_not_taken_for_something_else(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    run(config, out)
    before = content(out)
    ledger = out / "orders.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    for left in ([], lines[:2], lines[:-1]):
        ledger.write_text("".join(left))
        with pytest.raises(InputError, match=rf"the orders of {len(left)} pictures, .*{len(lines) - 1}") as refused:
            run(config, out, overrides=HIGHER, extend=True)
        assert "first finish the dataset" in str(refused.value.hint)
        ledger.unlink()
        assert command(["generate", str(config), "--out", str(out)]) == 0
        assert content(out) == before, "a plain run finds the orders again"
    assert run(config, out, overrides=HIGHER, extend=True).labels == EXTENDED
    assert strangers(out) == []


def test_shards_killed_before_they_published_their_ledger(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "d"
    with monkeypatch.context() as killed:
        killed.setattr(ShardNotes, "finish", lambda *args: None)
        run(config, out, "0/2")
    assert not (out / "orders.jsonl").exists()
    for shard in (None, "0/2", "1/2"):
        with pytest.raises(InputError, match="the orders of 0 pictures"):
            run(config, out, shard, overrides=HIGHER, extend=True)
    run(config, out)
    assert run(config, out, overrides=HIGHER, extend=True).labels == EXTENDED
    assert strangers(out) == []


def test_waves_go_on_after_those_that_were_there(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "d")
    first = run(config, tmp_path / "d").kept
    run(config, tmp_path / "d", overrides=HIGHER, extend=True)
    lines = (tmp_path / "d/orders.jsonl").read_text().splitlines()
    waves = [json.loads(line)["order"]["wave"] for line in lines]
    assert waves == sorted(waves)
    assert waves[first] > waves[first - 1], "pictures of one wave follow from the same books"


def test_shards_extend_as_one_run_does(config: Path, tmp_path: Path) -> None:
    """The first of them says so in run.json: others follow it, with --extend or without, and so does the merge."""
    for name in ("whole", "d"):
        run(config, tmp_path / name)
    first = run(config, tmp_path / "d").kept
    run(config, tmp_path / "whole", overrides=HIGHER, extend=True)
    run(config, tmp_path / "d", "0/3", overrides=HIGHER, extend=True)
    assert told(tmp_path / "d")["given"] == told(tmp_path / "whole")["given"] == first
    assert (tmp_path / "d/orders.jsonl").read_text() == (tmp_path / "whole/orders.jsonl").read_text()
    run(config, tmp_path / "d", "1/3", overrides=HIGHER)
    run(config, tmp_path / "d", "2/3", overrides=HIGHER, extend=True)
    assert told(tmp_path / "d")["given"] == first
    lines = (tmp_path / "d/orders.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "d/orders.jsonl").write_text("".join(lines[:first]))  # the rest follows from these, and the targets
    done = merge(tmp_path / "d", [], lambda text: None)
    assert (done.missing, done.summary.labels) == ([], EXTENDED)
    assert content(tmp_path / "d") == content(tmp_path / "whole")
    assert strangers(tmp_path / "d") == []


def test_a_merge_needs_the_first_orders_too(config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(config, tmp_path / "d")
    run(config, tmp_path / "d", overrides=HIGHER, extend=True)
    before = digest(tmp_path / "d", *DATA)
    (tmp_path / "d/orders.jsonl").unlink()
    with pytest.raises(InputError, match=r"orders\.jsonl: holds the orders of 0 pictures"):
        merge(tmp_path / "d", [], lambda text: None)
    assert command(["merge", str(tmp_path / "d")]) == 2
    assert "can't be computed again" in " ".join(capfd.readouterr().err.split())
    assert digest(tmp_path / "d", *DATA) == before


def test_parts_extended_from_different_beginnings_are_not_mixed(config: Path, tmp_path: Path) -> None:
    run(config, tmp_path / "a")
    run(config, tmp_path / "a", "0/2", overrides=HIGHER, extend=True)
    run(config, tmp_path / "b", "1/2", overrides=HIGHER)  # of the same config, but from the beginning
    assert told(tmp_path / "a")["identity"] == told(tmp_path / "b")["identity"]
    before = content(tmp_path / "a")
    for root, parts in ((tmp_path / "a", ["b"]), (tmp_path / "new", ["a", "b"])):
        with pytest.raises(InputError, match="were ordered for other targets") as refused:
            merge(root, [tmp_path / name for name in parts], lambda text: None)
        assert "`extend`" in str(refused.value.hint)
    assert content(tmp_path / "a") == before
    assert not (tmp_path / "new").exists()
