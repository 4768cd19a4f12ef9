"""Simulated raters, good ones and bad ones, and surveys for them. They know nothing of how they are screened.

A picture has a true opinion. Who looks answers it with a bias, noise and a lapse now and then, rounded and kept on the
scale; a wrong answer in training moves a bias towards nothing, by a part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from scanstage.dataset.survey.rater_flow import Step, assign, next_step
from scanstage.dataset.survey.survey_answers import RaterAnswer
from scanstage.dataset.survey.survey_file import Survey, SurveyItem
from scanstage.scenes.config.sections.survey_settings import SurveySettings

GOOD = ("good", "lenient", "harsh", "noisy")
BAD = ("uniform", "always 8 to 10", "constant", "inverted", "60 % random", "bot, fast", "good, then random")
LAPSE = 0.02
LEARNED = 0.15
"""Of a bias, by each wrong answer in training."""
REAL, CORRUPT = (9.2, 0.4), (1.6, 0.5)
"""Mean and standard deviation of golds' true opinions."""
OURS = (6.2, 1.1)
MIXED = 0.5
"""Standard deviation of a plan's fall from one version to the next."""


@dataclass
class SimulatedRater:
    """Somebody who answers.

    Attributes:
        name: pseudonym.
        kind: one of GOOD and BAD.
        rng: its own.
        bias, noise: in points.
        constant: what it always says, where it does.
        turns_at: picture after the test from which on it answers at random.
    """

    name: str
    kind: str
    rng: np.random.Generator
    bias: float = 0.0
    noise: float = 1.2
    constant: int = 5
    turns_at: int = 10**9
    rated: int = 0

    def answer(self, truth: float, step: Step) -> tuple[int, float]:
        """Score and seconds."""
        self.rated += step.phase == "rating"
        return self._score(truth), self._seconds()

    def plain(self, truth: float) -> int:
        """An answer without a test before it."""
        self.rated += 1
        return self._score(truth)

    def learn(self, is_right: bool) -> None:
        """Be told, in training, whether an answer was right."""
        if not is_right:
            self.bias *= 1 - LEARNED

    def _score(self, truth: float) -> int:
        any_ = int(self.rng.integers(1, 11))
        looked = int(np.clip(round(truth + self.bias + self.rng.normal(0, self.noise)), 1, 10))
        at_random = {"uniform": 1.0, "60 % random": 0.6, "bot, fast": 0.5}.get(self.kind, LAPSE)
        if self.kind == "always 8 to 10":
            return int(self.rng.integers(8, 11))
        if self.kind == "constant":
            return self.constant
        if self.kind == "inverted":
            return 11 - looked
        if self.rated > self.turns_at or self.rng.random() < at_random:
            return any_
        return looked

    def _seconds(self) -> float:
        if self.kind == "bot, fast":
            return float(self.rng.uniform(0.15, 0.6))
        middle = 1.6 if self.rated > self.turns_at or self.kind in BAD[:3] else 3.5
        return float(self.rng.lognormal(np.log(middle), 0.5))


def simulated_rater(name: str, kind: str, rng: np.random.Generator, session: int) -> SimulatedRater:
    """A rater of a kind."""
    bias, noise = float(rng.normal(0, 0.4)), float(rng.uniform(1.0, 1.5))
    if kind == "lenient":
        bias = float(rng.uniform(0.8, 1.6))
    if kind == "harsh":
        bias = float(rng.uniform(-1.6, -0.8))
    if kind == "noisy":
        noise = 2.0
    turns_at = int(rng.uniform(0.1, 0.6) * session) if kind == "good, then random" else 10**9
    return SimulatedRater(name, kind, rng, bias, noise, int(rng.integers(1, 11)), turns_at)


@dataclass
class SimulatedSurvey:
    """A survey of two versions, and what is true.

    Attributes:
        survey: that is asked.
        truth: opinion of each picture.
        answers: of all raters so far.
        kinds: of raters, by name.
        answered: answers of each picture, of raters who count.
    """

    survey: Survey
    truth: Mapping[str, float]
    answers: dict[str, list[RaterAnswer]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)

    def ask(self, rater: SimulatedRater) -> Step:
        """A whole session; how it ended."""
        own: list[RaterAnswer] = []
        assigned: list[str] = []
        while True:
            step = next_step(self.survey, rater.name, own, assigned)
            if step.item is None:
                found = assign(self.survey, rater.name, self.answered, assigned) if step.phase == "rating" else None
                if found is None:
                    break
                assigned.append(found)
                continue
            score, seconds = rater.answer(self.truth[step.item], step)
            item = self.survey.by_id[step.item]
            if step.phase == "training":
                rater.learn(self.survey.is_right(item, score))
            assert step.phase in ("training", "test", "rating")
            own.append(RaterAnswer(rater.name, step.item, score, seconds, len(own), step.phase, step.attempt))
        self.answers[rater.name], self.kinds[rater.name] = own, rater.kind
        return step

    def count(self, counts: Callable[[str], bool]) -> None:
        """Count anew the answers of raters who count."""
        self.answered = {}
        for name, own in self.answers.items():
            for a in own if counts(name) else ():
                if a.phase == "rating":
                    self.answered[a.item] = self.answered.get(a.item, 0) + 1

    @property
    def wanting(self) -> int:
        """Answers that pictures still need."""
        wanted = self.survey.settings.ratings_per_picture
        return sum(max(0, wanted - self.answered.get(i.item_id, 0)) for i in self.survey.pictures)


def simulated_survey(rng: np.random.Generator, plans: int, fall: float, **settings: object) -> SimulatedSurvey:
    """Two versions of as many plans, the second one worse by ``fall`` on the mean."""
    chosen = SurveySettings.model_validate({"pictures": plans, **settings})
    items: list[SurveyItem] = []
    truth: dict[str, float] = {}
    before = rng.normal(*OURS, plans)
    change = rng.normal(0, MIXED, plans)
    after = before - fall + change - change.mean()
    for version, opinions in (("v1", before), ("v2", after)):
        for index, opinion in enumerate(opinions):
            name = f"{len(items):012x}"
            items.append(SurveyItem(name, f"{name}.jpg", "picture", version, index, plan=f"plan{index}"))
            truth[name] = float(np.clip(opinion, 1, 10))
    for kind, (mean, spread), count in (
        ("real", REAL, chosen.gold.real),
        ("corrupt", CORRUPT, chosen.gold.corrupt),
    ):
        for _ in range(count):
            name = f"{len(items):012x}"
            items.append(SurveyItem(name, f"{name}.jpg", kind))  # type: ignore[arg-type]
            truth[name] = float(np.clip(rng.normal(mean, spread), 1, 10))
    return SimulatedSurvey(Survey(("v1", "v2"), tuple(items), int(rng.integers(1 << 31)), chosen), truth)
