from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from support.simulated_world import make_controller, run, show

from scanstage.dataset.report.balance_report import balance_figures
from scanstage.render.terminal.balance_tables import print_balance
from scanstage.scenes.balance.targets import Targets
from scanstage.scenes.picture_order import Entry, Order

ASKED = {"owl": 20, "[mouse]": 8, "moth": 0}


def figures(asked: dict[str, int], real: dict[str, int] | None = None, images: int | None = None, **config: Any) -> Any:
    shares = {c: n / sum(asked.values()) for c, n in asked.items()}
    targets = Targets(None if images else asked, shares, real or {})
    controller = make_controller(targets, images, **config)

    def shown(order: Order) -> Entry:
        return Entry(order, None, (), {}) if order.index == 1 else show(order, dict.fromkeys(asked, 0.5))

    return balance_figures(run(controller, {}, shown=shown), targets, controller.config, list(asked))


def printed(found: Any, where: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=140, highlight=False)
    print_balance(console, found, where)
    return console.file.getvalue()


def row(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


def test_every_class_has_its_row() -> None:
    found = figures(ASKED)
    text = printed(found)
    owl = found["classes"]["owl"]
    cells = [owl["target"], owl["placed"], owl["kept"], round(100 * owl["yield"]), "·", owl["images"]]
    assert row(text, "owl")[1:] == [*map(str, cells), str(owl["lost"]["min_pixels"])]
    assert row(text, "[mouse]")[1] == "8"
    assert row(text, "all")[1:4:2] == ["28", "28"]
    assert not any(line.split()[:1] == ["moth"] for line in text.splitlines()), "asked for none, placed none"
    assert "imbalance ratio 2.5" in text
    assert "total variation distance to the target 0.000" in text
    assert "1 pictures can't be planned" in text


def test_real_and_synthetic() -> None:
    text = printed(figures(ASKED, {"owl": 3, "[mouse]": 15, "moth": 40}))
    assert row(text, "owl")[1:3] == ["3", "20"]
    assert "23" in row(text, "owl")
    assert "real: imbalance ratio 13.33" in text
    assert "real + synthetic: imbalance ratio 1.739" in text


def test_shares_say_so() -> None:
    assert "the target is a share of what was kept in all" in printed(figures(ASKED, images=10))
    assert "share of what was kept" not in printed(figures(ASKED))


def test_images() -> None:
    text = printed(figures(ASKED, count="images"))
    assert "images with a label by class" in text
    assert row(text, "owl")[3] == "20"


def test_many_classes_show_the_worst() -> None:
    asked = {f"class_{i:02d}": 2 for i in range(50)}
    found = figures(asked)
    found["classes"]["class_33"] |= {"kept": 0, "deficit": 2}
    text = printed(found, "output/x/balance.json")
    rows = [line for line in text.splitlines() if line.strip().startswith("class_")]
    assert len(rows) == 15
    assert "class_33" in rows[0]
    assert row(text, "all")[1] == "100"
    assert "the other 35 classes: output/x/balance.json" in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"flagged": True, "beyond_chance": True},
            "hdri goes along with classes: some class meets one of its values 3.2 times as often as another does "
            "(by chance 1.4 times)",
        ),
        (
            {"flagged": True, "beyond_chance": True, "disparate_impact_ratio": 0.0, "by_chance": 0.5},
            "hdri goes along with classes: some class never meets one of its values, another does "
            "(by chance 2.0 times)",
        ),
        (
            {"flagged": True, "beyond_chance": False},
            "not every class meets these alike, which at so few labels is chance: hdri",
        ),
        ({"flagged": False, "beyond_chance": False}, "every class meets every circumstance about as often"),
    ],
)
def test_flagged_factors(change: dict[str, float], expected: str) -> None:
    found = figures(ASKED)
    factor = found["parity"]["hdri"] | {
        "disparate_impact_ratio": 0.31,
        "by_chance": 0.74,
        "demographic_parity_difference": 0.2,
    }
    found["parity"] = {"hdri": factor | change}
    assert expected in " ".join(printed(found).split())
