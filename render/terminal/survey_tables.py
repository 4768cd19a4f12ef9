"""What a survey came to, for a person at a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

from scanstage.dataset.analysis.measures import factor_title
from scanstage.dataset.survey.factor_opinions import SURE
from scanstage.dataset.survey.survey_results import SurveyResults
from scanstage.dataset.survey.survey_words import fall_words, interval, plain_name, rater_words
from scanstage.render.terminal.console import Console, one_line, outside, print_whole

COLORS = {"fall": "red", "no fall": "green", "not enough": "yellow"}
MOST_SHOWN = 6


def print_survey(console: Console, found: SurveyResults, remarks: list[tuple[str, str, str]]) -> None:
    """Print all of it."""
    console.soft_wrap = True
    for line in rater_words(found):
        console.print(outside(line))
    console.print()
    print_whole(console, _sets(found))
    for fall in found.falls:
        console.print(f"[{COLORS[fall.verdict]}]{outside(fall_words(fall))}[/]")
    fake = [f for f in found.factors if f.looks_fake]
    if fake:
        console.print("\nlooks less real than the rest, with certainty:")
        for f in fake[:MOST_SHOWN]:
            what = f"{factor_title(f.factor)} {f.value}"
            console.print(f"  {one_line(what)}: by {-f.difference:.1f} points, {f.pictures} pictures")
    elif found.factors:
        console.print("\nno circumstance looks less real than the rest with certainty")
    told = [m for m in found.measures if m.chance < SURE]
    if found.measures:
        console.print(
            "\nmeasures that agree with people (rank correlation):" if told else "\nno measure agrees with people"
        )
    for m in told[:MOST_SHOWN]:
        console.print(f"  {one_line(plain_name(m.name))}: {m.rank_correlation:+.2f} ({m.low:+.2f} to {m.high:+.2f})")
    out = [r for r in found.screened.raters if r.rule is not None]
    if out:
        console.print("\nscreened raters:")
    for r in out[:MOST_SHOWN]:
        console.print(f"  {one_line(r.name)}: {outside(r.reason)}")
    if len(out) > MOST_SHOWN:
        console.print(f"  … and {len(out) - MOST_SHOWN} more, on the page")
    if remarks:
        console.print(f"\n{len(remarks)} {'rater' if len(remarks) == 1 else 'raters'} left a remark, on the page")


def _sets(found: SurveyResults) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    low, high = found.survey.settings.gold.accept.real
    _, most = found.survey.settings.gold.accept.corrupt
    table.add_column("", no_wrap=True, max_width=30)
    for head in ("pictures", "answers"):
        table.add_column(head, justify="right", no_wrap=True)
    for head in ("mean opinion", f"good ({low} to {high})", f"corrupt (to {most})"):
        table.add_column(head, no_wrap=True)
    for name, s in found.sets.items():
        figures = (interval(s.mean), interval(s.good, True), interval(s.corrupt, True))
        table.add_row(one_line(name), str(s.pictures), str(s.answers), *figures)
    return table
