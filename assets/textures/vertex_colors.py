"""What the numbers of vertex colours mean in formats that don't say it (OBJ, PLY): decided once for all channels.

Files hold 0 to 1, 0 to 255 or 0 to 65,535, whatever the type of their numbers, and some go a little beyond: filters
overshoot, and averages are rounded up. So what counts is where nearly all of the numbers lie, and not their maximum:
one value of 1.002 doesn't make 0 to 255 of a scan that is in 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import WHITE, Material
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.textures.srgb import srgb_bytes

ODD = "odd colors"
"""The topic of what its owner should look at."""
BESIDE_TEXTURE = ScanFinding("info", "colors", "vertex colours beside a texture", "takes the texture alone")
BESIDE_OTHERS = replace(BESIDE_TEXTURE, action="takes the texture where there is one, and colours elsewhere")
_NEARLY_ALL = 0.99  # of the numbers above 0
_UNDERSHOOT = 0.05  # of the scale; what is further below 0, and not just here and there, is no colour
# A scan with 0 to 255 whose numbers end at 2 would be black, and so would one with 0 to 65,535 that end at 256.
_UNIT_UP_TO, _BYTES_UP_TO, _WORDS_UP_TO = 2.0, 256.0, 65536.0
_DECLARED = re.compile(r"\bcolou?r[\s_-]*space\W*(linear|s?rgb)\b", re.IGNORECASE)


def declared_color_space(text: str) -> str | None:
    """``srgb`` or ``linear`` where a comment of a file says that its colours are."""
    found = _DECLARED.search(text)
    return None if found is None else "linear" if found[1].lower() == "linear" else "srgb"


@dataclass(frozen=True)
class ColoredFaces:
    """Faces of a file that has vertex colours.

    Attributes:
        faces: (F, 3) vertices of each.
        face_material: (F,) numbers.
        materials: those.
    """

    faces: npt.NDArray[np.int64]
    face_material: npt.NDArray[np.int64]
    materials: Sequence[Material]


def materials_in_color(
    channels: Sequence[npt.NDArray[np.generic]], given: ColoredFaces, wanted: str, declared: str | None
) -> tuple[npt.NDArray[np.uint8] | None, tuple[Material, ...], tuple[ScanFinding, ...]]:
    """Vertex colours, for materials that have no texture: writers that know both repeat it, or leave white.

    Args:
        channels, wanted, declared: as of :func:`color_bytes`.
        given: the faces, which may be none.

    Returns:
        (N, 4) colours as of :func:`color_bytes`, or None where no material shows any; the materials; and what was
        decided. A material of which no vertex has a colour keeps its own. Raises InputError as that does.
    """
    materials = tuple(given.materials)
    bare = np.array([not m.base_color_texture for m in materials])
    if not bare.any():
        return None, materials, (BESIDE_TEXTURE,)
    sound = np.logical_and.reduce([np.isfinite(channel) for channel in channels])
    shown = bare
    if len(given.faces) and sound.any() and not sound.all():
        shown = bare & _have(sound, given)
        aside = ~sound  # of materials that have no colour at all: not to be told of, nor to be given one
        aside[given.faces[shown[given.face_material]]] = False
        channels = [np.where(aside, channel[np.argmax(sound)], channel) for channel in channels]
    colors, told = color_bytes(channels, wanted, declared)
    if colors is None:
        return None, materials, told
    if not bare.all():
        shown = shown & _have((colors[:, :3] != 255).any(axis=1) & sound, given)
        told = (*told, BESIDE_OTHERS) if shown.any() else (BESIDE_TEXTURE,)
    if not shown.any():
        return None, materials, told
    return colors, tuple(_in_color(m) if shows else m for m, shows in zip(materials, shown, strict=True)), told


def _have(of_vertex: npt.NDArray[np.bool_], given: ColoredFaces) -> npt.NDArray[np.bool_]:
    """(M,) whether any vertex of a material's faces is one of these."""
    counts = np.bincount(given.face_material[of_vertex[given.faces].any(axis=1)], minlength=len(given.materials))
    return counts > 0


def _in_color(material: Material) -> Material:
    return replace(material, base_color=WHITE, vertex_colors=True)


def color_bytes(
    channels: Sequence[npt.NDArray[np.generic]], wanted: str, declared: str | None
) -> tuple[npt.NDArray[np.uint8] | None, tuple[ScanFinding, ...]]:
    """Vertex colours as an asset has them.

    Args:
        channels: red, green and blue, each (N,) of any type of numbers; what isn't finite is no colour.
        wanted: ``auto``, ``srgb`` or ``linear``, see :class:`reading_choices.ReadingChoices`.
        declared: ``srgb`` or ``linear`` where the file says so.

    Returns:
        (N, 4) uint8 sRGB with an alpha of 255, or None where the numbers are no colours; and what was decided.

    Raises InputError for numbers on a scale that isn't known.
    """
    space, origin = (wanted, "given") if wanted != "auto" else (declared or "srgb", "declared" if declared else "usual")
    rgba = np.full((len(channels[0]), 4), 255, np.uint8)
    if all(channel.dtype == np.uint8 for channel in channels):
        rgba[:, :3] = np.column_stack(channels)
        if space == "linear":
            rgba[:, :3] = srgb_bytes(rgba[:, :3] / 255.0)
        return rgba, (_decided("bytes", space, origin),)
    values = np.column_stack([channel.astype(np.float64) for channel in channels])
    sound = np.isfinite(values).all(axis=1)
    if not sound.any():
        return None, (_odd("none of its vertex colours is a number", "goes on without them"),)
    low, high = float(values[sound].min()), float(values[sound].max())
    top, name = _scale(values[sound], all(channel.dtype.kind in "iu" for channel in channels))
    if (values[sound] < -_UNDERSHOOT * top).mean() > 1 - _NEARLY_ALL:
        what = f"what stands where vertex colours do goes from {low:.6g} to {high:.6g}"
        return None, (_odd(what, "takes it for none"),)
    found = [_decided(name, space, origin)]
    if beyond := int(((values[sound] > top) | (values[sound] < 0)).sum()):
        numbers = "1 number of its vertex colours lies" if beyond == 1 else f"{beyond:,} numbers of its colours lie"
        found.append(_odd(f"{numbers} beyond {name} (they go from {low:.6g} to {high:.6g})", "clips them"))
    unit = np.clip(values / top, 0.0, 1.0)
    if broken := int((~sound).sum()):
        unit[~sound] = unit[sound].mean(axis=0)
        found.append(_odd(f"{broken:,} of {len(values):,} vertices have no colour", "gives them the others' mean"))
    rgba[:, :3] = srgb_bytes(unit) if space == "linear" else np.rint(unit * 255)
    return rgba, tuple(found)


def _scale(values: npt.NDArray[np.float64], whole: bool) -> tuple[float, str]:
    """The number that stands for full intensity, and the scale's name. Raises InputError where it can't be meant."""
    positive = values[values > 0]
    most = float(np.quantile(positive, _NEARLY_ALL)) if len(positive) else 0.0
    if most <= _UNIT_UP_TO and not whole:
        return 1.0, "0 to 1"
    if most <= _BYTES_UP_TO:
        return 255.0, "0 to 255"
    if most <= _WORDS_UP_TO:
        return 65535.0, "0 to 65,535 (16 bits)"
    raise InputError(
        f"its vertex colours go up to {most:.6g}: they are neither 0 to 1, 0 to 255 nor 0 to 65,535",
        "export them as bytes",
    )


def _decided(name: str, space: str, origin: str) -> ScanFinding:
    what = f"vertex colours of {name}, {'linear light' if space == 'linear' else 'sRGB'} ({origin})"
    other = " unless --vertex-colors linear says otherwise" if origin == "usual" else ""
    return ScanFinding("info", "colors", what, f"takes them so{other}")


def _odd(what: str, action: str) -> ScanFinding:
    return ScanFinding("warning", ODD, what, action)
