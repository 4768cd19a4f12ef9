"""What each of many switches is worth, from few sets: half of them are off in each set, in an orthogonal design.

A row for each switch that is off compares two sets; here every switch is judged by all of them, half with and half
without it, so that twelve sets give differences less than half as uncertain, and averages over what else is on.
R. L. Plackett and J. P. Burman, "The Design of Optimum Multifactorial Experiments", Biometrika 33 (1946).

Where there are as many unknowns as trainings, nothing is left over to tell noise by. Most switches then are taken to do
little, and what the smaller effects scatter by is the noise: R. V. Lenth, "Quick and Easy Analysis of Unreplicated
Factorials", Technometrics 31 (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ablations import Row

_FIRST_ROWS = {12: "++-+++---+-", 20: "++--++++-+-+----++-", 24: "+++++-+-++--++--+-+----"}
"""Of cyclic designs, by the number of sets; they take one switch less than that."""


@dataclass(frozen=True)
class Effect:
    """A switch: points of AP50 and AP (0 to 100) that switching it off costs (negative) or gains, and the standard
    error of each."""

    name: str
    ap50: float
    ap: float
    ap50_error: float
    ap_error: float


def design(switches: int) -> npt.NDArray[np.bool_]:
    """(sets, switches): what is off in each set, nothing in the first; every column is off in half of them.

    Raises ValueError where there are more than 23 switches.
    """
    size = next((n for n in _FIRST_ROWS if n > switches), None)
    if size is None:
        raise ValueError(f"{switches} switches: {max(_FIRST_ROWS) - 1} can be told apart at most")
    first = np.array([c == "+" for c in _FIRST_ROWS[size]])
    rows = np.stack([np.zeros(size - 1, bool), *(np.roll(first, k) for k in range(size - 1))])
    chosen: npt.NDArray[np.bool_] = rows[:, :switches]
    return chosen


def screened(switches: Sequence[Row]) -> tuple[npt.NDArray[np.bool_], list[Row]]:
    """The design and a row for each of its sets. ``switches``: the config itself, then one for each switch."""
    base, *off = switches
    matrix = design(len(off))
    rows = [base]
    for number, chosen in enumerate(matrix[1:], 2):
        extra = [text for row, is_off in zip(off, chosen, strict=True) if is_off for text in added(base, row)]
        rows.append(Row(f"set {number} of {len(matrix)}", (*base.overrides, *extra)))
    return matrix, rows


def added(base: Row, row: Row) -> tuple[str, ...]:
    """The overrides that a row has more than the config itself."""
    return row.overrides[len(base.overrides) :]


def effects(
    names: Sequence[str], matrix: npt.NDArray[np.bool_], scores: Sequence[Sequence[tuple[float, float]]]
) -> list[Effect]:
    """What switching off is worth, by least squares.

    Args:
        names: of the switches.
        matrix: (sets, switches), see :func:`design`.
        scores: of each set, for each seed: (AP50, AP) from 0 to 1.
    """
    x = np.array([[1.0, *row] for row, found in zip(matrix, scores, strict=True) for _ in found])
    y = 100 * np.array([score for found in scores for score in found])
    solution = np.linalg.lstsq(x, y, rcond=None)[0]
    free = len(x) - x.shape[1]
    if free > 0:
        variance = np.square(y - x @ solution).sum(axis=0) / free
        errors = np.sqrt(np.outer(np.diag(np.linalg.inv(x.T @ x))[1:], variance))
    else:
        errors = np.tile(_scatter(solution[1:]), (len(names), 1))
    return [
        Effect(name, *map(float, effect), *map(float, error))
        for name, effect, error in zip(names, solution[1:], errors, strict=True)
    ]


def _scatter(found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lenth's pseudo standard error of the columns of (effects, scores): of those effects that may be nothing."""
    sizes = np.abs(found)
    first = 1.5 * np.median(sizes, axis=0)
    small = np.where(sizes <= 2.5 * first, sizes, np.nan)
    error: npt.NDArray[np.float64] = 1.5 * np.nanmedian(small, axis=0)
    return error
