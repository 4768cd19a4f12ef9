"""How help is laid out: commands in groups, and flags as what they are, which take no value."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

SETTINGS = {"help_option_names": ["-h", "--help"]}
SET_UP, MAKE, LOOK, CHECK, SHARE = "Set up", "Make", "Look", "Check", "Share"
"""Groups of commands, in this order."""


class PlainCommand(TyperCommand):
    """A command whose help shows no type beside a flag: ``--fresh <bool>`` reads as if ``--fresh true`` worked."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, --help among them."""
        return _flags_without_type(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same for commands that have commands."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, --help among them."""
        return _flags_without_type(super().get_params(ctx))


def _flags_without_type(params: Any) -> Any:
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params
