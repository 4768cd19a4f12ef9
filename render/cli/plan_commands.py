"""``scanstage plan``, ``preview`` and ``estimate``: what a config will give, before it is rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared.shared_options import (
    ConfigArgument,
    FramesOption,
    SeedOption,
    SetOption,
    folder_of,
    frame_range,
    write_json,
)
from scanstage.render.terminal.console import Console, outside, print_json, print_note
from scanstage.render.terminal.log_lines import logged_to
from scanstage.render.terminal.progress_bar import BUSY, CountView, ProgressView

if TYPE_CHECKING:
    from scanstage.scenes.planning.planner import Planner


def plan(
    config: ConfigArgument,
    frame: Annotated[int, typer.Option(min=0, help="print the plan of this picture")] = 0,
    stats: Annotated[bool, typer.Option("--stats", help="forecast the whole dataset instead")] = False,
    frames: FramesOption = None,
    json_: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the statistics as JSON; - prints them alone")
    ] = None,
    images: Annotated[int | None, typer.Option(help="number of pictures")] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    workers: Annotated[int, typer.Option(min=0, max=256, help="processes for --stats; 0 chooses")] = 0,
) -> None:
    """Print the complete plan of one picture as JSON, or with --stats what the dataset will hold. Needs no Blender."""
    if not stats:
        for given, name in ((frames, "--frames"), (json_, "--json")):
            if given is not None:
                raise InputError(f"{name} belongs to --stats", f"scanstage plan {config} --stats {name} {given}")
        from scanstage.scenes.picture_sequence.picture_source import open_source, plan_one

        planned = plan_one(open_source(_planner(config, set_, seed, images)), frame)
        print_json(json.loads(planned.plan.to_json()))
        return
    from scanstage.render.commands.dataset_forecast import forecast_dataset

    planner = _planner(config, set_, seed, images)
    with CountView("pictures") as view:
        found = forecast_dataset(planner, frame_range(frames), workers, view)
    if json_ == Path("-"):
        print_json(found)
    else:
        from scanstage.render.terminal.forecast_tables import print_statistics

        for note in found.get("notes", []):
            print_note(Console(soft_wrap=True), note)
        print_statistics(Console(), found)
        if "balance" in found:
            from scanstage.render.terminal.balance_tables import print_balance

            print_balance(Console(), found["balance"], None if json_ is None else str(json_))
    if json_ is not None and json_ != Path("-"):
        _write(json_, (json.dumps(found, indent=1) + "\n").encode("utf-8"))
        Console(soft_wrap=True).print(f"\nall figures: {outside(json_)}")
    if found["failed"]:
        raise typer.Exit(1)


def preview(
    config: ConfigArgument,
    frames: Annotated[
        str | None, typer.Option(metavar="A-B", help="these pictures, both ends included; default: the first nine")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="the first so many pictures")] = None,
    out: Annotated[Path, typer.Option(help="PNG file of the sheet")] = Path("preview.png"),
    set_: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Draw pictures with their labels in seconds, shaded instead of rendered. Needs no Blender."""
    from scanstage.render.commands.look.preview import draw_preview
    from scanstage.render.finish.finish_picture import encode_image

    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: the sheet is a PNG file", f"--out {out.with_suffix('.png')}")
    if images is not None and frames is not None:
        raise InputError("--images and --frames: either of them says which pictures", "leave one of them out")
    chosen = frame_range(frames) if images is None else (0, images - 1)
    planner = _planner(config, set_, seed, images)
    with CountView("pictures") as view:
        drawn = draw_preview(planner, chosen, view)
    _write(out, encode_image(drawn.sheet, "png", 100))
    Console(soft_wrap=True).print(outside(out))
    if drawn.failed:
        raise typer.Exit(1)


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
    if json_ != "-":
        print_estimate(Console(soft_wrap=True), found)
    write_json(json_, found)


def _planner(config: Path, set_: list[str] | None, seed: int | None, images: int | None) -> Planner:
    from scanstage.render.bookkeeping.run_options import GenerateOptions, read_config
    from scanstage.scenes.config.problem_lines import told_with_lines
    from scanstage.scenes.planning.preflight import open_planner

    loaded = read_config(config, GenerateOptions(tuple(set_ or ()), images, seed))
    with Console(stderr=True).status(BUSY["reading scans"]), told_with_lines(config):
        return open_planner(loaded, config.resolve().parent)


def _write(path: Path, data: bytes) -> None:

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as e:
        raise InputError(f"{path}: can't be written ({e.strerror or e})", "name another file") from e
