"""What a camera made of a scene, as a few numbers of a picture's pixels, by which photos and rendered pictures compare.

Noise is measured where a picture is flat, sharpness at its strongest edges, tones and colours where the labelled
objects are: of these, a config's scans show the same as photos do, and of backgrounds they don't.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Plane = npt.NDArray[np.float32]
Boxes = Sequence[Sequence[float]]

BLOCK = 8
QUIET = (0.1, 0.3)
"""Noise is that of the quietest of blocks: texture is no noise."""
DARKEST, LIGHTEST = 0.03, 0.95
DARK, BRIGHT = 0.3, 0.6
"""Of luma: noise of photons grows with light, that of reading is the same in the dark."""
FEWEST_BLOCKS = 12
FAINT = 0.3 / 255
REBLURS_PX = (1.0, 2.0)
EDGE_SHARE = 0.03
RIDGE, LEAST_RATIO = 0.98, 0.1
INNER = 0.7
"""Share of a box's width and height that shows the object, most likely."""
COARSE = 4
"""Colours are those of so many pixels' means: noise has none."""
GREYEST = 0.4
GREY_NORM = 6
FEWEST_PIXELS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
APPEARANCE_TITLES = {
    "noise": "noise in flat parts",
    "noise_30": "noise in less flat parts",
    "noise_dark": "noise in dark parts",
    "noise_middle": "noise in parts of middling brightness",
    "noise_bright": "noise in bright parts",
    "noise_colour": "how colourful noise is",
    "noise_near": "how far noise is alike in neighbouring pixels",
    "noise_next": "how far noise is alike two pixels on",
    "noise_colour_near": "how far colour noise is alike in neighbouring pixels",
    "edges_1": "sharpness of the softer edges, finely seen",
    "edges_1_most": "sharpness of the sharper edges, finely seen",
    "edges_2": "sharpness of the softer edges",
    "edges_2_most": "sharpness of the sharper edges",
    "finest": "fine detail over coarser",
    "coarser": "middling detail over coarse",
    "light": "brightness of objects",
    "light_5": "brightness of their darkest parts",
    "light_25": "brightness of their dark parts",
    "light_50": "their middling brightness",
    "light_75": "brightness of their bright parts",
    "light_95": "brightness of their brightest parts",
    "contrast": "contrast of objects",
    "black": "darkest tone of the picture",
    "white": "brightest tone of the picture",
    "clipped_dark": "share that is black",
    "clipped_bright": "share that is white",
    "warm": "warmth of objects",
    "green": "green of objects",
    "warm_greys": "warmth of what is nearly grey",
    "green_greys": "green of what is nearly grey",
    "warm_lights": "warmth of what is bright",
    "green_lights": "green of what is bright",
    "colourful": "colourfulness of objects",
    "colourful_most": "colourfulness of their most colourful parts",
    "corners": "how dark corners are",
}
"""By name, what each is for people. Noise: logarithms of standard deviations of display values; ``edges``: logarithm of
how far gradients fall when the picture is blurred by 1 or 2 px; ``finest`` and ``coarser``: of Laplacians of an octave
over those of the next; ``light``: stops; ``warm`` and ``green``: stops along red to blue and green to magenta."""
APPEARANCE = tuple(APPEARANCE_TITLES)


def appearance_summary(pixels: Pixels, boxes_xywh: Boxes = ()) -> Floats:
    """(len(APPEARANCE),) of a picture, without NaN.

    Args:
        pixels: (H, W, 3) uint8 sRGB, at the size at which pictures are compared.
        boxes_xywh: of labelled objects, pixels; without any, tones and colours are those of the whole picture.
    """
    rgb = pixels.astype(np.float32) / np.float32(255)
    luma = rgb @ LUMA
    coarse = _averaged(rgb, COARSE)
    seen = _inside(coarse.shape[:2], pixels.shape[:2], boxes_xywh)
    of_camera = (*_noise(rgb, luma), *_sharpness(luma))
    return np.array([*of_camera, *_tones(luma, coarse, seen), *_colours(coarse, seen), _corners(luma)], np.float64)


def _averaged(plane: Plane, factor: int) -> Plane:
    """Means of blocks of so many pixels' edge."""
    size = (max(1, plane.shape[1] // factor), max(1, plane.shape[0] // factor))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _inside(shape: tuple[int, ...], whole: tuple[int, ...], boxes_xywh: Boxes) -> npt.NDArray[np.bool_]:
    """``shape`` bool: where the inner parts of boxes are; everywhere, where there is next to nothing of them."""
    seen = np.zeros(shape, bool)
    scale = np.array([shape[1] / whole[1], shape[0] / whole[0]])
    for x, y, w, h in boxes_xywh:
        low = (np.array([x, y]) + np.array([w, h]) * (1 - INNER) / 2) * scale
        high = (np.array([x, y]) + np.array([w, h]) * (1 + INNER) / 2) * scale
        (left, top), (right, bottom) = np.round(low).astype(int), np.round(high).astype(int)
        seen[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return seen if seen.sum() >= FEWEST_PIXELS else np.ones(shape, bool)


def _noise(rgb: Plane, luma: Plane) -> list[float]:
    """What is left of quiet blocks beside a smooth surface."""
    blocks = _blocks(luma)
    means = blocks.mean(axis=1)
    usable = (means > DARKEST) & (means < LIGHTEST) & (blocks.max(axis=1) < 0.99)
    if usable.sum() < FEWEST_BLOCKS:
        return [float(np.log(FAINT))] * 5 + [0.0] * 4
    means, rest = means[usable], blocks[usable] @ _ROUGH
    color = _blocks(rgb[..., 0] - rgb[..., 2])[usable] @ _ROUGH
    deviations = rest.std(axis=1)
    quiet = [float(np.log(np.quantile(deviations, q) + FAINT)) for q in QUIET]
    levels = []
    for part in (means < DARK, (means >= DARK) & (means < BRIGHT), means >= BRIGHT):
        enough = part.sum() >= FEWEST_BLOCKS
        levels.append(float(np.log(np.quantile(deviations[part], QUIET[0]) + FAINT)) if enough else quiet[0])
    flat = deviations <= np.quantile(deviations, QUIET[0])
    colorful = float(np.log(np.median(color[flat].std(axis=1)) + FAINT))
    grey = float(np.log(np.median(deviations[flat]) + FAINT))
    return [*quiet, *levels, colorful - grey, _alike(rest[flat], 1), _alike(rest[flat], 2), _alike(color[flat], 1)]


def _blocks(plane: Plane) -> Plane:
    """(N, BLOCK * BLOCK) of a plane."""
    rows, columns = (n // BLOCK for n in plane.shape)
    cut = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.ascontiguousarray(cut.transpose(0, 2, 1, 3).reshape(-1, BLOCK * BLOCK))


def _rough() -> Plane:
    """(64, 64) projection that takes the quadratic surface out of a block."""
    y, x = (a.ravel() / BLOCK - 0.5 for a in np.indices((BLOCK, BLOCK)))
    basis = np.linalg.qr(np.stack([np.ones(x.size), x, y, x * x, x * y, y * y], axis=1))[0]
    return np.asarray(np.eye(x.size) - basis @ basis.T, np.float32)


_ROUGH = _rough()


def _alike(rest: Plane, apart: int) -> float:
    """Correlation of pixels so far apart, in a row or a column."""
    shaped = rest.reshape(-1, BLOCK, BLOCK)
    square = float(np.square(shaped).mean())
    if square < 1e-9:
        return 0.0
    along = (shaped[:, :, apart:] * shaped[:, :, :-apart]).mean(), (shaped[:, apart:] * shaped[:, :-apart]).mean()
    return float(np.mean(along)) / square


def _sharpness(luma: Plane) -> list[float]:
    """By blurring once more (Zhuo and Sim 2011): an edge of sigma s falls by sqrt(1 + r^2 / s^2) when blurred by r."""
    before = gradient(luma)
    found = []
    for reblur in REBLURS_PX:
        after = gradient(cv2.GaussianBlur(luma, (0, 0), reblur))
        least = np.quantile(after[::2, ::2], 1 - EDGE_SHARE)
        # On the ridge alone: beside an edge that is sharp there is no gradient before, and some after.
        edges = (after >= max(float(least), FAINT)) & (after >= RIDGE * cv2.dilate(after, np.ones((3, 3), np.uint8)))
        ratio = before[edges] / after[edges] if edges.sum() >= FEWEST_PIXELS else np.ones(1, np.float32)
        found += [float(np.log(max(np.quantile(ratio, q), LEAST_RATIO))) for q in (0.3, 0.7)]
    sizes, plane = [], luma
    for _ in range(3):
        sizes.append(float(np.log(np.abs(cv2.Laplacian(plane, cv2.CV_32F)).mean() + FAINT)))
        plane = _averaged(plane, 2)
    return [*found, sizes[0] - sizes[1], sizes[1] - sizes[2]]


def gradient(luma: Plane) -> Plane:
    """(H, W) how steep a plane is, per pixel."""
    dx, dy = cv2.Sobel(luma, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(luma, cv2.CV_32F, 0, 1, scale=1 / 8)
    # Not of OpenCV, whose last digit goes by where planes lie in memory: a fit is to come out the same again.
    return np.asarray(np.sqrt(dx * dx + dy * dy), np.float32)


def _tones(luma: Plane, coarse: Plane, seen: npt.NDArray[np.bool_]) -> list[float]:
    shown = (coarse @ LUMA)[seen]
    levels = [_stops(float(v)) for v in np.quantile(shown, QUANTILES)]
    few = luma[::2, ::2]
    black, white = np.quantile(few, (0.005, 0.995))
    return [
        _stops(float(shown.mean())),
        *levels,
        float(shown.std()),
        float(black),
        float(white),
        float((few <= 2 / 255).mean()),
        float((few >= 250 / 255).mean()),
    ]


def _stops(display: float) -> float:
    """Linear light of a display value, in stops; what is nearly black is all alike."""
    return float(np.log2(max(display, 0.0) ** 2.2 + 0.002))


def _colours(coarse: Plane, seen: npt.NDArray[np.bool_]) -> list[float]:
    """Casts, of all that is seen, of what is nearly grey, and of lights; and how far colours lie from the greys."""
    light = np.maximum(coarse[seen], 1e-3).astype(np.float64) ** 2.2
    usable = (coarse[seen].max(axis=1) < 0.97) & (coarse[seen].min(axis=1) > 0.03)
    if usable.sum() < FEWEST_PIXELS:
        usable[:] = True
    light = light[usable]
    red, blue = np.log2(light[:, 0] / light[:, 1]), np.log2(light[:, 2] / light[:, 1])
    casts = np.stack([(red - blue) / 2, -(red + blue) / 2], axis=1)
    # Shades of grey (Finlayson and Trezzi 2004).
    r, g, b = np.log2((light**GREY_NORM).mean(axis=0)) / GREY_NORM
    lights = np.array([(r - b) / 2, g - (r + b) / 2])
    apart = np.linalg.norm(casts - lights, axis=1)
    greys = np.median(casts[apart <= np.quantile(apart, GREYEST)], axis=0)
    off = np.linalg.norm(casts - greys, axis=1)
    middle = np.median(casts, axis=0)
    return [*middle, *greys, *lights, float(np.log(off.mean() + 0.01)), float(np.log(np.quantile(off, 0.9) + 0.01))]


def _corners(luma: Plane) -> float:
    """Stops between the corners and the middle."""
    small = cv2.resize(luma, (6, 6), interpolation=cv2.INTER_AREA)
    corners = small[[0, 0, -1, -1], [0, -1, 0, -1]].mean()
    return _stops(float(small[2:4, 2:4].mean())) - _stops(float(corners))
