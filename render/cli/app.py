"""The command line: ``scanstage``, and ``python -m scanstage``."""

from __future__ import annotations

import functools
import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from scanstage.assets.machine.blas_threads import use_one_blas_thread
from scanstage.assets.messages.errors import InputError, Lines
from scanstage.render.blender.freed_memory import return_freed_memory
from scanstage.render.cli.shared.help_pages import CHECK, LOOK, MAKE, SET_UP, SETTINGS, SHARE, PlainCommand, PlainGroup
from scanstage.render.cli.shared.signals import stop_on_signals
from scanstage.render.terminal.console import (
    Console,
    guard_streams,
    outside,
    print_error,
    print_hint,
)
from scanstage.render.terminal.log_lines import logged_to

if TYPE_CHECKING:
    from scanstage.render.engine.engine_protocol import EngineFactory

INTERRUPTED = 130

app = typer.Typer(
    name="scanstage",
    help="3D scans in, balanced and verified datasets out.",
    cls=PlainGroup,
    context_settings=SETTINGS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        from scanstage.scenes.picture_sequence.identity import own_version

        console.print(f"scanstage {outside(own_version())}")
        raise typer.Exit(0)


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="and exit")] = False,
) -> None:
    """3D scans in, balanced and verified datasets out."""


@functools.cache
def _mount() -> None:
    from scanstage.render.cli import dataset_commands as cli_dataset
    from scanstage.render.cli import merge_command as cli_merge
    from scanstage.render.cli.asset_commands import app as assets_app
    from scanstage.render.cli.fit_commands import fit, like
    from scanstage.render.cli.generate_command import generate
    from scanstage.render.cli.likeness_commands import compare, drift
    from scanstage.render.cli.plan_commands import estimate, plan, preview
    from scanstage.render.cli.report_commands import report, view
    from scanstage.render.cli.setup_commands import doctor, init, schema
    from scanstage.render.cli.share_commands import export, join, push
    from scanstage.render.cli.survey_commands import app as survey_app

    app.add_typer(
        assets_app, name="assets", help="Take scans in, inspect them, list and pull packs.", rich_help_panel=SET_UP
    )
    app.add_typer(survey_app, name="survey", help="Ask people whether pictures look real.", rich_help_panel=CHECK)
    for group, commands in (
        (SET_UP, (init, doctor, schema)),
        (MAKE, (generate, cli_merge.merge, fit, like)),
        (LOOK, (plan, preview, estimate, cli_dataset.replay)),
        (CHECK, (cli_dataset.check, report, view, compare, drift)),
        (SHARE, (export, join, push)),
    ):
        for command in commands:
            app.command(cls=PlainCommand, context_settings=SETTINGS, rich_help_panel=group)(command)


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
        print_hint(errors, e.marked_hint)
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
        print_hint(errors, "set PYTHONUTF8=1, or a locale of UTF-8, such as LC_ALL=C.UTF-8")
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
        print_hint(errors, usage[1])
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
