"""The bar fits into a terminal: nothing of it is squeezed, and what is cut is what matters least."""

from __future__ import annotations

import io
import re

import pytest

from scanstage.render.bookkeeping.progress import Progress
from scanstage.render.finish.outcome import Outcome
from scanstage.render.terminal.console import Console
from scanstage.render.terminal.progress_bar import BAR, ProgressView, shortest

LABELS = {"a class with a very long name indeed": 3, "another class with a long name": 12_345}


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_line_has_the_bar_the_rate_and_the_time_left(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    with ProgressView(console) as view:
        view(Progress("rendering", 1000, 0, labels=LABELS))
        outcome = Outcome(0, object(), None, {})  # type: ignore[arg-type]
        view(Progress("rendering", 1000, 123, 123, labels=LABELS, outcome=outcome))
        view._bar.refresh()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n").splitlines()
    line = [text for text in lines if "123/1000" in text][-1]
    assert len(line.rstrip()) <= width
    assert line.index("123/1000") - len("rendering ") - 1 >= BAR
    assert "pictures/min" in line
    assert "-:--:--" in line or ":" in line.split("pictures/min")[1]
    assert ("labels 12348" in line) == (width >= 100)


def test_markup_is_cut_by_what_is_seen() -> None:
    assert shortest(r"labels 5: \[x] 2", 40) == r"labels 5: \[x] 2"
    assert shortest("labels 12: duck 2 … owl 9", 15) == "labels 12: duc…"
    assert shortest("labels 12: duck 2 … owl 9", 11) == ""
