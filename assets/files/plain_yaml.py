"""The YAML that configs, calibrations and keypoint files are read as: plain data, in the core schema of YAML 1.2.

Files come from outside, so what aliases blow up is counted before it is built, and nesting is bounded.
Specification: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

MAX_DEPTH = 100
"""Lists and mappings within each other, also those that aliases put there."""
MAX_NODES = 100_000
"""Values, keys, lists and mappings of a file, with everything that an alias stands for counted once more."""
_MAX_NUMBER = 1000  # characters; Python refuses to show integers of more than 4300 digits
_CORE = "tag:yaml.org,2002:"
# In this order: what is an integer would be a floating point number too.
_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)
_PATTERNS = {f"{_CORE}{name}": re.compile(rf"(?:{pattern})\Z") for name, pattern, _ in _SCALARS}


class PlainLoader(yaml.SafeLoader):
    """Plain data: null, true and false, numbers, text, lists and mappings.

    ``010`` is ten, ``0o10`` eight, ``1e-3`` and ``-.5`` are numbers; ``yes``, ``1:30``, ``1_000`` and ``2024-01-31``
    are text. Merge keys (``<<``), which YAML 1.2 no longer has, keys that are given twice, other tags, and what nests
    or repeats beyond :data:`MAX_DEPTH` and :data:`MAX_NODES` are a ``yaml.MarkedYAMLError``.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0
        self._anchored: dict[yaml.Node, tuple[int, int]] = {}  # nodes and levels that an alias of it stands for
        self._deepest = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As PyYAML's; raises ComposerError where the document becomes too large, and before it does."""
        event: Any = self.peek_event()
        mark: Any = event.start_mark
        node: Any
        if isinstance(event, yaml.AliasEvent):
            node = super().compose_node(parent, index)
            if node not in self._anchored:
                raise ComposerError(None, None, f"*{event.anchor} stands for what it is a part of", mark)
            self._grow(*self._anchored[node], mark)
            return node
        above, outside = self._deepest, self._nodes
        self._depth += 1
        self._deepest = self._depth
        self._grow(1, 0, mark)
        node = super().compose_node(parent, index)
        if event.anchor is not None:
            self._anchored[node] = self._nodes - outside, self._deepest - self._depth + 1
        self._deepest = max(above, self._deepest)
        self._depth -= 1
        return node

    def _grow(self, nodes: int, levels: int, mark: Any) -> None:
        self._nodes += nodes
        self._deepest = max(self._deepest, self._depth + levels)
        if self._deepest > MAX_DEPTH:
            raise ComposerError(None, None, f"nested more than {MAX_DEPTH} levels deep", mark)
        if self._nodes > MAX_NODES:
            raise ComposerError(None, None, f"more than {MAX_NODES:,} values (aliases count as often as used)", mark)

    def compose_mapping_node(self, anchor: Any) -> Any:
        """As PyYAML's; raises ComposerError for a merge key: loaders that follow it can be made to take for ever."""
        node = super().compose_mapping_node(anchor)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.style is None:
                raise ComposerError(None, None, "merge keys (<<) are not read: write the keys out", key.start_mark)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A dict; a key that is given twice is an error, where YAML libraries keep the last silently."""
        if not isinstance(node, yaml.MappingNode):
            raise ConstructorError(None, None, f"expected a mapping, but found a {node.id}", node.start_mark)
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConstructorError(None, None, "a list or mapping can't be a key", key_node.start_mark)
            key = self.construct_object(key_node, deep=deep)
            if key in mapping:
                raise ConstructorError(None, None, f"{key_node.value[:80]!r} is given twice", key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping

    def construct_number(self, node: Any) -> int | float:
        """An int or float of the core schema."""
        text = self._scalar(node)
        if len(text) > _MAX_NUMBER:
            raise ConstructorError(None, None, f"a number of {len(text):,} characters", node.start_mark)
        if node.tag == f"{_CORE}int":
            return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    def construct_bool(self, node: Any) -> bool:
        """True or false."""
        return self._scalar(node) == "true"

    def construct_null(self, node: Any) -> None:
        """Nothing."""
        self._scalar(node)

    def _scalar(self, node: Any) -> str:
        """The text of a scalar in lower case; a tag may have been put before anything (``!!int bread``)."""
        text = self.construct_scalar(node)
        if not _PATTERNS[node.tag].match(text):
            kind = node.tag.removeprefix(_CORE)
            raise ConstructorError(None, None, f"{text[:80]!r} is no {kind}", node.start_mark)
        return str(text.lower())

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's way
    yaml_constructors = {  # noqa: RUF012
        f"{_CORE}null": construct_null,
        f"{_CORE}bool": construct_bool,
        f"{_CORE}int": construct_number,
        f"{_CORE}float": construct_number,
        f"{_CORE}str": yaml.SafeLoader.construct_yaml_str,
        f"{_CORE}seq": yaml.SafeLoader.construct_yaml_seq,
        f"{_CORE}map": yaml.SafeLoader.construct_yaml_map,
        None: yaml.SafeLoader.construct_undefined,
    }


for _name, _, _first in _SCALARS:
    PlainLoader.add_implicit_resolver(f"{_CORE}{_name}", _PATTERNS[f"{_CORE}{_name}"], _first)


def what_is_wrong(error: yaml.YAMLError | RecursionError | ValueError) -> str:
    """One line of text for an error of loading: its place and reason, without the lines of the file around it."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())[:200] or type(error).__name__
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{error.problem or error.context}"[:200]
