"""``scanstage survey``: ask people whether pictures look real."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanstage.assets.files.locations import locate_local
from scanstage.render.cli.shared.help_pages import SETTINGS, PlainCommand, PlainGroup
from scanstage.render.cli.shared.shared_options import write_json
from scanstage.render.terminal.console import Console, outside, print_note
from scanstage.render.terminal.progress_bar import CountView

CANT_TELL = 3
SurveyArgument = Annotated[Path, typer.Argument(metavar="SURVEY", help="folder that `scanstage survey make` wrote")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="to listen on; 0: a free one")]

app = typer.Typer(cls=PlainGroup, no_args_is_help=True, context_settings=SETTINGS)


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def make(
    ctx: typer.Context,
    datasets: Annotated[
        list[str],
        typer.Argument(metavar="DATASET...", help="folders of `scanstage generate`, the oldest first"),
    ],
    real: Annotated[Path, typer.Option(metavar="FOLDER", help="real photos, larger than the pictures")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="of the survey; it isn't there yet")],
    config: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="YAML with a section survey; default: the first dataset's own")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="override a key, e.g. survey.ratings_per_picture=8"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="what is chosen follows from it")] = 0,
    render: Annotated[
        bool, typer.Option("--render/--no-render", help="render corrupt pictures, too, or only paint them")
    ] = True,
    library: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="where the datasets' scans are now, if not where they were")
    ] = None,
) -> None:
    """Make a survey: pictures of datasets, real photos cropped like them, and pictures broken on purpose."""
    from scanstage.render.commands.ask_people.make_survey import SurveyOptions, make_survey

    options = SurveyOptions(config, tuple(set_ or ()), seed, render, library)
    places = [locate_local(text, "DATASET") for text in datasets]
    with CountView("pictures") as view:
        made = make_survey(places, real, out, options, ctx.obj, view)
    console = Console(soft_wrap=True)
    survey = made.survey
    pictures, golds = len(survey.pictures), len(survey.items) - len(survey.pictures)
    paired = f", {made.paired} plans in each" if made.paired else ""
    console.print(f"{outside(out)}: {pictures} pictures of {len(survey.datasets)} datasets{paired}, and {golds} golds")
    wanted = pictures * survey.settings.ratings_per_picture
    console.print(f"that takes {wanted} answers, {-(-wanted // survey.settings.asked)} raters and more")
    console.print(f"\nlook at the golds first:  scanstage survey gold {outside(out)}")
    console.print(f"then ask people:          scanstage survey serve {outside(out)}")


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def gold(survey: SurveyArgument, port: PortOption = 0) -> None:
    """Look at every gold once, and throw out those that aren't obvious: on this machine alone, until Ctrl-C."""
    from scanstage.render.commands.ask_people.serve_survey import open_gold_page

    console = Console(soft_wrap=True)
    with open_gold_page(survey, port) as pages:
        console.print(f"{outside(pages.url)}  [dim]Ctrl-C ends it[/]")
        pages.run()


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def serve(
    survey: SurveyArgument,
    invites: Annotated[int, typer.Option(min=1, max=10_000, help="raters that there are to be, at least")] = 20,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="to listen on; 0.0.0.0: all networks")] = "127.0.0.1",
    port: PortOption = 8765,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="by which raters reach it, behind a proxy or a tunnel")
    ] = None,
    static: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="serve nothing, and write the page for any static host")
    ] = None,
) -> None:
    """Serve the page for raters, an invite link each, until Ctrl-C. Answers are kept in the survey's folder."""
    console = Console(soft_wrap=True)
    if static is not None:
        from scanstage.dataset.survey.survey_file import read_survey
        from scanstage.render.survey_server.static_site import write_static_site

        site = write_static_site(survey, read_survey(survey), static)
        console.print(f"{outside(site.folder)}: put it on any host of files, and send raters these links")
        console.print(f"  …/index.html#set=1 to #set={site.sets}  [dim]one to each rater[/]")
        console.print(f"what they send back:  scanstage survey report {outside(survey)} --answers FILE.csv")
        return
    from scanstage.render.commands.ask_people.serve_survey import INVITES, open_pages

    with open_pages(survey, invites, host, port, url) as pages:
        if pages.unscreened:
            print_note(console, f"nobody has looked at {pages.unscreened} golds: scanstage survey gold {survey}")
        console.print(f"{outside(pages.url)}  [dim]Ctrl-C ends it[/]")
        console.print(f"{len(pages.links)} invite links: {outside(survey / INVITES)}  [dim]one to each rater[/]")
        console.print(f"the first: {outside(pages.links[0][1])}")
        pages.run()


@app.command(cls=PlainCommand, context_settings=SETTINGS)
def report(
    survey: SurveyArgument,
    fail_on_regression: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS", min=0, help="end with 1 where the mean opinion fell by more than that between versions"
        ),
    ] = None,
    answers: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="CSV of answers from elsewhere; repeatable")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=NAME", help="what a column is called there, e.g. rater=WorkerId; repeatable"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="the page; default: report.html in the survey's folder")
    ] = None,
    answers_out: Annotated[Path | None, typer.Option(metavar="FILE", help="write all answers as CSV")] = None,
    json_: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="all figures as a JSON object; - prints it instead of text"),
    ] = None,
) -> None:
    """Say how real the pictures look, and whether a version fell behind the one before.

    Exit code of --fail-on-regression: 0: none fell by more than POINTS, with 95 % certainty, 1: one did, 3: not enough
    answers to tell.
    """
    from scanstage.render.commands.ask_people.report_survey import AnswerSources, parse_columns, report_survey
    from scanstage.render.terminal.survey_tables import print_survey

    sources = AnswerSources(tuple(answers or ()), parse_columns(column or ()))
    found = report_survey(survey, fail_on_regression or 0.0, sources, out, answers_out)
    write_json(json_, found.to_json())
    if json_ != "-":
        console = Console()
        print_survey(console, found.results, found.remarks)
        console.print(f"\npage  {outside(found.page)}")
    if fail_on_regression is None:
        return
    if found.results.has_fallen:
        raise typer.Exit(1)
    if found.results.more:
        raise typer.Exit(CANT_TELL)
