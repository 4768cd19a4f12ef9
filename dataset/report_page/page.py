"""The page: a template, filled with facts, charts and pictures; everything in one file, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from scanstage.dataset.analysis.measures import BINNED_FACTORS, MEASURES, factor_title
from scanstage.dataset.likeness.verdict_words import short
from scanstage.dataset.report_page.charts import chart_specs
from scanstage.dataset.report_page.glance import pair_words

SCRIPTS = ("rle", "elements", "source", "charts", "gallery", "overlays", "picture", "page")
"""In this order: each uses what stands before."""
_BUNDLE = "window.vegaEmbed = vegaEmbed;"
"""What is asked of the bundle of Vega, Vega-Lite and Vega-Embed that vl-convert carries."""

MOST_BARS, MOST_CLASSES = 20, 60
"""That the page's charts draw (``VALUES_MOST``, ``CLASS_CHARTS_MOST`` in charts.js)."""
Json = dict[str, Any]


def render_page(facts: Json, pictures: Mapping[int, Mapping[str, str]] | None) -> bytes:
    """The page.

    Its policy lets no script run but its own, by their hashes, and nothing be fetched from anywhere; where it is served
    from a live folder, from that server alone.

    Args:
        facts: see :func:`report_facts.report_facts`.
        pictures: files and details by picture and name, as text; None where a server gives them.
    """
    live = pictures is None
    blocks = {"facts": _data(facts), "specs": _data(chart_specs(facts))}
    if pictures is not None:
        blocks["pictures"] = _data({str(index): parts for index, parts in pictures.items()})
    scripts = [_vega(), _own_scripts()]
    page = _template().render(
        facts=facts,
        blocks=blocks,
        scripts=[Markup(s) for s in scripts],
        style=Markup(web_text("style.css")),
        policy=_policy(scripts, live),
        live=live,
        sorts=_sorts(facts),
        spread=_spread,
        always=_always,
        most_classes=MOST_CLASSES,
        factor_title=factor_title,
        binned_factors=BINNED_FACTORS,
        tie_words=_tie_words,
        difference_words=_difference_words,
        short_figure=_short_figure,
    )
    return page.encode("utf-8")


def _policy(scripts: list[str], live: bool) -> str:
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    own = " 'self'" if live else ""
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:{own}; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _data(value: Any) -> Markup:
    """JSON that ends no script block, whatever texts it holds."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


@cache
def _vega() -> str:
    bundle: str = vl_convert.javascript_bundle(_BUNDLE)
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@cache
def _own_scripts() -> str:
    return "\n".join(web_text(f"{name}.js").replace('"use strict";\n', "") for name in SCRIPTS)


def web_text(name: str) -> str:
    """A file of the pages."""
    return (files("scanstage.dataset.report_page") / "web" / name).read_text("utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(web_text("report.html.j2"))


def _sorts(facts: Json) -> dict[str, str]:
    """Names and titles of what the gallery is sorted by."""
    there = {name for row in facts["rows"] for name in row["numbers"]}
    found = {m.name: m.title for m in MEASURES if m.of == "picture" and m.name in there}
    extra = {"smallest_px": "smallest box, shorter side", "least_visible": "least visible share of a label"}
    return found | {name: title for name, title in extra.items() if name in there}


def _spread(figure: Json) -> str:
    low, middle, high = (_short(q) for q in figure["p5_p50_p95"])
    unit = f" {figure['unit']}" if figure["unit"] else ""
    if low == high:
        return f"Nine in ten and more are {middle}{unit}."
    return f"Median {middle}{unit}; nine in ten are from {low} to {high}."


def _always(facts: Json) -> list[str]:
    """What is the same in all pictures, in words."""
    values = {factor_title(n): next(iter(v)) for n, v in facts["factors"].items() if len(v) == 1}
    figures = [f for f in facts["figures"].values() if f["always"] and f["of"] == "picture"]
    values |= {f["title"]: f"{_short(f['p5_p50_p95'][1])} {f['unit']}".strip() for f in figures}
    return [f"{name}: {value}" for name, value in values.items()]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _short_figure(value: float | None) -> str:
    return "–" if value is None else short(value)


def _tie_words(tie: Json) -> str:
    if tie["strength"] is None:
        return "not looked at: fewer than two classes, or two values, with five labels and more; or very many values"
    if not tie["pairs"]:
        return "no more than chance"
    named = "; ".join(pair_words(**pair) for pair in tie["pairs"][:3])
    return named + (f"; and {len(tie['pairs']) - 3} more pairs" if len(tie["pairs"]) > 3 else "")


def _difference_words(found: Json) -> str:
    distance, chance = found["distance"], found["by_chance"][1]
    verdict = "more than chance" if found["beyond_chance"] else "no more than chance"
    told = f"Distance {distance:.2f}, by chance up to {chance:.2f}: {verdict}."
    if "medians" in found:
        ours, other = (_short(m) for m in found["medians"])
        return f"{told} Median {ours} against {other}."
    value, ours, other = found["shares"][0]
    told += f" Most different: {value}, {ours:.0%} against {other:.0%}."
    values = len(found["shares"])
    return told if values <= MOST_BARS else f"{told} The {MOST_BARS} most different of {values} are drawn."
