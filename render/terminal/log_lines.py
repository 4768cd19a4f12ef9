"""What scanstage logs, as lines of a console: what happens as a line, what a person should know as a note."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from scanstage.render.terminal.console import Console, outside, print_note

LOGGER = "scanstage"


class ConsoleHandler(logging.Handler):
    """Prints what is logged: warnings as notes.

    Args:
        console: to print on.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """See :class:`logging.Handler`."""
        if record.levelno >= logging.WARNING:
            print_note(self._console, record.getMessage())
        else:
            self._console.print(outside(record.getMessage()))


@contextmanager
def log_lines(console: Console) -> Iterator[None]:
    """Print what scanstage logs on ``console`` meanwhile."""
    logger, handler = logging.getLogger(LOGGER), ConsoleHandler(console)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
