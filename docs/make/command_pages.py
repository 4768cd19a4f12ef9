"""Pages of the reference on commands and their exit codes, out of the functions that typer makes commands of."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.main import get_command

from scanstage.render.cli.app import _mount, app
from scanstage.render.cli.shared.help_pages import CHECK, LOOK, MAKE, SET_UP, SHARE

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("scanstage init parts --scans scans/", "scanstage init shop --scans scans/ --photos photos/ --up z"),
    "doctor": ("scanstage doctor",),
    "schema": ("scanstage schema > schema.json",),
    "generate": (
        "scanstage generate configs/quickstart.yaml",
        "scanstage generate configs/quickstart.yaml --images 8 --set camera.focal_mm=24 --out output/wide",
        "scanstage generate configs/quickstart.yaml --shard 1/8 --out s3://bucket/quickstart",
    ),
    "merge": ("scanstage merge output/quickstart",),
    "plan": (
        "scanstage plan configs/quickstart.yaml --frame 7",
        "scanstage plan configs/quickstart.yaml --stats --json stats.json",
    ),
    "preview": ("scanstage preview configs/quickstart.yaml --frames 0-8",),
    "estimate": ("scanstage estimate configs/quickstart.yaml --images 20000",),
    "replay": ("scanstage replay output/quickstart --image 17 --set render.samples=512 --size 1280x960",),
    "check": ("scanstage check output/quickstart", "scanstage check output/quickstart --fast --json -"),
    "report": (
        "scanstage report output/quickstart",
        "scanstage report output/quickstart --against photos/instances.json --out quickstart.html",
        "scanstage report output/like --fit fits/shelf/",
    ),
    "view": ("scanstage view output/quickstart",),
    "compare": (
        "scanstage compare photos/instances.json output/quickstart",
        "scanstage compare photos/instances.json output/quickstart --map coke_can=can --json compared.json",
    ),
    "survey make": ("scanstage survey make output/v1 output/v2 --real photos/ --out survey/",),
    "survey gold": ("scanstage survey gold survey/",),
    "survey serve": (
        "scanstage survey serve survey/ --invites 20",
        "scanstage survey serve survey/ --static site/",
    ),
    "survey report": (
        "scanstage survey report survey/ --fail-on-regression 0.5",
        "scanstage survey report survey/ --answers results.csv --column rater=WorkerId --json survey.json",
    ),
    "drift": ("scanstage drift photos/instances.json photos/new/instances.json --json drift.json",),
    "fit": (
        "scanstage fit photos/instances.json --base configs/quickstart.yaml --out fit",
        "scanstage fit photos/instances.json --base configs/quickstart.yaml --set fit.bank=2000 --out fit_quick",
        "scanstage fit photos/instances.json --base configs/quickstart.yaml --labels-only --out fit_labels",
    ),
    "like": ("scanstage like photos/instances.json --base configs/quickstart.yaml --count 200 --out output/like",),
    "export": (
        "scanstage export output/quickstart --format yolo --split train=0.8,val=0.1,test=0.1",
        "scanstage export output/quickstart --format coco --masks polygons --split train=0.8,val=0.2",
    ),
    "join": (
        "scanstage join output/quickstart output/more --real photos/instances.json --format yolo --out output/all",
    ),
    "push": ("scanstage push output/quickstart_yolo hf://me/quickstart --private",),
    "assets add": (
        "scanstage assets add scans/",
        "scanstage assets add scans/bolts/ --class bolt --unit mm --up z",
        "scanstage assets add fox.glb --class fox --pose walk:0 --pose walk:12",
        "scanstage assets add car.glb --class car --parts node --part 'wheel=wheel_*' --part window=cabin",
    ),
    "assets inspect": ("scanstage assets inspect scans/", "scanstage assets inspect car.glb --parts node"),
    "assets list": ("scanstage assets list --class owl",),
    "assets pull": ("scanstage assets pull ycb",),
    "assets edit": ("scanstage assets edit bolt/m8 --unit mm",),
    "assets remove": ("scanstage assets remove owl/a",),
    "assets symmetries": ("scanstage assets symmetries can", "scanstage assets symmetries can --accept 1,2"),
}
"""What each command is used for, first what is most usual."""
EXIT_CODES = {
    0: "all is done",
    1: "a part isn't: pictures failed or are missing, `check` has findings, `drift` finds some, "
    "`survey report --fail-on-regression` finds that a version fell, "
    "`assets inspect` refuses a scan, `preview` and "
    "`plan --stats` met pictures that can't be planned, Blender failed, or the disk is full. What is finished is kept",
    2: "the input is wrong: an option, a config, a scan, a folder that is no dataset. Nothing was begun",
    3: "`survey report --fail-on-regression` has not enough answers to tell whether a version fell",
    130: "interrupted (Ctrl-C, SIGTERM). What is finished is kept, and the same command goes on from there",
    141: "who reads the output has gone away (`scanstage plan … | head`)",
}
_WORDS = {int: "NUMBER", float: "NUMBER", str: "TEXT"}


def commands() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Panel, name and function of every command, those of groups by both names."""
    _mount()
    group: Any = get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            for inner, one in command.commands.items():
                yield command.rich_help_panel, f"{name} {inner}", one.callback
        else:
            yield command.rich_help_panel, name, command.callback


def command_page() -> str:
    """The Markdown of the page on commands."""
    every = list(commands())
    parts = [
        "# Commands",
        "Every command, with its options. `--help` says the same in the terminal. Options that take"
        " a value may be written"
        " `--out FOLDER` or `--out=FOLDER`; [exit codes](exit_codes.md) are the same for all.",
    ]
    for panel in (SET_UP, MAKE, LOOK, CHECK, SHARE):
        parts.append(f"## {panel}")
        parts += [_command(name, function) for own, name, function in every if own == panel]
    return "\n\n".join(parts) + "\n"


def exit_code_page() -> str:
    """The Markdown of the page on exit codes."""
    rows = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    return (
        "# Exit codes\n\nWhat a script may go by. Reasons are on standard error, a sentence each,"
        " with a hint what to do.\n\n"
        f"| code | meaning |\n|---|---|\n{rows}\n\n"
        "A script that has to end with all pictures:\n\n"
        "```bash\nuntil scanstage generate config.yaml --out output/parts; do\n  code=$?\n"
        "  [ $code = 1 ] || exit $code    # 2 won't go away by itself, and who interrupts means it\n"
        "  sleep 60\ndone\n```\n"
    )


def _command(name: str, function: Callable[..., Any]) -> str:
    parameters = list(_parameters(function))
    arguments = [p for p in parameters if isinstance(p[2], typer.models.ArgumentInfo)]
    options = [p for p in parameters if isinstance(p[2], typer.models.OptionInfo)]
    needed = [f"{_flags(p, i)[0]} {_value(a, i)}" for p, a, i in options if p.default is inspect.Parameter.empty]
    usage = " ".join(
        ["scanstage", name, *(_value(a, i) for _, a, i in arguments), *needed, *(["[OPTIONS]"] if options else [])]
    )
    rows = [f"| `{_value(a, i)}` | {_text(i.help)} |" for _, a, i in arguments]
    for parameter, annotation, info in options:
        value = _value(annotation, info)
        flags = ", ".join(f"`{flag} {value}`" if value else f"`{flag}`" for flag in _flags(parameter, info))
        rows.append(f"| {flags} | {_text(info.help)}{_default(parameter, info)} |")
    table = "| option | meaning |\n|---|---|\n" + "\n".join(rows) if rows else ""
    examples = "```bash\n" + "\n".join(EXAMPLES[name]) + "\n```" if name in EXAMPLES else ""
    about = " ".join((function.__doc__ or "").split())
    parts = [f"### `scanstage {name}`", about, examples, f"Usage: `{usage}`" if rows else "", table]
    return "\n\n".join(part for part in parts if part)


def _parameters(function: Callable[..., Any]) -> Iterator[tuple[inspect.Parameter, Any, Any]]:
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        for inner in getattr(hints[name], "__metadata__", ()):
            if isinstance(inner, typer.models.ParameterInfo):
                yield parameter, typing.get_args(hints[name])[0], inner


def _flags(parameter: inspect.Parameter, info: Any) -> list[str]:
    # In an annotation the first of them is where a default stands elsewhere.
    declared = (info.default, *(info.param_decls or ()))
    given = [d for d in declared if isinstance(d, str) and d.startswith("-")]
    return [f for d in given for f in d.split("/")] or [f"--{parameter.name.rstrip('_').replace('_', '-')}"]


def _value(annotation: Any, info: Any) -> str:
    if info.metavar:
        return str(info.metavar)
    options = [a for a in typing.get_args(annotation) if a is not types.NoneType]
    kind = options[0] if len(options) == 1 and typing.get_origin(annotation) is not list else annotation
    if kind is bool:
        return ""
    return _WORDS.get(kind, "PATH")


def _default(parameter: inspect.Parameter, info: Any) -> str:
    value = parameter.default
    if value is inspect.Parameter.empty:
        return "; needed"
    if value is None or isinstance(value, bool) or "default" in (info.help or "") or f"{value} " in (info.help or ""):
        return ""
    return f"; default: `{value}`"


def _text(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").rstrip(".")
