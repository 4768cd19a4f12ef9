"""What a rater is shown next. It follows from the survey, the rater's name and the answers so far, and nothing else.

Training with feedback, the entry test, both again where it failed, then ratings with hidden golds. So a server that was
killed, or a page that was closed, goes on where it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scanstage.dataset.survey.entry_test import MOST_TESTED, Outcome, entry_verdict, has_lapsed
from scanstage.dataset.survey.survey_answers import Phase, RaterAnswer
from scanstage.dataset.survey.survey_file import Survey
from scanstage.scenes.values.seeding import Streams, stream_key

End = Literal["done", "failed", "lapsed"]
LEAST_TRAINED, MOST_TRAINED, IN_A_ROW = (6, 4), (14, 10), 4
"""Pictures of a training, first and later ones: it ends when so many in a row were right."""
BLOCK = 2
"""Of each kind in every four golds, so that no kind is rare."""


@dataclass(frozen=True)
class Step:
    """What comes next.

    Attributes:
        phase: of the picture; or how it ended.
        attempt: of training and test.
        item: the picture; None where one has to be assigned, or it ended.
        position, of: for the progress bar: where in the phase, and of how many at most.
    """

    phase: Phase | End
    attempt: int = 1
    item: str | None = None
    position: int = 0
    of: int = 0


def next_step(survey: Survey, rater: str, answers: Sequence[RaterAnswer], assigned: Sequence[str]) -> Step:
    """What a rater is shown next.

    Args:
        survey: that is asked.
        rater: name.
        answers: the rater's, in their order.
        assigned: pictures that were assigned to the rater for rating, in their order.
    """
    order = gold_order(survey, rater)
    trained: set[str] = set()
    tests = _taken(answers, "test")
    for attempt in range(1, survey.settings.screen.tries + 1):
        training = _taken(answers, "training", attempt)
        used = trained | {a.item for a in [*training, *tests]}
        if not _is_trained(survey, training, attempt):
            item = _unused(order, used, trained, len(training))
            most = MOST_TRAINED[min(attempt, 2) - 1]
            return Step("training", attempt, item, len(training), most)
        trained |= {a.item for a in training}
        tested = _taken(tests, "test", attempt)
        verdict = entry_verdict(gold_outcomes(survey, tested), survey.settings.screen)
        if verdict == "open":
            return Step("test", attempt, _unused(order, used, trained, len(tested)), len(tested), MOST_TESTED)
        if verdict == "passed":
            return _rating(survey, rater, _taken(answers, "rating"), assigned, order, trained)
    return Step("failed")


def _rating(
    survey: Survey,
    rater: str,
    rated: Sequence[RaterAnswer],
    assigned: Sequence[str],
    order: Sequence[str],
    trained: Collection[str],
) -> Step:
    hidden = hidden_positions(survey, rater)
    session = survey.settings.session
    golds = [a for a in rated if survey.by_id[a.item].kind != "picture"]
    if has_lapsed([survey.is_gross(survey.by_id[a.item], a.score) for a in golds], survey.settings.screen) is not None:
        return Step("lapsed")
    position = len(rated)
    if position >= session:
        return Step("done")
    if position in hidden:
        fresh = [g for g in order if g not in trained][::-1]  # those of the test come last
        return Step("rating", 1, fresh[len(golds) % len(fresh)], position, session)
    number = position - len(golds)
    return Step("rating", 1, assigned[number] if number < len(assigned) else None, position, session)


def assign(survey: Survey, rater: str, answered: Mapping[str, int], taken: Sequence[str]) -> str | None:
    """The picture that needs an answer most, of those that a rater hasn't had; None where there is none.

    Args:
        survey: that is asked.
        rater: name; decides among equals.
        answered: answers that each picture has or is about to get, of raters who count.
        taken: pictures that the rater has had.
    """
    wanted = survey.settings.ratings_per_picture
    gone = set(taken)
    last = survey.by_id[taken[-1]].plan if taken else ""
    open_ = [i for i in survey.pictures if i.item_id not in gone and answered.get(i.item_id, 0) < wanted]
    if not open_:
        return None
    least = min(answered.get(i.item_id, 0) for i in open_)
    equal = [i for i in open_ if answered.get(i.item_id, 0) == least]
    equal = [i for i in equal if i.plan != last] or equal  # the same scene isn't shown twice in a row
    rng = _rng(survey, rater, f"assign/{len(taken)}")
    return equal[int(rng.integers(len(equal)))].item_id


def gold_order(survey: Survey, rater: str) -> tuple[str, ...]:
    """All golds in the order of a rater: in every block of four two of each kind, as long as there are both."""
    if rater not in survey.gold_orders:
        survey.gold_orders[rater] = _gold_order(survey, rater)
    return survey.gold_orders[rater]


def _gold_order(survey: Survey, rater: str) -> tuple[str, ...]:
    rng = _rng(survey, rater, "golds")
    pools = [[i.item_id for i in survey.of_kind(kind)] for kind in ("real", "corrupt")]
    for pool in pools:
        rng.shuffle(pool)
    found: list[str] = []
    while any(pools):
        block = [pool.pop() for pool in pools for _ in range(BLOCK) if pool]
        rng.shuffle(block)
        found += block
    return tuple(found)


def hidden_positions(survey: Survey, rater: str) -> frozenset[int]:
    """Where in a session golds are hidden: one at a random place of each of as many stretches as there are."""
    settings = survey.settings
    rng = _rng(survey, rater, "hidden")
    edges = np.linspace(0, settings.session, settings.hidden + 1).round().astype(int)
    return frozenset(int(rng.integers(a, b)) for a, b in itertools.pairwise(edges))


def gold_outcomes(survey: Survey, answers: Sequence[RaterAnswer]) -> list[Outcome]:
    """Of answers to golds; others are left out."""
    golds = [(survey.by_id[a.item], a.score) for a in answers]
    return [survey.outcome(item, score) for item, score in golds if item.kind != "picture"]


def _is_trained(survey: Survey, training: Sequence[RaterAnswer], attempt: int) -> bool:
    least, most = LEAST_TRAINED[min(attempt, 2) - 1], MOST_TRAINED[min(attempt, 2) - 1]
    if len(training) >= most:
        return True
    return len(training) >= least and all(_right(survey, a) for a in training[-IN_A_ROW:])


def _right(survey: Survey, answer: RaterAnswer) -> bool:
    return survey.is_right(survey.by_id[answer.item], answer.score)


def _taken(answers: Sequence[RaterAnswer], phase: Phase, attempt: int | None = None) -> list[RaterAnswer]:
    return [a for a in answers if a.phase == phase and (attempt is None or a.attempt == attempt)]


def _unused(order: Sequence[str], used: Collection[str], trained: Collection[str], number: int) -> str:
    """The next gold; where all were shown, one that nothing was told of."""
    fresh = next((g for g in order if g not in used), None)
    if fresh is not None:
        return fresh
    again = [g for g in order if g not in trained] or list(order)
    return again[number % len(again)]


def _rng(survey: Survey, rater: str, name: str) -> np.random.Generator:
    return Streams(survey.seed, stream_key(rater)[0]).rng(f"survey/{name}")
