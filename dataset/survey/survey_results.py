"""All that a survey came to: datasets, raters, falls between versions, what looks fake, which measures to believe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scanstage.dataset.survey.factor_opinions import FactorOpinion, RankedMeasure, factor_opinions, ranked_measures
from scanstage.dataset.survey.opinion_scores import SetOpinion, agreement, set_opinion
from scanstage.dataset.survey.rater_screening import Screened, screen_raters
from scanstage.dataset.survey.survey_answers import RaterAnswer
from scanstage.dataset.survey.survey_file import Survey
from scanstage.dataset.survey.version_regression import VersionRegression, version_regression

REAL, CORRUPT = "real photos", "corrupt pictures"
Json = dict[str, Any]


@dataclass(frozen=True)
class SurveyResults:
    """What a survey came to.

    Attributes:
        survey: that was asked.
        screened: who counts.
        sets: opinions by dataset, and of both kinds of golds.
        falls: every version against the one before.
        factors: what looks fake.
        measures: which numbers agree with people.
        alpha: agreement of raters who count, see :func:`opinion_scores.agreement`; NaN where it can't be told.
        wanting: answers until every picture has as many as were asked for.
        opinion: of each picture that has one.
    """

    survey: Survey
    screened: Screened
    sets: dict[str, SetOpinion]
    falls: tuple[VersionRegression, ...]
    factors: tuple[FactorOpinion, ...]
    measures: tuple[RankedMeasure, ...]
    alpha: float
    wanting: int
    opinion: dict[str, float]

    @property
    def has_fallen(self) -> bool:
        """Whether a version is worse than the one before by more than is tolerated."""
        return any(f.verdict == "fall" for f in self.falls)

    @property
    def more(self) -> int:
        """Answers until it can be told whether a version fell; 0 where it can be."""
        return max((f.more for f in self.falls if f.verdict == "not enough"), default=0)

    def to_json(self) -> Json:
        """All figures; what isn't known is null."""
        raters = self.screened.raters
        return _plain(
            {
                "datasets": {name: asdict(found) for name, found in self.sets.items()},
                "falls": [asdict(f) for f in self.falls],
                "factors": [asdict(f) | {"looks_fake": f.looks_fake} for f in self.factors],
                "measures": [asdict(m) for m in self.measures],
                "agreement": self.alpha,
                "answers": len(self.screened.answers),
                "answers_wanting": self.wanting,
                "raters": {
                    "standing": dict(Counter(r.standing for r in raters)),
                    "screened": dict(Counter(r.rule for r in raters if r.rule is not None)),
                    "each": [asdict(r) for r in raters],
                },
                "pictures": [
                    {
                        "item": i.item_id,
                        "dataset": i.dataset,
                        "index": i.index,
                        "opinion": self.opinion.get(i.item_id),
                    }
                    for i in self.survey.pictures
                ],
            }
        )


def survey_results(survey: Survey, answers: Sequence[RaterAnswer], threshold: float = 0.0) -> SurveyResults:
    """What answers amount to.

    Args:
        survey: that was asked.
        answers: of all raters and phases.
        threshold: fall between versions that is tolerated, in points.
    """
    screened = screen_raters(survey, answers)
    opinions, accept = screened.opinions, survey.settings.gold.accept
    opinion: dict[str, float] = {}
    sets: dict[str, SetOpinion] = {}
    alpha = math.nan
    if opinions is not None:
        opinion = dict(zip(opinions.table.items, map(float, opinions.opinion), strict=True))
        members = {name: [i.item_id for i in survey.pictures if i.dataset == name] for name in survey.datasets}
        members[REAL] = [i.item_id for i in survey.of_kind("real")]
        members[CORRUPT] = [i.item_id for i in survey.of_kind("corrupt")]
        sets = {name: set_opinion(opinions, own, accept.real, accept.corrupt) for name, own in members.items()}
        alpha = agreement(opinions)
    pairs = zip(survey.datasets, survey.datasets[1:], strict=False)
    counted = Counter(a.item for a in screened.answers)
    wanted = survey.settings.ratings_per_picture
    return SurveyResults(
        survey,
        screened,
        sets,
        tuple(version_regression(survey, opinions, before, after, threshold) for before, after in pairs),
        tuple(factor_opinions(survey.pictures, opinion)),
        tuple(ranked_measures(survey.pictures, opinion)),
        alpha,
        sum(max(0, wanted - counted[i.item_id]) for i in survey.pictures),
        opinion,
    )


def _plain(value: Any) -> Any:
    """As JSON has it: no NaN."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
