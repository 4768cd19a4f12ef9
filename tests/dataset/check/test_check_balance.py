"""Planted faults in the books of a balanced run are found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.dataset_files import edit_record

from scanstage.dataset.check.check_dataset import check_dataset
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.report.balance_files import write_balance
from scanstage.dataset.report.balance_report import balance_figures
from scanstage.scenes.balance.targets import make_targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.picture_order import Entry

Plant = Callable[[Path], object]
CLASSES = ("box", "ball")


@pytest.fixture(scope="module")
def balanced(make_dataset: Callable[..., Path]) -> Path:
    root = make_dataset(
        "objects.placement={kind: upright}",
        "variables={time: {choice: [day, night]}}",
        "balance={target: {box: 3, ball: 2}, attributes: {time: uniform, hdri: uniform}}",
        "images=3",
    )
    folder, config = DatasetFolder(root), BalanceConfig.model_validate({"target": {"box": 3, "ball": 2}})
    if not folder.balance.is_file():
        entries = [Entry.from_json(line) for line in folder.ledger.read_text().splitlines()]
        write_balance(folder, balance_figures(entries, make_targets(config, CLASSES, Path()), config, CLASSES))
    return root


@pytest.fixture
def dataset(balanced: Path, tmp_path: Path) -> Path:
    shutil.copytree(balanced, tmp_path / "toys")
    return tmp_path / "toys"


def in_ledger(change: Callable[[dict[str, Any]], object], line: int = 1) -> Plant:
    """A change of one entry; figures and records are left as they are."""

    def plant(root: Path) -> None:
        path = root / "orders.jsonl"
        lines = path.read_text().splitlines()
        entry = json.loads(lines[line])
        change(entry)
        lines[line] = json.dumps(entry)
        path.write_text("\n".join(lines) + "\n")

    return plant


def in_figures(change: Callable[[dict[str, Any]], object]) -> Plant:
    def plant(root: Path) -> None:
        figures = json.loads((root / "balance.json").read_text())
        change(figures)
        (root / "balance.json").write_text(json.dumps(figures))

    return plant


def without_lines(*numbers: int) -> Plant:
    def plant(root: Path) -> None:
        lines = (root / "orders.jsonl").read_text().splitlines(keepends=True)
        (root / "orders.jsonl").write_text("".join(line for i, line in enumerate(lines) if i not in numbers))

    return plant


def torn(root: Path) -> None:
    text = (root / "orders.jsonl").read_text()
    (root / "orders.jsonl").write_text(text[:-40])


def swapped(root: Path) -> None:
    lines = (root / "orders.jsonl").read_text().splitlines(keepends=True)
    (root / "orders.jsonl").write_text("".join([lines[1], lines[0], *lines[2:]]))


def unasked(root: Path) -> None:
    run = json.loads((root / "run.json").read_text())
    run["config"]["balance"] = None
    (root / "run.json").write_text(json.dumps(run))


FAULTS: dict[str, tuple[set[str], Plant]] = {
    "ledger missing": ({"ledger-missing"}, lambda root: (root / "orders.jsonl").unlink()),
    "last line torn": ({"ledger-unreadable", "ledger-short", "balance-differs"}, torn),
    "a line missing": ({"ledger-order", "ledger-short", "balance-differs"}, without_lines(0)),
    "lines swapped": ({"ledger-order"}, swapped),
    "another attempt": ({"ledger-differs"}, in_ledger(lambda e: e.update(attempt=e["attempt"] + 1))),
    "another order": ({"ledger-differs"}, in_ledger(lambda e: e["order"].update(classes=["box"], assets=["box/toy"]))),
    "another variable": ({"ledger-differs"}, in_ledger(lambda e: e["order"]["fixed"].update(time="noon"))),
    "another image": ({"ledger-differs"}, in_ledger(lambda e: e["order"].update(hdri="builtin:attic"))),
    "another side": (
        {"ledger-differs", "balance-differs"},
        in_ledger(lambda e: e["objects"][0].update(side=(e["objects"][0]["side"] + 7) % 24)),
    ),
    "another factor": ({"ledger-differs", "balance-differs"}, in_ledger(lambda e: e["factors"].update(stage="moon"))),
    "a label more": (
        {"ledger-differs", "balance-differs"},
        in_ledger(lambda e: e["objects"].append({**e["objects"][0], "lost_by": None})),
    ),
    "a record's plan exchanged": (
        {"ledger-differs"},
        lambda root: edit_record(root, 1, lambda r: r["plan"].update(attempt=99)),
    ),
    "figures missing": ({"balance-missing"}, lambda root: (root / "balance.json").unlink()),
    "figures broken": ({"balance-unreadable"}, lambda root: (root / "balance.json").write_text("{")),
    "figures of something else": ({"balance-differs"}, lambda root: (root / "balance.json").write_text("[1]")),
    "kept more": ({"balance-differs"}, in_figures(lambda f: f["classes"]["box"].update(kept=9))),
    "rosier parity": (
        {"balance-differs"},
        in_figures(lambda f: f["parity"]["elevation"].update(disparate_impact_ratio=0.997)),
    ),
    "another target": ({"balance-differs"}, in_figures(lambda f: f["targets"]["counts"].update(box=2))),
    "chart missing": ({"balance-chart"}, lambda root: (root / "__overview__/balance.png").unlink()),
    "chart broken": ({"balance-chart"}, lambda root: (root / "__overview__/balance.png").write_bytes(b"x")),
    "no balancing asked for": ({"balance-unasked"}, unasked),
}


def test_a_sound_dataset_has_no_finding(dataset: Path) -> None:
    assert check_dataset(dataset).findings == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(dataset: Path, name: str) -> None:
    expected, plant = FAULTS[name]
    plant(dataset)
    found = check_dataset(dataset, fast=True).findings
    assert {f.kind for f in found} == expected, [str(f) for f in found]


def test_an_unfinished_run_needs_no_figures(dataset: Path) -> None:
    run = json.loads((dataset / "run.json").read_text())
    del run["pictures"]
    (dataset / "run.json").write_text(json.dumps(run))
    (dataset / "balance.json").unlink()
    (dataset / "__overview__/balance.png").unlink()
    assert {f.kind for f in check_dataset(dataset, fast=True).findings} == {"run-unfinished"}


@pytest.mark.parametrize("seed", range(2))
def test_no_absurd_value_gives_a_traceback(dataset: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    absurd = [-1, 0, 1e300, 2**70, "", "é", None, True, [], {}, [1, 2], float("nan"), float("inf"), 0.5]

    def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        if not isinstance(node, dict | list):
            return [path]
        items = node.items() if isinstance(node, dict) else enumerate(node)
        return [found for k, v in items for found in leaves(v, (*path, k))]

    for name in ("balance.json", "orders.jsonl", "run.json"):
        text = (dataset / name).read_text()
        whole = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else [json.loads(text)]
        for _ in range(8):
            broken = json.loads(json.dumps(whole))
            all_leaves = leaves(broken)
            *parents, last = all_leaves[rng.integers(len(all_leaves))]
            node = broken
            for key in parents:
                node = node[key]
            node[last] = absurd[rng.integers(len(absurd))]
            (dataset / name).write_text("\n".join(json.dumps(b) for b in broken) + "\n")
            check_dataset(dataset, fast=True)
        (dataset / name).write_text(text)
