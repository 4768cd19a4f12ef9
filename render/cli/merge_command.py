"""``scanstage merge``, and what a shard says at its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanstage.assets.messages.errors import LOG_MARK
from scanstage.assets.messages.index_spans import counted
from scanstage.render.cli.shared.shared_options import folder_of
from scanstage.render.terminal.console import Console, outside

if TYPE_CHECKING:
    from scanstage.render.bookkeeping.summary import Summary

MOST_NAMED = 20


def merge(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="folder, or URL, that shards wrote to")],
    parts: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PARTS]...", help="folders of the same run made elsewhere, to take in first"),
    ] = None,
) -> None:
    """Finish a dataset that shards made, without rendering: export it, and fold in what they noted.

    Exit code 1: pictures are missing.
    """
    from scanstage.render.commands.merge import merge as run  # takes half a second to load, which --help needn't

    console = Console(soft_wrap=True)
    root = folder_of(dataset, "DATASET")
    assert root is not None
    done = run(root, parts or [], logging.getLogger("scanstage").warning)
    summary = done.summary
    taken = f", {done.taken} of them taken in" if parts else ""
    console.print(f"{counted(done.pictures)}{taken}, {sum(summary.labels.values())} labels in {outside(root)}")
    if summary.balance is not None:
        from scanstage.render.terminal.balance_tables import print_balance

        print_balance(console, summary.balance, str(summary.folder.balance))
    if done.missing:
        errors = Console(stderr=True, soft_wrap=True)
        are = "is" if len(done.missing) == 1 else "are"
        errors.print(f"[red]{counted(len(done.missing))} {are} missing:[/] {named(done.missing)}")
        for index, reason in summary.failed[:MOST_NAMED]:
            errors.print(f"  {index}: {outside(reason.partition(LOG_MARK)[0])}")
        errors.print(f"this makes them: {outside(done.command)}")
        raise typer.Exit(1)


def print_shard(console: Console, shard: str, summary: Summary) -> None:
    """Say what a shard has done, what the whole dataset still lacks, and how to finish it."""
    minutes, seconds = divmod(round(summary.seconds.get("total", 0)), 60)
    kept = f", {summary.kept} were there already" if summary.kept else ""
    console.print(f"shard {shard}: {counted(summary.done)} in {minutes} min {seconds} s{kept}")
    place = outside(summary.folder.root)
    if summary.lacking:
        console.print(f"the dataset in {place} lacks {counted(len(summary.lacking))}: {named(summary.lacking)}")
    elif summary.lacking is not None:
        console.print(f"nothing is missing any more; once no shard runs: scanstage merge {place}")


def named(indices: list[int]) -> str:
    """The first of many indices."""
    more = f" and {len(indices) - MOST_NAMED} more" if len(indices) > MOST_NAMED else ""
    return ", ".join(map(str, indices[:MOST_NAMED])) + more
