"""``scanstage doctor`` and ``scanstage schema``: what is there, and what can be said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scanstage.render.terminal.console import Console, outside, print_hint, print_json, quoting


def schema() -> None:
    """Print the JSON schema of configs, for editors."""
    from scanstage.scenes.config.json_schema import schema_text

    print_json(json.loads(schema_text()))


def doctor(
    blender: Annotated[Path | None, typer.Option(help="check this Blender executable as well")] = None,
) -> None:
    """Say what is there and what is missing, each problem with the command that mends it."""
    from scanstage.render.commands.doctor import examine

    console, ready = Console(soft_wrap=True), True
    for found in examine(blender):
        console.print(f"{'[green]✓[/]' if found.well else '[red]✗[/]'} {quoting(found.text)}")
        print_hint(console, found.hint, indent="    ")
        for line in found.details:
            console.print(f"    {outside(line)}")
        for text, hint in found.problems:
            console.print(f"    [yellow]![/] {quoting(text)}")
            print_hint(console, hint, indent="      ")
        ready = ready and (found.well or not found.needed)
    if not ready:
        raise typer.Exit(1)
