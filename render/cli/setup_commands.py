"""``scanstage init``, ``doctor`` and ``schema``: from a folder of scans to a project, and what is there for it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.intake.given_scans import classes_of_scans
from scanstage.assets.intake.take_in import IntakeOptions
from scanstage.assets.library.class_names import class_name_of
from scanstage.assets.library.stored_assets import list_assets
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import listed
from scanstage.render.cli.shared.taking_in import report, take_in_all
from scanstage.render.commands.project import CONFIG, LIBRARY, check_new, project_config, project_name, training_command
from scanstage.render.terminal.console import Console, outside, print_hint, print_json, quoting

_NAMED = 12


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="new folder of the project")],
    scans: Annotated[
        Path, typer.Option(metavar="FOLDER", help="scans: its folders are classes, files in none are one each")
    ],
    photos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="photos of the place, which objects are put into")
    ] = None,
    real: Annotated[
        Path | None, typer.Option(metavar="FILE", help="COCO file of real photos: what it lacks is made")
    ] = None,
    unit: Annotated[str, typer.Option(help="of the scans: auto, m, cm or mm")] = "auto",
    up: Annotated[str, typer.Option(help="of the scans: auto, z or y")] = "auto",
    license_: Annotated[str | None, typer.Option("--license", help="of the scans, recorded with each")] = None,
    author: Annotated[str | None, typer.Option(help="of the scans, recorded with each")] = None,
    url: Annotated[str | None, typer.Option(help="where the scans are from, recorded with each")] = None,
    blender: Annotated[Path | None, typer.Option(help="Blender that reads USD and FBX")] = None,
) -> None:
    """Begin a project: take scans in, and write a config with comments."""
    check_new(folder)
    missing = [f"{p}: there is no such {kind}" for p, kind in _needed(scans, photos, real) if p is not None]
    if missing:
        raise InputError(missing)
    classes = {path: class_name_of(name) for path, name in classes_of_scans(scans).items()}
    options = IntakeOptions("any", unit, up, license=license_, author=author, url=url)
    console = Console(soft_wrap=True)
    there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done, problems = take_in_all(classes, [scans], options, folder / LIBRARY, blender, console)
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if not done:
        shutil.rmtree(folder / LIBRARY, ignore_errors=True)
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        report(problems, done)
    found = Counter(a.meta.class_name for a in list_assets(folder / LIBRARY))
    text = project_config(folder, sorted(found, key=lambda c: (found[c], c)), photos, real)
    write_atomically(folder / CONFIG, text.encode("utf-8"))
    scans_, kinds = "scan" if done == 1 else "scans", "class" if len(found) == 1 else "classes"
    console.print(f"{done} {scans_} of {len(found)} {kinds} in {outside(folder / LIBRARY)}: {outside(_told(found))}")
    console.print(f"wrote {outside(folder / CONFIG)}; look into it, then\n")
    out = Path("output") / project_name(folder)
    for command, what in (
        (f"scanstage preview {folder / CONFIG}", "what pictures will show"),
        (f"scanstage generate {folder / CONFIG}", f"renders {out}"),
        (training_command(str(out), real), "for `yolo detect train`; --help names the other formats"),
    ):
        console.print(f"  {outside(command):<58} [dim]# {outside(what)}[/]")
    if problems:
        console.print(f"\n  scanstage assets add FILE --class NAME --library {outside(folder / LIBRARY)}")
        console.print("  [dim]# takes in what has been mended, and further scans[/]\n")
    report(problems, done)


def _needed(scans: Path, photos: Path | None, real: Path | None) -> list[tuple[Path | None, str]]:
    """Of what was named, what isn't there."""
    wanted = [(scans, "folder", scans.is_dir())]
    wanted += [(photos, "folder", photos.is_dir())] if photos is not None else []
    wanted += [(real, "file", real.is_file())] if real is not None else []
    return [(path, kind) for path, kind, is_there in wanted if not is_there]


def _told(found: Counter[str]) -> str:
    return listed([f"{name} ({n})" if n > 1 else name for name, n in sorted(found.items())], most=_NAMED)


def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    from scanstage.scenes.config.json_schema import schema_text

    print_json(json.loads(schema_text()))


def doctor(
    blender: Annotated[Path | None, typer.Option(help="check this Blender executable as well")] = None,
) -> None:
    """Say what is there and what is missing, each problem with the command that mends it."""
    from scanstage.render.commands.doctor import examine

    console, ready = Console(soft_wrap=True), True
    for found in examine(blender):
        console.print(f"{'[green]✓[/]' if found.well else '[red]✗[/]'} {quoting(found.text)}")
        print_hint(console, found.hint, indent="    ")
        for line in found.details:
            console.print(f"    {outside(line)}")
        for text, hint in found.problems:
            console.print(f"    [yellow]![/] {quoting(text)}")
            print_hint(console, hint, indent="      ")
        ready = ready and (found.well or not found.needed)
    if not ready:
        raise typer.Exit(1)
