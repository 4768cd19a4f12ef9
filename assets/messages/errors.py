"""The one exception that means *the user's input is wrong*: shown as text, never as a traceback."""

from __future__ import annotations

from collections.abc import Iterable

from scanstage.assets.messages.option_names import for_python

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

    The command line prints the problems, one a line, then the hint, and exits with code 2.

    Args:
        problems: one sentence each: what is wrong and where (file, dotted path, value). Options in it are named by
            :func:`option_names.option`.
        hint: what to do about it, as a command or an instruction; optional. One line, unless it is :class:`Lines`.

    Attributes:
        marked_problems, marked_hint: the same, for whoever hands them on or words them for the command line.
    """

    def __init__(self, problems: str | list[str], hint: str | None = None) -> None:
        self.marked_problems = [problems] if isinstance(problems, str) else list(problems)
        self.marked_hint = hint
        super().__init__(problems, hint)

    def __str__(self) -> str:
        return for_python(self.marked)

    @property
    def marked(self) -> str:
        """All of it, for whoever puts it into another message."""
        return "\n".join([*self.marked_problems, *([self.marked_hint] if self.marked_hint else [])])

    @property
    def problems(self) -> list[str]:
        """What is wrong, a sentence each; options have their names in Python."""
        return [for_python(problem) for problem in self.marked_problems]

    @property
    def hint(self) -> str | None:
        """What to do about it, worded likewise."""
        return None if self.marked_hint is None else type(self.marked_hint)(for_python(self.marked_hint))
