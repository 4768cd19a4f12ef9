"""An estimate as tables, with what is uncertain about it."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from scanstage.render.terminal.console import Console, outside

Estimate = dict[str, Any]
WHERE = {
    "plan": "coordinator, beside the workers",
    "sync": "worker: the scene is set",
    "render": "worker",
    "read": "coordinator, while the worker waits",
    "finish": "coordinator, beside the workers",
}
BOUNDS = {
    "workers": "the workers",
    "cores": "the cores, which workers, planning and finishing share",
    "GPU": "the GPU",
    "planning": "planning, which one thread does: more workers don't help, shards (--shard) do",
    "finishing": "finishing, which one thread does: more workers don't help, shards (--shard) do",
}


def print_estimate(console: Console, found: Estimate) -> None:
    """Print what :func:`estimate.estimate` found."""
    indices = ", ".join(str(p["index"]) for p in found["pilots"])
    about = "" if found["exact"] else "about "
    console.print(f"[bold]{outside(found['name'])}[/]: {about}{found['pictures']} pictures; {_workers(found)}")
    console.print(f"from pictures {indices}, made one at a time by one such worker")
    _print_time(console, found)
    _print_disk(console, found)
    _print_memory(console, found)
    _print_doubts(console, found)


def _workers(found: Estimate) -> str:
    n = found["workers"]
    return f"{n} worker{'s' if n > 1 else ''}, {outside(found['why'])}"


def _print_time(console: Console, found: Estimate) -> None:
    time, n = found["time"], found["pictures"]
    table = _table("time", ["a picture", "slowest", f"all {n}"], "where")
    for stage, seconds in time["stages"].items():
        cells = [duration(seconds[key]) for key in ("mean", "slowest")]
        table.add_row(stage, *cells, duration(n * seconds["mean"]), WHERE[stage])
    _print(console, table)
    interval, total = time["interval_s"], time["total_s"]
    console.print(
        f"start {duration(time['start_s'])}, then a picture every {duration(interval['likely'])}, limited by "
        f"{BOUNDS[time['bound']]}"
    )
    worst = f"; {duration(total['slowest'])} if all were like the slowest of the three"
    console.print(f"[bold]in all about {duration(total['likely'])}[/]{worst}")


def _print_disk(console: Console, found: Estimate) -> None:
    disk, n = found["disk"], found["pictures"]
    table = _table("disk", ["a picture", "largest", f"all {n}"])
    for kind, sizes in disk["kinds"].items():
        table.add_row(outside(kind), *(size(sizes[key]) for key in ("mean", "largest", "total")))
    _print(console, table)
    free = disk["free"]
    told = "how much is free is unknown" if free is None else f"{size(free)} are free"
    short = free is not None and disk["most"] > free
    warning = "; [red]that is not enough[/]" if short and disk["total"] > free else "; [yellow]that is scant[/]"
    console.print(f"[bold]in all about {size(disk['total'])}[/], {told}{warning if short else ''}")


def _print_memory(console: Console, found: Estimate) -> None:
    memory = found["memory"]
    table = _table("memory", ["bytes"])
    if memory["worker"] is not None:
        table.add_row(f"{found['workers']} x {size(memory['worker'])} worker", size(memory["workers"]))
    table.add_row("coordinator", size(memory["coordinator"]))
    _print(console, table)
    total, there = memory["total"], memory["available"]
    if total is not None:
        short = "; [red]that is not enough: give fewer --workers[/]" if total > there else ""
        bound = f"; a worker is replaced before it takes {size(memory['bound'])}" if memory["bound"] else ""
        console.print(f"[bold]in all about {size(total)}[/], {size(there)} are free{short}{bound}")


def _print_doubts(console: Console, found: Estimate) -> None:
    doubts = ["three pictures can't tell how much pictures differ"]
    if found["workers"] > 1:
        doubts.append("workers at the same time slow each other down somewhat, which a single one doesn't show")
    doubts.append("memory grows for the first dozens of pictures, until all scans have been shown")
    if not found["exact"]:
        doubts.append("how many pictures the target takes is known at the end; the first three are the pilots")
    console.print(f"\n[dim]uncertain: {'; '.join(doubts)}[/]")


def duration(seconds: float) -> str:
    """Seconds for people: ``0.25 s``, ``14 s``, ``3 min 20 s``, ``5 h 10 min``, ``2 d 3 h``."""
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, length, small, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            parts = round(whole / part)
            rest = parts % (length // part)
            return f"{parts * part // length} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def size(count: float) -> str:
    """Bytes for people, in powers of 1000: ``950 B``, ``14 kB``, ``3.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 99.5 or unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _table(first: str, columns: list[str], last: str | None = None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column(first, no_wrap=True)
    for head in columns:
        table.add_column(head, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last, style="dim")
    return table


def _print(console: Console, table: Table) -> None:
    console.print()
    console.print(table)
