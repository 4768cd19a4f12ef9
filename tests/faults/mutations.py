"""Configs made hostile: values, keys and bytes changed at random."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    "",
    -1,
    0,
    1,
    0.5,
    1e308,
    -1e-320,
    10**30,
    float("nan"),
    float("inf"),
    [],
    {},
    [[[]]],
    {"": ""},
    {"uniform": [5, 1]},
    {"uniform": [0, float("inf")]},
    {"uniform": "ab"},
    {"log_uniform": [0, 1]},
    {"choice": []},
    {"choice": {"a": -1, "b": 2}},
    {"choice": [1, {"choice": [2, "x"]}]},
    {"normal": {"mean": 0, "std": -1}},
    {"normal": {"mean": 0, "std": 1, "min": 50}},
    {"integer": [0.5, 3]},
    {"integer": [0, 10**12]},
    {"var": "nowhere"},
    {"switch": {"by": "time", "cases": {}}},
    {"hsv": {"hue": 7}},
    "../../etc/passwd",
    "/dev/zero",
    "/dev/null",
    "/proc/self/mem",
    "builtin:nothing",
    "a\0b",
    "\ud7ff\U0010ffff",
    "x" * 5000,
    "!!python/object/apply:os.system [true]",
    "2024-02-30",
    "1:30:00",
    "0x1F",
    "~",
)


def mutated(document: dict[str, Any], rng: np.random.Generator) -> bytes:
    """A config's text with one to three changes of its structure, or of its bytes."""
    if rng.random() < 0.3:
        return _noisy(_dump(document), rng)
    changed = copy.deepcopy(document)
    # Half of the changes are such that many a config can still be read, and has to be planned.
    changes, most = (GENTLE, 2) if rng.random() < 0.5 else (CHANGES, 3)
    for _ in range(int(rng.integers(1, most + 1))):
        changes[int(rng.integers(len(changes)))](changed, rng)
    return _dump(changed)


def _dump(document: Any) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def _places(node: Any) -> list[tuple[Any, Any]]:
    """All containers with a key or index each, at any depth."""
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [place for key, value in items for place in [(node, key), *_places(value)]]


def _pick(document: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    places = _places(document) or [({"a": 1}, "a")]
    return places[int(rng.integers(len(places)))]


def _hostile(rng: np.random.Generator) -> Any:
    return copy.deepcopy(HOSTILE[int(rng.integers(len(HOSTILE)))])


def _replace(document: Any, rng: np.random.Generator) -> None:
    container, key = _pick(document, rng)
    container[key] = _hostile(rng)


def _delete(document: Any, rng: np.random.Generator) -> None:
    container, key = _pick(document, rng)
    del container[key]


def _scale(document: Any, rng: np.random.Generator) -> None:
    numbers = [(c, k) for c, k in _places(document) if isinstance(c[k], int | float) and not isinstance(c[k], bool)]
    if numbers:
        container, key = numbers[int(rng.integers(len(numbers)))]
        factor = float(rng.choice([-1.0, 0.0, 0.01, 0.3, 0.7, 2.0, 7.3, 1e4, 1e18]))
        container[key] = type(container[key])(container[key] * factor)


def _swap(document: Any, rng: np.random.Generator) -> None:
    (a, i), (b, k) = _pick(document, rng), _pick(document, rng)
    a[i], b[k] = copy.deepcopy(b[k]), copy.deepcopy(a[i])


def _rename(document: Any, rng: np.random.Generator) -> None:
    container, key = _pick(document, rng)
    if isinstance(container, dict):
        new = str(rng.choice(["", "kind", "count", f"{key}s", str(key)[:-1], "__class__", "0", "*"]))
        container[new] = container.pop(key)


def _wrap(document: Any, rng: np.random.Generator) -> None:
    container, key = _pick(document, rng)
    value = container[key]
    wraps: list[Any] = [[value], {"choice": [value, value]}, {"uniform": [value, value]}, {key: value}, str(value)]
    container[key] = wraps[int(rng.integers(len(wraps)))]


CHANGES: tuple[Callable[[Any, np.random.Generator], None], ...] = (
    _replace,
    _replace,
    _delete,
    _scale,
    _swap,
    _rename,
    _wrap,
)

GENTLE = (_delete, _scale, _scale)


def _noisy(text: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, inserted, cut out; lines doubled and shifted; the text cut short."""
    data = bytearray(text)
    for _ in range(int(rng.integers(1, 5))):
        if len(data) < 4:
            break
        at = int(rng.integers(len(data) - 1))
        match int(rng.integers(6)):
            case 0:
                data[at] = int(rng.integers(256))
            case 1:
                data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 6)), dtype=np.uint8))
            case 2:
                del data[at : at + int(rng.integers(1, 20))]
            case 3:
                lines = bytes(data).splitlines(keepends=True)
                line = int(rng.integers(len(lines)))
                lines[line:line] = [b"  " * int(rng.integers(3)) + lines[int(rng.integers(len(lines)))]]
                data = bytearray(b"".join(lines))
            case 4:
                extra = [
                    b"&a ",
                    b"*a ",
                    b"<<: *a\n",
                    b"!!binary ",
                    b"{",
                    b"[",
                    b"'",
                    b'"',
                    b": ",
                    b"\t",
                    b"---\n",
                    b"%YAML 9\n",
                ]
                data[at:at] = extra[int(rng.integers(len(extra)))]
            case 5:
                del data[at:]
    return bytes(data)
