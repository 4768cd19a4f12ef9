"""All that is printed goes through here: no text from outside can steer a terminal, and no encoding ends a command.

File names, keys and values of configs, records, and what Blender prints, are somebody else's. Three layers, of which
each holds where the one before it was forgotten:

- :func:`outside` makes such a text part of a line: it stays on that line, and no markup in it is followed.
- :class:`Console` shows what can't be printed, escape codes above all, as ``\\x1b``; rich's own codes stay.
- :func:`guard_streams` does the same for whatever else writes to standard output and error: warnings, loggers,
  tracebacks, other libraries.

What a terminal's encoding doesn't have is replaced by plain signs (:data:`SIGNS`), or by an escape.
"""

from __future__ import annotations

import codecs
import io
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import IO, Any

import rich.console
from rich.markup import escape
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from scanstage.assets.messages.errors import LOG_MARK, Lines
from scanstage.assets.messages.option_names import for_shell

PLAIN_SIGNS = "scanstage.plain_signs"
"""Name of the error handler that encodes what an encoding doesn't have."""
SIGNS = {
    "✓": "ok",
    "✗": "no",
    "…": "...",
    "·": "-",
    "–": "-",
    "—": "-",
    "•": "*",
    "²": "2",
    "°": " deg",
    "±": "+-",
    "×": "x",
}
_WIDEST = 10_000
_HORIZONTAL, _VERTICAL = "─━═╌╍┄┅┈┉╸╺╴╶", "│┃║╎╏┆┇┊┋╹╻╵╷"


def printable(text: str, breaks: str = "\n\t") -> str:
    """The text with all that isn't a visible sign or a space as Python writes it in a string: ``\\x1b``, ``\\u202e``.

    So are control characters (C0 and C1), what changes the direction of a line, what has no width, and halves of
    characters that a file name in another encoding is made of.

    Args:
        text: any; options in it are named as the command line names them.
        breaks: control characters that stay.
    """
    text = for_shell(text)
    if text.isprintable():
        return text
    return "".join(c if c in breaks or _is_shown(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def one_line(text: object) -> str:
    """A text from outside on one line, of visible signs only; to be printed without markup."""
    return printable(str(text), breaks="")


def outside(text: object) -> str:
    """A text from outside (a path, name, value) as part of a line of markup: one line, shown as it is."""
    return escape(one_line(text))


def quoting(text: object) -> str:
    """The same for a message that may quote Blender: lines that begin with :data:`LOG_MARK` stay lines."""
    return LOG_MARK.join(outside(part) for part in str(text).split(LOG_MARK))


class Console(rich.console.Console):
    """A console that shows what can't be printed, or not in its encoding. Numbers aren't highlighted."""

    def __init__(self, *, highlight: bool = False, emoji: bool = False, **options: Any) -> None:
        super().__init__(highlight=highlight, emoji=emoji, **options)

    def _own_file(self) -> IO[str]:
        """The stream itself: also while a progress bar stands before the one that :func:`guard_streams` made."""
        file = super().file
        while (inner := getattr(file, "rich_proxied_file", None)) is not None:
            file = inner
        return file

    file = property(_own_file, lambda self, new: setattr(self, "_file", new))

    def render_str(self, text: str, **options: Any) -> Text:
        """See rich; done before anything is measured, and before rich drops some control characters in silence."""
        return super().render_str(self._shown(text), **options)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """See rich; also for what was no string."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=self._shown(segment.text))

    def _shown(self, text: str) -> str:
        text = printable(text)
        encoding = self.encoding
        if text.isascii() or encoding.startswith("utf"):
            return text
        return text.encode(encoding, PLAIN_SIGNS).decode(encoding)


def print_whole(console: Console, table: Table) -> None:
    """Print a table as wide as it is: what is copied out of it, or read by a program, is in one piece."""
    wide = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    before, console.width = console.width, max(wide, console.width)
    console.print(table)
    console.width = before


def print_note(console: Console, text: object) -> None:
    """Tell a person something."""
    console.print(f"[yellow]note:[/] {quoting(text)}", soft_wrap=True)


def print_error(console: Console, problem: object) -> None:
    """Say what is wrong."""
    console.print(f"[red]error:[/] {quoting(problem)}", soft_wrap=True)


def print_hint(console: Console, hint: str | None, indent: str = "") -> None:
    """Say what to do about it, if there is anything: on one line, or on :class:`Lines`."""
    for line in hint.split("\n") if isinstance(hint, Lines) else [hint] if hint else []:
        console.print(indent + quoting(line), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, in ASCII: what every terminal and every parser takes."""
    sys.stdout.write(json.dumps(value, indent=1).replace("\x7f", "\\u007f") + "\n")


class _Guarded:
    """Standard output or error for all that isn't a console."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @property
    def rich_proxied_file(self) -> IO[str]:
        """What a console of rich's writes to instead: its codes are to stay."""
        return self._stream

    def write(self, text: str) -> int:
        """See ``TextIO``."""
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """See ``TextIO``."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Let nothing that this process prints steer a terminal, or fail for the terminal's encoding."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN_SIGNS)
            setattr(sys, name, _Guarded(stream))


def _plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_sign, error.object[error.start : error.end])), error.end


def _sign(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    if "\u2500" <= character <= "\u257f":  # lines and corners of tables
        return "-" if character in _HORIZONTAL else "|" if character in _VERTICAL else "+"
    if "\u2800" <= character <= "\u28ff":  # the turning sign of a wait
        return "*"
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(PLAIN_SIGNS, _plain_signs)
