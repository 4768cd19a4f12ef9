"""What became of photos, for a person: what differs beforehand, what moved, and what that means for a fit."""

from __future__ import annotations

from rich import box
from rich.table import Table

from scanstage.assets.messages.wording import listed
from scanstage.dataset.likeness.drift import Drift, DriftTest
from scanstage.dataset.likeness.verdict_words import plain_title, short
from scanstage.render.terminal.console import Console, one_line, outside, print_note, print_whole


def print_drift(console: Console, found: Drift) -> None:
    """Print all of it."""
    console.soft_wrap = True
    dated = f", of {outside(found.date)}" if found.date else ""
    for role, name, k, when in (("reference", found.reference, 0, dated), ("new", found.new, 1, "")):
        console.print(f"{role:<10} {outside(name)}{when}: {found.pictures[k]:,} photos, {found.labels[k]:,} labels")
    for text in found.differences:
        console.print(f"[yellow]differs beforehand:[/] {outside(text)}")
    if found.differences:
        console.print("[yellow]what moved below may be that alone[/]")
    for note in found.notes:
        print_note(console, note)
    moved = [t for t in found.tests if t.has_moved]
    if not found.is_stale:
        console.print(f"\n[green]no drift[/]: none of {len(found.tests)} tests finds more than chance")
    else:
        parts = [*(f"new class {c}" for c in found.new_classes), *(plain_title(t.title) for t in moved)]
        console.print(f"\n[red]drift[/]: {outside(listed(parts))}")
    print_whole(console, _table(found))
    if found.is_stale:
        console.print("what was fitted to the older photos is [red]stale[/]: fit it again, with the new ones")


def _table(found: Drift) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    table.add_column("", no_wrap=True, max_width=38)
    for head in ("distance", "chance", "corrected"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("then, now", no_wrap=True)
    for t in found.tests:
        verdict = "[red]moved[/]" if t.has_moved else "[green]alike[/]"
        table.add_row(
            one_line(plain_title(t.title)), short(t.distance), short(t.chance), short(t.corrected), verdict, _then(t)
        )
    return table


def _then(test: DriftTest) -> str:
    if test.middles is not None:
        return f"{test.middles[0]:.3g}, {test.middles[1]:.3g} {test.unit}".strip()
    if test.spreads is not None:
        return f"{test.spreads[0]:.3g}, {test.spreads[1]:.3g}"
    if test.shares:
        name, (old, new) = next(iter(test.shares.items()))
        return one_line(f"{name[:20]} {old:.0%}, {new:.0%}")
    return ""
