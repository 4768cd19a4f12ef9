"""The bar chart of a balanced run: by class what was wanted, placed and kept, beside what was there before."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

PAPER, INK, FAINT, GRID = "#ffffff", "#22262c", "#70767e", "#e4e7eb"
KEPT, PLACED, REAL, SHORT = "#2e6caa", "#c4d6e8", "#9ea3aa", "#d67022"
TITLE, TEXT, SMALL = 17.0, 10.5, 9.5  # points; at 100 dpi a point is 1.39 pixels
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "text.parse_math": False,  # names of classes come from outside
    "figure.dpi": 100,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.bottom": False,
    "grid.color": GRID,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.handlelength": 1,
    "legend.handleheight": 1,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.8,
    "xtick.color": GRID,
    "xtick.labelcolor": FAINT,
    "xtick.labelsize": SMALL,
    "axes.labelsize": SMALL,
    "ytick.labelsize": TEXT,
    "ytick.color": INK,
    "ytick.left": False,
}
MARGIN_PX, HEAD_PX, ROW_PX, FOOT_PX = 28, 122, 25, 52
WIDTH_PX = {1: 900, 2: 1260, 3: 1620, 4: 2040}
"""Of the picture, by its number of columns."""
ROWS_A_COLUMN = 40
MOST_COLUMNS = 4
BAR = 0.62
"""Height of a bar, of a row's."""
NAME_MOST_PX, MOST_LETTERS = 200, 80
"""Of a name: it is cut beyond either."""
LOG_FROM = 25.0
"""Ratio of the longest to the shortest bar, real labels by themselves, above which the axis is logarithmic."""
LOG_FOOT = 0.06
"""Length of a logarithmic axis from 0 to 1, in decades, so that a single label is still seen."""


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
    with _own_style():
        width, height = WIDTH_PX[columns], HEAD_PX + rows * ROW_PX + FOOT_PX + MARGIN_PX
        below = (MARGIN_PX / width, MARGIN_PX / height, 1 - 2 * MARGIN_PX / width, 1 - (MARGIN_PX + HEAD_PX) / height)
        layout = ConstrainedLayoutEngine(rect=below, w_pad=0, h_pad=0, wspace=0.08)
        figure = Figure((width / 100, height / 100), layout=layout)
        canvas = FigureCanvasAgg(figure)
        _write_head(figure, figures, left_out, any(b.short for b in bars))
        across = figure.subplots(1, columns, sharex=True, squeeze=False)[0]
        logarithmic = _set_scale(across[0], bars)
        for i, axes in enumerate(across):
            _draw_bars(axes, bars[i * rows : (i + 1) * rows], rows)
            axes.set_xlabel(_counted(figures) + (", logarithmic scale" if logarithmic else ""))
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


@contextmanager
def _own_style() -> Iterator[None]:
    """Matplotlib's defaults and :data:`STYLE`, whatever the user has set."""
    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters that the font lacks
        yield


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


def _counted(figures: Mapping[str, Any]) -> str:
    return "labels" if figures["count"] == "instances" else "images with a label"


def _write_head(figure: Figure, figures: Mapping[str, Any], left_out: int, short: bool) -> None:
    """Title, figures and legend, from the top left."""
    width, height = figure.get_size_inches() * 100
    real = "real" in figures
    title = _counted(figures).capitalize() + " by class" + (", real and synthetic" if real else "")
    more = f"     {left_out:,} more {'class' if left_out == 1 else 'classes'} in balance.json" if left_out else ""
    left = MARGIN_PX / width
    figure.text(left, 1 - 22 / height, title, fontsize=TITLE, va="top")
    figure.text(left, 1 - 55 / height, _figures_line(figures) + more, fontsize=SMALL, va="top", color=FAINT)
    kept = "synthetic" if real else "kept"
    keys = [(REAL, "real")] if real else []
    keys += [(KEPT, kept), *([(SHORT, f"{kept}, short of target")] if short else []), (PLACED, "placed, but not kept")]
    target = "target" if not figures["reachable"] else "its share of what was kept"
    mark = Line2D([], [], linestyle="none", marker="|", markersize=13, markeredgewidth=1.6, color=INK, label=target)
    figure.legend(
        handles=[*(Patch(color=color, label=text) for color, text in keys), mark],
        loc="upper left",
        bbox_to_anchor=(left, 1 - 84 / height),
        ncols=len(keys) + 1,
    )


def _figures_line(figures: Mapping[str, Any]) -> str:
    """How even the labels are, where there are real ones before and after."""
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


def _set_scale(axes: Axes, bars: Sequence[Bar]) -> bool:
    """Set the axis that all columns share; returns whether it is logarithmic."""
    ends = [v for b in bars for v in (b.start, max(b.kept, b.placed, b.target)) if v >= 1] or [1]
    most = max(ends)
    axes.set_xlim(0, most)
    logarithmic = most / min(ends) > LOG_FROM
    if logarithmic:
        axes.set_xscale("symlog", linthresh=1, linscale=LOG_FOOT)
        axes.xaxis.set_major_locator(FixedLocator([10**k for k in range(len(str(most)))]))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 10_000 else f"{value:,g}")
    return logarithmic


def _draw_bars(axes: Axes, bars: Sequence[Bar], rows: int) -> None:
    """A column: names at the left, numbers where the bars end."""
    places = np.arange(len(bars))
    start, kept, placed, target = (
        np.array([getattr(b, k) for b in bars]) for k in ("start", "kept", "placed", "target")
    )
    axes.barh(places, placed - kept, BAR, kept, color=PLACED)
    axes.barh(places, kept - start, BAR, start, color=[SHORT if b.short else KEPT for b in bars])
    axes.barh(places, start, BAR, color=REAL)
    wanted = target > 0
    axes.vlines(target[wanted], places[wanted] - 0.44, places[wanted] + 0.44, color=INK, linewidth=1.6, clip_on=False)
    ends = axes.barh(places, np.maximum(placed, target), color="none")
    outline = [withStroke(linewidth=3, foreground=PAPER)]  # keeps grid lines off the text
    axes.bar_label(ends, [b.text for b in bars], padding=6, color=FAINT, fontsize=SMALL, path_effects=outline)
    axes.set_yticks(places, [_one_line(b.name, axes) for b in bars])
    axes.set_ylim(rows - 0.5, -0.5)


def _one_line(name: str, axes: Axes) -> str:
    """A name without line ends, and cut where it would take the bars' room."""
    line = "".join(letter if letter.isprintable() else "?" for letter in name[:MOST_LETTERS])
    tried = axes.text(0, 0, line, fontsize=TEXT)
    while (wide := tried.get_window_extent().width) > NAME_MOST_PX:
        line = line[: min(len(line) - 1, int(len(line) * NAME_MOST_PX / wide))]
        tried.set_text(line + "…")
    tried.remove()
    return str(tried.get_text())
