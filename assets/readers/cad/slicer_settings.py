"""What slicers say of a 3MF's bodies in files of their own: what each is for, and which filament it is printed with.

Bambu Studio and Orca speak of parts of an object, PrusaSlicer of runs of its triangles. The files are untrusted: they
are read up to a size, and XML without a DTD, whose entities may be far larger than the file.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from typing import Any
from xml.etree import ElementTree

MAX_SETTINGS_BYTES = 8 << 20
"""Of one file; those of a hundred plates take a tenth of it."""
_BODIES = ("metadata/model_settings.config", "metadata/slic3r_pe_model.config")
_BAMBU_COLORS, _PRUSA_COLORS = "metadata/project_settings.config", "metadata/slic3r_pe.config"
_COLOR = re.compile(r"#([0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?")
_PRUSA_LINE = re.compile(r"^[; \t]*(extruder|filament)_colour[ \t]*=[ \t]*(.*)$", re.MULTILINE)
_BROKEN = (ValueError, RuntimeError, OSError, EOFError)  # RuntimeError: encrypted, or nested too deeply

_Rgb = tuple[int, int, int] | None


def slicer_settings(archive: zipfile.ZipFile) -> dict[str, Any]:
    """What JSON can hold: ``objects`` by their numbers, ``colors`` of filaments 1 … (sRGB, or None), ``unread``.

    An object has a ``name``, a ``filament``, and of its ``parts``, by their numbers, [kind, filament, name], or of
    ``runs`` of its triangles [first, after the last, kind, filament, name]. Filament 0: that of what it is in.
    """
    members = {member.filename.lower(): member for member in archive.infolist()}
    objects: dict[int, dict[str, Any]] = {}
    colors: list[_Rgb] = []
    unread = False
    for name in (*_BODIES, _BAMBU_COLORS, _PRUSA_COLORS):
        if name not in members:
            continue
        try:
            text = _text(archive, members[name])
            if name in _BODIES:
                objects |= _objects(text)
            else:
                colors = colors or (_bambu_colors(text) if name == _BAMBU_COLORS else _prusa_colors(text))
        except (*_BROKEN, zipfile.BadZipFile, zlib.error, ElementTree.ParseError):
            unread = True
    return {"objects": objects, "colors": colors, "unread": unread}


def _text(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    with archive.open(member) as f:
        data = f.read(MAX_SETTINGS_BYTES + 1)
    if len(data) > MAX_SETTINGS_BYTES:
        raise ValueError("it is too large")
    return data.decode("utf-8-sig")


def _objects(text: str) -> dict[int, dict[str, Any]]:
    if "<!DOCTYPE" in text:
        raise ValueError("it has a DTD")
    objects: dict[int, dict[str, Any]] = {}
    for item in ElementTree.fromstring(text).iterfind("object"):
        parts, runs = {}, []
        for part in item.iterfind("part"):
            says = _says(part)
            kind, filament = part.get("subtype", "normal_part"), _number(says.get("extruder"))
            parts[_number(part.get("id"))] = [kind, filament, says.get("name", "")]
        for run in item.iterfind("volume"):
            says = _says(run)
            kind = says.get("volume_type") or ("modifier" if says.get("modifier") == "1" else "ModelPart")
            first, last = _number(run.get("firstid")), _number(run.get("lastid"), -1)
            runs.append([first, last + 1, kind, _number(says.get("extruder")), says.get("name", "")])
        says = _says(item)
        own = {"name": says.get("name", ""), "filament": _number(says.get("extruder"))}
        objects[_number(item.get("id"))] = {**own, "parts": parts, "runs": runs}
    return objects


def _says(item: ElementTree.Element) -> dict[str, str]:
    return {data.get("key", ""): data.get("value", "") for data in item.iterfind("metadata")}


def _number(text: str | None, otherwise: int = 0) -> int:
    """Raises ValueError for what is none."""
    return otherwise if not text else int(text[:9])


def _bambu_colors(text: str) -> list[_Rgb]:
    settings = json.loads(text)
    given = settings.get("filament_colour") if isinstance(settings, dict) else None
    return [_color(str(code)) for code in given] if isinstance(given, list) else []


def _prusa_colors(text: str) -> list[_Rgb]:
    """Colours of extruders, and of filaments where those are empty, as PrusaSlicer shows them."""
    given = {kind: [code.strip().strip('"') for code in codes.split(";")] for kind, codes in _PRUSA_LINE.findall(text)}
    extruders, filaments = given.get("extruder", []), given.get("filament", [])
    both = [(*extruders[k : k + 1], *filaments[k : k + 1]) for k in range(max(len(extruders), len(filaments)))]
    return [_color(next(filter(None, codes), "")) for codes in both]


def _color(code: str) -> _Rgb:
    """Without its alpha, by which slicers show filaments that let some light through: it is no share of a surface."""
    found = _COLOR.fullmatch(code.strip())
    if found is None:
        return None
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue
