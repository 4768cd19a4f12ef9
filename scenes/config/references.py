"""Checks that need the whole config: variables that exist, fit where they are used, and switches that cover them."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scenes.config.model import RunConfig
from scenes.config.report import Lines, Loc, where
from scenes.config.values import Expect
from scenes.distributions import KINDS, Hsv, Switch, Variable, outcomes, references


def reference_problems(config: RunConfig, path: Path, lines: Lines) -> list[str]:
    """One sentence for each variable that is unknown, misused or not covered by a switch."""
    problems = [f"{where(at, path, lines)}: {text}" for at, text in _variable_problems(config)]
    for at, value, expect in _values(config, ()):
        if at[0] != "variables":
            at = tuple(p for i, p in enumerate(at) if not (at[0] == "stage" and i == 1 and (*at[:1], p) not in lines))
            problems += [f"{where(at, path, lines)}: {text}" for text in _value_problems(value, expect, config)]
    return problems


def variable_order(config: RunConfig) -> list[str]:
    """Names of the variables, each after those it refers to. Cycles are left out (they are reported as problems)."""
    order: list[str] = []
    pending = list(config.variables)
    while pending:
        ready = [
            n for n in pending if all(r in order or r not in config.variables for r in references(config.variables[n]))
        ]
        if not ready:
            break
        order += ready
        pending = [n for n in pending if n not in order]
    return order


def _variable_problems(config: RunConfig) -> Iterator[tuple[Loc, str]]:
    order = variable_order(config)
    for name, value in config.variables.items():
        for text in _value_problems(value, None, config):
            yield ("variables", name), text
        if name not in order:
            yield ("variables", name), "refers to itself, directly or through others"


def _value_problems(value: Any, expect: Expect | None, config: RunConfig) -> Iterator[str]:
    for name in dict.fromkeys(references(value)):
        if name not in config.variables:
            near = difflib.get_close_matches(name, config.variables, 1)
            known = f"did you mean {near[0]}?" if near else f"known: {', '.join(config.variables) or 'none'}"
            yield f"there is no variable {name!r}; {known}"
    for leaf in _leaves(value):
        if isinstance(leaf, Switch):
            yield from _switch_problems(leaf, config)
        elif isinstance(leaf, Hsv):
            yield from _hsv_problems(leaf, config)
        elif isinstance(leaf, Variable) and expect is not None and leaf.var in config.variables:
            try:
                for outcome in deep_outcomes(config.variables[leaf.var], config):
                    expect.check_outcome(outcome)
            except ValueError as e:
                yield f"the variable {leaf.var!r} does not fit here: {e}"


def _switch_problems(switch: Switch, config: RunConfig) -> Iterator[str]:
    by, cases, default = switch.switch.by, switch.switch.cases, switch.switch.default
    if by not in config.variables:
        return
    values = list(deep_outcomes(config.variables[by], config))
    if any(isinstance(v, tuple) for v in values):
        yield f"switch.by: {by!r} is continuous; a switch needs a variable with a choice of values"
        return
    if unreached := [c for c in cases if c not in values]:
        known = ", ".join(map(repr, values))
        yield f"switch.cases: {by!r} is never {', '.join(map(repr, unreached))}; it is one of {known}"
    if default is None and (uncovered := [v for v in values if v not in cases]):
        yield f"switch.cases: no case and no default for {by} = {', '.join(map(repr, uncovered))}"


def deep_outcomes(value: Any, config: RunConfig, depth: int = 0) -> Iterator[Any]:
    """Everything that ``value`` may give, ``{var: …}`` followed (bounded: cycles are reported elsewhere)."""
    yield from outcomes(value)
    for leaf in _leaves(value):
        if isinstance(leaf, Variable) and leaf.var in config.variables and depth < 20:
            yield from deep_outcomes(config.variables[leaf.var], config, depth + 1)


def _leaves(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Switch):
        for branch in value.branches():
            yield from _leaves(branch)


def _hsv_problems(value: Hsv, config: RunConfig) -> Iterator[str]:
    """Parts of a colour that come through variables, which the model could not check when it was read."""
    for name in ("hue", "saturation", "value"):
        yield from _value_problems(getattr(value.hsv, name), Expect("number", 0, 1), config)


def _values(node: Any, at: Loc, expect: Expect | None = None) -> Iterator[tuple[Loc, Any, Expect | None]]:
    """All values of the config below ``node``, with their place and what they must be."""
    if isinstance(node, tuple(KINDS.values())):
        yield at, node, expect
    elif isinstance(node, BaseModel):
        for name, info in type(node).model_fields.items():
            found = next((m for m in info.metadata if isinstance(m, Expect)), None) or _nested_expect(info.annotation)
            yield from _values(getattr(node, name), (*at, name), found)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _values(value, (*at, key), expect)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _values(value, (*at, i), expect)


def _nested_expect(annotation: Any) -> Expect | None:
    for meta in getattr(annotation, "__metadata__", ()):
        if isinstance(meta, Expect):
            return meta
    for arg in typing.get_args(annotation):
        if (found := _nested_expect(arg)) is not None:
            return found
    return None
