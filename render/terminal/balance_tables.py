"""What balancing came to, as a table at a run's end or of a forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from scanstage.assets.messages.wording import listed
from scanstage.render.terminal.console import Console, outside
from scanstage.render.terminal.forecast_tables import RULES

MOST_ROWS, WORST = 40, 15
FACTORS = 8
_NEVER = 1e-3
UNITS = {"instances": ("placed", "kept"), "images": ("asked", "kept")}


def print_balance(console: Console, figures: Mapping[str, Any], where: str | None = None) -> None:
    """Print a run's balance.

    Args:
        console: to print to.
        figures: see :func:`balance_report.balance_figures`.
        where: the file that holds all figures, where there is one.
    """
    rows = {c: f for c, f in figures["classes"].items() if f["target"] or f["placed"] or f.get("real")}
    shown = rows if len(rows) <= MOST_ROWS else dict(sorted(rows.items(), key=_error, reverse=True)[:WORST])
    what = "labels" if figures["count"] == "instances" else "images with a label"
    title = f"balance: {what} by class"
    if figures["reachable"]:
        title += "; the target is a share of what was kept in all"
    if len(shown) < len(rows):
        title += f"; the {WORST} of {len(rows)} classes furthest from their targets"
    console.print(f"\n[bold]{title}[/]")
    console.print(_table(figures, shown, rows))
    if len(shown) < len(rows):
        console.print(f"the other {len(rows) - WORST} classes: {outside(where or 'plan --stats --json FILE')}")
    if figures.get("negatives"):
        console.print(f"{figures['negatives']} of {figures['pictures']} pictures show no labelled object, as asked")
    if figures["failed"]:
        console.print(f"[red]{figures['failed']} pictures can't be planned[/]")
    for key, name in (("real", "real"), ("together", "real + synthetic"), ("synthetic", "synthetic")):
        if key in figures and not (key == "synthetic" and "real" in figures):
            console.print(_evenness(figures[key], name if "real" in figures else ""))
    _print_parity(console, figures["parity"])


def _error(row: tuple[str, Mapping[str, Any]]) -> tuple[float, int]:
    figures = row[1]
    return abs(figures["kept"] - figures["target"]) / max(1, figures["target"]), figures["target"]


def _table(figures: Mapping[str, Any], shown: Mapping[str, Any], rows: Mapping[str, Any]) -> Table:
    placed, kept = UNITS[figures["count"]]
    heads = ["real", "wanted"] if "real" in figures else ["target"]
    heads += [placed, kept, "yield\n%", "deficit"]
    heads += ["in all"] if "real" in figures else []
    heads += ["images"] if figures["count"] == "instances" else ["labels"]
    rules = list(figures["lost"])
    heads += [f"lost:\n{RULES.get(rule, rule)}" for rule in rules]
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, padding=0 if "real" in figures else (0, 0, 0, 1), pad_edge=False
    )
    table.add_column("class", no_wrap=True, max_width=32)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for name, c in shown.items():
        short = c["deficit"] > figures["tolerance"] * c["target"]
        table.add_row(outside(name), *_cells(figures, c, rules), style="yellow" if short else None)
    if len(rows) > 1:
        table.add_row("all", *_cells(figures, _total(figures, rows), rules), style="bold")
    return table


def _cells(figures: Mapping[str, Any], c: Mapping[str, Any], rules: list[str]) -> list[str]:
    cells = [_count(c["real"]), _count(c["target"])] if "real" in figures else [_count(c["target"])]
    share = "–" if c["yield"] is None else f"{100 * c['yield']:.0f}"
    cells += [_count(c["placed"]), _count(c["kept"]), share, _count(c["deficit"])]
    cells += [_count(c["together"])] if "real" in figures else []
    cells += [_count(c["images" if figures["count"] == "instances" else "labels"])]
    return [*cells, *(_count(c["lost"].get(rule, 0)) for rule in rules)]


def _total(figures: Mapping[str, Any], rows: Mapping[str, Any]) -> dict[str, Any]:
    """All classes together; images of several classes count once only as pictures."""
    names = ("target", "placed", "kept", "deficit", "labels", *(("real", "together") if "real" in figures else ()))
    total: dict[str, Any] = {k: sum(c[k] for c in rows.values()) for k in names}
    total |= {"images": figures["pictures"], "lost": figures["lost"]}
    return total | {"yield": total["kept"] / total["placed"] if total["placed"] else None}


def _evenness(found: Mapping[str, Any], name: str) -> str:
    ratio = found["imbalance_ratio"]
    told = [
        f"imbalance ratio {'infinite' if ratio is None else format(ratio, ',.4g')}",
        f"entropy {_share(found['entropy'])} of 1",
        f"total variation distance to the target {_share(found['total_variation'])}",
    ]
    return f"{name}: {', '.join(told)}" if name else ", ".join(told)


def _print_parity(console: Console, parity: Mapping[str, Mapping[str, Any]]) -> None:
    """Factors that go along with classes: those that chance alone would hardly explain."""
    flagged = sorted(
        ((name, f) for name, f in parity.items() if f["flagged"]), key=lambda item: item[1]["disparate_impact_ratio"]
    )
    beyond = [item for item in flagged if item[1]["beyond_chance"]]
    for name, f in beyond[:FACTORS]:
        console.print(
            f"[yellow]{outside(name)} goes along with classes:[/] {_uneven(f)}; a detector may learn it in place of "
            f"the object: balance.attributes evens it out"
        )
    by_chance = [outside(name) for name, f in flagged if not f["beyond_chance"]]
    if by_chance:
        told = listed(by_chance, most=FACTORS)
        console.print(f"not every class meets these alike, which at so few labels is chance: {told}")
    if not flagged and any(f["disparate_impact_ratio"] is not None for f in parity.values()):
        console.print("every class meets every circumstance about as often as the others do")


def _uneven(f: Mapping[str, Any]) -> str:
    """In words what the disparate impact ratio says: the smallest P(value | class) over the largest."""
    ratio, chance = f["disparate_impact_ratio"], f["by_chance"]
    usual = f"by chance {1 / chance:.1f} times" if chance else "which chance would not give"
    if ratio < _NEVER:
        return f"some class never meets one of its values, another does ({usual})"
    return f"some class meets one of its values {1 / ratio:.1f} times as often as another does ({usual})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _count(n: int) -> str:
    return f"{n:,}" if n else "·"
