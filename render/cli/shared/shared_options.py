"""Options that several commands share."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scanstage.assets.files.atomic import write_atomically
from scanstage.assets.files.locations import locate, locate_local
from scanstage.assets.files.stores import Location
from scanstage.assets.messages.errors import InputError
from scanstage.render.terminal.console import print_json

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config")]
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="folder, or URL, that `scanstage generate` wrote")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="override a key, e.g. camera.fov_deg=50")
]
SeedOption = Annotated[int | None, typer.Option(help="override the config's seed")]
FramesOption = Annotated[
    str | None, typer.Option("--frames", metavar="A-B", help="only these pictures, both ends included")
]

ExecutorOption = Annotated[
    str, typer.Option(metavar="local|ray", help="where to render: on this machine, or on a Ray cluster")
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="of the Ray cluster; auto: the one that this machine is part of"),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="only the pictures i with i % N = K % N, beside other shards"),
]


def folder_of(text: str | None, named_by: str = "--out") -> Location | None:
    """The folder to write to that an option names, a path or a URL; None where it isn't given. Raises InputError."""
    return None if text is None else locate(text, named_by, written=True)


def place_of(executor: str, address: str | None) -> Literal["local", "ray"]:
    """The executor of a name. Raises InputError where there is none, or an address that it doesn't need."""
    from scanstage.render.bookkeeping.run_options import check_place

    check_place(executor, address)
    return "ray" if executor == "ray" else "local"


def local_folder_of(text: str | None, named_by: str = "--out") -> Path | None:
    """The same where it has to be on this machine. Raises InputError."""
    return None if text is None else locate_local(text, named_by)


def frame_range(text: str | None) -> tuple[int, int] | None:
    """First and last picture of ``A-B`` or ``A``. Raises InputError."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text.strip())
    if match is None:
        raise InputError(f"--frames {text}: expected A-B, for example 0-7, or one number")
    first = int(match[1])
    return first, int(match[2] or first)


def write_json(place: str | None, found: dict[str, Any]) -> None:
    """All figures of a command as JSON: into the file that ``--json`` names, to standard output for ``-``.

    Raises InputError where the file can't be written.
    """
    if place is None:
        return
    if place == "-":
        print_json(found)
        return
    try:
        write_atomically(Path(place).resolve(), (json.dumps(found, indent=1) + "\n").encode("utf-8"))
    except OSError as e:
        raise InputError(f"--json {place}: can't be written ({e.strerror or e})", "name another file") from e
