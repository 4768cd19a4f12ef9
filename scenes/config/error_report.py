"""Turns pydantic's errors into sentences: file, line, dotted path, what was given, what was expected, nearest key."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import MOST_TOLD, did_you_mean, nearest, shown
from scanstage.scenes.config.plain_nodes import Place as Loc
from scanstage.scenes.config.plain_nodes import dotted
from scanstage.scenes.config.sections.run_config import RunConfig
from scanstage.scenes.values.distributions import KINDS

Lines = dict[Loc, int]
FROM_OVERRIDE = -1
"""Stands for a line where a value was given on the command line instead."""
FROM_RECIPE = -2
"""Stands for a line where a value is the recipe's."""


def describe(error: ValidationError, data: dict[str, Any], path: Path, lines: Lines) -> list[str]:
    """One sentence for each mistake, in the order of the file; of very many, beyond what is told, only the place."""
    found: dict[Loc, Any] = {}
    for e in error.errors(include_url=False):
        found.setdefault(_in_data(e["loc"], data, e["type"] == "missing"), e)
    ordered = sorted(found.items(), key=lambda item: line_of(item[0], lines))
    told = [f"{where(at, path, lines)}: {_sentence(e, at)}" for at, e in ordered[:MOST_TOLD]]
    return told + [where(at, path, lines) for at, _ in ordered[MOST_TOLD:]]


def where(at: Loc, path: Path, lines: Lines) -> str:
    """``file:line: dotted.path``."""
    line = line_of(at, lines)
    return f"{_place(path, line)}: {dotted(at) or 'the whole file'}"


def _place(path: Path, line: int) -> str:
    if line == FROM_OVERRIDE:
        return f"{path} with {option('overrides')}"
    return f"{path} with its recipe" if line == FROM_RECIPE else f"{path}:{line}" if line else str(path)


def line_of(at: Loc, lines: Lines) -> int:
    """Line of a value, or of the nearest key above it, or what stands for one; 0 where unknown."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 0)


def _in_data(loc: Loc, data: Any, missing: bool) -> Loc:
    """Drop the parts of pydantic's location that name union members, not keys of the file."""
    at: list[str | int] = []
    current = data
    for i, part in enumerate(loc):
        in_list = isinstance(current, list) and isinstance(part, int) and part < len(current)
        in_dict = isinstance(current, dict) and part in current
        if in_dict and i < len(loc) - 1 and not isinstance(current[part], (dict, list)) and loc[i + 1] in current:
            continue  # named like the key that tells this member
        if in_list or in_dict:
            at.append(part)
            current = current[part]
        elif missing and i == len(loc) - 1:
            at.append(part)
    return tuple(at)


def _sentence(e: Any, at: Loc) -> str:
    given, kind = e["input"], e["type"]
    if kind == "extra_forbidden":
        return _unknown_key(at)
    if kind == "missing":
        return "this key is required"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _union(e, given)
    if kind == "dict_type":
        return f"expected a mapping, got {shown(given)}"
    message = str(e["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if message.startswith("input should be "):
        message = "expected " + message.removeprefix("input should be ")
    return message if "got " in message or kind == "value_error" else f"{message}, got {shown(given)}"


def _union(e: Any, given: Any) -> str:
    context = e.get("ctx", {})
    if "kind_of" in str(context.get("discriminator")):
        keys = list(given) if isinstance(given, dict) else []
        expected = f"a constant or a mapping with one key of {', '.join(KINDS)}"
        hint = did_you_mean(keys[0], KINDS) if len(keys) == 1 else ""
        return f"expected {expected}, got {shown(given)}{hint}"
    expected = context.get("expected_tags", "").replace("'", "")
    got = context.get("tag")
    if not isinstance(given, dict):
        return f"expected a mapping with a kind, got {shown(given)}"
    if got is None:
        return "the key kind is missing: it says which of the variants this is"
    word = "model" if "model" in str(context.get("discriminator")) else "kind"
    return f"unknown {word} {shown(got)}, expected one of {expected}{did_you_mean(got, expected.split(', '))}"


def _unknown_key(at: Loc) -> str:
    known = _known_keys(at[:-1])
    if (near := nearest(at[-1], known, cutoff=0.55)) is not None:
        return f"unknown key; did you mean {near}?"
    return f"unknown key; known here: {', '.join(known)}" if known else "unknown key"


def _known_keys(at: Loc) -> list[str]:
    """Keys that the model knows at a place of the file (of all variants, where there are several)."""
    models: set[type[BaseModel]] = {RunConfig}
    for part in at:
        following: set[type[BaseModel]] = set()
        for model in models:
            if isinstance(part, int):
                following.add(model)
            elif part in model.model_fields:
                following |= _models_in(model.model_fields[part].annotation)
        models = following
    return list(dict.fromkeys(key for model in sorted(models, key=lambda m: m.__name__) for key in model.model_fields))


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return {annotation} if issubclass(annotation, BaseModel) and annotation not in KINDS.values() else set()
    return {m for arg in typing.get_args(annotation) for m in _models_in(arg)}
