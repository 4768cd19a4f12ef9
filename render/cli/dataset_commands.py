"""``scanstage check`` and ``replay``: what becomes of a finished dataset."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanstage.assets.files.locations import locate
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared.shared_options import DatasetArgument, local_folder_of, write_json
from scanstage.render.terminal.console import Console, outside, quoting

if TYPE_CHECKING:
    from scanstage.dataset.check.check_dataset import CheckReport
    from scanstage.render.engine.engine_protocol import EngineFactory

MOST_LINES = 1000


def check(
    dataset: DatasetArgument,
    json_: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="the report as a JSON object; - prints it instead of text"),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="compare hashes, but don't decode pictures and maps")] = False,
    workers: Annotated[int, typer.Option(min=0, max=256, help="processes; 0: one a core")] = 0,
) -> None:
    """Verify a finished dataset from its files alone. Exit code 0: sound, 1: findings, 2: not a dataset."""
    from scanstage.dataset.check.check_dataset import check_dataset  # takes half a second to load, which --help needn't
    from scanstage.dataset.records.dataset_folder import DatasetFolder

    root = DatasetFolder(locate(dataset, "DATASET")).local_root
    report = check_dataset(root, fast, workers)
    write_json(json_, report.to_json())
    if json_ != "-":
        _print_report(Console(soft_wrap=True), report)
    if report.findings:
        raise typer.Exit(1)


def _print_report(console: Console, report: CheckReport) -> None:
    for finding in report.findings[:MOST_LINES]:
        console.print(outside(finding))
    if len(report.findings) > MOST_LINES:
        console.print(f"… and {len(report.findings) - MOST_LINES} more; --json FILE has them all")
    for engine, figures in sorted(report.agreement.items()):
        if figures.objects:
            console.print(
                f"cast and {outside(engine)} agree on {figures.objects} objects of 100 px or more: mask IoU "
                f"{figures.median_iou:.4f} in the median, {figures.least_iou:.4f} at least; boxes differ by at most "
                f"{figures.most_box_px or 0} px"
            )
        if figures.engine_labels:
            console.print(f"{figures.engine_labels} labels are {outside(engine)}'s own pass")
    total = sum(report.labels.values())
    kinds = Counter(f.kind for f in report.findings)
    ending = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    verdict = f"[red]{len(report.findings)} findings[/]: {outside(ending)}" if kinds else "[green]no findings[/]"
    console.print(f"{report.pictures} pictures, {total} labels, {verdict}")


def replay(
    context: typer.Context,
    dataset: DatasetArgument,
    image: Annotated[int, typer.Option(min=0, help="index of the picture")],
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="folder to write; default: output/<DATASET's name>-replay")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="render.…, output.… or workers.…: render.samples=512"),
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="the same view in another size")] = None,
    blender: Annotated[Path | None, typer.Option(help="render with this Blender executable")] = None,
    library: Annotated[Path | None, typer.Option(help="where the scans are now, if not where they were")] = None,
    open_: Annotated[
        bool,
        typer.Option("--open", help="a sheet of it: recorded, replayed, more samples, larger, by the other engine"),
    ] = False,
) -> None:
    """Render one picture again, from its record alone. Exit code 1 where it isn't what it was, unless asked for."""
    from scanstage.render.commands.look.replay import replay as again
    from scanstage.render.engine.blender_session import BlenderEngines
    from scanstage.render.finish.finish_picture import LabelMismatch

    console = Console(soft_wrap=True)
    engines = context.obj or BlenderEngines(blender)
    if open_:
        if size is not None:
            raise InputError(f"--size {size}: --open shows the picture in sizes of its own", "leave one of them out")
        _open(console, dataset, image, out, tuple(set_ or ()), engines, library)
        return
    changed = bool(set_ or size)
    try:
        made = again(
            locate(dataset, "DATASET"),
            image,
            local_folder_of(out),
            overrides=tuple(set_ or ()),
            size=_size(size),
            engines=engines,
            library=library,
        )
    except LabelMismatch as e:
        console.print(f"[red]the engine disagrees with the labels:[/] {quoting(e)}")
        raise typer.Exit(1) from None
    console.print(f"picture  {outside(made.folder.images / made.after.image.file_name)}")
    console.print(f"record   {outside(made.folder.record(image))}")
    if made.before is None:
        console.print(f"it had failed: {quoting(made.reason or '')}; now it could be made")
        return
    if size is None:
        console.print("labels: the same" if made.same_labels else "[red]labels: not the same[/]")
    if made.same_file:
        console.print("picture: the same file, byte for byte")
    elif made.difference is not None:
        most, mean = made.difference
        console.print(f"picture: differs by at most {most} of 255, {mean:.3f} in the mean")
    if not changed and not (made.same_labels and made.same_file):
        raise typer.Exit(1)


def _open(
    console: Console,
    dataset: str,
    image: int,
    out: str | None,
    overrides: tuple[str, ...],
    engines: EngineFactory,
    library: Path | None,
) -> None:
    from scanstage.dataset.records.dataset_folder import DatasetFolder
    from scanstage.render.commands.look.comparison_sheet import SCENE, show_variants
    from scanstage.render.commands.look.replay import folder_for, open_recorded
    from scanstage.render.locks.run_lock import run_lock

    case = open_recorded(locate(dataset, "DATASET"), image, library)
    if case.reason is not None:
        console.print(f"picture {image} failed: {quoting(case.reason)}")
    folder = folder_for(case, local_folder_of(out))
    with run_lock(DatasetFolder(folder), what="a replay"):
        sheet = show_variants(case, folder, overrides, engines)
    console.print(f"sheet    {outside(sheet)}")
    if (scene := sheet.with_name(SCENE)).is_file():
        console.print(f"scene    {outside(scene)}")


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{2,5})\s*[xX]\s*(\d{2,5})", text.strip())
    if match is None:
        raise InputError(f"--size {text}: expected WIDTHxHEIGHT, for example 1280x960")
    return int(match[1]), int(match[2])
