"""What the numbers of vertex colours mean in formats that don't say it (OBJ, PLY): decided once for all channels.

Files hold 0 to 1, 0 to 255 or 0 to 65,535, whatever the type of their numbers, and some go a little beyond: filters
overshoot, and averages are rounded up. So what counts is where nearly all of the numbers lie, and not their maximum:
one value of 1.002 doesn't make 0 to 255 of a scan that is in 0 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import ScanFinding
from scanstage.assets.textures.srgb import srgb_bytes

ODD = "odd colors"
"""The topic of what its owner should look at."""
BESIDE_TEXTURE = ScanFinding("info", "colors", "vertex colours beside a texture", "takes the texture alone")
_NEARLY_ALL = 0.99  # of the numbers above 0
_UNDERSHOOT = 0.05  # of the scale; what is further below 0, and not just here and there, is no colour
# A scan with 0 to 255 whose numbers end at 2 would be black, and so would one with 0 to 65,535 that end at 256.
_UNIT_UP_TO, _BYTES_UP_TO, _WORDS_UP_TO = 2.0, 256.0, 65536.0
_DECLARED = re.compile(r"\bcolou?r[\s_-]*space\W*(linear|s?rgb)\b", re.IGNORECASE)


def declared_color_space(text: str) -> str | None:
    """``srgb`` or ``linear`` where a comment of a file says that its colours are."""
    found = _DECLARED.search(text)
    return None if found is None else "linear" if found[1].lower() == "linear" else "srgb"


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
