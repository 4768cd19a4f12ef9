"""Lines for what is found wrong after a config was read: a class without a scan, an image that isn't there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scanstage.assets.messages.errors import InputError
from scanstage.scenes.config.error_report import Lines, line_of
from scanstage.scenes.config.load import read_nodes
from scanstage.scenes.config.sections.run_config import RunConfig

_KEY = re.compile(r"([a-z_]+(?:\.[^\s:.]+)*): ")
_QUOTED = re.compile(r"'([^']*)'")


@contextlib.contextmanager
def told_with_lines(path: Path) -> Iterator[None]:
    """Put ``file:line: `` before problems that begin with a key of the config in that file.

    Keys that were given as overrides, and those of a recipe, have no line there: they stay as they are.
    """
    try:
        yield
    except InputError as e:
        try:
            data, lines = read_nodes(path)
        except (InputError, OSError):
            raise e from None
        placed = [_placed(problem, path, data, lines) for problem in e.marked_problems]
        if placed == e.marked_problems:
            raise
        raise InputError(placed, e.marked_hint) from e


def _placed(problem: str, path: Path, data: Any, lines: Lines) -> str:
    found = _KEY.match(problem)
    if found is None:
        return problem
    keys = tuple(found[1].split("."))
    if keys[0] not in RunConfig.model_fields or keys[:1] not in lines:
        return problem
    value, at = data, keys
    for depth, key in enumerate(keys):
        if not isinstance(value, dict) or key not in value:
            at = keys[:depth]
            break
        value = value[key]
    named = _QUOTED.search(problem)
    place: tuple[Any, ...] = at
    if named and at == keys and isinstance(value, list | dict) and named[1] in value:
        place = (*at, value.index(named[1]) if isinstance(value, list) else named[1])
    line = line_of(place, lines)
    return f"{path}:{line}: {problem}" if line > 0 else problem
