from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.simulated_world import counted, make_controller, run

from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.report.balance_chart import HEAD_PX, KEPT, PLACED, REAL, SHORT, draw_balance
from scanstage.dataset.report.balance_files import write_balance
from scanstage.dataset.report.balance_report import (
    balance_figures,
    evenness,
    imbalance_ratio,
    normalised_entropy,
    total_variation,
)
from scanstage.scenes.balance.targets import Targets
from scanstage.scenes.config.sections.balance_settings import BalanceConfig
from scanstage.scenes.picture_order import Entry, Order, Shown

CLASSES = ("owl", "mouse", "moth")
amounts = st.lists(st.integers(0, 500), min_size=2, max_size=12)


def entry(index: int, *shown: tuple[str, int, str | None], **factors: str) -> Entry:
    """Each: asset (``class/name``), side, rule that lost it."""
    objects = tuple(Shown(a.split("/")[0], a, side, rule) for a, side, rule in shown)
    order = Order(index, 0, tuple(o.class_name for o in objects), tuple(o.asset_id for o in objects))
    return Entry(order, 0, objects, factors)


ENTRIES = [
    entry(0, ("owl/a", 0, None), ("owl/a", 0, None), ("mouse/a", 5, "min_pixels"), hdri="city"),
    entry(1, ("owl/b", 7, None), ("mouse/a", 5, None), ("moth/a", 1, "min_pixels"), hdri="city"),
    entry(2, ("owl/a", 7, "min_visible_fraction"), ("mouse/a", 5, "min_pixels"), hdri="forest"),
    Entry(Order(3, 1, ("owl",), ("owl/c",)), None, (), {}),
]


def figures_of(targets: Targets, entries: list[Entry] = ENTRIES, **config: Any) -> dict[str, Any]:
    found = balance_figures(entries, targets, BalanceConfig.model_validate(config), CLASSES)
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "JSON can hold it all"
    return found


def simulated(asked: dict[str, int], real: dict[str, int] | None = None, **config: Any) -> dict[str, Any]:
    targets = Targets(asked, {c: n / sum(asked.values()) for c, n in asked.items()}, real or {})
    controller = make_controller(targets, **config)
    rates = {c: 0.3 + 0.6 * i / len(asked) for i, c in enumerate(asked)}
    return balance_figures(run(controller, rates), targets, controller.config, list(asked))


def test_evenness_by_hand() -> None:
    # Half, a quarter, a quarter: H = 1.5 bits of log2(3) = 1.585.
    assert normalised_entropy(np.array([2.0, 1.0, 1.0])) == pytest.approx(1.5 / math.log2(3))
    assert normalised_entropy(np.array([5.0, 5.0])) == pytest.approx(1)
    assert normalised_entropy(np.array([5.0, 0.0])) == 0
    assert normalised_entropy(np.array([5.0])) == 1
    assert normalised_entropy(np.array([0.0, 0.0])) is None
    assert imbalance_ratio(np.array([1977.0, 3.0])) == 659
    assert imbalance_ratio(np.array([4.0, 0.0])) is None
    # |0.5 - 0.25| + |0.5 - 0.25| + |0 - 0.5| = 1, half of it.
    assert total_variation({"a": 0.5, "b": 0.5}, {"a": 0.25, "b": 0.25, "c": 0.5}) == pytest.approx(0.5)


@given(amounts, amounts)
def test_evenness_is_bounded(counts: list[int], wanted: list[int]) -> None:
    names = [str(i) for i in range(min(len(counts), len(wanted)))]
    shares = {c: (w + 1) / sum(v + 1 for v in wanted[: len(names)]) for c, w in zip(names, wanted, strict=False)}
    found = evenness(dict(zip(names, counts, strict=False)), shares)
    total = sum(counts[: len(names)])
    assert found["labels"] == total
    if not total:
        assert found["entropy"] is found["total_variation"] is None
        return
    assert 0 <= found["entropy"] <= 1
    assert 0 <= found["total_variation"] <= 1
    assert found["imbalance_ratio"] is None or found["imbalance_ratio"] >= 1


def test_evenness_is_of_the_classes_that_are_wanted() -> None:
    found = evenness({"a": 6, "b": 3, "context": 3}, {"a": 0.5, "b": 0.5, "context": 0.0})
    assert found["imbalance_ratio"] == 2
    assert found["entropy"] == pytest.approx(math.log2(3) - 2 / 3)
    assert found["total_variation"] == pytest.approx(0.25)  # (0 + 0.25 + 0.25) / 2


def test_figures_by_hand() -> None:
    found = figures_of(counted({"owl": 4, "mouse": 2, "moth": 0}))
    assert (found["pictures"], found["failed"], found["reachable"]) == (3, 1, False)
    owl, mouse, moth = (found["classes"][c] for c in CLASSES)
    assert {k: owl[k] for k in ("target", "placed", "kept", "yield", "deficit", "images", "labels")} == {
        "target": 4,
        "placed": 4,
        "kept": 3,
        "yield": 0.75,
        "deficit": 1,
        "images": 2,
        "labels": 3,
    }
    assert owl["lost"] == {"min_visible_fraction": 1}
    # a is used in three of four placements: 1.5 times the even half. Sides: 2 of 3 labels from side 0, one from 7.
    assert (owl["scans_used"], owl["most_used_scan"], owl["most_used_share"]) == (2, "owl/a", 0.75)
    assert owl["most_used_times_even"] == pytest.approx(1.5)
    assert owl["sides_seen"] == 2
    assert owl["sides_entropy"] == pytest.approx((math.log(3) - 2 / 3 * math.log(2)) / math.log(24))
    assert (mouse["placed"], mouse["kept"], mouse["deficit"]) == (3, 1, 1)
    assert (moth["placed"], moth["kept"], moth["yield"], moth["sides_entropy"]) == (1, 0, 0.0, None)
    assert found["lost"] == {"min_pixels": 3, "min_visible_fraction": 1}
    assert found["synthetic"]["labels"] == 4
    assert found["synthetic"]["imbalance_ratio"] == 3


def test_images_are_counted_where_they_are_asked_for() -> None:
    found = figures_of(counted({"owl": 4, "mouse": 2, "moth": 0}), count="images")
    owl = found["classes"]["owl"]
    assert (owl["placed"], owl["kept"], owl["labels"], owl["deficit"]) == (3, 2, 3, 2)
    assert found["synthetic"]["labels"] == 3


def test_shares_are_told_against_what_was_kept() -> None:
    found = figures_of(Targets(None, {"owl": 0.5, "mouse": 0.5, "moth": 0.0}, {}))
    assert found["reachable"]
    assert [found["classes"][c]["target"] for c in CLASSES] == [2, 2, 0]
    assert found["synthetic"]["total_variation"] == pytest.approx(0.25)


def test_real_labels_before_and_after() -> None:
    found = figures_of(
        Targets({"owl": 3, "mouse": 1, "moth": 0}, {"owl": 0.75, "mouse": 0.25, "moth": 0.0}, REAL_COUNTS)
    )
    assert found["classes"]["owl"]["together"] == 5
    assert (found["real"]["imbalance_ratio"], found["together"]["imbalance_ratio"]) == (2.5, 1.0)
    assert found["together"]["total_variation"] == 0
    assert found["real"]["total_variation"] > 0
    assert found["together"]["entropy"] > found["real"]["entropy"]


REAL_COUNTS = {"owl": 2, "mouse": 4, "moth": 5}


def test_the_order_of_entries_does_not_matter() -> None:
    targets = counted({"owl": 4, "mouse": 2, "moth": 0})
    assert figures_of(targets) == figures_of(targets, ENTRIES[::-1])


def test_a_run_without_any_picture_has_figures_too() -> None:
    for targets in (counted(dict.fromkeys(CLASSES, 2)), Targets(None, dict.fromkeys(CLASSES, 1 / 3), {})):
        found = figures_of(targets, [])
        assert found["synthetic"]["entropy"] is None
        assert draw_balance(found).ndim == 3


def test_files(tmp_path: Path) -> None:
    found = simulated({"owl": 12, "mouse": 6})
    write_balance(DatasetFolder(tmp_path), found)
    assert json.loads((tmp_path / "balance.json").read_text()) == found
    with Image.open(tmp_path / "__overview__/balance.png") as image:
        assert np.array_equal(np.asarray(image), draw_balance(found))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["__overview__", "balance.json"]


def painted(chart: np.ndarray, color: str) -> np.ndarray:
    """(H, W) of bars: what is above are words and the legend."""
    return (chart == tuple(bytes.fromhex(color[1:]))).all(axis=-1)[HEAD_PX:]


def pixels(chart: np.ndarray, color: str) -> int:
    return int(painted(chart, color).sum())


def test_bars_are_as_long_as_counts() -> None:
    found = simulated({"owl": 30, "mouse": 30, "moth": 30})
    kept = sum(c["kept"] for c in found["classes"].values())
    placed = sum(c["placed"] for c in found["classes"].values())
    chart = draw_balance(found)
    assert pixels(chart, PLACED) / pixels(chart, KEPT) == pytest.approx((placed - kept) / kept, rel=0.05)
    assert pixels(chart, SHORT) == pixels(chart, REAL) == 0
    found["classes"]["owl"] |= {"kept": 10, "deficit": 20}
    assert pixels(draw_balance(found), SHORT) > 0


@pytest.mark.parametrize("classes", [1, 3, 12, 61, 161])
def test_charts_of_any_size(classes: int) -> None:
    asked = {f"a_rather_long_name_of_a_class_{i}" if i % 7 == 0 else f"c{i}": 2 + i % 3 for i in range(classes)}
    real = {c: 3 ** (i % 6) for i, c in enumerate(asked)}
    for found in (simulated(asked), simulated(asked, real)):
        chart = draw_balance(found)
        assert chart.dtype == np.uint8
        assert chart.shape[1] < 2600
        assert chart.shape[0] < 1300
        for edge in (chart[:4], chart[-4:], chart[:, :4], chart[:, -4:]):
            assert (edge == 255).all(), "nothing is cut by the border"
    assert pixels(chart, REAL) > 0


def test_long_tails_are_told_apart() -> None:
    """Tenfold counts are steps of one length; a single label is still seen."""
    found = simulated(dict.fromkeys(CLASSES, 1), {"owl": 1000, "mouse": 100, "moth": 1})
    found["classes"] = {c: f | {"kept": 0, "placed": 0, "target": 0} for c, f in found["classes"].items()}
    wide = np.unique(painted(draw_balance(found), REAL).sum(axis=1))
    none, one, hundred, thousand = wide.tolist()
    assert (none, hundred - one) == (0, pytest.approx(2 * (thousand - hundred), abs=2))
    assert 4 < one < 40


def test_equal_counts_are_equally_long_in_all_columns() -> None:
    found = simulated({f"c{i}": 3 for i in range(90)})
    found["classes"] = {c: f | {"kept": 3, "placed": 3, "target": 3, "deficit": 0} for c, f in found["classes"].items()}
    rows = painted(draw_balance(found), KEPT).sum(axis=1)
    assert len(np.unique(rows[rows > 0])) == 1
    found["classes"]["c89"] |= {"kept": 2, "deficit": 1}
    assert pixels(draw_balance(found), SHORT) > 0


ODD_NAMES = ("$x^2$ $\\frac{1}", "two\nlines", "_hidden", "日本語 猫", "W" * 4000, "\x07\t\ud800", "<b>[red]", "")


def test_names_from_outside_are_words_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    plain = draw_balance(simulated({f"class {i}": 3 for i in range(len(ODD_NAMES))}))
    odd = draw_balance(simulated(dict.fromkeys(ODD_NAMES, 3)))
    assert odd.shape == plain.shape
    assert (odd[:, :4] == 255).all()
    assert pixels(odd, KEPT) > 0.6 * pixels(plain, KEPT), "names leave room for bars"
    formula, letters = (draw_balance(simulated({name: 3, "other": 3})) for name in ("$x$", "$y$"))
    cut = draw_balance(simulated({"x": 3, "other": 3}))
    assert not np.array_equal(formula, letters)
    assert not np.array_equal(formula, cut), "a formula is written as it is"
    assert capfd.readouterr() == ("", "")


def test_a_chart_is_the_same_whatever_the_user_has_set() -> None:
    found = simulated({"owl": 12, "mouse": 6})
    chart = draw_balance(found)
    own = {"font.family": ["serif"], "figure.dpi": 300, "axes.facecolor": "black", "text.parse_math": True}
    with mpl.rc_context(own):
        assert np.array_equal(draw_balance(found), chart)
        assert mpl.rcParams["figure.dpi"] == 300, "and what they have set stays"


DRAW = """
import json, logging, sys
from pathlib import Path
import scanstage.render.cli.app
from scanstage.dataset.records.dataset_folder import DatasetFolder
from scanstage.dataset.report.balance_files import write_balance
assert "matplotlib" not in sys.modules, "only who draws waits for it"
write_balance(DatasetFolder(Path(sys.argv[1])), json.loads(Path(sys.argv[1], "balance.json").read_text()))
assert "matplotlib.pyplot" not in sys.modules
assert logging.getLogger("matplotlib").level == logging.NOTSET
"""


def test_a_chart_is_the_same_for_a_user_without_a_home(tmp_path: Path) -> None:
    write_balance(DatasetFolder(tmp_path), simulated({"owl": 12, "mouse": 6}))
    png = (tmp_path / "__overview__/balance.png").read_bytes()
    (tmp_path / "__overview__/balance.png").unlink()
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nno.such.key: 1\n")
    nowhere = {"HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    kept = {k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "MPLBACKEND", "MATPLOTLIBRC")}
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=kept | nowhere, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "__overview__/balance.png").read_bytes() == png
