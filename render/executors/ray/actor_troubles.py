"""What is told of actors that can't take part in a run, and where they are."""

from __future__ import annotations

from collections.abc import Sequence

from scanstage.assets.messages.errors import InputError, Lines
from scanstage.render.engine.engine_protocol import EngineCrashed, EngineError

INSTALL = 'install the same version on every node: pip install "scanstage[ray]"'


def at_node(node: str | None) -> str:
    """`` on NODE`` where it is known."""
    return f" on {node}" if node else ""


def on_node(error: Exception, node: str | None) -> Exception:
    """The same error, naming where it happened."""
    where = f"node {node}: " if node else ""
    if isinstance(error, InputError):
        return InputError([where + problem for problem in error.problems], error.hint)
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
    problems = list(dict.fromkeys(p for r in wrong for p in r.problems))
    hints = list(dict.fromkeys(r.hint for r in wrong if r.hint))
    return InputError(problems, Lines.of(hints) or None)
