"""From a YAML file and ``--set`` overrides to a checked :class:`RunConfig`; all mistakes are reported at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from scanstage.assets.files.outside_files import read_input
from scanstage.assets.files.plain_yaml import MAX_DEPTH, MAX_NODES
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.messages.wording import bounded, shortened, shown
from scanstage.scenes.config.calibration import calibrated
from scanstage.scenes.config.error_report import FROM_OVERRIDE, FROM_RECIPE, Lines, describe
from scanstage.scenes.config.plain_nodes import NotPlain, PlainData, compose
from scanstage.scenes.config.recipes.recipe_files import RECIPES, lay_over
from scanstage.scenes.config.references import reference_problems
from scanstage.scenes.config.sections.run_config import LONGEST_NAME, RunConfig

MAX_BYTES = 1_000_000
_HINT = "All keys with their meaning: `scanstage schema`, and configs/ holds examples."


def load_config(path: Path, overrides: list[str] | None = None, base: Path | None = None) -> RunConfig:
    """Read and check a config.

    Args:
        path: the YAML file.
        overrides: ``dotted.path=value`` each, the value in YAML; applied before checking.
        base: folder that relative paths in it start from; None is its own.

    Raises:
        InputError: naming every mistake with file, line, dotted path, value, expectation and the nearest key; or what
            is wrong with the calibration file that it names.
    """
    node, plain = _compose(path), PlainData(str(path))
    if node is None and not overrides:
        hint = "a config may be as short as `assets: {source: samples}`; configs/quickstart.yaml is an example"
        raise InputError(f"{path}: is empty", hint)
    data = {} if node is None else plain.build(node)
    lines, problems = plain.lines, plain.problems
    if not isinstance(data, dict):
        raise InputError(bounded(problems) or f"{path}: expected a mapping of keys, got {_type_name(data)}")
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", path.stem).lstrip(".")[:LONGEST_NAME]
    return _checked(data, overrides or (), name or "dataset", (path, lines, problems), base or path.resolve().parent)


def read_nodes(path: Path) -> tuple[Any, Lines]:
    """A file's plain data and the line of every value, unchecked. Raises InputError where it isn't YAML."""
    node, plain = _compose(path), PlainData(str(path))
    return None if node is None else plain.build(node), plain.lines


def plain_config(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The keys of a file that :func:`load_config` reads, overrides among them, as plain data.

    Without what its recipe says. Raises InputError where it isn't YAML, or no mapping.
    """
    data, _ = read_nodes(path)
    if not isinstance(data, dict | type(None)):
        raise InputError(f"{path}: expected a mapping of keys, got {_type_name(data)}")
    data = data or {}
    _apply_overrides(data, overrides, {})
    return data


def check_config(data: Mapping[str, Any], overrides: Sequence[str], base: Path) -> RunConfig:
    """Check a config that is there as plain data.

    Args:
        data: its keys.
        overrides: as for :func:`load_config`.
        base: folder that relative paths in it start from.

    Raises InputError as :func:`load_config` does, without lines.
    """
    return _checked(copy.deepcopy(dict(data)), overrides, "dataset", (Path("config"), {}, []), base)


def _checked(
    data: dict[str, Any], overrides: Sequence[str], name: str, found: tuple[Path, Lines, list[str]], base: Path
) -> RunConfig:
    """The config of plain data; ``found`` is where it is from, its lines, and what is wrong with it already."""
    path, lines, problems = found
    if (recipe := _recipe(data, overrides)) in RECIPES:
        lines.update((at, FROM_RECIPE) for at in lay_over(data, recipe))
    _apply_overrides(data, overrides, lines)
    data.setdefault("name", name)
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as e:
        raise InputError(bounded(problems + describe(e, data, path, lines)), _HINT) from None
    if problems := problems + reference_problems(config, path, lines):
        raise InputError(bounded(problems), _HINT)
    return config.model_copy(update={"camera": calibrated(config.camera, base)})


def _recipe(data: Mapping[str, Any], overrides: Sequence[str]) -> Any:
    """The recipe that a config starts from, as it was given."""
    given = [value for keys, value, _ in map(_override, overrides) if keys == ["recipe"]]
    return given[-1] if given else data.get("recipe")


def with_overrides(data: dict[str, Any], overrides: Sequence[str], path: Path) -> RunConfig:
    """A config that was read before, with some of its keys overridden.

    Args:
        data: the config, as :meth:`RunConfig.model_dump` gives it.
        overrides: as for :func:`load_config`.
        path: of the file that holds it, for messages.

    Raises InputError as :func:`load_config` does.
    """
    lines: Lines = {}
    data = copy.deepcopy(data)
    _apply_overrides(data, overrides, lines)
    try:
        return RunConfig.model_validate(data)
    except ValidationError as e:
        raise InputError(bounded(describe(e, data, path, lines)), _HINT) from None


def _apply_overrides(data: dict[str, Any], overrides: Sequence[str], lines: Lines) -> None:
    values = 0
    for override in overrides:
        keys, value, count = _override(override)
        values += count
        if values > MAX_NODES:
            raise InputError(f"{option('overrides')}: more than {MAX_NODES:,} values in all")
        _set(data, keys, value, override)
        at = tuple(_index(k) if _is_index(k) else k for k in keys)
        for end in range(1, len(at) + 1):
            if at[:end] not in lines or end == len(at):
                lines[at[:end]] = FROM_OVERRIDE


def _compose(path: Path) -> yaml.Node | None:
    raw = read_input(path, MAX_BYTES, _config_within(path))
    try:
        return compose(raw.decode("utf-8"))
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text (byte {e.start})") from None
    except NotPlain as e:
        raise InputError(f"{path}{e}") from None


def _config_within(path: Path) -> str | None:
    """What to say of a folder that was named in place of the config in it."""
    inside = path / "config.yaml"
    return f"its config is {inside}" if inside.is_file() else None


def _override(override: str) -> tuple[list[str], Any, int]:
    """Keys and value of ``dotted.path=value``, and how many values that has. Raises InputError."""
    dotted, equals, raw = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise InputError(
            f"{option('overrides')} {shortened(override)}: expected dotted.path=value, for example camera.fov_deg=50"
        )
    if len(keys) > MAX_DEPTH:
        raise InputError(f"{option('overrides')} {shortened(override)}: no config is nested more than {MAX_DEPTH} deep")
    plain = PlainData(f"{option('overrides')} {shortened(override)}")
    try:
        node = compose(raw)
    except NotPlain as e:
        raise InputError(f"{plain.place}{e}") from None
    value = None if node is None else plain.build(node)
    if plain.problems:
        raise InputError(bounded(plain.problems))
    return keys, value, len(plain.lines)


def _set(data: dict[str, Any], keys: list[str], value: Any, override: str) -> None:
    target: Any = data
    for key in keys[:-1]:
        at: Any = _list_index(target, key, override) if isinstance(target, list) else key
        if isinstance(target, dict):
            target.setdefault(at, {})
        if not isinstance(target[at], (dict, list)):
            target[at] = {}
        target = target[at]
    if isinstance(target, list):
        target[_list_index(target, keys[-1], override)] = value
    else:
        target[keys[-1]] = value


def _list_index(items: list[Any], key: str, override: str) -> int:
    if not _is_index(key) or _index(key) >= len(items):
        raise InputError(
            f"{option('overrides')} {shortened(override)}: {shortened(key)} is not an index into a list of {len(items)}"
        )
    return _index(key)


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= len(str(MAX_NODES))


def _index(key: str) -> int:
    return int(key)


def _type_name(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), shown(value))
