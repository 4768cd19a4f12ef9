"""Which raters count, and why others don't: entry, hidden golds, attention, and whether others bear them out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scanstage.dataset.survey.entry_test import entry_verdict, has_lapsed
from scanstage.dataset.survey.observer_model import Opinions, answer_table, fit_opinions
from scanstage.dataset.survey.rater_flow import gold_outcomes
from scanstage.dataset.survey.rater_likelihood import rater_likelihood
from scanstage.dataset.survey.survey_answers import RaterAnswer
from scanstage.dataset.survey.survey_file import Survey

Standing = Literal["counts", "unfinished", "screened"]
Rule = Literal["entry test", "hidden golds", "too fast", "one answer", "at random", "stopped looking", "inconsistent"]

LEAST_ANSWERS = 8
"""After the test: with fewer nothing is said of a rater beside the golds."""
TOO_FAST_S, FAST_SHARE = 0.7, 0.5
"""Nobody sees a picture, judges it and finds a key in less; so large a share of such answers puts a rater out."""
SAME_SHARE, SAME_ROW = 0.75, 15
"""Of all answers that are one and the same, and of such answers in a row."""
MOST_SHARE, MOST_NOISE = 0.15, 2.25
"""Answers at random, and noise in points of a scale from 1 to 10, that a rater may have."""
SURE = 1.5
"""Natural logarithm of how much likelier a rater beyond that has to be: chi-square with a degree of freedom passes
twice that one time in twelve, of raters at the very limit."""
LAPSED = 5.0
"""The same of raters who stop looking: there are many places where they might."""
ROUNDS = 6


@dataclass(frozen=True)
class Rater:
    """What is known of a rater.

    Attributes:
        name: pseudonym.
        standing: whether the answers count.
        rule: that speaks against the rater; None where none does.
        reason: the same as a sentence.
        answers: after the test.
        golds: after the test, right and in all.
        attempts: of the test.
        seconds: median for a picture; NaN where it isn't known.
        bias, noise: see :class:`observer_model.Opinions`; NaN where they aren't known.
    """

    name: str
    standing: Standing
    rule: Rule | None = None
    reason: str = ""
    answers: int = 0
    golds: tuple[int, int] = (0, 0)
    attempts: int = 0
    seconds: float = np.nan
    bias: float = np.nan
    noise: float = np.nan

    def screened_by(self, rule: Rule, reason: str) -> Rater:
        """The same rater, screened."""
        return replace(self, standing="screened", rule=rule, reason=reason)


@dataclass(frozen=True)
class Screened:
    """Who counts.

    Attributes:
        raters: all of them, by name.
        answers: those that count, golds among them.
        opinions: of these; None without any.
    """

    raters: tuple[Rater, ...]
    answers: tuple[RaterAnswer, ...]
    opinions: Opinions | None


def screen_raters(survey: Survey, answers: Iterable[RaterAnswer]) -> Screened:
    """Find out who counts.

    First what each rater's own answers say; then, in rounds, what the opinion of those who are left says: whoever is
    least consistent with it makes it worse for all others, and goes first.
    """
    by_rater: defaultdict[str, list[RaterAnswer]] = defaultdict(list)
    for answer in answers:
        by_rater[answer.rater].append(answer)
    for own in by_rater.values():
        own.sort(key=lambda a: a.order)
    raters = {name: _alone(survey, name, own) for name, own in sorted(by_rater.items())}
    rated = {name: [a for a in own if a.phase == "rating"] for name, own in by_rater.items()}
    opinions = _opinions(survey, raters, rated)
    for _ in range(ROUNDS):
        found = {} if opinions is None else _against_others(raters, rated, opinions)
        if not found:
            break
        # The worst half of those who are found, since they spoil what the others are held against.
        order = sorted(found, key=lambda name: -found[name][0])
        for name in order[: max(1, (len(order) + 1) // 2)]:
            raters[name] = found[name][1]
        opinions = _opinions(survey, raters, rated)
    if opinions is not None:
        for number, name in enumerate(opinions.table.raters):
            raters[name] = replace(raters[name], bias=float(opinions.bias[number]), noise=float(opinions.noise[number]))
    counted = [a for name, rater in raters.items() if rater.standing == "counts" for a in rated[name]]
    return Screened(tuple(raters.values()), tuple(counted), opinions)


def _alone(survey: Survey, name: str, answers: Sequence[RaterAnswer]) -> Rater:
    """What a rater's own answers say."""
    rated = [a for a in answers if a.phase == "rating"]
    golds = [a for a in rated if survey.by_id[a.item].kind != "picture"]
    right = sum(survey.is_right(survey.by_id[a.item], a.score) for a in golds)
    timed = [a.seconds for a in answers if a.phase != "training" and np.isfinite(a.seconds)]
    attempts = max((a.attempt for a in answers if a.phase == "test"), default=0)
    rater = Rater(
        name, "counts", answers=len(rated), golds=(right, len(golds)), attempts=attempts,
        seconds=float(np.median(timed)) if timed else np.nan,
    )  # fmt: skip
    verdict = _entry(survey, answers, bool(rated))
    if verdict == "failed":
        tested = [a for a in answers if a.phase == "test"]
        missed = sum(not survey.is_right(survey.by_id[a.item], a.score) for a in tested)
        return rater.screened_by(
            "entry test", f"{missed} of {len(tested)} golds of the test wrong, in {attempts} tries"
        )
    gross = [survey.is_gross(survey.by_id[a.item], a.score) for a in golds]
    if has_lapsed(gross, survey.settings.screen) is not None:
        return rater.screened_by("hidden golds", f"took {sum(gross)} of {len(gross)} hidden golds for the other kind")
    if not rated:
        return replace(rater, standing="unfinished")
    return _attention(rater, rated, timed)


def _attention(rater: Rater, rated: Sequence[RaterAnswer], timed: Sequence[float]) -> Rater:
    if len(timed) >= LEAST_ANSWERS and (fast := float(np.mean(np.array(timed) < TOO_FAST_S))) >= FAST_SHARE:
        return rater.screened_by(
            "too fast", f"{fast:.0%} of the answers in less than {TOO_FAST_S} s, median {rater.seconds:.1f} s"
        )
    if len(rated) < LEAST_ANSWERS:
        return rater
    score, times = Counter(a.score for a in rated).most_common(1)[0]
    if times / len(rated) >= SAME_SHARE:
        return rater.screened_by("one answer", f"{times} of {len(rated)} answers are {score}")
    if (row := _longest_row([a.score for a in rated])) >= SAME_ROW:
        return rater.screened_by("one answer", f"the same answer {row} times in a row")
    return rater


def _longest_row(scores: Sequence[int]) -> int:
    longest = row = 0
    before: int | None = None
    for score in scores:
        row = row + 1 if score == before else 1
        longest, before = max(longest, row), score
    return longest


def _entry(survey: Survey, answers: Sequence[RaterAnswer], has_ratings: bool) -> str:
    """How the test ended. Who came from elsewhere has had none: hidden golds and the others judge alone.

    Where all was asked at once, as without a server, what follows a failed try is the next one.
    """
    verdict = "passed"
    attempts = sorted({a.attempt for a in answers if a.phase == "test"})
    for attempt in attempts:
        tested = [a for a in answers if a.phase == "test" and a.attempt == attempt]
        verdict = entry_verdict(gold_outcomes(survey, tested), survey.settings.screen)
        if verdict == "passed":
            return verdict
    if verdict == "failed" and len(attempts) < survey.settings.screen.tries and not has_ratings:
        return "open"
    return verdict


def _opinions(survey: Survey, raters: Mapping[str, Rater], rated: Mapping[str, list[RaterAnswer]]) -> Opinions | None:
    counted = [a for name, rater in raters.items() if rater.standing == "counts" for a in rated[name]]
    return fit_opinions(answer_table(counted, survey.settings.scale)) if counted else None


def _against_others(
    raters: Mapping[str, Rater], rated: Mapping[str, list[RaterAnswer]], opinions: Opinions
) -> dict[str, tuple[float, Rater]]:
    """Who isn't borne out by the others, with how surely."""
    table, (expected, variance) = opinions.table, opinions.others
    found: dict[str, tuple[float, Rater]] = {}
    for number, name in enumerate(table.raters):
        rows = np.flatnonzero((table.rater == number) & np.isfinite(expected))
        if len(rows) < LEAST_ANSWERS:
            continue
        likely = rater_likelihood(
            table.score[rows], expected[rows], variance[rows], table.scale, MOST_SHARE, MOST_NOISE
        )
        if likely.gain >= SURE:
            if likely.share > MOST_SHARE:
                told = raters[name].screened_by("at random", f"about {likely.share:.0%} of the answers are at random")
            else:
                told = raters[name].screened_by(
                    "inconsistent", f"answers differ from the others' by {likely.noise:.1f} points, this way and that"
                )
            found[name] = (likely.gain, told)
        elif likely.lapsed_gain >= LAPSED:
            at = likely.lapsed_at
            told = raters[name].screened_by(
                "stopped looking", f"answers at random from the {at + 1}. of {len(rows)} on"
            )
            found[name] = (likely.lapsed_gain - LAPSED + SURE, told)
    return found
