"""Pictures broken on purpose, in their pixels: wrong light, broken texture, a wrong mask pasted over.

Where nothing can be rendered, objects that float and the noise of too few samples are made here as well.

Nothing here is subtle. A gold that a careful person could take for a picture like the others would screen out those
who look closest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

TILES = 5
"""Along the shorter side of an object's box, that its texture is cut into."""
DARKEST, BRIGHTEST = 0.06, 3.2
TINTS = ((1.5, 0.25, 1.4), (0.2, 1.4, 0.35), (0.25, 0.5, 1.7), (1.7, 0.35, 0.15))
"""Of lamps that no scene has: RGB factors."""
LIFTED = 0.9
"""Of an object's height in the picture."""
PASTED = 0.3
"""Of the picture, that a pasted mask covers at least."""


def wrong_light(pixels: Pixels, masks: Sequence[Mask], others: Pixels, rng: np.random.Generator) -> Pixels:
    """Objects in the light of a coloured lamp from the side, each from another one, in a scene that has none."""
    found = pixels.astype(np.float32)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    tints = rng.permutation(len(TINTS))
    for number, mask in enumerate(masks):
        angle = rng.uniform(0, 2 * np.pi)
        along = x * np.cos(angle) + y * np.sin(angle)
        low, high = (float(np.quantile(along[mask], q)) for q in (0.05, 0.95))
        part = np.clip((along - low) / max(high - low, 1.0), 0, 1)[..., None]
        light = (DARKEST + (BRIGHTEST - DARKEST) * part**1.5) * np.array(TINTS[tints[number % len(TINTS)]], np.float32)
        found[mask] = (found * light + 90 * part**3)[mask]
    return np.clip(found, 0, 255).astype(np.uint8)


def broken_texture(pixels: Pixels, masks: Sequence[Mask], others: Pixels, rng: np.random.Generator) -> Pixels:
    """Objects whose texture is cut into tiles that are dealt out anew, turned, and in other colours."""
    found = pixels.copy()
    height, width = pixels.shape[:2]
    for mask in masks:
        x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
        edge = max(3, min(w, h) // TILES)
        corners = [(top, left) for top in range(y, y + h, edge) for left in range(x, x + w, edge)]
        whole = [(top, left) for top, left in corners if top + edge <= height and left + edge <= width]
        if not whole:
            continue
        scrambled = found.copy()
        for top, left in whole:
            from_top, from_left = whole[int(rng.integers(len(whole)))]
            tile = np.rot90(pixels[from_top : from_top + edge, from_left : from_left + edge], int(rng.integers(4)))
            if rng.random() < 0.5:
                tile = 255 - tile
            elif rng.random() < 0.5:
                tile = tile[..., rng.permutation(3)]
            scrambled[top : top + edge, left : left + edge] = tile
        found[mask] = scrambled[mask]
    return found


def pasted_mask(pixels: Pixels, masks: Sequence[Mask], others: Pixels, rng: np.random.Generator) -> Pixels:
    """Another picture seen through the shape of an object, enlarged, upside down, and somewhere else."""
    height, width = pixels.shape[:2]
    mask = max(masks, key=lambda m: int(m.sum()))
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    shape = mask[y : y + h, x : x + w].astype(np.uint8)
    factor = max(1.2, np.sqrt(PASTED * height * width / max(1, int(shape.sum()))))
    size = (min(width, round(w * factor)), min(height, round(h * factor)))
    shape = cv2.resize(shape[::-1], size, interpolation=cv2.INTER_NEAREST).astype(bool)
    top = int(rng.integers(0, height - size[1] + 1))
    left = int(rng.integers(0, width - size[0] + 1))
    cut = np.ascontiguousarray(cv2.resize(others, (width, height))[::-1, ::-1])
    found = pixels.copy()
    found[top : top + size[1], left : left + size[0]][shape] = cut[top : top + size[1], left : left + size[0]][shape]
    return found


def lifted(pixels: Pixels, masks: Sequence[Mask], others: Pixels, rng: np.random.Generator) -> Pixels:
    """Objects in the air above their shadows; where they were, what lies around is smeared over."""
    height = pixels.shape[0]
    gone = np.logical_or.reduce(list(masks)).astype(np.uint8)
    found = cv2.inpaint(pixels, cv2.dilate(gone, np.ones((5, 5), np.uint8)), 5, cv2.INPAINT_TELEA)
    for mask in masks:
        _, y, _, h = cv2.boundingRect(mask.astype(np.uint8))
        by = min(y, max(round(LIFTED * h), round(height * LIFTED / 5)))
        moved = np.zeros_like(mask)
        moved[: height - by] = mask[by:]
        found[moved] = pixels[mask]
    return np.asarray(found, np.uint8)


def too_few_samples(pixels: Pixels, masks: Sequence[Mask], others: Pixels, rng: np.random.Generator) -> Pixels:
    """The noise of a path a pixel: most come out dark, a few far too bright."""
    share = 0.2
    light = (pixels.astype(np.float32) / 255) ** 2.2
    noisy = np.where(
        rng.random(pixels.shape[:2])[..., None] < share, light * rng.exponential(1 / share, light.shape), 0.02 * light
    )
    return np.asarray(np.clip(noisy ** (1 / 2.2), 0, 1) * 255, np.uint8)


Breaking = Callable[[Pixels, Sequence[Mask], Pixels, np.random.Generator], Pixels]
BREAKINGS: Mapping[str, Breaking] = {
    "wrong light": wrong_light,
    "broken texture": broken_texture,
    "pasted mask": pasted_mask,
    "floating": lifted,
    "one sample": too_few_samples,
}
"""By name: from (H, W, 3) uint8 RGB, masks (H, W) of its largest objects, another picture, and draws."""
