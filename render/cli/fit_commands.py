"""``scanstage fit`` and ``like``: from photos to a config, and to pictures like them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanstage.assets.messages.errors import InputError
from scanstage.render.cli.shared.shared_options import SetOption
from scanstage.render.terminal.console import Console, outside
from scanstage.render.terminal.log_lines import logged_to

if TYPE_CHECKING:
    from scanstage.render.commands.like_photos.fit_to_photos import FitOptions

RealArgument = Annotated[Path, typer.Argument(metavar="REAL", help="COCO file of labelled photos; boxes are enough")]
PhotosOption = Annotated[
    Path | None,
    typer.Option("--images", "--photos", metavar="FOLDER", help="the photos, if they aren't beside that file"),
]
BaseOption = Annotated[Path, typer.Option("--base", metavar="CONFIG", help="config to be fitted: its scans, its stage")]
WorkersOption = Annotated[int, typer.Option(min=0, max=256, help="processes that plan; 0 chooses")]
LabelsOnlyOption = Annotated[
    bool, typer.Option("--labels-only", help="render nothing, and leave exposure, colours, blur and noise as they are")
]


def fit(
    context: typer.Context,
    real: RealArgument,
    base: BaseOption,
    images: PhotosOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="for config.yaml, fit.json and reference.json")] = Path(
        "fit"
    ),
    set_: SetOption = None,
    workers: WorkersOption = 0,
    labels_only: LabelsOnlyOption = False,
) -> None:
    """Find what a config should draw for its pictures to be like photos. Plans thousands, and renders a hundred."""
    from scanstage.render.commands.like_photos.fit_to_photos import FitOptions

    written = _fit(context, real, base, out, set_, FitOptions(images, workers, labels_only=labels_only))
    console = Console(soft_wrap=True)
    console.print(f"\nconfig     {outside(written)}  [dim]plain YAML: read it, change it[/]")
    console.print(f"next       scanstage preview {outside(written)}")
    console.print(f"           scanstage generate {outside(written)} --images 1000 --out output/like")
    console.print(f"later      scanstage drift {outside(out)} NEW.json  [dim]are new photos still like these?[/]")


def like(
    context: typer.Context,
    real: RealArgument,
    base: BaseOption,
    count: Annotated[int, typer.Option(min=1, help="pictures to render")],
    images: PhotosOption = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="of the dataset; the fit goes to FOLDER-fit")] = Path(
        "output/like"
    ),
    set_: SetOption = None,
    workers: WorkersOption = 0,
    labels_only: LabelsOnlyOption = False,
) -> None:
    """Fit a config to photos, and render pictures of it: `fit`, then `generate`."""
    from scanstage.render.cli.generate_command import generate
    from scanstage.render.commands.like_photos.fit_to_photos import FitOptions

    if out.name in ("", ".", ".."):
        raise InputError(f"--out {out}: names no folder of its own", "for example --out output/like")
    named = [f"name={re.sub(r'[^A-Za-z0-9_.-]', '-', out.name).lstrip('.') or 'like'}"]
    fitted = out.with_name(f"{out.name}-fit")
    if (out / "run.json").exists():  # told before minutes are spent
        again = f"scanstage generate {fitted / 'config.yaml'} --images {count} --set {named[0]} --out {out}"
        hint = f"to go on with it: {again}" if (fitted / "config.yaml").exists() else "name another folder"
        raise InputError(f"--out {out}: holds a dataset already", hint)
    written = _fit(context, real, base, fitted, set_, FitOptions(images, workers, labels_only=labels_only))
    Console(soft_wrap=True).print(f"\nconfig     {outside(written)}")
    generate(context, written, named, images=count, out=str(out))


def _fit(
    context: typer.Context, real: Path, base: Path, out: Path, set_: list[str] | None, options: FitOptions
) -> Path:
    """Fit, and say what came of it. Returns the config's file."""
    from scanstage.render.commands.like_photos.fit_to_photos import GivenConfig, fit_to_photos
    from scanstage.render.terminal.fit_tables import print_fit
    from scanstage.render.terminal.planning_view import PlanningView
    from scanstage.scenes.config.problem_lines import told_with_lines

    progress = Console(stderr=True, soft_wrap=True)
    with logged_to(progress), PlanningView(progress) as view, told_with_lines(base):
        given = GivenConfig.read(base, tuple(set_ or ()))
        found = fit_to_photos(real, given, out, options, view, context.obj)
    print_fit(Console(), found.to_json())
    return found.config
