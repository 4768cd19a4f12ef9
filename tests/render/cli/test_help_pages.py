"""Help as people ask for it, and completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from scanstage.render.cli.app import app, entrypoint

COMMANDS = ["generate", "export", "check", "preview", "assets add", "assets list", ""]


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert entrypoint([*args]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_both_ways_to_ask_give_the_same(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, *command.split(), "-h") == shown(capsys, *command.split(), "--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_flags_look_as_if_they_took_no_value(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, *command.split(), "-h")
    assert "bool" not in text.lower()
    assert "--help" in text


def test_commands_are_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "-h")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if title := re.match(r"╭─ ([\w ]+?) ─+╮", line):
            found[title[1]] = commands = []
        elif name := re.match(r"│ (\w+) +\S", line):
            commands.append(name[1])
    assert list(found) == ["Options", "Set up", "Make", "Look", "Check", "Share"]
    named = [name for group, names in found.items() if group != "Options" for name in names]
    assert len(named) == len(set(named)) == len(app.registered_commands) + len(app.registered_groups)


def test_a_shell_can_complete() -> None:
    environment = {**os.environ, "_SCANSTAGE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    for typed, expected in (("scanstage ex", ["export"]), ("scanstage p", ["plan", "preview", "push"])):
        done = subprocess.run(
            [sys.executable, "-m", "scanstage"],
            env={**environment, "COMP_WORDS": typed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert sorted(done.stdout.split()) == expected, done.stderr
