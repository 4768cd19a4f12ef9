"""Colours and printed matter for the samples: mixing in sRGB, text and simple artwork by Pillow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from scanstage.assets.samples.sample_model import Colors
from scanstage.assets.textures.noise import AnyFloats, FloatArray, fractal_noise, smooth_noise
from scanstage.assets.textures.texture_patterns import ramp

Picture = npt.NDArray[np.uint8]


def srgb(code: str) -> npt.NDArray[np.float32]:
    """(3,) float32 in 0..1 of a hex colour such as ``"b3202a"``."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / np.float32(255)


def mix(base: npt.NDArray[np.float32], code: str | npt.NDArray[np.float32], amount: AnyFloats) -> Colors:
    """``base`` (..., 3) with ``code`` laid over it by ``amount`` (...), clipped to 0..1."""
    t = np.clip(amount, 0, 1).astype(np.float32)[..., None]
    over = srgb(code) if isinstance(code, str) else code
    out: Colors = over - base
    out *= t
    out += base
    return out


def flat(code: str, like: AnyFloats) -> Colors:
    """A colour for every element of ``like`` (...): (..., 3)."""
    return np.broadcast_to(srgb(code), (*like.shape, 3)).astype(np.float32)


def to_bytes(colors: AnyFloats) -> Picture:
    """0..1 to uint8."""
    return np.round(np.clip(colors, 0, 1) * 255).astype(np.uint8)


def uv_axes(size: int) -> tuple[FloatArray, FloatArray]:
    """U as (1, size) and V (up) as (size, 1) of a texture's pixel centres."""
    t = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return t[None, :], t[::-1, None]


class Sheet:
    """A canvas measured in units of one's own (say millimetres), drawn at twice its resolution.

    Args:
        size: width and height in units.
        scale: pixels a unit in the finished picture.
        color: of the paper, hex.
    """

    def __init__(self, size: tuple[float, float], scale: float, color: str) -> None:
        self._scale = scale * 2
        self._final = (round(size[0] * scale), round(size[1] * scale))
        self.image = Image.new("RGB", (self._final[0] * 2, self._final[1] * 2), f"#{color}")
        self.draw = ImageDraw.Draw(self.image)

    def _px(self, x: float, y: float) -> tuple[float, float]:
        return x * self._scale, y * self._scale

    def _frame(self, at: tuple[float, float, float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
        return self._px(*at[:2]), self._px(*at[2:])

    def text(self, at: tuple[float, float], text: str, height: float, color: str, bold: float = 0.0) -> None:
        """Text centred at ``at``; ``height`` is the font's size, ``bold`` widens the strokes, both in units."""
        font = ImageFont.load_default(size=height * self._scale)
        stroke = round(bold * self._scale)
        self.draw.multiline_text(
            self._px(*at), text, fill=f"#{color}", font=font, anchor="mm", align="center", stroke_width=stroke
        )

    def box(self, at: tuple[float, float, float, float], color: str, radius: float = 0.0, line: float = 0.0) -> None:
        """Rectangle (x0, y0, x1, y1), filled, or only its outline where ``line`` is given."""
        fill, outline = (None, f"#{color}") if line else (f"#{color}", None)
        width = max(1, round(line * self._scale))
        self.draw.rounded_rectangle(self._frame(at), radius * self._scale, fill=fill, outline=outline, width=width)

    def oval(self, at: tuple[float, float, float, float], color: str) -> None:
        """Filled ellipse in the box (x0, y0, x1, y1)."""
        self.draw.ellipse(self._frame(at), fill=f"#{color}")

    def leaf(
        self, at: tuple[float, float], length: float, angle: float, color: str, vein: str, plump: float = 0.3
    ) -> None:
        """A leaf from its stalk at ``at``, pointing along ``angle`` (radians, 0 is right, counter-clockwise)."""
        t = np.linspace(0, 1, 24)
        width = plump * np.sin(np.pi * t**0.8)
        x, y = np.concatenate([t, t[::-1]]) * length, np.concatenate([width, -width[::-1]]) * length * 0.5
        c, s = np.cos(angle), np.sin(angle)
        points = [(at[0] + a * c - b * s, at[1] - a * s - b * c) for a, b in zip(x, y, strict=True)]
        self.draw.polygon([self._px(*p) for p in points], fill=f"#{color}")
        tip = (at[0] + length * c, at[1] - length * s)
        self.draw.line(
            [self._px(*at), self._px(*tip)], fill=f"#{vein}", width=max(1, round(0.02 * length * self._scale))
        )

    def bars(self, at: tuple[float, float, float, float], rng: np.random.Generator) -> None:
        """Something like a bar code in the box (x0, y0, x1, y1)."""
        x0, y0, x1, y1 = at
        self.box((x0 - 2, y0 - 1, x1 + 2, y1 + 3), "ffffff")
        x = x0
        while x < x1:
            width = float(rng.choice([0.3, 0.6, 0.9]))
            self.box((x, y0, min(x + width, x1), y1), "111111")
            x += width + float(rng.choice([0.3, 0.6, 0.9]))

    def finished(self) -> Picture:
        """The sheet at its final resolution, (H, W, 3) uint8."""
        return np.asarray(self.image.resize(self._final, Image.Resampling.LANCZOS))


def worn_print(rng: np.random.Generator, image: Picture, worn: FloatArray, paper: str) -> Picture:
    """Print with handling marks: ink rubbed off where ``worn`` (0..1) allows, faint stains, uneven ink."""
    size = len(image)
    colors = image.astype(np.float32) / 255
    fibre = fractal_noise(rng, size, 0.6, lowest=8)
    colors = colors * (1 + 0.018 * fibre + 0.03 * fractal_noise(rng, size, 1.6))[..., None]
    colors = mix(colors, paper, ramp(worn + 0.22 * fibre, 0.75, 1.1) * 0.85)
    scratch = ramp(smooth_noise(rng, size, (0.05, 0.0012)), 3.0, 3.6)
    scratch += ramp(smooth_noise(rng, size, (0.002, 0.03)), 3.1, 3.7)
    colors = mix(colors, paper, scratch * 0.4)
    return to_bytes(mix(colors, "6b5636", ramp(fractal_noise(rng, size, 1.5), 1.3, 3.0) * 0.22))
