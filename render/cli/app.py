"""The command line: ``scanstage``, and ``python -m scanstage``."""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from scanstage.assets.files.stores import entry_names, is_file
from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.messages.errors import InputError, Lines
from scanstage.assets.messages.index_spans import counted
from scanstage.render.blender.freed_memory import return_freed_memory
from scanstage.render.cli.arguments import (
    AddressOption,
    ConfigArgument,
    ExecutorOption,
    FramesOption,
    SeedOption,
    SetOption,
    folder_of,
    frame_range,
    place_of,
)
from scanstage.render.cli.merge_command import ShardOption, print_shard
from scanstage.render.cli.signals import stop_on_signals
from scanstage.render.terminal.console import (
    Console,
    guard_streams,
    outside,
    print_error,
    print_json,
    print_mend,
    quoting,
)
from scanstage.render.terminal.log_lines import logged_to
from scanstage.scenes.whole_run.shard import WHOLE, Shard

if TYPE_CHECKING:
    from scanstage.render.engine.engine_protocol import EngineFactory
    from scanstage.render.runs.summary import Summary

INTERRUPTED = 130

app = typer.Typer(
    name="scanstage",
    help="3D scans in, balanced and verified datasets out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        from scanstage.scenes.whole_run.identity import own_version

        console.print(f"scanstage {outside(own_version())}")
        raise typer.Exit(0)


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="and exit")] = False,
) -> None:
    """3D scans in, balanced and verified datasets out."""


@app.command()
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
    from scanstage.render.commands.generate import generate as run
    from scanstage.render.engine.blender_session import BlenderEngines
    from scanstage.render.runs.run_options import GenerateOptions, command_of, read_config
    from scanstage.render.terminal.progress_bar import ProgressView

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
    loaded, command = read_config(config, options), command_of(config, options)
    with ProgressView(console) as view:
        summary = run(loaded, config.resolve().parent, options, command, context.obj or BlenderEngines(blender), view)
    folder = summary.folder
    if options.part.alone:
        _tell(summary)
    else:
        print_shard(console, str(options.part), summary)
    if summary.failed:
        failed = ", ".join(str(i) for i, _ in sorted(summary.failed)[:20])
        where = folder.run_file.name if options.part.alone else folder.shards.name
        errors.print(f"[red]{counted(len(summary.failed))} failed:[/] {failed}; reasons above and in {where}")
        if entry_names(folder.quarantine):
            errors.print(f"their plans, and what Blender printed: {outside(folder.quarantine)}")
        for hint in summary.hints:
            print_mend(errors, hint)
        raise typer.Exit(1)


def _tell(summary: Summary) -> None:
    """Say what a dataset holds and where."""
    folder = summary.folder
    if summary.balance is not None:
        from scanstage.render.terminal.balance_tables import print_balance

        print_balance(console, summary.balance, str(folder.balance))
    else:
        table = Table(title="labels", show_header=True)
        table.add_column("class")
        table.add_column("labels", justify="right")
        for name, count in summary.labels.items():
            table.add_row(outside(name), str(count))
        console.print(table)
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
        *((("balance", folder.balance), ("chart", folder.balance_chart)) if summary.balance is not None else ()),
    ):
        if path.name in there or (path.parent == folder.annotations and is_file(path)):
            console.print(f"  {what:<12} {outside(path)}")


@app.command()
def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    from scanstage.scenes.config.json_schema import schema_text

    print_json(json.loads(schema_text()))


@app.command()
def doctor(
    blender: Annotated[Path | None, typer.Option(help="check this Blender executable as well")] = None,
) -> None:
    """Say what is there and what is missing, each problem with the command that mends it."""
    from scanstage.render.commands.doctor import examine

    ready = True
    for found in examine(blender):
        console.print(f"{'[green]✓[/]' if found.well else '[red]✗[/]'} {quoting(found.text)}")
        print_mend(console, found.hint, indent="    ")
        for line in found.details:
            console.print(f"    {outside(line)}")
        for text, hint in found.problems:
            console.print(f"    [yellow]![/] {quoting(text)}")
            print_mend(console, hint, indent="      ")
        ready = ready and (found.well or not found.needed)
    if not ready:
        raise typer.Exit(1)


@functools.cache
def _mount() -> None:
    from scanstage.render.cli import dataset_commands as cli_dataset
    from scanstage.render.cli import merge_command as cli_merge
    from scanstage.render.cli.asset_commands import app as assets_app
    from scanstage.render.cli.estimate_command import estimate
    from scanstage.render.cli.plan_commands import plan, preview

    app.command()(plan)
    app.command()(preview)
    app.command()(estimate)
    cli_dataset.register(app)
    cli_merge.register(app)
    app.add_typer(assets_app, name="assets", help="Take scans in, inspect them, list and pull packs.")


def entrypoint(argv: list[str] | None = None, engines: EngineFactory | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments; None is this process's.
        engines: that render, whatever ``--blender`` says; None is Blender.

    Returns:
        The exit code: 0 all done, 1 some pictures failed, 2 the input is wrong, 130 interrupted.
    """
    use_one_blas_thread()
    _mount()
    if threading.current_thread() is threading.main_thread():
        stop_on_signals()
    try:
        with logged_to(console):
            result = app(args=argv, prog_name="scanstage", standalone_mode=False, obj=engines)
        # Newer typers turn an interrupt into a result.
        return _interrupted() if result == INTERRUPTED else int(result or 0)
    except InputError as e:
        for problem in e.marked_problems:
            print_error(errors, problem)
        print_mend(errors, e.marked_hint)
        return 2
    except typer.Exit as e:
        return int(e.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except BrokenPipeError:
        return 141
    except OSError as e:
        where = f"{os.fsdecode(e.filename)}: " if isinstance(e.filename, str | bytes) else ""
        print_error(errors, f"{where}{e.strerror or e}")
        errors.print("what is finished is kept; once there is room and access, the same command goes on from there")
        return 1
    except UnicodeEncodeError as e:
        if e.encoding.lower().replace("-", "") == "utf8":
            raise
        print_error(errors, f"{e.object!r}: the locale's encoding, {e.encoding}, has no such file name")
        print_mend(errors, "set PYTHONUTF8=1, or a locale of UTF-8, such as LC_ALL=C.UTF-8")
        return 2
    except Exception as e:
        if _is_engine_failure(e):
            print_error(errors, e)
            errors.print("what is finished is kept; `scanstage doctor` says what ails Blender here")
            return 1
        usage = _usage_error(e)
        if usage is None:
            raise
        print_error(errors, usage[0])
        print_mend(errors, usage[1])
        return 2


def _interrupted() -> int:
    errors.print("\ninterrupted; what is finished is kept, the same command goes on from there")
    return INTERRUPTED


def _is_engine_failure(error: Exception) -> bool:
    # Imported only when something failed: the engine's modules are slow to load for `schema` and `--help`.
    from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError

    return isinstance(error, (EngineCrashed, EngineError))


def _usage_error(error: Exception) -> tuple[str, Lines] | None:
    """What a command-line mistake is (unknown option, bad value), and the usage, whichever click typer carries."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return "a command is missing", _usage(error)
    format_message = getattr(error, "format_message", None)
    if callable(format_message):
        return str(format_message()), _usage(error)
    return None


def _usage(error: Exception) -> Lines:
    context = getattr(error, "ctx", None)
    if context is None:
        return Lines()
    return Lines.of([*context.get_usage().split("\n"), f"{context.command_path} --help says more"])


def main() -> None:
    """Console script."""
    guard_streams()
    return_freed_memory()
    code = entrypoint()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
