"""The tea carton of the sample library: a box with rounded edges, printed on all sides."""

from __future__ import annotations

import numpy as np

from scanstage.assets.meshes.parametric import Patch, grid_patch
from scanstage.assets.samples.paint import Picture, Sheet, worn_print
from scanstage.assets.samples.sample_model import Finish, Model, textured
from scanstage.assets.textures.noise import FloatArray
from scanstage.assets.textures.texture_patterns import ramp

_SIZE = 1024
# The carton's sides in the texture, in millimetres from its top left corner: (x, y, width, height).
_W, _D, _H = 92.0, 62.0, 148.0
_SIDES = {
    "front": (0.0, 0.0, _W, _H),
    "right": (_W, 0.0, _D, _H),
    "back": (_W + _D, 0.0, _W, _H),
    "left": (2 * _W + _D, 0.0, _D, _H),
    "top": (0.0, _H, _W, _D),
    "bottom": (_W, _H, _W, _D),
}
_SHEET = 2 * (_W + _D)


def _carton_front(sheet: Sheet, x: float) -> None:
    sheet.box((x + 7, 12, x + _W - 7, _H - 12), "f1e8d2", radius=5)
    sheet.box((x + 9, 14, x + _W - 9, _H - 14), "b8923f", radius=4, line=0.7)
    mid = x + _W / 2
    sheet.text((mid, 27), "MORNING", 11, "1f4a38", bold=0.3)
    sheet.text((mid, 39), "LEAF", 17, "1f4a38", bold=0.5)
    for k, angle in enumerate((2.5, 0.65, 2.05, 1.1, 1.57)):
        shade = ("3f7d4a", "55954f", "2f6a42", "6aa85a", "4a8a4d")[k]
        sheet.leaf((mid, 101), 40 if k > 1 else 33, angle, shade, "d9e6b5", plump=0.36)
    sheet.oval((mid - 3, 98, mid + 3, 104), "b8923f")
    sheet.text((mid, 113), "BLACK TEA", 9.5, "9c2f22", bold=0.25)
    sheet.text((mid, 123.5), "50 bags · 100 g", 6.2, "4a4032")
    sheet.text((mid, 6), "since yesterday", 4.5, "d9c48a")


def _carton_sheet(rng: np.random.Generator) -> Picture:
    sheet = Sheet((_SHEET, _SHEET), _SIZE / _SHEET, "1f4a38")
    for name in ("front", "back"):
        _carton_front(sheet, _SIDES[name][0])
    for name in ("right", "left"):
        x = _SIDES[name][0]
        sheet.box((x, 20, x + _D, 24), "b8923f")
        sheet.text((x + _D / 2, 12), "MORNING LEAF", 6.5, "f1e8d2", bold=0.15)
        sheet.text(
            (x + _D / 2, 56), "One bag a cup.\nPour on water\nfresh off the boil.\nWait four minutes.", 6.0, "f1e8d2"
        )
        sheet.box((x + 8, 84, x + _D - 8, 104), "9c2f22", radius=3)
        sheet.text((x + _D / 2, 94), "STRONG No 4", 6.4, "f1e8d2", bold=0.15)
        sheet.bars((x + 14, 116, x + _D - 14, 136), rng)
    x, y, w, h = _SIDES["top"]
    sheet.box((x + 6, y + 6, x + w - 6, y + h - 6), "b8923f", radius=3, line=0.8)
    sheet.text((x + w / 2, y + h / 2 - 5), "MORNING LEAF", 9, "f1e8d2", bold=0.3)
    sheet.text((x + w / 2, y + h / 2 + 9), "black tea", 7, "d9c48a")
    x, y, w, h = _SIDES["bottom"]
    sheet.text((x + w / 2, y + h / 2), "lot 0317 · keep dry", 6, "d9c48a")
    sheet.box((0, _H + _D, _SHEET, _SHEET), "d8cfba")
    return sheet.finished()


def _carton_wear(size: int) -> FloatArray:
    """1 along the carton's edges, fading within some millimetres; (size, size)."""
    t = (np.arange(size) + 0.5) * _SHEET / size
    wear = np.zeros((size, size), np.float32)
    for x, y, w, h in _SIDES.values():
        inside = np.minimum(np.minimum(t - x, x + w - t)[None, :], np.minimum(t - y, y + h - t)[:, None])
        wear = np.maximum(wear, np.where(inside >= 0, 1 - ramp(inside.astype(np.float32), 0.0, 3.4), 0))
    return wear


def _carton_side(name: str, n: int) -> Patch:
    """One side of the box: rounded edges, cheeks bulging a little, a dent in the front."""
    half = np.array([_W, _D, _H]) / 20
    radius = 0.16
    # Where a side's columns and rows run to: right and up as seen from outside.
    right, up = {
        "front": ((1, 0, 0), (0, 0, 1)),
        "right": ((0, 1, 0), (0, 0, 1)),
        "back": ((-1, 0, 0), (0, 0, 1)),
        "left": ((0, -1, 0), (0, 0, 1)),
        "top": ((1, 0, 0), (0, 1, 0)),
        "bottom": ((1, 0, 0), (0, -1, 0)),
    }[name]
    e1, e2 = np.array(right, float), np.array(up, float)
    out = np.cross(e1, e2)
    # Denser near the edges, where the rounding is.
    line = np.sin(np.linspace(-np.pi / 2, np.pi / 2, n)) * 0.4 + np.linspace(-1, 1, n) * 0.6
    s, t = np.meshgrid(line, line)
    cube = (s[..., None] * e1 + t[..., None] * e2 + out) * half
    core = np.clip(cube, -half + radius, half - radius)
    away = cube - core
    points = core + radius * away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-9)
    bulge = (1 - s**2) * (1 - t**2) * {"front": 0.16, "back": 0.2, "top": 0.08, "bottom": -0.1}.get(name, 0.1)
    if name == "front":
        bulge = bulge - 0.5 * (1 - s**2) * (1 - t**2) * np.exp(-(((s - 0.55) / 0.3) ** 2 + ((t + 0.6) / 0.22) ** 2))
    points = points + bulge[..., None] * out + [0.0, 0.0, half[2]]
    x, y, w, h = _SIDES[name]
    patch = grid_patch(points, wrap=False)
    uv = np.stack([(x + (s.ravel() + 1) / 2 * w) / _SHEET, 1 - (y + (1 - t.ravel()) / 2 * h) / _SHEET], 1)
    return Patch(patch.vertices, patch.faces, uv, patch.face_uv)


def carton(rng: np.random.Generator) -> Model:
    """A tea carton of 9 x 6 x 15 cm, printed on all sides, its edges rubbed."""
    image = worn_print(rng, _carton_sheet(rng), _carton_wear(_SIZE), "cbb99a")
    return textured([(_carton_side(name, 76), 0) for name in _SIDES], (Finish(0.5),), image)
