"""A survey's results as one page that opens without a network and runs no script."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from scanstage.assets.files.outside_files import read_below
from scanstage.dataset.analysis.measures import factor_title
from scanstage.dataset.report_page.page import web_text
from scanstage.dataset.survey.factor_opinions import SURE
from scanstage.dataset.survey.survey_results import SurveyResults
from scanstage.dataset.survey.survey_words import fall_words, interval, plain_name, rater_words
from scanstage.dataset.survey.version_regression import VersionRegression

MOST_FACTORS, MOST_ENDS, MOST_FALLEN = 12, 6, 6
THUMB_PX, MOST_BYTES = 240, 1 << 26
VERDICTS = {"fall": "look", "no fall": "good", "not enough": "fact"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render_survey_page(results: SurveyResults, told: dict[str, Any], pictures: Path) -> bytes:
    """The page.

    Args:
        results: of the survey.
        told: its figures as JSON, with ``remarks``.
        pictures: folder of the survey's pictures.
    """
    files = {i.item_id: i.file_name for i in results.survey.items}
    named = {i.item_id: f"{i.dataset}, picture {i.index}" for i in results.survey.pictures}

    def picture(item: str) -> Markup:
        return Markup('<figure><img src="{}" alt="{}"><figcaption>{}: {:.1f}</figcaption></figure>').format(
            _thumbnail(pictures, files[item]), named.get(item, ""), named.get(item, ""), results.opinion[item]
        )

    own = [i.item_id for i in results.survey.pictures if math.isfinite(results.opinion.get(i.item_id, math.nan))]
    order = sorted(own, key=lambda item: results.opinion[item])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    factors = [f for f in results.factors if f.difference < 0][:MOST_FACTORS]
    page = environment.from_string(web_text("survey.html.j2")).render(
        results=results,
        told=told,
        style=Markup(web_text("style.css")),
        policy=POLICY,
        glance=[(VERDICTS[f.verdict], fall_words(f)) for f in results.falls]
        + [("fact", line) for line in rater_words(results)],
        interval=interval,
        factors=factors,
        factor_title=factor_title,
        plain_name=plain_name,
        picture=picture,
        fallen=[(f, pairs) for f in results.falls if (pairs := _fallen(results, f))],
        worst=order[:MOST_ENDS],
        best=order[::-1][:MOST_ENDS],
        sure=SURE,
        isnan=math.isnan,
    )
    return page.encode("utf-8")


def _fallen(results: SurveyResults, fall: VersionRegression) -> list[tuple[str, str]]:
    """Ids of the pictures of plans that lost most from a version to the next, the largest loss first."""
    if not fall.pairs:
        return []
    by_plan: list[dict[str, str]] = [
        {i.plan: i.item_id for i in results.survey.pictures if i.dataset == name and i.item_id in results.opinion}
        for name in (fall.before, fall.after)
    ]
    pairs = [(by_plan[0][plan], by_plan[1][plan]) for plan in sorted(by_plan[0].keys() & by_plan[1].keys())]
    lost = {pair: results.opinion[pair[0]] - results.opinion[pair[1]] for pair in pairs}
    return sorted((p for p in pairs if lost[p] > 0), key=lambda p: -lost[p])[:MOST_FALLEN]


def _thumbnail(folder: Path, name: str) -> str:
    """A small picture as an address that holds it; an empty one where it can't be read."""
    try:
        with Image.open(io.BytesIO(read_below(folder, name, MOST_BYTES)), formats=("JPEG", "PNG")) as image:
            image.draft("RGB", (THUMB_PX, THUMB_PX))
            small = image.convert("RGB")
            small.thumbnail((THUMB_PX, THUMB_PX))
    except (OSError, ValueError, Image.DecompressionBombError):
        return "data:,"
    data = io.BytesIO()
    small.save(data, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
