"""Commands that the docs tell readers to type: each is parsed by the command line itself."""

from __future__ import annotations

from typing import Any

import pytest
from support.doc_blocks import PAGES, SHELL, Command, blocks, commands
from typer.main import get_command

from scanstage.dataset.export.formats import EXPORTERS
from scanstage.render.cli.app import _mount, app

COMMANDS = [command for page in PAGES for block in blocks(page) for command in commands(block)]


def parsed(argv: tuple[str, ...]) -> dict[str, Any]:
    """What the command line makes of a command. Raises what click raises for one that is wrong."""
    _mount()
    command: Any = get_command(app)
    rest = list(argv[1:])
    context = command.make_context("scanstage", rest, resilient_parsing=True)
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None, f"there is no command {name}"
        context = command.make_context(name, list(rest), parent=context)
    return dict(context.params)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_one(command: Command) -> None:
    given = parsed(command.argv)
    if "format_" in given:
        assert given["format_"] in EXPORTERS


@pytest.mark.parametrize("wrong", ["generate", "generate a.yaml --colour red", "paint a.yaml", "assets paint", "check"])
def test_a_wrong_command_is_found(wrong: str) -> None:
    with pytest.raises(Exception, match=r"(?i)missing|no such|no command|required"):
        parsed(("scanstage", *wrong.split()))


def test_none_is_passed_over() -> None:
    """Whatever line of a shell's block begins with our name is a command."""
    begun = sum(
        line.startswith("scanstage ")
        for page in PAGES
        for b in blocks(page)
        if b.language in SHELL
        for line in b.text.split("\n")
    )
    assert len(COMMANDS) >= begun > 60
