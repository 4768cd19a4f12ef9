"""Which unit and which up axis a scan has: declared by its format, or guessed from its size and shape.

Both guesses say how sure they are; ``--unit`` and ``--up`` override them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from scanstage.assets.messages.errors import InputError
from scanstage.assets.messages.option_names import option
from scanstage.assets.raw_scans.raw_scan import UNITS_M, RawScan, ScanFinding

# Largest extent in file units. Things that get scanned are mostly 3 cm to 3 m long: up to 3 units they are metres, up
# to 60 centimetres, above that millimetres. Near the bounds another unit is likely too, and inspection says so.
METRES_UP_TO = 3.0
CENTIMETRES_UP_TO = 60.0
_LIKELY_M = (0.02, 2.5)
# glTF is metres by its specification, but many tools write their millimetres into it as they are.
_DECLARED_UP_TO_M = 20.0
# Shares of the footprint: a can on its end has 1, on its side 0.25, a ball 0.06.
_STANDS, _LIES = 0.6, 0.3
SMALLEST_M, LARGEST_M = 0.0005, 200.0
_TINIEST_M = 1e-9  # below, a size is none that was meant
BY_BLENDER = "as Blender turns it, whatever its file has up"
SURE_OF_UP = ("given", "declared", BY_BLENDER)
"""Where the up axis comes from, if it isn't guessed."""


@dataclass(frozen=True)
class UnitGuess:
    """``unit``, where it came from (``given``, ``declared``, ``guessed``) and other units that would be plausible."""

    unit: str
    origin: str
    alternatives: tuple[str, ...] = ()


def find_unit(scan: RawScan, extent: float, wanted: str) -> UnitGuess:
    """The unit of a scan.

    Args:
        scan: for the unit that its format declares.
        extent: largest side of its bounding box, file units.
        wanted: ``auto``, ``m``, ``cm`` or ``mm``.

    Raises InputError for another ``wanted``, or where the size can't be meant (below 0.5 mm, above 200 m).
    """
    if wanted != "auto":
        if wanted not in UNITS_M:
            raise InputError(f"{option('unit')} {wanted!r} is not known", "one of auto, m, cm, mm")
        # Nobody scans a mug of 112 metres: what was given for all scans may not be the unit of this one.
        large = extent * UNITS_M[wanted] > _DECLARED_UP_TO_M
        declared = scan.unit if scan.unit_origin == "declared" else None
        return _checked(UnitGuess(wanted, "given", _likely(extent, wanted) if large else ()), extent, declared)
    if scan.unit and scan.unit_origin != "declared":
        return _checked(UnitGuess(scan.unit, scan.unit_origin, _likely(extent, scan.unit)), extent)
    if scan.unit and (scan.unit_given or extent * UNITS_M[scan.unit] <= _DECLARED_UP_TO_M):
        return _checked(UnitGuess(scan.unit, "declared"), extent)
    unit = "m" if extent <= METRES_UP_TO else "cm" if extent <= CENTIMETRES_UP_TO else "mm"
    if scan.unit:
        return _checked(UnitGuess(unit, f"guessed: {scan.unit} as declared is too large", (scan.unit,)), extent)
    return _checked(UnitGuess(unit, "guessed", _likely(extent, unit)), extent)


def _likely(extent: float, unit: str) -> tuple[str, ...]:
    """Other units in which it has the size of things that get scanned."""
    return tuple(u for u in ("m", "cm", "mm") if u != unit and _LIKELY_M[0] <= extent * UNITS_M[u] <= _LIKELY_M[1])


def _checked(guess: UnitGuess, extent: float, declared: str | None = None) -> UnitGuess:
    size = extent * UNITS_M[guess.unit]
    if not SMALLEST_M <= size <= LARGEST_M:
        hint = f"give its unit with {option('unit')} m, cm or mm, or scale the scan"
        if declared and declared != guess.unit:
            hint = f"its file says that it is in {declared}: leave {option('unit')} out for it"
        elif guess.origin == "declared" and _TINIEST_M < size < SMALLEST_M:
            times = math.ceil(SMALLEST_M / size)
            hint = f"nothing below {metres_text(SMALLEST_M)} can be used: export it at least {times:,} times as large"
        raise InputError(f"would be {metres_text(size)} large ({extent:.6g} {guess.unit}, unit {guess.origin})", hint)
    return guess


def metres_text(size: float) -> str:
    """A length in the unit that people would use for it."""
    for limit, factor, unit in ((0.01, 1e3, "mm"), (1.0, 1e2, "cm")):
        if size < limit:
            return f"{size * factor:.3g} {unit}"
    return f"{size:,.0f} m" if size >= 1000 else f"{size:.3g} m"


def extents_text(sizes: Iterable[float]) -> str:
    """Several lengths in the unit that suits the largest."""
    listed = list(sizes)
    for limit, factor, unit in ((0.01, 1e3, "mm"), (1.0, 1e2, "cm"), (math.inf, 1.0, "m")):
        if max(listed) < limit:
            return " x ".join(f"{s * factor:.3g}" for s in listed) + f" {unit}"
    return " x ".join(f"{s:.3g}" for s in listed) + " m"


def unit_findings(guess: UnitGuess, extent: float) -> list[ScanFinding]:
    """What inspection says about the unit."""
    number = f"{float(f'{extent:.4g}'):,.10g}"  # never 5e+04
    what = f"{number} {guess.unit} ({guess.origin}): {metres_text(extent * UNITS_M[guess.unit])} large"
    if not guess.alternatives:
        return [ScanFinding("info", "unit", what, "scales to metres")]
    others = " or ".join(f"{metres_text(extent * UNITS_M[u])} (--unit {u})" for u in guess.alternatives)
    return [
        ScanFinding(
            "warning",
            "unit",
            f"{what}; could also be {others}",
            f"takes {guess.unit} unless --unit says otherwise",
        )
    ]


@dataclass(frozen=True)
class UpGuess:
    """``up`` (``y`` or ``z``), where it came from, and the share of the footprint that the scan would stand on."""

    up: str
    origin: str
    support: dict[str, float]


def find_up(scan: RawScan, positions: npt.NDArray[np.float64], wanted: str) -> UpGuess:
    """The up axis of a scan: given, declared, else usual for its format unless the other one plainly stands better.

    Scans mostly have a flat or open base. The hull of what lies within 1.5 % of the height above the lowest point, as a
    share of the footprint, is near 1 for a can on its end, a quarter for one on its side, and 0.06 for a ball.

    Raises InputError for another ``wanted`` than ``auto``, ``y``, ``z``.
    """
    if wanted != "auto":
        if wanted not in ("y", "z"):
            raise InputError(f"--up {wanted!r} is not known", "one of auto, z, y")
        return UpGuess(wanted, "given", {})
    support = {"y": _support(positions, 1), "z": _support(positions, 2)}
    if scan.up:
        return UpGuess(scan.up, scan.up_origin, support)
    usual = scan.usual_up
    other = "y" if usual == "z" else "z"
    if support[other] > _STANDS and support[usual] < _LIES:
        return UpGuess(other, "guessed from its flat base", support)
    return UpGuess(usual, "usual for its format", support)


def _support(positions: npt.NDArray[np.float64], axis: int) -> float:
    height = positions[:, axis]
    low, high = float(height.min()), float(height.max())
    footprint = np.delete(positions, axis, axis=1)
    whole = _hull_area(footprint)
    base = footprint[height <= low + 0.015 * (high - low)]
    return _hull_area(base) / whole if whole > 0 else 1.0


def _hull_area(points: npt.NDArray[np.float64]) -> float:
    if len(points) < 3:
        return 0.0
    try:
        return float(ConvexHull(points).volume)  # scipy's name for the area of a 2D hull
    except (QhullError, ValueError):
        return 0.0


def up_findings(guess: UpGuess) -> list[ScanFinding]:
    """What inspection says about the up axis."""
    other = "y" if guess.up == "z" else "z"
    what = f"{guess.up.upper()} ({guess.origin})"
    action = "turns it Z up" if guess.up == "y" else "keeps it"
    there, here = guess.support.get(other, 0.0), guess.support.get(guess.up, 1.0)
    if there > _STANDS and here < _LIES:  # only where the format declares the axis; tools that ignore it are common
        what += f"; but it has a flat base along {other.upper()}"
        return [ScanFinding("warning", "up", what, f"{action} unless --up {other} says otherwise")]
    if there > _STANDS and guess.origin not in SURE_OF_UP:
        what += f"; it would stand on {other.upper()} as well (--up {other})"
    return [ScanFinding("info", "up", what, action)]


def to_z_up(points: npt.NDArray[np.float64], up: str) -> npt.NDArray[np.float64]:
    """(N, 3) points turned about X so that ``up`` becomes Z."""
    if up == "z":
        return points
    return np.stack([points[:, 0], -points[:, 2], points[:, 1]], axis=1)
