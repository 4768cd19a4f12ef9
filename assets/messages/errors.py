"""The one exception that means *the user's input is wrong*: shown as text, never as a traceback."""

from __future__ import annotations

from collections.abc import Iterable

LOG_MARK = "\n  | "
"""Before each line of another program's that a message quotes; the only break that one may hold."""


class Lines(str):
    """A text of several lines whose breaks are all ours; any other text is shown as one line.

    A name from outside may hold a newline, and what follows it must not look like a line of ours: so a break is shown
    as a break only where :meth:`of` has put it.
    """

    __slots__ = ()

    @classmethod
    def of(cls, lines: Iterable[str]) -> Lines:
        """Lines under each other; those that are several lines already stay so."""
        return cls("\n".join(line if isinstance(line, cls) else line.replace("\n", "\\n") for line in lines))


class InputError(Exception):
    """Something the user gave can't be used.

    The command line prints ``problems``, one a line, then ``hint``, and exits with code 2.

    Args:
        problems: one sentence each: what is wrong and where (file, dotted path, value).
        hint: what to do about it, as a command or an instruction; optional. One line, unless it is :class:`Lines`.
    """

    def __init__(self, problems: str | list[str], hint: str | None = None) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self.hint = hint
        super().__init__("\n".join([*self.problems, *([hint] if hint else [])]))
