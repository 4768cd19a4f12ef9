"""What OpenCV's FileStorage writes as XML, read without OpenCV: its parser recurses, and crashes on deep nesting."""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from scanstage.assets.messages.wording import shortened

MAX_DEPTH = 50
_ROOT = "opencv_storage"


def read_opencv_xml(text: str) -> dict[str, Any]:
    """The entries of a file, as the same file in YAML holds them.

    Returns:
        By name: a number, a text, a list of numbers, or for a matrix ``{"data": [numbers]}``, a text where these are
        coded.

    Raises:
        ValueError: not XML, not OpenCV's, nested more than :data:`MAX_DEPTH` deep, or with a DTD.
    """
    entries = _Entries()
    parser = expat.ParserCreate()
    parser.StartElementHandler = entries.start
    parser.EndElementHandler = entries.end
    parser.CharacterDataHandler = entries.text
    parser.StartDoctypeDeclHandler = entries.refuse_dtd
    try:
        parser.Parse(text, True)
    except expat.ExpatError as e:
        raise ValueError(f"not valid XML: {e}") from None
    return {name: _value(parts) for name, parts in entries.found.items()}


class _Entries:
    """Texts of the elements right below the root and of those right below these; what is deeper is left out."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, list[str]]] = {}
        self._open: list[str] = []

    def start(self, tag: str, _: dict[str, str]) -> None:
        self._open.append(tag)
        if len(self._open) > MAX_DEPTH:
            raise ValueError(f"this XML is nested more than {MAX_DEPTH} deep")
        if self._open[0] != _ROOT:
            raise ValueError(f"this XML is not OpenCV's: its root is {shortened(tag)}, not {_ROOT}")
        if len(self._open) == 2:
            if tag in self.found:
                raise ValueError(f"{shortened(tag)} is given twice")
            self.found[tag] = {}

    def end(self, _: str) -> None:
        self.text(" ")  # <_>640</_><_>480</_>
        self._open.pop()

    def text(self, text: str) -> None:
        if len(self._open) in (2, 3):
            name = self._open[2] if len(self._open) == 3 else "_"
            self.found[self._open[1]].setdefault(name, []).append(text)

    def refuse_dtd(self, *_: Any) -> None:
        raise ValueError("this XML has a DTD, which OpenCV writes none of")


def _value(parts: dict[str, list[str]]) -> Any:
    if "data" in parts:
        text = "".join(parts["data"])
        return {"data": text if (numbers := _numbers(text.split())) is None else numbers}
    text = "".join(parts.get("_", ())).strip()
    found = _numbers(text.split())
    if not found:
        return text.strip('"')
    return found[0] if len(found) == 1 else found


def _numbers(words: list[str]) -> list[float] | None:
    """Numbers as OpenCV writes them, where all words are some: ``.Nan`` and ``.Inf`` are two of them."""
    try:
        return [float(w.replace(".", "", 1) if w.lstrip("+-").lower() in (".nan", ".inf") else w) for w in words]
    except ValueError:
        return None
