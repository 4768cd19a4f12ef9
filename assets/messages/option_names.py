"""Names of options in messages, which are worded for who gave them: in Python `out`, at a command line --out.

A message that is made down here doesn't know who will read it. So it holds marks, and whoever shows it replaces them:
:class:`InputError` for callers of Python, the command line for its users.
"""

from __future__ import annotations

import re

# Characters that Unicode leaves to private use: no file name or config that means well holds them, and where one does,
# nothing worse follows than that a message looks odd.
_OPEN, _SHELL, _CLOSE = "\ue000", "\ue001", "\ue002"
_OPTION = re.compile(f"{_OPEN}([a-z_]+){_CLOSE}")
_SHELL_ONLY = re.compile(f"{_SHELL}([^{_CLOSE}]*){_CLOSE}")
IN_SHELL = {"overrides": "set", "class_name": "class"}
"""Options that the command line calls otherwise than its parameter in Python."""


def option(name: str) -> str:
    """An option as part of a message, by its name in Python."""
    return f"{_OPEN}{name}{_CLOSE}"


def shell_only(text: str) -> str:
    """A part of a message that only the command line shows."""
    return f"{_SHELL}{text}{_CLOSE}"


def for_python(text: str) -> str:
    """The message for a caller of Python."""
    return _SHELL_ONLY.sub("", _OPTION.sub(r"`\1`", text))


def for_shell(text: str) -> str:
    """The message for a user of the command line."""
    named = _OPTION.sub(lambda found: "--" + IN_SHELL.get(found[1], found[1]).replace("_", "-"), text)
    return _SHELL_ONLY.sub(r"\1", named)
