"""``scanstage generate``: the main job, and what is said at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from scanstage.assets.files.stores import entry_names, is_file
from scanstage.assets.messages.index_spans import counted
from scanstage.render.cli.merge_command import print_shard
from scanstage.render.cli.shared.shared_options import (
    AddressOption,
    ConfigArgument,
    ExecutorOption,
    FramesOption,
    SeedOption,
    SetOption,
    ShardOption,
    folder_of,
    frame_range,
    place_of,
)
from scanstage.render.terminal.console import Console, outside, print_hint
from scanstage.scenes.picture_sequence.shard import WHOLE, Shard

if TYPE_CHECKING:
    from scanstage.dataset.records.dataset_folder import DatasetFolder
    from scanstage.render.bookkeeping.summary import Summary

MOST_ROWS, FEWEST = 40, 5
"""So many classes are listed one by one; of more, so many from each end."""


def generate(
    context: typer.Context,
    config: ConfigArgument,
    set_: SetOption = None,
    images: Annotated[int | None, typer.Option(help="number of pictures")] = None,
    frames: FramesOption = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="of the dataset, or a URL: s3://bucket/prefix; default: output/<name>"),
    ] = None,
    seed: SeedOption = None,
    blender: Annotated[
        Path | None, typer.Option(help="render with this Blender executable (3.4 or later) instead of the bpy wheel")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Blender processes; 0 chooses")] = 0,
    executor: ExecutorOption = "local",
    address: AddressOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="delete the earlier dataset in the folder first")] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="add pictures to a dataset that was begun with fewer, or lower targets")
    ] = False,
    shard: ShardOption = None,
) -> None:
    """Render a dataset: pictures, records, COCO annotations and a contact sheet."""
    from scanstage.render.bookkeeping.run_options import GenerateOptions, command_of, read_config
    from scanstage.render.commands.generate import generate as run
    from scanstage.render.engine.blender_session import BlenderEngines
    from scanstage.render.terminal.progress_bar import ProgressView
    from scanstage.scenes.config.problem_lines import told_with_lines

    options = GenerateOptions(
        overrides=tuple(set_ or ()),
        images=images,
        seed=seed,
        frames=frame_range(frames),
        out=folder_of(out),
        blender=blender,
        workers=workers,
        fresh=fresh,
        extend=extend,
        executor=place_of(executor, address),
        address=address,
        part=WHOLE if shard is None else Shard.parse(shard),
    )
    console, errors = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    loaded, command = read_config(config, options), command_of(config, options)
    with ProgressView(console) as view, told_with_lines(config):
        summary = run(loaded, config.resolve().parent, options, command, context.obj or BlenderEngines(blender), view)
    folder = summary.folder
    if options.part.alone:
        _tell(console, summary)
    else:
        print_shard(console, str(options.part), summary)
    if summary.failed:
        failed = ", ".join(str(i) for i, _ in sorted(summary.failed)[:20])
        where = folder.run_file.name if options.part.alone else folder.shards.name
        errors.print(f"[red]{counted(len(summary.failed))} failed:[/] {failed}; reasons above and in {where}")
        if entry_names(folder.quarantine):
            errors.print(f"their plans, and what Blender printed: {outside(folder.quarantine)}")
        for hint in summary.hints:
            print_hint(errors, hint)
        raise typer.Exit(1)


def _telling(labels: Mapping[str, int]) -> Mapping[str, int]:
    """All classes, or of many the two ends, which tell whether something went wrong."""
    if len(labels) <= MOST_ROWS:
        return labels
    by_count = sorted(labels.items(), key=lambda item: (item[1], item[0]))
    return dict([*by_count[:FEWEST], *by_count[-FEWEST:]])


def _tell(console: Console, summary: Summary) -> None:
    """Say what a dataset holds and where."""
    folder = summary.folder
    if summary.balance is not None:
        from scanstage.render.terminal.balance_tables import print_balance

        print_balance(console, summary.balance, str(folder.balance))
    else:
        table = Table(title="labels", show_header=True)
        table.add_column("class")
        table.add_column("labels", justify="right")
        for name, count in _telling(summary.labels).items():
            table.add_row(outside(name), str(count))
        console.print(table)
        if len(summary.labels) > MOST_ROWS:
            more = f"the {FEWEST} rarest and {FEWEST} most frequent of {len(summary.labels)} classes; all are in"
            console.print(f"{more} {outside(folder.run_file)}")
    minutes, seconds = divmod(round(summary.seconds.get("total", 0)), 60)
    kept = f", {summary.kept} were there already" if summary.kept else ""
    console.print(f"{counted(summary.done)} in {minutes} min {seconds} s{kept}")
    there = entry_names(folder.root)
    for what, path in (
        ("images", folder.images),
        ("annotations", folder.annotations / "instances.json"),
        ("records", folder.records),
        ("run", folder.run_file),
        ("preview", folder.preview),
        ("card", folder.card),
        *((("balance", folder.balance), ("chart", folder.balance_chart)) if summary.balance is not None else ()),
    ):
        if path.name in there or (path.parent != folder.root and is_file(path)):
            console.print(f"  {what:<12} {outside(path)}")
    if any(summary.labels.values()):
        from scanstage.render.commands.project import training_command

        console.print(f"to look at it:  scanstage report {outside(folder.root)}")
        console.print(f"to train on it: {outside(training_command(str(folder.root), _real_photos(folder)))}")


def _real_photos(folder: DatasetFolder) -> Path | None:
    """The annotation file of the photos whose gaps a dataset fills; None where it fills none."""
    from scanstage.dataset.records.run_file import read_run_file
    from scanstage.scenes.inputs.image_files import located

    run = read_run_file(folder)
    target = (run.balance or {}).get("target")
    real = target["fill"].get("coco") if isinstance(target, dict) and isinstance(target.get("fill"), dict) else None
    return located(Path(real), run.command.folder or Path()) if isinstance(real, str) else None
