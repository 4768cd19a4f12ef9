"""A comparison of real and synthetic pictures, for a person: each property's verdict in words, then its figures."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from scanstage.dataset.likeness.four_properties import PROPERTIES, Figure, Likeness, Property
from scanstage.dataset.likeness.null_bands import SPLITS, Verdict
from scanstage.dataset.likeness.verdict_words import plain_title, short, verdict_words
from scanstage.render.terminal.console import Console, one_line, outside, print_note, print_whole

COLORS: dict[Verdict, str] = {"alike": "green", "slightly off": "yellow", "off": "red"}


def print_likeness(console: Console, found: Likeness) -> None:
    """Print all of a comparison."""
    console.soft_wrap = True
    for role, name, pictures, labels in (
        ("real", found.real, found.pictures[0], found.labels[0]),
        ("synthetic", found.synthetic, found.pictures[1], found.labels[1]),
    ):
        console.print(f"{role:<10} {outside(name)}: {pictures:,} pictures, {labels:,} labels")
    if found.extractor is not None:
        console.print(f"features   {outside(found.extractor[0])}, sha256 {outside(found.extractor[1])}")
    console.print(
        f"[dim]values are of {found.half} pictures against {found.half}; so are those of real against real, nine in "
        f"ten of {SPLITS} splits[/]"
    )
    for note in found.notes:
        print_note(console, note)
    for name in PROPERTIES:
        _print_property(console, found, name)


def _print_property(console: Console, found: Likeness, name: Property) -> None:
    verdict, title = found.verdict(name), PROPERTIES[name]
    color = "dim" if verdict is None else COLORS[verdict]
    answer, words = verdict_words(found, name)
    console.print(f"\n[bold]{title[0].upper()}{title[1:]}?[/] [{color}]{answer}[/], {outside(words)}")
    if verdict is None:
        return
    figures = found.of(name)
    print_whole(console, _parity_table(found, figures) if name == "fair" else _table(figures))
    if name == "indistinguishable":
        _print_giveaways(console, found)


def _table(figures: Sequence[Figure]) -> Table:
    """One row a figure: first those of all numbers at once, then the most surprising."""
    table = _plain_table()
    has_middles = any(f.middles is not None for f in figures)
    table.add_column("", no_wrap=True, max_width=38)
    for head in ("value", "real against real"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    if has_middles:
        table.add_column("real, synthetic", no_wrap=True, max_width=24)
    for f in sorted(figures, key=lambda f: (f.middles is not None or f.shares is not None, f.standing.chance)):
        low, high = f.standing.band
        cells = [one_line(plain_title(f.title)), short(f.standing.value), f"{short(low)} to {short(high)}", _verdict(f)]
        table.add_row(*cells, *([_middles(f)] if has_middles else []))
    return table


def _parity_table(found: Likeness, figures: Sequence[Figure]) -> Table:
    """Impact ratios: 1 where all classes meet all values alike."""
    table = _plain_table()
    table.add_column("", no_wrap=True)
    for head in ("value", "real against real", "", "real", "synthetic", "both"):
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for f in figures:
        parts = found.parity[f.name.removeprefix("even:")]
        ratios = [parts[k]["disparate_impact_ratio"] for k in ("real", "synthetic", "both")]
        low, high = f.standing.band
        cells = ["–" if r is None else short(r) for r in ratios]
        band = f"{short(low)} to {short(high)}"
        table.add_row(one_line(f.title), short(f.standing.value), band, _verdict(f), *cells)
    return table


def _plain_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))


def _verdict(figure: Figure) -> str:
    verdict = figure.standing.verdict
    return f"[{COLORS[verdict]}]{verdict}[/]"


def _middles(figure: Figure) -> str:
    if figure.middles is not None:
        unit = f" {figure.unit}" if figure.unit else ""
        return f"{figure.middles[0]:.3g}, {figure.middles[1]:.3g}{unit}"
    if figure.shares:
        name, (ours, other) = next(iter(figure.shares.items()))
        return one_line(f"{name[:16]} {ours:.0%}, {other:.0%}")
    return ""


def _print_giveaways(console: Console, found: Likeness) -> None:
    by_numbers = next((f for f in found.figures if f.name == "auc_numbers"), None)
    if by_numbers is None or by_numbers.standing.verdict == "alike":
        return
    console.print("  what gives the synthetic pictures away:")
    for g in found.giveaways:
        ours, other = g.middles
        way = "more" if other > ours else "less"
        console.print(
            f"    {outside(plain_title(g.title))}: {way} by {abs(other - ours):.1f} standard deviations; without it "
            f"the AUC falls by {g.importance:.2f}"
        )
    told = ", ".join(f"{outside(name)} ({p:.0%})" for name, p in found.telling)
    console.print(f"  the pictures that do most: {told}")
