"""The fitted config as a YAML that a person reads and edits."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from scanstage.scenes.bank.free_values import FreeValue, set_value
from scanstage.scenes.config.sections.run_config import RunConfig

PATH_KEYS = ("library", "images", "image", "intrinsics", "coco")
"""Keys that may hold a path relative to the config."""


def fitted_config(
    data: Mapping[str, Any],
    resolved: RunConfig,
    terms: Sequence[tuple[FreeValue, Any]],
    others: Mapping[str, Any],
    kinds: tuple[str, Mapping[str, float]],
    folders: tuple[Path, Path],
) -> dict[str, Any]:
    """The config's plain data with what was found.

    Args:
        data: of the config that was fitted, as its YAML has it.
        resolved: the same, checked.
        terms: free values and what they are to be: a constant or a distribution.
        others: further dotted keys and their values.
        kinds: name of the variable that says of which kind a picture is, and their shares; without any there is none.
        folders: that the config's relative paths start from, and that those of the new one do.
    """
    found = moved_paths(copy.deepcopy(dict(data)), *folders)
    found.pop("fit", None)
    found.pop("name", None)
    variables = dict(found.pop("variables", {}) or {})
    if kinds[1]:
        variables[kinds[0]] = {"choice": dict(kinds[1])}
    for value, term in terms:
        if isinstance(term, dict):
            variables[value.name] = term
            set_value(found, resolved, value.path, {"var": value.name})
        else:
            set_value(found, resolved, value.path, term)
    for path, other in others.items():
        set_value(found, resolved, path, other)
    return {"variables": variables, **found} if variables else found


def yaml_text(data: Mapping[str, Any], header: Sequence[str]) -> str:
    """The text, each line of the header as a comment."""
    body = yaml.safe_dump(dict(data), sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    return "".join(f"# {line}".rstrip() + "\n" for line in header) + "\n" + body


def moved_paths(data: Any, base: Path, to: Path, key: str = "") -> Any:
    """Relative paths below a folder, as they are from another one."""
    if isinstance(data, dict):
        if key in PATH_KEYS and len(data) == 1 and "choice" in data:
            return {"choice": moved_paths(data["choice"], base, to, key)}
        return {k: moved_paths(v, base, to, str(k)) for k, v in data.items()}
    if isinstance(data, list):
        return [moved_paths(v, base, to, key) for v in data]
    if key in PATH_KEYS and isinstance(data, str) and not data.startswith("builtin:"):
        path = Path(data).expanduser()
        if not path.is_absolute() and (base / path).exists():
            return os.path.relpath((base / path).resolve(), to.resolve())
    return data
