"""Round packaging of the sample library, with legible labels: a tin can and an oil bottle."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from scanstage.assets.meshes.parametric import grid_patch, revolve, smooth_curve
from scanstage.assets.samples.paint import Picture, Sheet, flat, mix, to_bytes, uv_axes, worn_print
from scanstage.assets.samples.sample_model import Finish, Model, textured
from scanstage.assets.textures.noise import FloatArray, fractal_noise, smooth_noise
from scanstage.assets.textures.texture_patterns import ramp

_SIZE = 1024


def _can_sheet(rng: np.random.Generator) -> Picture:
    """The label in the middle of the texture; the tin's body and lids above and below."""
    # 23 cm around and 9.6 cm high; drawn in millimetres over the texture's v of 0.2 to 0.8.
    wide, high = 232.0, 96.0
    sheet = Sheet((wide, high), _SIZE / wide, "b3261e")
    sheet.box((0, 0, wide, 13), "f3ead6")
    sheet.box((0, 13, wide, 15), "d9a441")
    sheet.box((0, high - 15, wide, high - 13), "d9a441")
    sheet.box((0, high - 13, wide, high), "2f5a34")
    for k in range(2):
        x = 58 + 116 * k
        sheet.text((x, 27), "SUNNY FIELD", 11, "f3ead6", bold=0.4)
        for dx, dy, r in ((-16, 56, 12), (15, 57, 13), (0, 52, 15)):
            sheet.oval((x + dx - r, dy - r, x + dx + r, dy + r), "7d140f")
            sheet.oval((x + dx - r + 1, dy - r + 1, x + dx + r - 1, dy + r - 1), "e0452b")
            sheet.oval((x + dx - r * 0.6, dy - r * 0.65, x + dx - r * 0.1, dy - r * 0.25), "f7a48c")
            for a in (0.3, 1.2, 1.9, 2.8):
                sheet.leaf((x + dx, dy - r + 2), r * 0.55, a, "3f8a3d", "2f5a34", plump=0.35)
        sheet.text((x, 75), "TOMATOES", 12, "ffe9b8", bold=0.5)
        sheet.text((x, high - 6.5), "peeled · 400 g", 6.5, "f3ead6")
        sheet.text((x, 6.5), "picked ripe", 6.5, "b3261e")
        sheet.text((x + 58, 36), "Nutrition per 100 g\nenergy 97 kJ\nprotein 1.1 g\nsalt 0.02 g", 4.8, "f3ead6")
        sheet.bars((x + 44, 52, x + 70, 68), rng)
    return sheet.finished()


_CAN_LABEL = (0.2, 0.8)


def _can_image(rng: np.random.Generator) -> Picture:
    u, v = uv_axes(_SIZE)
    metal = flat("b9b7b0", v * np.ones_like(u))
    brushed = smooth_noise(rng, _SIZE, (0.3, 0.002)) * 0.05 + fractal_noise(rng, _SIZE, 1.4) * 0.05
    metal = mix(metal * (1 + brushed)[..., None], "7a5a3a", ramp(fractal_noise(rng, _SIZE, 1.1), 1.6, 2.8) * 0.6)
    label = _can_sheet(rng)
    bottom, top = _CAN_LABEL
    first, last = round((1 - top) * _SIZE), round((1 - bottom) * _SIZE)
    image = to_bytes(metal)
    image[first:last] = label[np.linspace(0, len(label) - 1, last - first).round().astype(int)]
    overlap = ramp(np.cos(2 * np.pi * (u - 0.81)), 0.97, 1.0)
    worn = 1 - ramp(np.minimum(v - bottom, top - v), 0.0, 0.02) + 0.4 * overlap
    return worn_print(rng, image, np.where((v > bottom) & (v < top), worn, 0).astype(np.float32), "d9cdb8")


def can(rng: np.random.Generator) -> Model:
    """A tin can of 7.4 x 11 cm: paper label with print, bare metal rims, beads and lids, a dent."""
    radius, height, columns = 3.68, 10.9, 240
    low, high = 0.62, height - 0.62
    z = np.linspace(low, high, 140)
    faded = ramp((3.4 - np.abs(z - height / 2)).astype(np.float32), 0, 1)
    beads = 0.035 * np.cos((z - low) / (high - low) * 2 * np.pi * 9) * faded
    label = revolve(np.stack([radius - 0.02 + beads, z], 1), columns)
    # Pressed in by a thumb.
    angle = np.arctan2(label[..., 1], label[..., 0])
    dent = 0.22 * np.exp(-(((angle - 2.2) / 0.32) ** 2 + ((label[..., 2] - 3.2) / 0.9) ** 2))
    label[..., :2] *= (1 - dent * ramp((label[..., 2] - low).astype(np.float32), 0.0, 1.0) / radius)[..., None]

    lid = [
        (0, 0.28),
        (1.6, 0.28),
        (1.7, 0.34),
        (2.3, 0.34),
        (2.4, 0.26),
        (2.95, 0.26),
        (3.1, 0.3),
        (3.4, 0.3),
        (3.5, 0.0),
    ]
    rim = [(radius + x, y) for x, y in ((-0.02, 0.0), (0.06, 0.14), (0.06, 0.3), (-0.02, 0.42), (-0.02, low))]
    steps = [np.linspace(a, b, 5)[:-1] for a, b in pairwise([*lid, *rim])]
    base = np.concatenate([*steps, [rim[-1]]])
    lid_points = (base * [1, -1] + [0, height])[::-1]
    bottom, top = _CAN_LABEL
    parts = [
        (grid_patch(label, wrap=True, uv=(0.0, bottom, 1.0, top)), 0),
        (grid_patch(revolve(base, columns), wrap=True, uv=(0.0, 0.005, 1.0, bottom - 0.005)), 1),
        (grid_patch(revolve(lid_points, columns), wrap=True, uv=(0.0, top + 0.005, 1.0, 0.995)), 1),
    ]
    return textured(parts, (Finish(0.42), Finish(0.32, 1.0)), _can_image(rng))


def _bottle_label() -> Picture:
    wide, high = 110.0, 84.0
    sheet = Sheet((wide, high), 0.5 * _SIZE / wide, "efe5cc")
    sheet.box((3, 3, wide - 3, high - 3), "7a6a2f", line=0.6)
    sheet.box((5, 5, wide - 5, high - 5), "7a6a2f", line=0.3)
    sheet.text((wide / 2, 17), "OLD MILL", 15, "2f3d1c", bold=0.5)
    sheet.text((wide / 2, 30), "extra virgin olive oil", 8, "5b4a22", bold=0.1)
    for k, x in enumerate(np.linspace(26, 84, 7)):
        y = 52 + 3 * np.sin(x * 0.12)
        sheet.leaf((x, y), 13, 0.9 if k % 2 else -0.8, "6f8a3f", "cfd9a0", plump=0.3)
    for x, y in ((36, 60), (53, 45), (66, 59), (80, 46)):
        sheet.oval((x - 4, y - 5, x + 4, y + 5), "4a5a1f")
        sheet.oval((x - 2, y - 3.5, x, y - 1), "b4c27a")
    sheet.text((wide / 2, 75), "cold pressed  ·  500 ml", 7, "5b4a22")
    return sheet.finished()


def _bottle_image(rng: np.random.Generator) -> tuple[Picture, FloatArray]:
    """The texture, and where in it the label is (0 or 1)."""
    u, v = uv_axes(_SIZE)
    cloud = fractal_noise(rng, _SIZE, 1.4)
    glass = mix(flat("23301a", v * np.ones_like(u)), "3c4a22", 0.45 + 0.25 * cloud)
    glass = mix(glass, "8d8f7a", ramp(fractal_noise(rng, _SIZE, 1.0, lowest=5), 1.6, 3.2) * 0.35)
    cork = mix(flat("a87b4c", cloud), "5d3d22", ramp(smooth_noise(rng, _SIZE, (0.012, 0.008)), 0.6, 1.6))
    image = to_bytes(np.where(v[..., None] > 0.87, cork, glass))
    label = _bottle_label()  # half the way round, facing -Y
    rows, columns = label.shape[:2]
    top, left, margin = round(_SIZE * 0.41), round(_SIZE * 0.5), 9
    image[top : top + rows, left : left + columns] = label
    printed = np.zeros((_SIZE, _SIZE), np.float32)
    printed[top : top + rows, left : left + columns] = 1.0
    edge = printed.copy()
    edge[top + margin : top + rows - margin, left + margin : left + columns - margin] = 0.0
    return worn_print(rng, image, 0.8 * edge, "cdbb96"), printed


def bottle(rng: np.random.Generator) -> Model:
    """A dark glass bottle of olive oil with paper label and cork, 6.8 x 25 cm."""
    outline = smooth_curve(
        [(0, 0.5), (1.6, 0.25), (2.8, 0.0), (3.3, 0.3), (3.4, 1.0), (3.4, 5.0), (3.4, 10.0), (3.38, 13.6),
         (3.1, 15.6), (2.2, 17.4), (1.5, 19.0), (1.3, 21.0), (1.28, 22.6)],
        170,
    )  # fmt: skip
    lip = np.array([(1.28, 22.6), (1.62, 22.75), (1.7, 23.1), (1.62, 23.5), (1.3, 23.6), (1.02, 23.5)])
    cork = smooth_curve([(1.02, 23.5), (1.04, 24.0), (1.12, 24.9), (1.0, 25.2), (0.5, 25.28), (0, 25.28)], 24)
    outline[0, 0] = cork[-1, 0] = 0.0
    body, mouth, stopper = (
        grid_patch(revolve(profile, 220), wrap=True, uv=(0.0, v0, 1.0, v1))
        for profile, v0, v1 in ((outline, 0.02, 0.80), (lip, 0.81, 0.86), (cork, 0.88, 0.995))
    )
    image, printed = _bottle_image(rng)
    finishes = (Finish(0.1), Finish(0.75), Finish(0.95))
    model = textured([(body, 0), (mouth, 0), (stopper, 2)], finishes, image)
    centre = body.uv[body.face_uv].mean(1)
    row, column = ((1 - centre[:, 1]) * _SIZE).astype(int), (centre[:, 0] * _SIZE).astype(int)
    finish = model.face_finish.copy()
    finish[: len(body.faces)] = (printed[row, column] > 0).astype(np.int64)
    return replace(model, face_finish=finish)
