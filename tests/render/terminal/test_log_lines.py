"""What is logged, on a console."""

from __future__ import annotations

import io
import logging

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.render.terminal.console import Console
from scanstage.render.terminal.log_lines import LOGGER, logged_to

LOG = logging.getLogger("scanstage.render.somewhere")


def test_what_happens_is_a_line_and_what_one_should_know_a_note() -> None:
    out, before = io.StringIO(), logging.getLogger(LOGGER).level
    there = logging.getLogger(LOGGER).handlers[:]
    with logged_to(Console(file=out, width=200)):
        LOG.debug("a detail")
        LOG.info("Blender %s on [red]%s", "4.5", "CPU\n\x1b[2J")
        LOG.warning(
            "%s: %s", "lost", InputError(f"{option('blender')} /x: is a folder", f"name one with {option('blender')}")
        )
        LOG.warning("a worker can't be started: %s", "[bold]no memory")
    LOG.warning("too late")
    assert out.getvalue().splitlines() == [
        "Blender 4.5 on [red]CPU\\n\\x1b[2J",
        "note: lost: --blender /x: is a folder\\nname one with --blender",
        "note: a worker can't be started: [bold]no memory",
    ]
    assert logging.getLogger(LOGGER).level == before
    assert logging.getLogger(LOGGER).handlers == there
