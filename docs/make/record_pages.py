"""The page of the reference on records: every attribute of the classes that a record is made of."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from typing import Any

from config_pages import slug

from scanstage.dataset.records.record import FORMAT_VERSION, Record

_MATRIX = {
    "Matrix4": "4 rows of 4 numbers",
    "Matrix3": "3 rows of 3 numbers",
    "Vector3": "3 numbers",
    "Rgb": "3 numbers",
}
_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "null"}


def record_page() -> str:
    """The Markdown of the page."""
    parts = [
        "# Records",
        "`records/NNNNNN.json` holds all that is known of a picture, in one line of JSON; every"
        " export derives from these"
        f" files alone. This is format {FORMAT_VERSION}; one of another format is refused, never misread. From Python:"
        " [`open_dataset`](python.md).",
        "Lengths are metres, angles radians, colours linear RGB, pixels have their centres at +0.5. The world is"
        " right-handed with Z up, cameras are OpenCV's: x right, y down, z forward. Matrices are"
        " row-major and named `a_to_b`:"
        " `p_b = a_to_b @ p_a`. Boxes are `x, y, width, height` in whole pixels, half open. Masks are COCO's compressed"
        " RLE.",
        "```python\nimport json\n\nfrom pycocotools import mask\n\n"
        'record = json.load(open("output/quickstart/records/000000.json"))\n'
        'for label in record["instances"]:\n'
        '    size, counts = label["mask"]["size_hw"], label["mask"]["counts"]\n'
        '    pixels = mask.decode({"size": size, "counts": counts})  # (H, W) of 0 and 1\n'
        '    print(label["class_name"], label["bbox_xywh"], pixels.sum())\n```',
    ]
    parts += [_section(cls) for cls in record_classes()]
    return "\n\n".join(parts) + "\n"


def record_classes() -> list[type]:
    """The record's class and all that it names, in the order in which they are met."""
    found: list[type] = []

    def visit(cls: type) -> None:
        if cls not in found:
            found.append(cls)
            for hint in typing.get_type_hints(cls, include_extras=True).values():
                for inner in _dataclasses(hint):
                    visit(inner)

    visit(Record)
    return found


def attributes(cls: type) -> dict[str, str]:
    """What the docstring of a class says of each of its attributes; an empty text where it says nothing."""
    doc = inspect.getdoc(cls) or ""
    said: dict[str, str] = {}
    _, _, section = doc.partition("Attributes:\n")
    name: list[str] = []
    for line in section.splitlines():
        if match := re.match(r"^    (\w[\w, ]*): (.*)$", line):
            name = [n.strip() for n in match[1].split(",")]
            said |= dict.fromkeys(name, match[2])
        elif line.startswith("     ") and name:
            said |= {n: f"{said[n]} {line.strip()}" for n in name}
    return {field.name: said.get(field.name, "") for field in dataclasses.fields(cls)}


def _section(cls: type) -> str:
    doc = inspect.getdoc(cls) or ""
    about = " ".join(doc.partition("Attributes:")[0].split())
    hints, said = typing.get_type_hints(cls, include_extras=True), attributes(cls)
    rows = []
    for field in dataclasses.fields(cls):
        default = "" if field.default is dataclasses.MISSING else _default(field.default)
        written = _kind(hints[field.name], _annotation(cls, field.name))
        meaning = _text(said[field.name] or _MEANING.get((cls.__name__, field.name), ""))
        rows.append(f"| `{field.name}` | {written} | {meaning}{default} |")
    table = "| attribute | is | meaning |\n|---|---|---|\n" + "\n".join(rows)
    return f"## {cls.__name__}\n\n{_text(about)}\n\n{table}"


_MEANING = {
    ("Record", "format"): "of the record itself",
    ("Instance", "box_3d"): "where it is",
    ("FramePlan", "index"): "of the picture",
    ("FramePlan", "attempt"): "arrangements and views that were refused before this one",
    ("FramePlan", "camera"): "that takes it",
    ("FramePlan", "lamps"): "beside the environment",
    ("FramePlan", "world"): "light from all around",
    ("FramePlan", "background"): "what is seen where no surface is",
    ("FramePlan", "surfaces"): "parts of the stage",
    ("FramePlan", "objects"): "scans and distractors",
    ("FramePlan", "post"): "from radiance to the picture's file",
    ("FramePlan", "factors"): "what was drawn, for reports: by the name of the draw",
    ("Unlabelled", "instance_id"): "as in the plan",
    ("Unlabelled", "class_name"): "what it is; null for a distractor",
    ("Unlabelled", "reason"): "the rule that says so, or `distractor`",
    ("LampPlan", "lamp_to_world"): "where it stands, and where it shines",
    ("LampPlan", "power"): "see `kind`",
    ("LampPlan", "color"): "of its light, linear RGB",
    ("WorldPlan", "color"): "of even light, where `hdri` is null, linear RGB",
    ("BackgroundPlan", "kind"): "which of the three",
    ("BackgroundPlan", "color"): "linear RGB, for `color`",
    ("BackgroundPlan", "image"): "path of the photo, for `backplate`",
    ("SurfaceMaterial", "color_a"): "linear RGB",
    ("SurfaceMaterial", "color_b"): "linear RGB",
    ("SurfacePlan", "object_to_world"): "where it stands, and how large it is",
    ("SurfacePlan", "material"): "of it",
    ("NoisePlan", "shot"): "variance of white",
    ("NoisePlan", "read"): "standard deviation of black",
    ("KeypointLabel", "name"): "of the point, as in the scan's file",
}
"""What the classes say in their first sentence, or by their names."""


def _annotation(cls: type, name: str) -> str:
    return str(inspect.get_annotations(cls).get(name, ""))


def _kind(hint: Any, written: str) -> str:
    for name, words in _MATRIX.items():
        if re.fullmatch(rf"{name}( \| None)?", written):
            return words + (" or null" if "None" in written else "")
    return _in_words(hint)


def _in_words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _in_words(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_in_words(part) for part in inner))
    if origin is typing.Literal:
        return ", ".join(f"`{option}`" for option in inner)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return f"list of {_plural(_in_words(inner[0]))}"
        parts = {_in_words(part) for part in inner}
        return f"{len(inner)} {_plural(parts.pop())}" if len(parts) == 1 else "list"
    if origin is dict:
        return f"mapping from {_plural(_in_words(inner[0]))} to {_plural(_in_words(inner[1]))}"
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return f"[{hint.__name__}](#{slug(hint.__name__)})"
    return _WORDS.get(hint, "anything")


def _plural(words: str) -> str:
    return {"a number": "numbers", "a whole number": "whole numbers", "a text": "texts", "anything": "anything"}.get(
        words, words
    )


def _dataclasses(hint: Any) -> Iterator[type]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for inner in typing.get_args(hint):
        yield from _dataclasses(inner)


def _default(value: Any) -> str:
    if dataclasses.is_dataclass(value) or value == ():
        return ""
    words = {None: "null", True: "true", False: "false"}
    return f" (`{words.get(value, value) if isinstance(value, bool | types.NoneType) else value}` unless given)"


def _text(text: str) -> str:
    text = re.sub(r":(?:class|mod|func|meth|data):`~?(?:\w+\.)*(\w+)`", r"`\1`", text).replace("``", "`")
    return text.replace("|", "\\|").rstrip(".")
