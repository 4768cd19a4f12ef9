"""``scanstage estimate``: what a run will take, before it is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared_options import ConfigArgument, SeedOption, SetOption, folder_of
from scanstage.render.terminal.console import Console, print_json
from scanstage.render.terminal.log_lines import logged_to
from scanstage.render.terminal.progress_bar import ProgressView


def estimate(
    context: typer.Context,
    config: ConfigArgument,
    set_: SetOption = None,
    images: Annotated[int | None, typer.Option(help="number of pictures")] = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Blender processes; 0 chooses")] = 0,
    seed: SeedOption = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="where the dataset is to be, for the free space there")
    ] = None,
    blender: Annotated[Path | None, typer.Option(help="render with this Blender executable")] = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="all figures as JSON; - prints them alone")
    ] = None,
) -> None:
    """Make three pictures of a run, in a temporary folder, and say what time, disk and memory all will take."""
    from scanstage.render.bookkeeping.run_options import GenerateOptions, read_config
    from scanstage.render.commands.estimate import estimate as reckoned
    from scanstage.render.engine.blender_session import BlenderEngines
    from scanstage.render.terminal.estimate_tables import print_estimate
    from scanstage.scenes.config.problem_lines import told_with_lines

    place = folder_of(out)
    loaded = read_config(config, GenerateOptions(tuple(set_ or ()), images=images, seed=seed, workers=workers))
    progress = Console(stderr=True, soft_wrap=True)
    with logged_to(progress), ProgressView(progress) as view, told_with_lines(config):
        engines = context.obj or BlenderEngines(blender)
        found = reckoned(loaded, config.resolve().parent, place, engines, view)
    if json_ == "-":
        print_json(found)
        return
    print_estimate(Console(soft_wrap=True), found)
    if json_ is not None:
        text = json.dumps(found, indent=1) + "\n"
        try:
            write_atomically(Path(json_).resolve(), text.encode("utf-8"))
        except OSError as e:
            raise InputError(f"--json {json_}: can't be written ({e.strerror or e})", "name another file") from e
