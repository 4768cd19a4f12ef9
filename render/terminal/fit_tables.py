"""What a fit found, for a person: each value with what labels tell of it, classes, and how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from scanstage.dataset.analysis.label_summaries import SUMMARY_TITLES
from scanstage.dataset.appearance.backgrounds import background_words
from scanstage.dataset.appearance.pixel_summaries import APPEARANCE_TITLES
from scanstage.dataset.fitting.fit_record import TOLD_APART
from scanstage.dataset.fitting.term_words import term_words
from scanstage.render.terminal.console import Console, one_line, outside, print_note, print_whole

MOST_CLASSES = 30
HEADS = ("value", "told by", "mean", "90 % interval")
NARROWEST = 16
"""Of the column that says what the config draws, in characters."""


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
    _print_values(console, facts["values"], "labels")
    if facts["kinds"]:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in facts["kinds"].items())
        console.print(f"kinds      values go along with each other: {shares}; the config switches by them")
    _print_classes(console, facts["classes"])
    _print_test(console, facts["tested"], "labels", SUMMARY_TITLES)
    _print_appearance(console, facts.get("appearance"))


def _print_appearance(console: Console, found: Mapping[str, Any] | None) -> None:
    """What pixels say; None: they weren't looked at."""
    if found is None:
        console.print("\npixels     not looked at: exposure, colours, blur and noise are as the config had them")
        return
    if "left" in found:
        console.print("\npixels     exposure, colours, blur and noise are left as the config had them")
        print_note(console, found["left"])
        return
    width, height = found["size"]
    console.print(
        f"\npixels     {found['photos']} photos and {found['rendered']} rendered pictures, at {width} x {height}, "
        f"developed {found['bank']['developed']:,} times"
    )
    _print_values(console, found["values"], "pixels")
    _print_test(console, found["tested"], "pixels", APPEARANCE_TITLES)
    for line in _backgrounds(found["backgrounds"]):
        console.print(line)


def _backgrounds(found: Mapping[str, Any]) -> list[str]:
    """How the photos' backgrounds differ, and what to do about it."""
    said = background_words({name: one["above"] for name, one in found.items() if one["differs"]})
    if not said:
        return ["backgrounds are as bright and as busy as the photos'"] if found else []
    return [
        f"[yellow]backgrounds[/]: those of a middling photo are {said}",
        "[dim]not fitted: stage, its looks, distractors and light decide them[/]",
    ]


def _print_values(console: Console, values: list[Mapping[str, Any]], by: str) -> None:
    print_whole(console, _values(values, by, console.width))
    left = [v["key"] for v in values if v["is"] is None]
    hinted = [v["key"] for v in values if v["is"] is not None and not v["determined"]]
    if left:
        console.print(f"[yellow]not determined by {by}[/], left as they were: {', '.join(map(outside, left))}")
    if hinted:
        console.print(
            f"[yellow]hardly determined[/], moved as far as {by} ask for it: {', '.join(map(outside, hinted))}"
        )


def _values(values: list[Mapping[str, Any]], by: str, width: int) -> Table:
    """As wide as the terminal, if there is room for all but the last column, which wraps."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    table.add_column("\nvalue", no_wrap=True)
    table.add_column(f"told by\n{by}", justify="right", no_wrap=True)
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


def _print_test(console: Console, tested: Mapping[str, Any], by: str, titles: Mapping[str, str]) -> None:
    before, after = tested["before"]["auc"], tested["after"]["auc"]
    which = "photos that were kept out" if tested["held_out"] else "the fitted photos (none were kept out)"
    console.print(f"\na classifier tells {which} from pictures, by {by}: {_auc(before)} before, {_auc(after)} after")
    console.print("[dim].5: it can only guess; 1: it is always right[/]")
    if tested["giveaways"] and after > TOLD_APART:
        said = ", ".join(titles.get(name, name) for name, _ in tested["giveaways"])
        console.print(f"what still gives pictures away: {said}: the config has no key for it, or it isn't free")
    if tested["copies"] and by == "labels":
        console.print("[red]copies[/]: pictures are nearer to the fitted photos than other photos are")


def _auc(value: float) -> str:
    color = "green" if value <= TOLD_APART else "yellow" if value < 0.8 else "red"
    return f"[{color}]{value:.2f}[/]"
