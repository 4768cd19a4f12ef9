"""What the library logs, as lines of the command line: what goes on as it is, warnings as notes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from scanstage.assets.messages.errors import InputError
from scanstage.render.terminal.console import Console, outside, print_note

LOGGER = "scanstage"


class _Lines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console, self._aside = console, Console(stderr=True, soft_wrap=True)

    def emit(self, record: logging.LogRecord) -> None:
        text = _worded(record)
        if getattr(record, "aside", False):  # of a kind that no output that programs read is to hold
            self._aside.print(outside(text))
            return
        if record.levelno >= logging.WARNING:
            print_note(self._console, text)
        else:
            self._console.print(outside(text))


def _worded(record: logging.LogRecord) -> str:
    """The message; errors in it name options as the command line does."""
    args = record.args if isinstance(record.args, tuple) else ()
    if not any(isinstance(a, InputError) for a in args):
        return record.getMessage()
    return str(record.msg) % tuple(a.marked if isinstance(a, InputError) else a for a in args)


@contextmanager
def logged_to(console: Console) -> Iterator[None]:
    """Print what scanstage logs, of level INFO and above; to one console at a time, that which was named last."""
    logger, handler = logging.getLogger(LOGGER), _Lines(console)
    before, level = logger.handlers[:], logger.level
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers = before
        logger.setLevel(level)
