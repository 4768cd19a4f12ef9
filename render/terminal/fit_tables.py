"""What a fit found, for a person: each value with what labels tell of it, classes, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from scanstage.dataset.analysis.label_summaries import SUMMARY_TITLES
from scanstage.dataset.fitting.term_words import term_words
from scanstage.render.terminal.console import Console, one_line, outside, print_note, print_whole

MOST_CLASSES = 30
HEADS = ("value", "told by", "mean", "90 % interval")
NARROWEST = 16
"""Of the column that says what the config draws, in characters."""
TOLD_APART = 0.6
"""Area under the curve from which on a classifier does clearly better than guessing."""


def print_fit(console: Console, facts: Mapping[str, Any]) -> None:
    """Print ``fit.json``."""
    console.soft_wrap = True
    photos = facts["photos"]
    held = f", {photos['held_out']} kept out" if photos["held_out"] else ""
    console.print(f"photos     {outside(photos['name'])}: {photos['fitted']} fitted, {photos['labels']:,} labels{held}")
    for note in photos["notes"]:
        print_note(console, note)
    for note in facts["notes"]:
        print_note(console, note)
    print_whole(console, _values(facts["values"], console.width))
    left = [v["key"] for v in facts["values"] if v["is"] is None]
    hinted = [v["key"] for v in facts["values"] if v["is"] is not None and not v["determined"]]
    if left:
        console.print(f"[yellow]not determined by labels[/], left as they were: {', '.join(map(outside, left))}")
    if hinted:
        console.print(
            f"[yellow]hardly determined[/], moved as far as labels ask for it: {', '.join(map(outside, hinted))}"
        )
    if facts["kinds"]:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in facts["kinds"].items())
        console.print(f"kinds      values go along with each other: {shares}; the config switches by them")
    _print_classes(console, facts["classes"])
    _print_test(console, facts)


def _values(values: list[Mapping[str, Any]], width: int) -> Table:
    """As wide as the terminal, if there is room for all but the last column, which wraps."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    table.add_column("\nvalue", no_wrap=True)
    table.add_column("told by\nlabels", justify="right", no_wrap=True)
    table.add_column("\nmean", justify="right", no_wrap=True)
    table.add_column("\n90 % interval", no_wrap=True)
    rows = []
    for value in values:
        mean = interval = ""
        if "mean" in value:
            mean, interval = f"{value['mean']:g}", f"{value['mean_90'][0]:g} to {value['mean_90'][1]:g}"
        said = "as it was" if value["is"] is None else term_words(value["is"])
        told = f"{max(0.0, value['explained']):.0%}"
        rows.append((one_line(value["key"]), told, mean, interval, one_line(said)))
    taken = [max(map(len, cells)) + 1 for cells in zip(HEADS, *(row[:-1] for row in rows), strict=True)]
    table.add_column("\nis", width=max(NARROWEST, width - sum(taken) - 5))
    for row in rows:
        table.add_row(*map(outside, row))
    return table


def _print_classes(console: Console, classes: Mapping[str, Any]) -> None:
    weights, kinds = classes["weights"], classes["kinds"]
    if kinds is not None and kinds["weights"] is not None:
        before, after = kinds["impact"]
        now = f"; evened out, {after:.2f} is left" if kinds["evened"] else "; `fit.parity` evens it out"
        console.print(
            f"[yellow]parity[/]     classes come in different kinds of pictures, impact ratio {before:.2f}{now}"
        )
    if weights is None:
        console.print("classes    left as they are picked")
        return
    seen = {name: share for name, share in classes["photos"].items() if name not in classes["unseen"]}
    shares = sorted(seen.items(), key=lambda pair: -pair[1])
    told = ", ".join(f"{outside(name)} {share:.1%}" for name, share in shares[:MOST_CLASSES])
    more = f" and {len(shares) - MOST_CLASSES} more" if len(shares) > MOST_CLASSES else ""
    console.print(f"classes    as in the photos: {told}{more}")
    if classes["unseen"]:
        print_note(console, f"No photo shows {', '.join(classes['unseen'])}: picked seldom; `balance` gives them more.")


def _print_test(console: Console, facts: Mapping[str, Any]) -> None:
    tested = facts["tested"]
    before, after = tested["before"]["auc"], tested["after"]["auc"]
    which = "photos that were kept out" if tested["held_out"] else "the fitted photos (none were kept out)"
    console.print(f"\na classifier tells {which} from pictures, by labels: {_auc(before)} before, {_auc(after)} after")
    console.print("[dim].5: it can only guess; 1: it is always right[/]")
    if tested["giveaways"] and after > TOLD_APART:
        said = ", ".join(SUMMARY_TITLES.get(name, name) for name, _ in tested["giveaways"])
        console.print(f"what still gives pictures away: {said}: the config has no key for it, or it isn't free")
    if tested["copies"]:
        console.print("[red]copies[/]: pictures are nearer to the fitted photos than other photos are")


def _auc(value: float) -> str:
    color = "green" if value <= TOLD_APART else "yellow" if value < 0.8 else "red"
    return f"[{color}]{value:.2f}[/]"
