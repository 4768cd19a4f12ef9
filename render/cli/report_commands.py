"""``scanstage report`` and ``view``: a dataset as a page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from scanstage.assets.files.locations import locate
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared.shared_options import DatasetArgument, local_folder_of
from scanstage.render.terminal.console import Console, outside, quoting

MARKS = {"good": "[green]✓[/]", "look": "[yellow]![/]", "fact": "·"}
PicturesOption = Annotated[int, typer.Option(min=1, max=20000, help="most pictures that the page shows")]


def report(
    dataset: DatasetArgument,
    against: Annotated[
        str | None, typer.Option(metavar="OTHER", help="compare with another dataset, or a COCO file of photos")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="photos of that COCO file, if they aren't beside it")
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="the page; default: __overview__/report.html in the dataset")
    ] = None,
    fit: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="the fit that its config came of, if it isn't beside that config any more"),
    ] = None,
    pictures: PicturesOption = 1000,
    megabytes: Annotated[
        float, typer.Option(min=2, max=1000, help="most that the page may have; pictures get smaller for it")
    ] = 15.0,
) -> None:
    """Make a page of charts, findings and all pictures, that opens without a network; and its facts as JSON."""
    from scanstage.dataset.report_page.build_report import ReportOptions
    from scanstage.render.commands.look.write_report import write_report

    made = write_report(
        locate(dataset, "DATASET"),
        dataset,
        local_folder_of(out),
        None if against is None else locate(against, "--against"),
        photos,
        ReportOptions(pictures, megabytes),
        fit,
    )
    console = Console(soft_wrap=True)
    _print_glance(console, made.facts)
    console.print(f"\npage  {outside(made.page)}  [dim]{made.size / 1e6:.1f} MB; open it in a browser[/]")
    console.print(f"data  {outside(made.data)}")


def view(
    dataset: DatasetArgument,
    port: Annotated[int, typer.Option(min=0, max=65535, help="to listen on; 0: a free one")] = 0,
    pictures: PicturesOption = 1000,
    browser: Annotated[bool, typer.Option("--browser", help="open it in this machine's browser")] = False,
) -> None:
    """Show the same page of a folder while a run writes to it: on this machine alone, until Ctrl-C."""
    from scanstage.dataset.records.dataset_folder import DatasetFolder
    from scanstage.render.commands.look.live_view import open_view

    place = locate(dataset, "DATASET")
    if not isinstance(place, Path):
        raise InputError(f"{dataset}: only a folder on this machine can be viewed", "`scanstage report` takes a URL")
    console = Console(soft_wrap=True)
    with open_view(DatasetFolder(place), dataset, port, pictures) as server:
        console.print(f"{outside(server.url)}  [dim]Ctrl-C ends it[/]")
        console.print(
            f"[dim]from another machine: ssh -L {server.server_port}:127.0.0.1:{server.server_port} THIS_MACHINE[/]"
        )
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            console.print("ended")


def _print_glance(console: Console, facts: dict[str, Any]) -> None:
    for sentence in facts["glance"]:
        console.print(f"{MARKS[sentence['kind']]} {quoting(sentence['text'])}")
