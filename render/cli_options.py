"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from assets.errors import InputError

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML config")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="override a key, e.g. camera.fov_deg=50")
]
SeedOption = Annotated[int | None, typer.Option(help="override the config's seed")]
FramesOption = Annotated[
    str | None, typer.Option("--frames", metavar="A-B", help="only these pictures, both ends included")
]


def frame_range(text: str | None) -> tuple[int, int] | None:
    """First and last picture of ``A-B`` or ``A``. Raises InputError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text.strip())
    if match is None:
        raise InputError(f"--frames {text}: expected A-B, for example 0-7, or one number")
    first = int(match[1])
    return first, int(match[2] or first)
