"""The one exception that means *the user's input is wrong*: shown as text, never as a traceback."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave can't be used.

    The command line prints ``problems``, one a line, then ``mend``, and exits with code 2.

    Args:
        problems: one sentence each: what is wrong and where (file, dotted path, value).
        mend: what to do about it, as a command or an instruction; optional.
    """

    def __init__(self, problems: str | list[str], mend: str | None = None) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self.mend = mend
        super().__init__("\n".join([*self.problems, *([mend] if mend else [])]))
