"""The bar chart of a balanced run: by class what was wanted, placed and kept, beside what was there before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from scanstage.dataset.report.chart_axis import Axis

Color = tuple[int, int, int]
Draw = ImageDraw.ImageDraw

PAPER, INK, FAINT, GRID = (255, 255, 255), (34, 38, 44), (112, 118, 126), (228, 231, 235)
KEPT, PLACED, REAL, SHORT = (46, 108, 170), (196, 214, 232), (158, 163, 170), (214, 112, 34)
TITLE_PX, TEXT_PX, SMALL_PX = 24, 15, 13
MARGIN, GAP = 28, 36
ROW, BAR = 24, 15
ROWS_A_COLUMN = 40
MOST_COLUMNS = 4
BARS_WIDE = {1: 560, 2: 420, 3: 340, 4: 320}
NAME_MOST = 190
LOG_FROM = 25.0
"""Ratio of the longest to the shortest bar, real labels by themselves, above which the axis is logarithmic."""


@dataclass(frozen=True)
class Bar:
    """One class.

    Attributes:
        start: real labels, where the synthetic ones begin.
        kept, placed, target: ends, from 0; with ``start`` in them.
        short: further below its target than is tolerated.
        text: at the bar's end.
    """

    name: str
    start: int
    kept: int
    placed: int
    target: int
    short: bool
    text: str


def draw_balance(figures: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Draw the chart.

    Args:
        figures: see :func:`balance_report.balance_figures`.

    Returns:
        (H, W, 3) uint8 RGB; up to 160 classes, of more those furthest from their targets.
    """
    bars, left_out = _chosen(_bars(figures))
    columns = min(MOST_COLUMNS, max(1, -(-len(bars) // ROWS_A_COLUMN)))
    rows = -(-len(bars) // columns)
    ends = [v for b in bars for v in (b.start, max(b.kept, b.placed, b.target))]
    axis = Axis.spanning(ends, BARS_WIDE[columns], LOG_FROM)
    name_px = min(NAME_MOST, max(_wide(b.name, TEXT_PX) for b in bars)) + 12
    text_px = max(_wide(b.text, SMALL_PX) for b in bars) + 14
    width = max(columns * (name_px + axis.length + text_px) + (columns - 1) * GAP + 2 * MARGIN, 700)
    head = MARGIN + 108
    picture = Image.new("RGB", (width, head + rows * ROW + 34 + MARGIN), PAPER)
    draw = ImageDraw.Draw(picture)
    _write_head(draw, figures, axis, left_out, any(b.short for b in bars))
    for i in range(columns):
        left = MARGIN + i * (name_px + axis.length + text_px + GAP) + name_px
        own = bars[i * rows : (i + 1) * rows]
        _draw_grid(draw, axis, left, head, len(own))
        for k, bar in enumerate(own):
            _draw_bar(draw, bar, axis, left, head + k * ROW)
    return np.asarray(picture)


def _bars(figures: Mapping[str, Any]) -> list[Bar]:
    """Classes with anything to show, in the order of their real labels, else as they are."""
    bars = []
    for name, c in figures["classes"].items():
        start = c.get("real", 0)
        if not (start or c["target"] or c["placed"]):
            continue
        short = c["deficit"] > figures["tolerance"] * c["target"]
        text = f"{start:,} + {c['kept']:,}" if "real" in c else f"{c['kept']:,} of {c['target']:,}"
        bars.append(Bar(name, start, start + c["kept"], start + c["placed"], start + c["target"], short, text))
    if "real" in figures:
        bars.sort(key=lambda b: (-b.start, b.name))
    return bars or [Bar("no class", 0, 0, 0, 0, False, "")]


def _chosen(bars: list[Bar]) -> tuple[list[Bar], int]:
    """As many as there is room for, and how many are left out."""
    room = ROWS_A_COLUMN * MOST_COLUMNS
    if len(bars) <= room:
        return bars, 0
    worst = sorted(range(len(bars)), key=lambda i: -abs(bars[i].kept - bars[i].target) / max(1, bars[i].target))
    return [bars[i] for i in sorted(worst[:room])], len(bars) - room


def _write_head(draw: Draw, figures: Mapping[str, Any], axis: Axis, left_out: int, short: bool) -> None:
    what = "Labels" if figures["count"] == "instances" else "Images with a label"
    what += " by class" + (", real and synthetic" if "real" in figures else "")
    draw.text((MARGIN, MARGIN - 6), what, fill=INK, font=_font(TITLE_PX))
    more = f"   {left_out:,} more classes in balance.json" if left_out else ""
    scale = "   logarithmic scale" if axis.logarithmic else ""
    draw.text((MARGIN, MARGIN + 28), _figures_line(figures) + scale + more, fill=FAINT, font=_font(SMALL_PX))
    real = "real" in figures
    kept = "synthetic" if real else "kept"
    target = "target" if not figures["reachable"] else "its share of what was kept"
    keys = [(REAL, "real")] if real else []
    keys += [(KEPT, kept), *([(SHORT, f"{kept}, short of target")] if short else []), (PLACED, "placed, but not kept")]
    x = MARGIN
    for color, text in keys:
        draw.rectangle((x, MARGIN + 59, x + 13, MARGIN + 72), fill=color)
        draw.text((x + 20, MARGIN + 57), text, fill=INK, font=_font(SMALL_PX))
        x += 20 + _wide(text, SMALL_PX) + 22
    draw.line((x + 4, MARGIN + 57, x + 4, MARGIN + 74), fill=INK, width=2)
    draw.text((x + 13, MARGIN + 57), target, fill=INK, font=_font(SMALL_PX))


def _figures_line(figures: Mapping[str, Any]) -> str:
    after = figures.get("together", figures["synthetic"])
    before = figures.get("real")
    parts = []
    for key, name, form in (
        ("imbalance_ratio", "largest : smallest", ",.4g"),
        ("entropy", "entropy", ".3f"),
        ("total_variation", "distance from target", ".3f"),
    ):
        told = [_number(source[key], form, key) for source in (before, after) if source is not None]
        parts.append(f"{name} {told[0]}" if len(told) == 1 else f"{name} from {told[0]} to {told[1]}")
    return "     ".join(parts)


def _number(value: float | None, form: str, key: str) -> str:
    if value is None:
        return "infinite" if key == "imbalance_ratio" else "none"
    return format(value, form)


def _draw_grid(draw: Draw, axis: Axis, left: float, top: float, rows: int) -> None:
    bottom = top + rows * ROW
    for value in axis.ticks():
        x = left + axis.place(value)
        draw.line((x, top - 2, x, bottom + 4), fill=GRID)
        draw.text((x, bottom + 8), _short(value), fill=FAINT, font=_font(SMALL_PX), anchor="ma")


def _draw_bar(draw: Draw, bar: Bar, axis: Axis, left: float, top: float) -> None:
    middle = top + ROW / 2
    draw.text((left - 10, middle), _cut(bar.name, NAME_MOST), fill=INK, font=_font(TEXT_PX), anchor="rm")
    upper, lower = middle - BAR / 2, middle + BAR / 2
    start, kept, placed, target = (left + axis.place(v) for v in (bar.start, bar.kept, bar.placed, bar.target))
    for begin, end, color in (
        (left, start, REAL),
        (kept, placed, PLACED),
        (start, kept, SHORT if bar.short else KEPT),
    ):
        if round(end) > round(begin):
            draw.rectangle((round(begin), upper, round(end) - 1, lower), fill=color)
    draw.line((left, top + 1, left, top + ROW - 2), fill=FAINT)
    if bar.target > 0:
        draw.line((round(target), upper - 3, round(target), lower + 3), fill=INK, width=2)
    # The outline keeps grid lines off the text.
    font, beyond = _font(SMALL_PX), max(placed, target) + 8
    draw.text((beyond, middle), bar.text, fill=FAINT, font=font, anchor="lm", stroke_width=2, stroke_fill=PAPER)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _wide(text: str, size: int) -> int:
    left, _, right, _ = _font(size).getbbox(text)
    return round(right - left)


def _cut(text: str, most: int) -> str:
    """A name that is no wider than ``most`` pixels."""
    if _wide(text, TEXT_PX) <= most:
        return text
    while text and _wide(text + "…", TEXT_PX) > most:
        text = text[:-1]
    return text + "…"


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,g}"
