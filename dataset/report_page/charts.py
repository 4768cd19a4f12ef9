"""The charts of a page, as Vega-Lite: what they look like. Their numbers are put in by the page, out of the facts.

Vega-Altair, because its charts are SVG with names for screen readers, take no network, and are described in one
grammar; the browser's side of it is 0.9 MB, where plotly's is four times that.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import altair as alt

from scanstage.dataset.analysis.histograms import GRID_WH
from scanstage.dataset.analysis.measures import MEASURES

ROWS = "rows"
"""Name of the data in each chart."""
HEIGHT_PX = 150
BAR_PX = 20

Spec = dict[str, Any]


def chart_specs(facts: Mapping[str, Any]) -> dict[str, Spec]:
    """Charts by their names on the page, for the figures that there are."""
    found = {
        "classes": classes_chart(facts["target_of"] == "labels"),
        "centers": grid_chart(),
        "together": matrix_chart("n"),
    }
    for name, figure in facts["figures"].items():
        found[f"figure-{name}"] = histogram_chart(figure["unit"], name in LOGARITHMIC, figure["of"])
    if facts["directions"]:
        found["directions"] = sphere_chart()
    for name in facts["factors"]:
        found[f"factor-{name}"] = bars_chart("pictures")
    for tie in (t for t in facts["ties"] if t["strength"] is not None):
        found[f"tie-{tie['factor']}"] = matrix_chart("share")
    if facts["quality"]["seconds"]:
        found["seconds"] = bars_chart("seconds")
    if facts["against"]:
        for difference in facts["against"]["differences"]:
            name = difference["name"]
            is_number = "edges" in difference
            found[f"against-{name}"] = two_histograms_chart(name in LOGARITHMIC) if is_number else two_bars_chart()
    return found


@cache
def classes_chart(with_targets: bool) -> Spec:
    """Of each class: how many were placed, how many have a label, and how many were to have one."""
    kinds = ["labels", "asked for", "placed"]  # in the order of the page's colours
    told = alt.Legend(orient="top", values=kinds if with_targets else ["labels", "placed"])
    y = alt.Y("class:N", sort=None, title=None, axis=alt.Axis(labelLimit=180))
    base = alt.Chart().encode(
        y=y,
        x=alt.X("n:Q", title="objects", axis=alt.Axis(tickMinStep=1, tickCount=8), stack=None),
        color=alt.Color("what:N", scale=alt.Scale(domain=kinds), title=None, legend=told),
        tooltip=["class:N", "what:N", "n:Q"],
    )
    placed = base.transform_filter("datum.what == 'placed'").mark_bar(size=BAR_PX - 4)
    labels = base.transform_filter("datum.what == 'labels'").mark_bar(size=BAR_PX / 2)
    ticks = base.transform_filter("datum.what == 'asked for'").mark_tick(thickness=3, size=BAR_PX - 2)
    layers = (placed, labels, ticks) if with_targets else (placed, labels)
    return _spec(alt.layer(*layers, data=_rows()).properties(height=alt.Step(BAR_PX)))


@cache
def histogram_chart(unit: str, is_log: bool, of: str) -> Spec:
    """Bars from edge to edge."""
    bars = (
        alt.Chart(_rows())
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X("from:Q", title=unit or None, scale=_scale(is_log), axis=_AXIS, bin="binned"),
            x2="to:Q",
            y=alt.Y("n:Q", title=f"{of}s", axis=alt.Axis(tickMinStep=1, tickCount=4)),
            tooltip=[alt.Tooltip("from:Q", format=".4~g"), alt.Tooltip("to:Q", format=".4~g"), "n:Q"],
        )
    )
    return _spec(bars.properties(height=HEIGHT_PX))


@cache
def two_histograms_chart(is_log: bool) -> Spec:
    """Shares of two datasets from edge to edge, one as an area and one as a line."""
    x = alt.X("from:Q", title=None, scale=_scale(is_log), axis=_AXIS)
    y = alt.Y("share:Q", title="share", axis=alt.Axis(format="%", tickCount=4), stack=None)
    base = alt.Chart().encode(x=x, y=y, color=_two(), tooltip=[*_ENDS, alt.Tooltip("share:Q", format=".1%"), "of:N"])
    area = base.transform_filter("datum.first").mark_area(interpolate="step-after", opacity=0.45)
    line = base.transform_filter("!datum.first").mark_line(interpolate="step-after", strokeWidth=2)
    return _spec(alt.layer(area, line, data=_rows()).properties(height=HEIGHT_PX))


@cache
def two_bars_chart() -> Spec:
    """Shares of values in two datasets."""
    bars = (
        alt.Chart(_rows())
        .mark_bar()
        .encode(
            y=alt.Y("value:N", sort=None, title=None, axis=alt.Axis(labelLimit=160)),
            yOffset=alt.YOffset("first:N", sort="descending"),
            x=alt.X("share:Q", title=None, axis=alt.Axis(format="%", tickCount=4)),
            color=_two(),
            tooltip=["value:N", alt.Tooltip("share:Q", format=".1%"), "of:N"],
        )
    )
    return _spec(bars.properties(height=alt.Step(9)))


@cache
def bars_chart(unit: str) -> Spec:
    """A bar for each value."""
    bars = (
        alt.Chart(_rows())
        .mark_bar()
        .encode(
            y=alt.Y("value:N", sort=None, title=None, axis=alt.Axis(labelLimit=160)),
            x=alt.X("n:Q", title=unit, axis=alt.Axis(tickCount=4)),
            tooltip=["value:N", "n:Q"],
        )
    )
    return _spec(bars.properties(height=alt.Step(BAR_PX)))


@cache
def grid_chart() -> Spec:
    """Where boxes' centres lie in the picture."""
    size = (320, 240)
    cells = (
        alt.Chart(_rows())
        .mark_rect()
        .encode(
            x=alt.X("column:O", title="left to right", axis=alt.Axis(labels=False, ticks=False, domain=True)),
            y=alt.Y("row:O", title="top to bottom", axis=alt.Axis(labels=False, ticks=False, domain=True)),
            color=_heat("n"),
            tooltip=[alt.Tooltip("n:Q", title="labels")],
        )
    )
    assert GRID_WH[0] * size[1] == GRID_WH[1] * size[0], "cells are squares"
    return _spec(cells.properties(width=size[0], height=size[1]), wide=False)


@cache
def sphere_chart() -> Spec:
    """From where labels are seen, on the whole sphere about the object, in a projection that keeps areas."""
    sphere = alt.Chart(alt.sphere()).mark_geoshape(filled=False, stroke="#888", aria=False)
    cells = (
        alt.Chart(_rows())
        .mark_geoshape(stroke=None)
        .encode(color=_heat("properties.n"), tooltip=[alt.Tooltip("properties.n:Q", title="labels")])
    )
    lines = alt.Chart(alt.graticule(step=[90, 45])).mark_geoshape(
        filled=False, stroke="#888", strokeWidth=0.5, aria=False
    )
    chart = alt.layer(cells, lines, sphere).project(type="equalEarth").properties(width=320, height=160)
    return _spec(chart, wide=False)


@cache
def matrix_chart(value: str) -> Spec:
    """A cell for each pair."""
    shown = alt.Tooltip(f"{value}:Q", format=".1%" if value == "share" else ",")
    cells = (
        alt.Chart(_rows())
        .mark_rect()
        .encode(
            x=alt.X("column:N", sort=None, title=None, axis=alt.Axis(labelAngle=-45, labelLimit=120, orient="top")),
            y=alt.Y("row:N", sort=None, title=None, axis=alt.Axis(labelLimit=160)),
            color=_heat(value, ".0%" if value == "share" else "d", "right"),
            tooltip=["row:N", "column:N", shown],
        )
    )
    return _spec(cells.properties(width=alt.Step(BAR_PX), height=alt.Step(BAR_PX)), wide=False)


LOGARITHMIC = frozenset(m.name for m in MEASURES if m.is_log)
_AXIS = alt.Axis(format=",.4~r", tickCount=6, grid=False, labelOverlap=True)
_ENDS = [alt.Tooltip("from:Q", format=".4~g"), alt.Tooltip("to:Q", format=".4~g")]


def _rows() -> Any:
    return alt.NamedData(name=ROWS)


def _scale(is_log: bool) -> alt.Scale:
    return alt.Scale(type="log", nice=False) if is_log else alt.Scale(zero=False, nice=False)


def _two() -> alt.Color:
    """The page's blue and orange, after Okabe and Ito (2008): apart for all kinds of colour vision."""
    return alt.Color("of:N", sort=None, title=None, legend=alt.Legend(orient="top", labelLimit=200))


def _heat(field: str, form: str = "d", orient: Literal["right", "bottom"] = "bottom") -> alt.Color:
    scale = alt.Scale(scheme="viridis", domainMin=0)
    return alt.Color(
        f"{field}:Q", scale=scale, title=None, legend=alt.Legend(format=form, orient=orient, gradientLength=120)
    )


def _spec(chart: Any, wide: bool = True) -> Spec:
    if wide:
        # Heights are fixed or follow from the rows.
        chart = chart.properties(width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    found: Spec = chart.to_dict()
    found.pop("$schema", None)
    found.pop("config", None)  # the page has its own, for light and dark
    return found
