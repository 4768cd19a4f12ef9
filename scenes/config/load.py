"""From a YAML file and ``--set`` overrides to a checked :class:`RunConfig`; all mistakes are reported at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from assets.errors import InputError
from assets.plain_yaml import PlainLoader
from scenes.config.calibration import calibrated
from scenes.config.model import RunConfig
from scenes.config.references import reference_problems
from scenes.config.report import FROM_OVERRIDE, describe

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
_MEND = "All keys with their meaning: `scanstage schema`, and configs/ holds examples."
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def load_config(path: Path, overrides: list[str] | None = None) -> RunConfig:
    """Read and check a config.

    Args:
        path: the YAML file. Relative paths in it are relative to its folder.
        overrides: ``dotted.path=value`` each, the value in YAML; applied before checking.

    Raises:
        InputError: naming every mistake with file, line, dotted path, value, expectation and the nearest key; or what
            is wrong with the calibration file that it names.
    """
    node = _compose(path)
    lines: dict[tuple[str | int, ...], int] = {}
    problems: list[str] = []
    data = {} if node is None else _construct(node, (), lines, problems, path)
    if not isinstance(data, dict):
        raise InputError(problems or f"{path}: expected a mapping of keys, got {_type_name(data)}")
    _apply_overrides(data, overrides or (), lines)
    data.setdefault("name", re.sub(r"[^A-Za-z0-9_.-]", "-", path.stem).lstrip(".") or "dataset")
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as e:
        raise InputError(problems + describe(e, data, path, lines), _MEND) from None
    if problems := problems + reference_problems(config, path, lines):
        raise InputError(problems, _MEND)
    return config.model_copy(update={"camera": calibrated(config.camera, path.resolve().parent)})


def with_overrides(data: dict[str, Any], overrides: Sequence[str], path: Path) -> RunConfig:
    """A config that was read before, with some of its keys overridden.

    Args:
        data: the config, as :meth:`RunConfig.model_dump` gives it.
        overrides: as for :func:`load_config`.
        path: of the file that holds it, for messages.

    Raises InputError as :func:`load_config` does.
    """
    lines: dict[tuple[str | int, ...], int] = {}
    data = copy.deepcopy(data)
    _apply_overrides(data, overrides, lines)
    try:
        return RunConfig.model_validate(data)
    except ValidationError as e:
        raise InputError(describe(e, data, path, lines), _MEND) from None


def _apply_overrides(data: dict[str, Any], overrides: Sequence[str], lines: dict[tuple[str | int, ...], int]) -> None:
    for override in overrides:
        _apply_override(data, override)
        keys = tuple(int(k) if k.isdigit() else k for k in override.partition("=")[0].strip().split("."))
        for end in range(1, len(keys) + 1):
            if keys[:end] not in lines or end == len(keys):
                lines[keys[:end]] = FROM_OVERRIDE


def _compose(path: Path) -> yaml.Node | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as e:
        raise InputError(f"{path}: can't be read ({e.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: {len(raw):,} bytes is no config (at most {MAX_BYTES:,})")
    try:
        node = yaml.compose(raw.decode("utf-8"), Loader=PlainLoader)
    except UnicodeDecodeError as e:
        raise InputError(f"{path}: not UTF-8 text (byte {e.start})") from None
    except yaml.MarkedYAMLError as e:
        where = f":{e.problem_mark.line + 1}:{e.problem_mark.column + 1}" if e.problem_mark else ""
        raise InputError(f"{path}{where}: not valid YAML: {e.problem or e.context}") from None
    except (yaml.YAMLError, RecursionError) as e:
        raise InputError(f"{path}: not valid YAML: {type(e).__name__}: {e}".strip()) from None
    if node is not None:
        _bound_size(node, path)
    return node


def _bound_size(root: yaml.Node, path: Path) -> None:
    """Refuse alias bombs and self-reference: count nodes as they would expand."""
    count = 0
    pending: list[tuple[yaml.Node, int]] = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        count += 1
        if count > MAX_NODES or depth > 50:
            raise InputError(f"{path}: nested or repeated too deeply for a config (aliases?)")
        pending += [(child, depth + 1) for child in _children(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _construct(
    node: yaml.Node, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], problems: list[str], path: Path
) -> Any:
    """Build plain data, noting each value's line and duplicate keys."""
    lines[at] = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
        problems.append(f"{path}:{lines[at]}: a config is plain data; the tag {node.tag} is not allowed")
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*at, i), lines, problems, path) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(f"{path}:{key_node.start_mark.line + 1}: a key must be a plain word")
                continue
            key = _scalar(key_node, path)
            line = key_node.start_mark.line + 1
            if key in result:
                problems.append(f"{path}:{line}: {_dotted((*at, key))}: given twice")
            result[key] = _construct(value_node, (*at, key), lines, problems, path)
            lines[(*at, key)] = line
        return result
    return _scalar(node, path)


def _scalar(node: yaml.Node, path: Path) -> Any:
    # Every scalar tag of the safe loader builds without looking at other nodes, so one constructor serves all.
    try:
        return PlainLoader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError, OverflowError) as e:
        problem = getattr(e, "problem", None) or e
        raise InputError(f"{path}:{node.start_mark.line + 1}: not valid YAML: {problem}") from None


def _apply_override(data: dict[str, Any], override: str) -> None:
    dotted, equals, raw = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise InputError(f"--set {override}: expected dotted.path=value, for example camera.fov_deg=50")
    try:
        value = yaml.load(raw, Loader=PlainLoader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise InputError(f"--set {override}: the value is not valid YAML ({str(e).splitlines()[0]})") from None
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
    if not key.isdigit() or int(key) >= len(items):
        raise InputError(f"--set {override}: {key} is not an index into a list of {len(items)}")
    return int(key)


def _dotted(at: tuple[Any, ...]) -> str:
    return ".".join(str(k) for k in at)


def _type_name(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), f"{value!r}")
