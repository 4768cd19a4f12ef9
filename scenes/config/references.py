"""Checks that need the whole config: variables that exist, fit where they are used, and switches that cover them."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scanstage.assets.messages.wording import MOST_TOLD, did_you_mean, listed, shortened, shown
from scanstage.scenes.config.error_report import Lines, where
from scanstage.scenes.config.plain_nodes import Place as Loc
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.config.sections.value_types import Expect
from scanstage.scenes.values.distributions import KINDS, Hsv, Switch, Variable, outcomes, references

MOST_SWITCHED = 1000
"""Values of a variable that a switch may go by."""


def reference_problems(config: RunConfig, path: Path, lines: Lines) -> list[str]:
    """One sentence for each variable that is unknown, misused or not covered by a switch."""
    known = _Variables(config)
    problems = [f"{where(at, path, lines)}: {text}" for at, text in _variable_problems(config, known)]
    for at, value, expect in _values(config, ()):
        if at[0] != "variables":
            at = tuple(p for i, p in enumerate(at) if not (at[0] == "stage" and i == 1 and (*at[:1], p) not in lines))
            problems += [f"{where(at, path, lines)}: {text}" for text in _value_problems(value, expect, known)]
    return problems


def variable_order(config: RunConfig) -> list[str]:
    """Names of the variables, each after those it refers to. Cycles are left out (they are reported as problems)."""
    variables = config.variables
    needs = {name: {r for r in references(value) if r in variables} for name, value in variables.items()}
    users: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for other in needed:
            users.setdefault(other, []).append(name)
    open_ = {name: len(needed) for name, needed in needs.items()}
    place = {name: i for i, name in enumerate(variables)}
    order: list[str] = []
    ready = [name for name in variables if not open_[name]]
    while ready:  # in rounds, each in the order of the config
        order += ready
        following = []
        for name in ready:
            for user in users.get(name, ()):
                open_[user] -= 1
                if not open_[user]:
                    following.append(user)
        ready = sorted(following, key=place.__getitem__)
    return order


class _Variables:
    """The variables of a config, with what each may be worked out once, however often it is referred to."""

    def __init__(self, config: RunConfig) -> None:
        self.given = config.variables
        self.order = variable_order(config)
        self.ordered = frozenset(self.order)
        self._needs = {
            n: [r for r in dict.fromkeys(_variables_in(self.given[n])) if r in self.given] for n in self.order
        }
        self._values: dict[str, dict[Any, None]] | None = None
        self._misfits: dict[Expect, dict[str, str | None]] = {}
        self._hints: dict[str, str] = {}

    def hint(self, name: str) -> str:
        """What may have been meant; looked for as often as problems are told."""
        if name not in self._hints:
            if len(self._hints) == MOST_TOLD:
                return ""
            self._hints[name] = did_you_mean(name, self.given) or f"; known: {listed(self.given) or 'none'}"
        return self._hints[name]

    def values(self, name: str) -> dict[Any, None]:
        """What a variable may be, references followed; of more than :data:`MOST_SWITCHED` values the first ones."""
        if self._values is None:
            self._values = {}
            for each in self.order:
                found = dict.fromkeys(islice(outcomes(self.given[each]), MOST_SWITCHED + 1))
                for other in self._needs[each]:
                    if len(found) > MOST_SWITCHED:
                        break
                    found.update(self._values[other])
                self._values[each] = found
        return self._values.get(name, {})

    def misfit(self, name: str, expect: Expect) -> str | None:
        """Why a variable, or one that it refers to, can't be used where ``expect`` is expected; None where it can."""
        if expect not in self._misfits:
            found = self._misfits[expect] = {}
            for each in self.order:
                own = _misfit(self.given[each], expect)
                found[each] = own or next((text for r in self._needs[each] if (text := found[r])), None)
        return self._misfits[expect].get(name)


def _misfit(value: Any, expect: Expect) -> str | None:
    try:
        expect.check(value)
    except ValueError as e:
        return str(e)
    return None


def _variable_problems(config: RunConfig, known: _Variables) -> Iterator[tuple[Loc, str]]:
    for name, value in config.variables.items():
        for text in _value_problems(value, None, known):
            yield ("variables", name), text
        if name not in known.ordered:
            yield ("variables", name), "refers to itself, directly or through others"


def _value_problems(value: Any, expect: Expect | None, known: _Variables) -> Iterator[str]:
    for name in dict.fromkeys(references(value)):
        if name not in known.given:
            yield f"there is no variable {shown(name)}{known.hint(name)}"
    for leaf in _leaves(value):
        if isinstance(leaf, Switch):
            yield from _switch_problems(leaf, known)
        elif isinstance(leaf, Hsv):
            yield from _hsv_problems(leaf, known)
        elif isinstance(leaf, Variable) and expect is not None and (text := known.misfit(leaf.var, expect)):
            yield f"the variable {shown(leaf.var)} does not fit here: {text}"


def _switch_problems(switch: Switch, known: _Variables) -> Iterator[str]:
    by, cases, default = switch.switch.by, switch.switch.cases, switch.switch.default
    if by not in known.ordered:
        return
    values = known.values(by)
    if len(values) > MOST_SWITCHED:
        yield f"switch.by: {shown(by)} has too many values for a switch (at most {MOST_SWITCHED:,})"
        return
    if any(isinstance(v, tuple) for v in values):
        yield f"switch.by: {shown(by)} is continuous; a switch needs a variable with a choice of values"
        return
    if unreached := [c for c in cases if c not in values]:
        yield f"switch.cases: {shown(by)} is never {listed(unreached, shown)}; it is one of {listed(values, shown)}"
    if default is None and (uncovered := [v for v in values if v not in cases]):
        yield f"switch.cases: no case and no default for {shortened(by)} = {listed(uncovered, shown)}"


def deep_outcomes(value: Any, config: RunConfig) -> Iterator[Any]:
    """Everything that ``value`` may give, ``{var: …}`` followed, each variable once."""
    seen: set[str] = set()
    pending: list[str] = []
    current = value
    while True:
        yield from outcomes(current)
        pending += reversed([n for n in dict.fromkeys(_variables_in(current)) if n in config.variables])
        while pending and pending[-1] in seen:
            pending.pop()
        if not pending:
            return
        seen.add(name := pending.pop())
        current = config.variables[name]


def _variables_in(value: Any) -> Iterator[str]:
    """Variables that ``value`` may be, not those that only decide about it."""
    return (leaf.var for leaf in _leaves(value) if isinstance(leaf, Variable))


def _leaves(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Switch):
        for branch in value.branches():
            yield from _leaves(branch)


def _hsv_problems(value: Hsv, known: _Variables) -> Iterator[str]:
    """Parts of a colour that come through variables, which the model could not check when it was read."""
    for name in ("hue", "saturation", "value"):
        yield from _value_problems(getattr(value.hsv, name), Expect("number", 0, 1), known)


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
