"""The statistics of planned pictures as tables, for 3 classes as for 300."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from scanstage.assets.messages.wording import listed
from scanstage.render.terminal.console import Console, outside, quoting

RULES = {
    "min_pixels": "few\npixels",
    "min_box_px": "thin\nbox",
    "min_visible_fraction": "hidden",
    "max_truncated_fraction": "cut by\nborder",
}
"""Keep rules as heads of narrow columns."""
MATRIX_UP_TO = 12
PAIRS = 12
REASONS = 5


def print_statistics(console: Console, found: dict[str, Any]) -> None:
    """Print what :func:`statistics.dataset_statistics` found."""
    _print_summary(console, found)
    classes = found["classes"]
    _print(console, "labels by class", _counts(classes, found["all"]))
    without = [name for name, entry in classes.items() if not entry["labelled"]]
    if without:
        console.print(f"\n[yellow]without a label:[/] {listed(without, outside)}")
    title = "sizes and visibility of labels (p5 p50 p95; cut: share of labels that a border cuts)"
    _print(console, title, _sizes(classes, found["all"]))
    if 1 < len(classes) <= MATRIX_UP_TO:
        _print(console, "pictures that hold both (on the diagonal: two of a kind)", _matrix(found))
    elif len(classes) > 1:
        pairs = _pairs(found)
        never = sum(n == 0 for n, _, _ in pairs)
        title = f"classes seen together; {never} of {len(pairs)} pairs never are (all in --json)"
        _print(console, title, _pair_table(pairs))


def _print(console: Console, title: str, table: Table) -> None:
    # A table's own title wraps at the table's width.
    console.print(f"\n[bold]{title}[/]")
    console.print(table)


def _print_summary(console: Console, found: dict[str, Any]) -> None:
    everything, attempts = found["all"], found["attempts"]
    failed = len(found["failed"])
    told = f"[bold]{outside(found.get('name', ''))}[/]: {found['planned']} of {found['pictures']} pictures planned"
    told += f", [red]{failed} can't be[/]" if failed else ""
    told += f", {everything['labelled']} labels in {everything['pictures']} pictures"
    negatives = f", {found['negatives']} show no labelled object" if found["negatives"] else ""
    console.print(told + negatives)
    a_picture = found["labels_a_picture"]
    seconds = f", {found['seconds_a_picture']:.2f} s each" if "seconds_a_picture" in found else ""
    console.print(
        f"labels a picture {_numbers(a_picture, '.3g')} (p5 p50 p95), attempts a picture "
        f"{attempts['mean']:.3g} on average{seconds}"
    )
    for reason, n in list(attempts["refused"].items())[:REASONS]:
        console.print(f"  {n} attempts refused: {outside(reason)}")
    for failure in found["failed"][:REASONS]:
        console.print(f"  [red]picture {failure['index']}:[/] {quoting(failure['reason'])}")
    if failed > REASONS:
        console.print(f"  … and {failed - REASONS} more")


def _rows(classes: dict[str, Any], everything: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Classes that have anything to tell, and all of them together."""
    total = [("all", everything)] if len(classes) > 1 else []
    return [*((name, entry) for name, entry in classes.items() if entry["placed"]), *total]


def _counts(classes: dict[str, Any], everything: dict[str, Any]) -> Table:
    rules = [rule for rule in RULES if rule in everything["dropped_by_rule"]]
    heads = ["placed", "labels", "ignored", *(f"dropped:\n{RULES[rule]}" for rule in rules), "pictures\nwith one"]
    table = _table("class", heads)
    for name, entry in _rows(classes, everything):
        dropped = [entry["dropped_by_rule"].get(rule, 0) for rule in rules]
        cells = [entry["placed"], entry["labelled"], entry["ignored"], *dropped, entry["pictures"]]
        style = "bold" if entry is everything else "yellow" if not entry["labelled"] else None
        table.add_row(outside(name), *(_count(n) for n in cells), style=style)
    return table


def _sizes(classes: dict[str, Any], everything: dict[str, Any]) -> Table:
    names = ["box px,\nshorter side", "box px,\nlonger side", "COCO size\nS/M/L %", "visible\n%", "cut\n%"]
    table = _table("class", names)
    for name, entry in _rows(classes, everything):
        n = entry["labelled"]
        if not n:
            continue
        sizes = "/".join(f"{100 * entry['coco_sizes'][k] / n:.0f}" for k in ("small", "medium", "large"))
        visible = {k: 100 * v for k, v in entry["visible_fraction"].items() if k != "histogram"}
        cells = [_numbers(entry["box_shorter_px"], ".0f"), _numbers(entry["box_longer_px"], ".0f"), sizes]
        cells += [_numbers(visible, ".0f"), f"{100 * entry['truncated_fraction']['any'] / n:.0f}"]
        table.add_row(outside(name), *cells, style="bold" if entry is everything else None)
    return table


def _matrix(found: dict[str, Any]) -> Table:
    names, counts = found["co_occurrence"]["classes"], found["co_occurrence"]["pictures"]
    numbers = [str(i + 1) for i in range(len(names))]
    table = _table("class", numbers)
    for i, name in enumerate(names):
        cells = [f"[dim]{_count(n)}[/]" if i == j else _count(n) for j, n in enumerate(counts[i])]
        table.add_row(f"{i + 1} {outside(name)}", *cells)
    return table


def _pairs(found: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Pairs of classes with the pictures that hold both, most first."""
    names, counts = found["co_occurrence"]["classes"], found["co_occurrence"]["pictures"]
    pairs = [(counts[i][j], names[i], names[j]) for i in range(len(names)) for j in range(i)]
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))


def _pair_table(pairs: list[tuple[int, str, str]]) -> Table:
    """The pairs of classes that are seen together most and least."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for end in ("most often", "least often"):
        table.add_column(end)
        table.add_column("pictures", justify="right")
    most, least = pairs[:PAIRS], [p for p in pairs if p[0]][-PAIRS:][::-1]
    for i in range(max(len(most), len(least))):
        cells: list[str] = []
        for side in (most, least):
            cells += [outside(f"{side[i][1]} + {side[i][2]}"), str(side[i][0])] if i < len(side) else ["", ""]
        table.add_row(*cells)
    return table


def _table(first: str, columns: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column(first, no_wrap=True, max_width=32)
    for head in columns:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _numbers(quantiles: dict[str, float | None], form: str) -> str:
    return " ".join("–" if v is None else format(v, form) for v in quantiles.values())


def _count(n: int) -> str:
    return f"{n:,}" if n else "·"
