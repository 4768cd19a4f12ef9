"""Textures that don't repeat beyond their edges: made so large that repeating them shows the same.

Everything that looks at an asset repeats textures. Where a file says that one is mirrored beyond its edge, or that its
edge goes on (glTF's samplers, ``-clamp`` of MTL), and faces reach there, its pixels are laid out as far as they do, and
the UVs are scaled to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from scanstage.assets.asset import TEXTURE_KEYS, Material, TextureTransform
from scanstage.assets.messages.errors import InputError
from scanstage.assets.raw_scans.raw_scan import RawScan, ScanFinding
from scanstage.assets.raw_scans.scan_bounds import MAX_PX
from scanstage.assets.textures.texture_coding import image_size, laid_out

Floats = npt.NDArray[np.float64]
Wrap = Literal["repeat", "mirror", "clamp"]
WrapModes = tuple[Wrap, Wrap]
"""Along U and V."""
REPEATED: WrapModes = ("repeat", "repeat")
_STEPS = 16  # a clamped texture is laid out in so many steps a side at most
_MAX_PIXELS = 1 << 26  # of one that is laid out
_WORDS = {"mirror": "mirrored", "clamp": "clamped"}


@dataclass(frozen=True)
class _Span:
    """How much is laid out: along U and V (which points down, as rows do), in sides of the texture."""

    low: tuple[float, float]
    high: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        return self.high[0] - self.low[0], self.high[1] - self.low[1]


def with_wraps(scan: RawScan, wraps: Mapping[int, Mapping[str, WrapModes]]) -> RawScan:
    """A scan whose textures may be repeated.

    Args:
        scan: of a reader.
        wraps: of a material's number, by its textures' keys, those that aren't just repeated.
    """
    if scan.corner_uv is None:
        return scan
    for number, modes in wraps.items():
        if any(mode != REPEATED for mode in modes.values()):
            scan = _laid_out(scan, number, modes)
    return scan


def _laid_out(scan: RawScan, number: int, modes: Mapping[str, WrapModes]) -> RawScan:
    assert scan.corner_uv is not None
    material = scan.materials[number]
    mine = scan.face_material == number
    uv = scan.corner_uv[mine].astype(np.float64)
    uv = uv[np.isfinite(uv).all(axis=(1, 2))]
    if not len(uv):
        return scan
    moved = {t.key: _square(t.matrix) for t in material.texture_transforms}
    textures = {key: str(name) for key in TEXTURE_KEYS if (name := getattr(material, key)) is not None}
    apart = [key for key in textures if key in moved and _needs(modes.get(key, REPEATED), _at(moved[key], uv))]
    own = {key: name for key, name in textures.items() if key not in moved}
    kinds = {key: modes.get(key, REPEATED) for key in own}
    try:
        sizes = {name: image_size(scan.images[name], name) for name in own.values()}
    except InputError:
        return scan  # whoever decodes it says so
    span = _span(list(kinds.values()), uv, list(sizes.values()))
    words = " and ".join(sorted({_WORDS[m] for mode in modes.values() for m in mode if m in _WORDS}))
    what = f"textures of {material.name!r} are {words} beyond their edges, where faces reach"
    if apart:
        scan = _with(scan, ScanFinding("warning", "texture", what, f"repeats its {', '.join(map(_spoken, apart))}"))
    if span is None:
        return scan
    grids = {key: [_grid(sizes[own[key]][a], span.low[a], span.high[a], kinds[key][a]) for a in (0, 1)] for key in own}
    shapes = [(len(columns), len(rows)) for columns, rows in grids.values()]
    if any(max(shape) > MAX_PX or shape[0] * shape[1] > _MAX_PIXELS for shape in shapes):
        return _with(scan, ScanFinding("warning", "texture", what, "repeats them: laid out they would be too large"))
    images, names = dict(scan.images), {}
    for key, (columns, rows) in grids.items():
        name = f"{own[key]}.{kinds[key][0]}-{kinds[key][1]}.{number}.png"
        images[name] = laid_out(scan.images[own[key]], own[key], columns, rows)
        names[key] = name
    used = {getattr(m, key) for k, m in enumerate(scan.materials) if k != number for key in TEXTURE_KEYS}
    for name in set(own.values()) - used:
        images.pop(name, None)
    materials = list(scan.materials)
    materials[number] = replace(material, **names, texture_transforms=_rescaled(material, span))  # type: ignore[arg-type]
    assert scan.corner_uv is not None
    corner_uv = scan.corner_uv.copy()
    width, height = span.size
    corner_uv[mine, :, 0] = (corner_uv[mine, :, 0] - span.low[0]) / width
    corner_uv[mine, :, 1] = 1 - (1 - corner_uv[mine, :, 1] - span.low[1]) / height
    note = ScanFinding("info", "texture", what, f"lays them out {width:.3g} x {height:.3g} times")
    silent = scan.silent_alpha | {name for key, name in names.items() if own[key] in scan.silent_alpha}
    laid = replace(scan, materials=tuple(materials), images=images, corner_uv=corner_uv, silent_alpha=silent)
    return _with(laid, note)


def _span(kinds: list[WrapModes], uv: Floats, sizes: list[tuple[int, int]]) -> _Span | None:
    """None where no face reaches beyond an edge that isn't repeated.

    Args:
        kinds: of the textures.
        uv: (F, 3, 2), V up.
        sizes: (width, height) of the textures, in pixels.
    """
    low, high = [0.0, 0.0], [1.0, 1.0]
    down = np.stack([uv[..., 0], 1 - uv[..., 1]], axis=-1)
    for axis in (0, 1):
        here = {mode[axis] for mode in kinds}
        least, most = float(down[..., axis].min()), float(down[..., axis].max())
        half = 0.5 / max((size[axis] for size in sizes), default=1)
        if here <= {"repeat"} or (least >= -half and most <= 1 + half):
            continue
        if "clamp" in here:  # with a rim, where pixels of the other side are mixed in
            steps = _steps([size[axis] for size in sizes])
            low[axis] = (np.floor(min(least, 0.0) * steps) - 1) / steps
            high[axis] = (np.ceil(max(most, 1.0) * steps) + 1) / steps
        else:
            high[axis] = 2.0
    span = _Span((low[0], low[1]), (high[0], high[1]))
    return None if span == _Span((0.0, 0.0), (1.0, 1.0)) else span


def _steps(sides: list[int]) -> int:
    """Into how many parts of whole pixels each of the textures can be cut, few of them."""
    common = int(np.gcd.reduce([side for side in sides if side > 1] or [1]))
    return max(n for n in range(1, _STEPS + 1) if common % n == 0)


def _needs(mode: WrapModes, uv: Floats) -> bool:
    return _span([mode], uv, [(1024, 1024)]) is not None


def _grid(side: int, low: float, high: float, mode: Wrap) -> Floats:
    """Places of pixels' middles along one side of what is laid out, in pixels of the texture (0.5: the first one's)."""
    count = max(1, round((high - low) * side))
    at = low * side + (np.arange(count) + 0.5) * ((high - low) * side / count)
    if mode == "clamp":
        return np.clip(at, 0.5, side - 0.5)
    if mode == "mirror":
        at = side - np.abs(side - at % (2 * side))
    return at % side


def _square(matrix: tuple[float, ...]) -> Floats:
    return np.array([*matrix, 0.0, 0.0, 1.0]).reshape(3, 3)


def _at(matrix: Floats, uv: Floats) -> Floats:
    return np.asarray(uv @ matrix[:2, :2].T + matrix[:2, 2])


def _rescaled(material: Material, span: _Span) -> tuple[TextureTransform, ...]:
    """Where textures lie that aren't laid out, from the new UVs."""
    width, height = span.size
    before = np.array([[width, 0, span.low[0]], [0, height, 1 - span.low[1] - height], [0, 0, 1.0]])
    return tuple(
        replace(t, matrix=tuple(float(v) for v in (_square(t.matrix) @ before)[:2].ravel()))
        for t in material.texture_transforms
    )


def _spoken(key: str) -> str:
    return key.removesuffix("_texture").replace("_", " ")


def _with(scan: RawScan, finding: ScanFinding) -> RawScan:
    return replace(scan, findings=(*scan.findings, finding))
