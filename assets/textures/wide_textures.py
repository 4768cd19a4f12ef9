"""Textures widened, so that large surfaces show more of them before they repeat.

A pattern made of like parts (boards, tiles) shows, in the place of each part, another one by chance; joints stay where
they are. Any other is put together from patches of itself, each shifted by steps that its order allows. Done once, in
the image: as shader nodes it took a quarter to all of the time again that a picture of a bare floor takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

_PATCHES = 5
"""Along an edge of a widened texture: as many as three repetitions need."""
_REACH = 1.5
"""Radius of a patch, in distances between patches: so that every place lies within one."""
_JITTER = 0.25
_BENT = 0.1
"""How much borders of patches wander, of their radius: straight ones are seen."""
_SQUARINGS = 4
"""The more, the narrower the border in which one patch fades into the next: where two show, detail is doubled."""
_COARSE = 4
"""Pixels of a texture for each of the weights, which are smooth."""


@dataclass(frozen=True)
class Variation:
    """What may be changed about a texture without its looking wrong.

    Attributes:
        parts: it is a grid of like parts, any of which may take another's place; else it may shift.
        steps: (columns, rows) of that grid, 0 columns where rows go on without end; else along (x, y), the number of
            steps in a repetition by which a shift keeps its order (a weave's threads), 0 where any does.
    """

    parts: bool
    steps: tuple[int, int]


def widened(
    grey: npt.NDArray[np.uint8], variation: Variation, times: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A periodic texture, as many times as wide and high, that looks like ``grey`` everywhere and repeats it nowhere.

    Args:
        grey: (N, N), periodic; its parts, if any, begin at its edge.
        variation: of the texture.
        times: by how much.
        rng: chooses.

    Returns:
        (N * times, N * times).
    """
    return (_exchanged if variation.parts else _shifted)(grey, variation.steps, times, rng)


def _exchanged(
    grey: npt.NDArray[np.uint8], grid: tuple[int, int], times: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    size = len(grey)
    columns, rows = grid
    down = np.rint(np.linspace(0, size, rows + 1)).astype(int)
    across = np.rint(np.linspace(0, size, columns + 1)).astype(int) if columns else np.array([0])
    out = np.empty((size * times, size * times), np.uint8)
    for i in range(rows * times):
        start = i // rows * size
        y = np.arange(down[i % rows], down[i % rows + 1])
        band = out[start + y[0] : start + y[-1] + 1]
        if not columns:
            one = grey[_from(down[rng.integers(rows)], len(y), size)]
            band[:] = np.roll(np.tile(one, (1, times)), int(rng.integers(size)), axis=1)
        for j in range(columns * times):
            x = np.arange(across[j % columns], across[j % columns + 1])
            from_y, from_x = down[rng.integers(rows)], across[rng.integers(columns)]
            piece = grey[np.ix_(_from(from_y, len(y), size), _from(from_x, len(x), size))]
            band[:, j // columns * size + x] = piece
    return out


def _from(start: int, count: int, size: int) -> npt.NDArray[np.intp]:
    """Parts may differ by a pixel: what is one short takes the next one's first."""
    return (start + np.arange(count)) % size


def _shifted(
    grey: npt.NDArray[np.uint8], steps: tuple[int, int], times: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Each patch of a jittered lattice has a shift of its own, and fades into its neighbours."""
    size, edge = len(grey), len(grey) * times
    spacing = edge / _PATCHES
    reach = round(_REACH * spacing / _COARSE) * _COARSE
    canvas = np.zeros((edge + 2 * reach,) * 2, np.float32)
    squares, weights = (np.zeros((len(canvas) // _COARSE,) * 2, np.float32) for _ in range(2))
    ground = np.tile(grey.astype(np.float32) - grey.mean(dtype=np.float32), (2 * reach // size + 2,) * 2)
    for k in range(_PATCHES**2):
        row, column = (np.array(divmod(k, _PATCHES)) + 0.5 + rng.uniform(-_JITTER, _JITTER, 2)) * spacing
        dx, dy = (int(rng.integers(n)) * size // n if n else int(rng.integers(size)) for n in steps)
        weight = _patch(rng, reach // _COARSE)
        y, x = (int(c / _COARSE) for c in (row, column))
        coarse = (slice(y, y + len(weight)), slice(x, x + len(weight)))
        weights[coarse] += weight
        squares[coarse] += weight * weight
        y, x = y * _COARSE, x * _COARSE
        dy, dx = (y + dy) % size, (x + dx) % size
        fine = cv2.resize(weight, (2 * reach, 2 * reach), interpolation=cv2.INTER_LINEAR)
        fine *= ground[dy : dy + 2 * reach, dx : dx + 2 * reach]
        canvas[y : y + 2 * reach, x : x + 2 * reach] += fine
    # Independent patches keep their contrast where they fade into each other (E. Heitz and F. Neyret, "High-Performance
    # By-Example Noise", 2018, equation 1); those that keep their order are alike there, and simply averaged.
    whole = _folded(weights, reach // _COARSE) if any(steps) else np.sqrt(_folded(squares, reach // _COARSE))
    out = grey.mean() + _folded(canvas, reach) / _enlarged(whole)
    result: npt.NDArray[np.uint8] = np.rint(np.clip(out, 0, 255)).astype(np.uint8)
    return result


def _patch(rng: np.random.Generator, reach: int) -> npt.NDArray[np.float32]:
    """(2 * reach, 2 * reach) weights that fall from 1 in the middle to 0, along a border that wanders."""
    bend = cv2.resize(rng.normal(0, _BENT, (2, 8, 8)).astype(np.float32).transpose(1, 2, 0), (2 * reach,) * 2)
    along = (np.arange(2 * reach, dtype=np.float32) + 0.5) / reach - 1
    far = np.square(along[:, None] + bend[..., 0]) + np.square(along[None, :] + bend[..., 1])
    # Within its radius a patch has some weight, however its border wanders: no place must be without any.
    inside = np.square(along)[:, None] + np.square(along)[None, :] < 1
    weight: npt.NDArray[np.float32] = np.where(inside, np.maximum(1 - far, 0.1), 0)
    for _ in range(_SQUARINGS):
        weight *= weight
    return weight


def _enlarged(coarse: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """As patches' weights are: linearly."""
    padded = np.pad(coarse, 1, mode="wrap")
    fine = cv2.resize(padded, (len(padded) * _COARSE,) * 2, interpolation=cv2.INTER_LINEAR)
    return fine[_COARSE:-_COARSE, _COARSE:-_COARSE]


def _folded(canvas: npt.NDArray[np.float32], margin: int) -> npt.NDArray[np.float32]:
    """What lies in the margins comes in again from the other side."""
    for _ in range(2):
        canvas[margin : 2 * margin] += canvas[-margin:]
        canvas[-2 * margin : -margin] += canvas[:margin]
        canvas = canvas[margin:-margin].T
    return canvas
