"""What raters are shown, and in which order."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from support.toy_survey import deserved, toy_survey

from scanstage.dataset.survey.rater_flow import Step, assign, gold_order, hidden_positions, next_step
from scanstage.dataset.survey.survey_answers import RaterAnswer
from scanstage.dataset.survey.survey_file import Survey


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    return toy_survey(tmp_path / "s", session=40, plans=30, gold={"hidden": 0.125})


def session(
    survey: Survey, rater: str, wrong_in: tuple[int, ...] = (), answered: Counter[str] | None = None
) -> tuple[list[RaterAnswer], Step]:
    """A whole session; in some tries of the test everything is answered the wrong way round."""
    own: list[RaterAnswer] = []
    assigned: list[str] = []
    counts = Counter[str]() if answered is None else answered
    while True:
        step = next_step(survey, rater, own, assigned)
        if step.item is None:
            found = assign(survey, rater, counts, assigned) if step.phase == "rating" else None
            if found is None:
                return own, step
            assigned.append(found)
            counts[found] += 1
            continue
        score = deserved(survey.by_id[step.item])
        if step.phase == "test" and step.attempt in wrong_in:
            score = 11 - score
        own.append(RaterAnswer(rater, step.item, score, 3.0, len(own), step.phase, step.attempt))  # type: ignore[arg-type]


def test_a_session_goes_from_training_to_the_end(survey: Survey) -> None:
    own, step = session(survey, "a")
    assert step.phase == "done"
    assert [phase for phase, _ in Counter(a.phase for a in own).items()] == ["training", "test", "rating"]
    rated = [a.item for a in own if a.phase == "rating"]
    assert len(rated) == 40
    assert sum(survey.by_id[i].kind != "picture" for i in rated) == 5
    trained = {a.item for a in own if a.phase == "training"}
    assert not trained & {a.item for a in own if a.phase != "training"}, "what was told is no test"
    assert len(set(rated)) == 40


def test_two_tries_and_no_third(survey: Survey) -> None:
    own, step = session(survey, "a", wrong_in=(1,))
    assert step.phase == "done"
    assert {a.attempt for a in own if a.phase == "training"} == {1, 2}
    own, step = session(survey, "a", wrong_in=(1, 2))
    assert step.phase == "failed"
    assert not [a for a in own if a.phase == "rating"]


def test_any_moment_can_be_gone_on_from(survey: Survey) -> None:
    own, _ = session(survey, "a")
    assigned = [a.item for a in own if a.phase == "rating" and survey.by_id[a.item].kind == "picture"]
    for number, answer in enumerate(own):
        step = next_step(survey, "a", own[:number], assigned)
        assert (step.item, step.phase, step.attempt) == (answer.item, answer.phase, answer.attempt)


def test_orders_differ_and_golds_of_both_kinds_come_as_often(survey: Survey) -> None:
    assert gold_order(survey, "a") != gold_order(survey, "b")
    for name in ("a", "b", "c"):
        kinds = [survey.by_id[g].kind for g in gold_order(survey, name)]
        assert all(Counter(kinds[k : k + 4]) == {"real": 2, "corrupt": 2} for k in range(0, 40, 4))
    places = [hidden_positions(survey, f"rater {k}") for k in range(200)]
    assert {len(p) for p in places} == {5}
    assert len(frozenset.union(*places)) == 40, "anywhere"


def test_pictures_are_rated_alike_often_and_never_the_same_scene_in_a_row(survey: Survey) -> None:
    answered: Counter[str] = Counter()
    for number in range(2):
        own, _ = session(survey, f"rater {number}", answered=answered)
        plans = [survey.by_id[a.item].plan for a in own if a.phase == "rating" and survey.by_id[a.item].plan]
        assert all(a != b for a, b in pairwise(plans))
    assert set(answered.values()) == {1}
    assert len(answered) == 60
    assert session(survey, "late", answered=answered)[1].phase in ("rating", "done")
