"""What is told of actors that can't take part in a run, and where they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from scanstage.assets.messages.errors import InputError, Lines
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError

log = logging.getLogger(__name__)

INSTALL = 'install the same version on every node: pip install "scanstage[ray]"'


def at_node(node: str | None) -> str:
    """`` on NODE`` where it is known."""
    return f" on {node}" if node else ""


def on_node(error: Exception, node: str | None) -> Exception:
    """The same error, naming where it happened."""
    where = f"node {node}: " if node else ""
    if isinstance(error, InputError):
        return InputError([where + problem for problem in error.marked_problems], error.marked_hint)
    if isinstance(error, (EngineCrashed, EngineError)):
        return EngineCrashed(where + str(error))
    return error


def not_installed(reason: str) -> InputError:
    """What a node without scanstage has to be told."""
    return InputError(f"scanstage isn't installed there ({reason})", INSTALL)


def together(reasons: Sequence[Exception]) -> Exception:
    """One error for all: problems of users are all told, anything else once."""
    wrong = [r for r in reasons if isinstance(r, InputError)]
    if len(wrong) < len(reasons):
        return next(r for r in reasons if not isinstance(r, InputError))
    problems = list(dict.fromkeys(p for r in wrong for p in r.marked_problems))
    hints = list(dict.fromkeys(r.marked_hint for r in wrong if r.marked_hint))
    return InputError(problems, Lines.of(hints) or None)


class VersionWatch:
    """Logs where a node has other versions than the first one that was ready: nothing else can tell bytes apart."""

    def __init__(self) -> None:
        self._usual: dict[str, str] = {}
        self._told: set[str] = set()

    def look_at(self, report: dict[str, Any]) -> None:
        """Compare what an actor that is ready says of itself; each node is told of once."""
        found = {**report["versions"], "Blender": report["info"]["blender"]}
        found.pop("system", None)
        self._usual = self._usual or found
        other = [f"{k} {v} (others {self._usual.get(k)})" for k, v in found.items() if self._usual.get(k) != v]
        node = report["node"]
        if other and node not in self._told:
            self._told.add(node)
            log.warning("node %s has %s: its pictures may differ in their last digits", node, ", ".join(other))
