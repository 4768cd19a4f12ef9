"""Targets that don't come to what they read like are told before a picture is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanstage.render.cli.app import entrypoint
from scanstage.scenes.balance.target_notes import target_notes
from scanstage.scenes.balance.targets import Targets

CLASSES = ["bolt", "nut", "owl"]


def test_counts_that_become_shares_are_told_with_what_is_reachable() -> None:
    targets = Targets({"bolt": 30, "nut": 0, "owl": 5}, {"bolt": 30 / 35, "nut": 0.0, "owl": 5 / 35}, {})
    about_images, about_classes = target_notes(targets, CLASSES, 4, 21)
    assert "asks for 35 labels, but `images: 4` decides" in about_images
    assert "about 21 objects (bolt 18 of 30, owl 3 of 5)" in about_images
    assert "asks for no nut: not placed" in about_classes
    assert target_notes(targets, CLASSES, None, 0) == [about_classes]


def test_nothing_is_told_where_all_is_as_it_reads() -> None:
    shares = dict.fromkeys(CLASSES, 1 / 3)
    assert target_notes(Targets(None, shares, {}), CLASSES, 100, 500) == []
    assert target_notes(Targets(dict.fromkeys(CLASSES, 9), shares, {}), CLASSES, None, 0) == []
    filled = Targets({"bolt": 9, "nut": 0, "owl": 0}, {"bolt": 1.0, "nut": 0.0, "owl": 0.0}, {"nut": 500, "owl": 500})
    assert target_notes(filled, CLASSES, None, 0) == []


@pytest.mark.parametrize("command", ["plan", "generate"])
def test_it_is_said_before_the_run(
    command: str, tmp_path: Path, toy_library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from support.analytic_engine import AnalyticEngines

    path = tmp_path / "toys.yaml"
    path.write_text(
        f"assets: {{library: {toy_library}, classes: [box, ball]}}\nimages: 2\nobjects: {{count: 3}}\n"
        "camera: {resolution: [160, 120]}\nbalance: {target: {box: 30}}\n"
    )
    more = ["--stats"] if command == "plan" else ["--out", str(tmp_path / "out")]
    assert entrypoint([command, str(path), *more], AnalyticEngines()) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "`images: 2` decides how many pictures there are" in out
    assert "about 6 objects (box 6 of 30)" in out
    assert "asks for no ball" in out
    assert out.index("decides how many") < out.index("kept")
