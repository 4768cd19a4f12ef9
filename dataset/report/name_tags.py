"""Small boxes of text at the boxes that they name, kept inside the picture and off each other."""

from __future__ import annotations

from PIL import ImageDraw

from scanstage.dataset.report.label_font import label_font

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]

FONT_PX = 10

MOST_LETTERS = 60
MOST_WEIGHED = 500
"""Tags between which there is room to be looked for: each is compared with all before."""


class NameTags:
    """Puts tags one after the other.

    Args:
        draw: into which they are drawn.
        size_wh: of the picture.
    """

    def __init__(self, draw: ImageDraw.ImageDraw, size_wh: tuple[int, int]) -> None:
        self._draw, self._size = draw, size_wh
        self._font = label_font(FONT_PX)
        self._taken: list[Box] = []

    def put(self, box: Box, text: str, fill: Color, ink: Color) -> None:
        """Write ``text`` at a box (left, top, right, bottom): above it, or where it covers least of other tags."""
        text = text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
        left, top, right, bottom = self._draw.textbbox((0, 0), text, font=self._font)
        width, height = right - left + 4, bottom - top + 5
        places = self._places(box, width, height)
        at = min(places, key=self._covered) if len(self._taken) < MOST_WEIGHED else places[0]
        self._taken.append(at)
        self._draw.rectangle((at[0], at[1], at[2] - 1, at[3] - 1), fill=fill)
        self._draw.text((at[0] + 2 - left, at[1] + 2 - top), text, fill=ink, font=self._font)

    def _places(self, box: Box, width: float, height: float) -> list[Box]:
        """Places for a tag, best first: above the box, inside at its top and bottom, below."""
        left, top, right, bottom = box
        across = max(0.0, min(left, self._size[0] - width))
        flush = max(0.0, min(right + 1 - width, self._size[0] - width))
        rows = [top - height, top + 1, bottom - height, bottom + 1]
        fitting = [y for y in rows if 0 <= y <= self._size[1] - height] or [0.0]
        return [(x, y, x + width, y + height) for y in fitting for x in (across, flush)]

    def _covered(self, place: Box) -> float:
        """Area of other tags that a place covers."""
        total = 0.0
        for other in self._taken:
            w = min(place[2], other[2]) - max(place[0], other[0])
            h = min(place[3], other[3]) - max(place[1], other[1])
            total += max(w, 0.0) * max(h, 0.0)
        return total
