"""YAML texts that somebody else wrote, as nodes, and these as plain data that remembers its lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import yaml

from scanstage.assets.files.plain_yaml import PlainLoader
from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.wording import shortened

_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Place = tuple[str | int, ...]
"""Keys and indices from the top of a document to a value."""


class NotPlain(ValueError):
    """A text is not YAML, or more than may be built of it. Its message is worded to follow a file's name."""


def compose(text: str, loader: type[PlainLoader] = PlainLoader, first_only: bool = False) -> yaml.Node | None:
    """The document of a YAML text.

    Args:
        text: to be read.
        loader: says what words mean.
        first_only: leave further documents alone, which are an error otherwise.

    Returns its node; None for an empty text. Raises NotPlain.
    """
    try:
        reader = loader(text)
        try:
            return (reader.get_node() if reader.check_node() else None) if first_only else reader.get_single_node()
        finally:
            reader.dispose()
    except yaml.MarkedYAMLError as e:
        where = f":{e.problem_mark.line + 1}:{e.problem_mark.column + 1}" if e.problem_mark else ""
        raise NotPlain(f"{where}: not valid YAML: {shortened(str(e.problem or e.context))}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise NotPlain(f": not valid YAML: {type(e).__name__}: {shortened(' '.join(str(e).split()))}") from None


@dataclass
class PlainData:
    """Builds plain data of nodes, and notes what a person has to be told of them.

    Attributes:
        place: the file, for messages.
        lines: of every value, by its keys and indices from the top.
        problems: what isn't plain, and keys that are given twice.
    """

    place: str
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Every scalar tag of the safe loader builds without looking at other nodes, so one constructor serves all.
        self._scalars = PlainLoader("")

    def build(self, node: yaml.Node, at: Place = ()) -> Any:
        """Mappings, lists and scalars. Raises InputError for a scalar that can't be what its tag says."""
        line = self.lines[at] = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            text = f"a config is plain data; the tag {shortened(node.tag)} is not allowed"
            self.problems.append(f"{self.place}:{line}: {text}")
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, i)) for i, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, at: Place) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(f"{self.place}:{line}: a key must be a plain word")
                continue
            key = self._scalar(key_node)
            if key in result:
                self.problems.append(f"{self.place}:{line}: {dotted((*at, key))}: given twice")
            result[key] = self.build(value_node, (*at, key))
            self.lines[(*at, key)] = line
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, OverflowError) as e:
            problem = getattr(e, "problem", None) or e
            where = f"{self.place}:{node.start_mark.line + 1}"
            raise InputError(f"{where}: not valid YAML: {shortened(str(problem))}") from None
        finally:
            self._scalars.constructed_objects.clear()  # else every node is kept, and an equal one taken for it
        return _sized(value) if type(value) is int else value


def dotted(at: tuple[Any, ...]) -> str:
    """Keys and indices as people write them: ``light.lamps.0.kind``."""
    return ".".join(shortened(str(k)) for k in at)


def _sized(value: int) -> int | float:
    """Beyond 64 bits a whole number is only as exact as a float, and may be no finite one: what reads it refuses it."""
    if -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
