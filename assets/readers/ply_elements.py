"""The container of PLY: a header that declares elements and properties, then their values as text or binary.

Our own, because trimesh's can't read binary files that mix triangles with quads, takes minutes for the text files with
per-face UV lists that MeshLab writes, and believes the counts of the header before it has seen the file's size.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.readers.parsing.plain_text import check_text, parse_numbers

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8", "int64": "i8", "uint64": "u8",
}  # fmt: skip
_STRUCT = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q", "f4": "f", "f8": "d"}
_MAX_HEADER = 1 << 20

Values = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Lists:
    """A list property: ``counts`` (N,) int64 and all entries one after the other in ``flat`` (sum(counts),)."""

    counts: npt.NDArray[np.int64]
    flat: Values


@dataclass
class Property:
    """``count_type`` is None for a scalar."""

    name: str
    type: str
    count_type: str | None = None


@dataclass
class Element:
    """A declared element; ``columns`` is filled by :func:`read_elements`."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)
    columns: dict[str, Values | Lists] = field(default_factory=dict)

    def scalar(self, *names: str) -> Values | None:
        """The first of the named scalar columns that there is."""
        for name in names:
            if isinstance(column := self.columns.get(name), np.ndarray):
                return column
        return None

    def lists(self, *names: str) -> Lists | None:
        """The first of the named list columns that there is."""
        for name in names:
            if isinstance(column := self.columns.get(name), Lists):
                return column
        return None


def read_elements(data: bytes) -> tuple[dict[str, Element], list[str]]:
    """All elements by name, and the comments of the header. Raises InputError for what is broken or cut off."""
    encoding, elements, comments, body = _read_header(data)
    if encoding == "ascii":
        check_text(data)
        _read_text(data[body:], elements)
    elif encoding in ("binary_little_endian", "binary_big_endian"):
        _read_binary(data, body, elements, "<" if "little" in encoding else ">")
    else:
        raise InputError(f"unknown PLY format {encoding!r}")
    return {e.name: e for e in elements}, comments


def _read_header(data: bytes) -> tuple[str, list[Element], list[str], int]:
    if data[:3].lower() != b"ply":
        raise InputError("is not a PLY file")
    position, encoding = 0, ""
    elements: list[Element] = []
    comments: list[str] = []
    while True:
        end = data.find(b"\n", position, _MAX_HEADER)
        if end < 0:
            raise InputError("the PLY header doesn't end: the file is cut off")
        line = data[position:end].decode("utf-8", "replace").strip()
        position = end + 1
        key, *words = line.split() or [""]
        if key == "end_header":
            return encoding, elements, comments, position
        if key == "format" and words:
            encoding = words[0].lower()
        elif key in ("comment", "obj_info"):
            comments.append(line[len(key) :].strip())
        elif key == "element" and len(words) >= 2 and words[1].isdigit():
            elements.append(Element(words[0], int(words[1])))
        elif key == "property" and elements and len(words) >= 2:
            elements[-1].properties.append(_property(words))
        elif key not in ("", "ply"):
            raise InputError(f"the PLY header holds the line {line[:60]!r}")


def _property(words: list[str]) -> Property:
    try:
        if words[0] == "list":
            return Property(words[3], _TYPES[words[2]], _TYPES[words[1]])
        return Property(words[1], _TYPES[words[0]])
    except (KeyError, IndexError) as e:
        raise InputError(f"the PLY header declares an unknown property: {' '.join(words)[:60]!r}") from e


def _cut_off(element: Element) -> InputError:
    return InputError(f"the file is cut off: it holds less than the {element.count:,} {element.name} that it declares")


def _read_text(body: bytes, elements: list[Element]) -> None:
    numbers = parse_numbers([body], np.float64)
    at = 0
    for element in elements:
        at = _text_element(numbers, at, element)


def _text_element(numbers: npt.NDArray[np.float64], at: int, element: Element) -> int:
    """Fill one element's columns from position ``at``; returns where the next begins."""
    if not element.count or not element.properties:
        return at
    widths = []
    cursor = at
    for p in element.properties:  # lengths in the first row, hoped to be those of all rows
        if cursor >= len(numbers):
            raise _cut_off(element)
        widths.append(1 + _list_length(numbers[cursor]) if p.count_type else 1)
        cursor += widths[-1]
    width = cursor - at
    end = at + element.count * width
    if end <= len(numbers):
        table = numbers[at:end].reshape(element.count, width)
        starts = np.cumsum(widths) - widths
        listed = [(p, s, w) for p, s, w in zip(element.properties, starts, widths, strict=True)]
        if all((table[:, s] == w - 1).all() for p, s, w in listed if p.count_type):
            for p, s, w in listed:
                if p.count_type:
                    flat = table[:, s + 1 : s + w].ravel().astype(p.type)
                    element.columns[p.name] = Lists(np.full(element.count, w - 1, np.int64), flat)
                else:
                    element.columns[p.name] = table[:, s].astype(p.type)
            return end
    return _text_rows(numbers, at, element)


def _list_length(value: float) -> int:
    if not 0 <= value <= 1e6 or value != int(value):
        raise InputError("the PLY holds a list of impossible length")
    return int(value)


def _text_rows(numbers: npt.NDArray[np.float64], at: int, element: Element) -> int:
    """The same where rows differ in length: one by one."""
    rows = [_Rows() for _ in element.properties]
    for _ in range(element.count):
        for p, found in zip(element.properties, rows, strict=True):
            if at >= len(numbers):
                raise _cut_off(element)
            length = 1
            if p.count_type:
                length, at = _list_length(numbers[at]), at + 1
            if at + length > len(numbers):
                raise _cut_off(element)
            found.add(at, length)
            at += length
    for p, found in zip(element.properties, rows, strict=True):
        element.columns[p.name] = found.column(p, numbers, 1, numbers.dtype)
    return at


class _Rows:
    """Where the values of one property lie, row by row: 16 bytes each, whatever the number of values."""

    def __init__(self) -> None:
        self._starts, self._lengths = array("q"), array("q")

    def add(self, start: int, length: int) -> None:
        """A row of so many values."""
        self._starts.append(start)
        self._lengths.append(length)

    def column(self, p: Property, source: Any, size: int, kind: np.dtype[Any]) -> Values | Lists:
        """The values out of ``source``, in which each takes ``size`` items."""
        starts, lengths = np.array(self._starts, np.int64), np.array(self._lengths, np.int64)
        inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        at = np.repeat(starts, lengths) + inside * size
        if size == 1:
            flat = np.asarray(source)[at].view(kind)
        else:
            flat = np.asarray(source)[at[:, None] + np.arange(size)].view(kind).ravel()
        flat = flat.astype(p.type)
        return Lists(lengths, flat) if p.count_type else flat


def _read_binary(data: bytes, at: int, elements: list[Element], order: str) -> None:
    for element in elements:
        if not element.count or not element.properties:
            continue
        smallest = sum(np.dtype(p.count_type or p.type).itemsize for p in element.properties)
        if at + element.count * smallest > len(data):
            raise _cut_off(element)
        end = _binary_table(data, at, element, order)
        at = end if end is not None else _binary_rows(data, at, element, order)


def _binary_table(data: bytes, at: int, element: Element, order: str) -> int | None:
    """Fill the columns if all rows are as long as the first; else None and nothing filled."""
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    lengths: list[int] = []
    cursor = at
    for i, p in enumerate(element.properties):
        length = 0
        if p.count_type:
            count = np.dtype(order + p.count_type)
            if cursor + count.itemsize > len(data):
                raise _cut_off(element)
            length = _list_length(float(np.frombuffer(data, count, 1, cursor)[0]))
            fields += [(f"n{i}", count.str), (f"v{i}", order + p.type, (length,))]
            cursor += count.itemsize + length * np.dtype(p.type).itemsize
        else:
            fields.append((f"v{i}", order + p.type))
            cursor += np.dtype(p.type).itemsize
        lengths.append(length)
    dtype = np.dtype(fields)
    end = at + element.count * dtype.itemsize
    if end > len(data):
        return None
    table = np.frombuffer(data, dtype, element.count, at)
    listed = list(enumerate(element.properties))
    if not all((table[f"n{i}"] == lengths[i]).all() for i, p in listed if p.count_type):
        return None
    for i, p in listed:
        values = table[f"v{i}"].astype(p.type)
        if p.count_type:
            element.columns[p.name] = Lists(np.full(element.count, lengths[i], np.int64), values.ravel())
        else:
            element.columns[p.name] = values
    return end


def _binary_rows(data: bytes, at: int, element: Element, order: str) -> int:
    """The same where rows differ in length: one by one."""
    kinds = [
        (
            np.dtype(order + p.type).itemsize,
            struct.Struct(order + _STRUCT[p.count_type]) if p.count_type else None,
            _Rows(),
        )
        for p in element.properties
    ]
    for _ in range(element.count):
        for size, count, rows in kinds:
            length = 1
            if count is not None:
                if at + count.size > len(data):
                    raise _cut_off(element)
                length = _list_length(count.unpack_from(data, at)[0])
                at += count.size
            if at + length * size > len(data):
                raise _cut_off(element)
            rows.add(at, length)
            at += length * size
    source = np.frombuffer(data, np.uint8)
    for p, (size, _, rows) in zip(element.properties, kinds, strict=True):
        element.columns[p.name] = rows.column(p, source, size, np.dtype(order + p.type))
    return at
