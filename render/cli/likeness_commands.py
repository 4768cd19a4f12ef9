"""``scanstage compare`` and ``drift``: how alike pictures are, real and synthetic, or then and now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanstage.assets.files.locations import locate
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared.shared_options import write_json
from scanstage.render.terminal.console import Console
from scanstage.render.terminal.progress_bar import CountView

MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="a class of the first set is NEW in the second; repeatable"),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="all figures as a JSON object; - prints it instead of text")
]


def compare(
    real: Annotated[str, typer.Argument(metavar="REAL", help="a COCO file of photos, or a dataset's folder")],
    synth: Annotated[
        str, typer.Argument(metavar="SYNTH", help="folder, or URL, that `scanstage generate` wrote, or a COCO file")
    ],
    photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="photos of REAL's COCO file, if they aren't beside it")
    ] = None,
    synth_photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the same for SYNTH, where it is a COCO file")
    ] = None,
    map_: MapOption = None,
    features: Annotated[
        str,
        typer.Option(metavar="auto|plain|mobilenet", help="what pictures are compared by; auto: what is installed"),
    ] = "auto",
    labels_only: Annotated[bool, typer.Option("--labels-only", help="compare labels, and open no picture")] = False,
    json_: JsonOption = None,
) -> None:
    """Say how alike synthetic and real pictures are: each figure beside that of real against real."""
    from scanstage.render.commands.look.compare_sets import CompareOptions, compare_sets, parse_names
    from scanstage.render.terminal.likeness_tables import print_likeness

    options = CompareOptions(photos, synth_photos, parse_names(map_ or []), features, labels_only)
    with CountView("pictures") as view:
        found = compare_sets(locate(real, "REAL"), locate(synth, "SYNTH"), options, view)
    write_json(json_, found.to_json())
    if json_ != "-":
        print_likeness(Console(), found)


def drift(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="folder of a fit, its snapshot, or a COCO file of older photos")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="COCO file of new photos")],
    photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the new photos, if they aren't beside that file")
    ] = None,
    reference_photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the older ones, where REFERENCE is a COCO file")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NEW=OLD", help="a class of NEW is called OLD in REFERENCE; repeatable"),
    ] = None,
    json_: JsonOption = None,
) -> None:
    """Say whether new photos are still what older ones were. Exit code 0: no drift, 1: drift, 2: the input is wrong."""
    from scanstage.render.commands.look.check_drift import DriftOptions, check_drift
    from scanstage.render.commands.look.compare_sets import parse_names
    from scanstage.render.terminal.drift_table import print_drift

    options = DriftOptions(photos, reference_photos, parse_names(map_ or []))
    places = _on_this_machine(reference, "REFERENCE"), _on_this_machine(new, "NEW")
    with CountView("photos") as view:
        found = check_drift(*places, options, view)
    write_json(json_, found.to_json())
    if json_ != "-":
        print_drift(Console(), found)
    if found.is_stale:
        raise typer.Exit(1)


def _on_this_machine(text: str, named_by: str) -> Path:
    found = locate(text, named_by)
    if isinstance(found, Path):
        return found
    raise InputError(f"{named_by} {text}: has to be on this machine", "copy it here first")
