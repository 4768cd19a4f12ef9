"""How long a fit takes is said once it can be: by a rate, not by the first picture."""

from __future__ import annotations

import io

import pytest

from scanstage.render.bookkeeping.progress import Progress
from scanstage.render.terminal.console import Console
from scanstage.render.terminal.planning_view import PlanningView, told_time


def told(events: list[tuple[float, int]], total: int) -> str:
    """What is printed of a plan, by seconds and pictures that are done then."""
    out = io.StringIO()
    times = iter([seconds for seconds, _ in events])
    with PlanningView(Console(file=out, width=80), lambda: next(times)) as view:
        view(Progress("measuring pictures", 60, done=60))
        for _, done in events:
            view(Progress("planning", total, done, done))
    return out.getvalue()


def test_the_start_of_processes_is_left_out() -> None:
    """The first picture took half a minute, as processes were started; a hundred more take ten seconds."""
    text = told([(30.0, 2), (32.0, 20), (40.0, 102)], 10_002)
    assert "plans 10,002 pictures" in text
    assert "about 20 minutes here" in text  # 9,900 more at 10 a second, and a fifth for the rest


def test_what_is_done_at_once_has_no_estimate() -> None:
    assert "about" not in told([(0.0, 1), (5.0, 90)], 100)


@pytest.mark.parametrize(
    ("seconds", "words"), [(34, "30 seconds"), (3, "10 seconds"), (365, "6 minutes"), (9000, "2.5 hours")]
)
def test_time_is_told_roughly(seconds: float, words: str) -> None:
    assert told_time(seconds) == words
