"""``scanstage plan`` and ``scanstage preview``: what a config will give, before anything is rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.arguments import ConfigArgument, FramesOption, SeedOption, SetOption, frame_range
from scanstage.render.terminal.console import Console, outside, print_json

HOPELESS = 3
"""So many pictures that can't be planned, and none that can, end a forecast."""
COLUMNS_UP_TO_9, COLUMNS = 3, 4
MOST_PREVIEWED = 200


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
        from scanstage.scenes.whole_run.picture_source import open_source, plan_one

        planned = plan_one(open_source(_planner(config, set_, seed, images)), frame)
        print_json(json.loads(planned.plan.to_json()))
        return
    found = _forecast(_planner(config, set_, seed, images), frames, workers)
    if json_ == Path("-"):
        print_json(found)
    else:
        from scanstage.render.terminal.forecast_tables import print_statistics

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
    out: Annotated[Path, typer.Option(help="PNG file of the sheet")] = Path("preview.png"),
    set_: SetOption = None,
    seed: SeedOption = None,
) -> None:
    """Draw pictures with their labels in seconds, shaded instead of rendered. Needs no Blender."""
    from scanstage.dataset.report.contact_sheet import failed_cell, lay_out, plan_cell
    from scanstage.dataset.report.label_drawing import class_colors
    from scanstage.render.finish.finish_picture import encode_image
    from scanstage.render.runs.resume import refuse_nothing
    from scanstage.scenes.sight.shading import Shader
    from scanstage.scenes.whole_run.picture_source import open_source

    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: the sheet is a PNG file", f"--out {out.with_suffix('.png')}")
    planner = _planner(config, set_, seed, None)
    source = open_source(planner)
    indices = _indices(source, frames) if frames else range(min(9, source.expected))
    if len(indices) > MOST_PREVIEWED:
        raise InputError(f"--frames {frames}: a sheet shows at most {MOST_PREVIEWED} pictures")
    shader = Shader(planner.catalogue, planner.caster)
    colors = class_colors(planner.catalogue.classes)
    skeletons = {a.meta.asset_id: a.meta.skeleton for found in planner.catalogue.by_class.values() for a in found}
    cells, failed = [], 0
    with _progress("pictures") as progress:
        pictures = source.indices(indices.__contains__, indices[-1])
        for index in progress.track(pictures, len(indices), description="drawing"):
            try:
                planned = source.plan(index)
            except InputError as e:
                failed += 1
                size = planner.config.camera.resolution
                cells.append(failed_cell(f"picture {index}: no plan", "\n".join(e.problems), size))
                continue
            cells.append(plan_cell(planned, shader.shade(planned), planner.config.labels, colors, skeletons))
    if not cells:
        refuse_nothing(frame_range(frames), source)
    sheet = lay_out(cells, COLUMNS_UP_TO_9 if len(cells) <= 9 else COLUMNS)
    _write(out, encode_image(sheet, "png", 100))
    Console(soft_wrap=True).print(outside(out))
    if failed:
        raise typer.Exit(1)


def _planner(config: Path, set_: list[str] | None, seed: int | None, images: int | None) -> Any:
    from scanstage.render.runs.run_options import GenerateOptions, read_config
    from scanstage.scenes.planning.planner import Planner
    from scanstage.scenes.planning.preflight import open_inputs

    loaded = read_config(config, GenerateOptions(tuple(set_ or ()), images, seed))
    base = config.resolve().parent
    with Console(stderr=True).status("reading scans (the samples are made on first use, which takes some seconds)"):
        return Planner(loaded, open_inputs(loaded, base), base)


def _indices(source: Any, frames: str | None) -> range:
    """Pictures asked for; where the run's number of pictures follows from a target, perhaps more than there will be."""
    last = source.expected - 1
    wanted = frame_range(frames) or (0, last)
    if wanted[0] > wanted[1]:
        raise InputError(f"--frames {frames}: the end is before the start")
    if wanted[1] > last and source.exact:
        raise InputError(f"--frames {frames}: pictures are 0 to {last}", "raise images in the config or --images")
    return range(wanted[0], wanted[1] + 1)


def _forecast(planner: Any, frames: str | None, workers: int) -> dict[str, Any]:
    from scanstage.render.runs.resume import refuse_nothing
    from scanstage.scenes.balance.balanced_run import BalancedRun
    from scanstage.scenes.whole_run.forecast import forecast, forecast_balanced
    from scanstage.scenes.whole_run.picture_source import open_source
    from scanstage.scenes.whole_run.statistics import PictureFacts, dataset_statistics

    source = open_source(planner)
    balanced = isinstance(source, BalancedRun)
    indices = _indices(source, frames)
    if isinstance(source, BalancedRun):
        known_facts = forecast_balanced(source, *((indices.__contains__, indices[-1]) if frames else (_any, None)))
    else:
        known_facts = forecast(planner, indices, workers)
    facts: list[PictureFacts] = []
    with _progress("pictures") as progress:
        task = progress.add_task("planning", total=len(indices))
        for known in known_facts:
            facts.append(known)
            progress.update(task, advance=1, total=source.expected if balanced and not frames else len(indices))
            if len(facts) == min(HOPELESS, len(indices)) and all(f.failure for f in facts):
                problems = [f"picture {f.index}: {f.failure}" for f in facts]
                raise InputError(problems, "`scanstage preview` shows what can be planned; relax what it asks for")
    if not facts:
        refuse_nothing(frame_range(frames), source)
    seconds = sum(f.seconds for f in facts) / len(facts)
    found = dataset_statistics(facts, planner.catalogue.classes)
    if isinstance(source, BalancedRun):
        from scanstage.dataset.report.balance_report import balance_figures

        entries = [e for i, e in source.ledger.entries.items() if not frames or i in indices]
        found["balance"] = balance_figures(entries, source.targets, planner.config.balance, planner.catalogue.classes)
    return {"name": planner.config.name, "seed": planner.config.seed, **found, "seconds_a_picture": round(seconds, 4)}


def _any(index: int) -> bool:
    return True


def _progress(unit: str) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)


def _write(path: Path, data: bytes) -> None:
    from scanstage.assets.files.atomic import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as e:
        raise InputError(f"{path}: can't be written ({e.strerror or e})", "name another file") from e
