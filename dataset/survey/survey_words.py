"""What a survey came to, in sentences: the same in the terminal and on the page."""

from __future__ import annotations

import math
from collections import Counter

from scanstage.dataset.survey.opinion_scores import Estimate
from scanstage.dataset.survey.rater_screening import Standing
from scanstage.dataset.survey.survey_results import SurveyResults
from scanstage.dataset.survey.version_regression import FEWEST_RATERS, VersionRegression

STANDINGS: dict[Standing, str] = {"counts": "count", "screened": "screened", "unfinished": "unfinished"}


def interval(found: Estimate, as_share: bool = False) -> str:
    """A figure and its interval."""
    if not math.isfinite(found.value):
        return "–"
    if as_share:
        return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def fall_words(found: VersionRegression) -> str:
    """What became of a version."""
    name = f"{found.after} against {found.before}"
    if not math.isfinite(found.fall):
        return f"{name}: not enough answers: {found.more} more"
    way = "lower" if found.fall >= 0 else "higher"
    how = f"{found.pairs} plans in both" if found.pairs else "not paired by plan"
    ends = f"a fall from {found.low:.2f} to {found.high:.2f}"
    told = f"{abs(found.fall):.2f} points {way} ({how}, {found.answers} answers; {ends})"
    worse = f"worse by more than {found.threshold:g}" if found.threshold else "worse"
    if found.verdict == "fall":
        return f"{name}: {told}: {worse}, with 95 % certainty"
    if found.verdict == "no fall":
        return f"{name}: {told}: not {worse}, with 95 % certainty"
    if found.raters < FEWEST_RATERS:
        return f"{name}: {told}: takes {FEWEST_RATERS} raters to tell. Not enough answers: {found.more} more"
    return f"{name}: {told}: whether it is {worse} can't be told. Not enough answers: {found.more} more"


def rater_words(results: SurveyResults) -> list[str]:
    """How many raters there were, and why some don't count."""
    raters = results.screened.raters
    counts = Counter(r.standing for r in raters)
    told = [
        f"{len(raters)} {'rater' if len(raters) == 1 else 'raters'}: "
        + ", ".join(f"{counts[name]} {word}" for name, word in STANDINGS.items()),
    ]
    rules = Counter(r.rule for r in raters if r.rule is not None)
    if rules:
        told.append("screened: " + ", ".join(f"{rule} {n}" for rule, n in rules.most_common()))
    if math.isfinite(results.alpha):
        told.append(
            f"agreement (Krippendorff's alpha, biases taken off): {results.alpha:.2f}; 1: all say the same, 0: chance"
        )
    if results.wanting:
        told.append(f"{results.wanting} answers are missing until each picture has as many as were asked for")
    return told


def plain_name(name: str) -> str:
    """Of a measure."""
    return name.replace("_", " ")
