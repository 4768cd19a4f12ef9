"""Opinions, biases and noises come back; bad raters go; falls are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from survey_raters import BAD, GOOD, simulated_rater, simulated_survey

from scanstage.dataset.survey.factor_opinions import factor_opinions, holm, ranked_measures
from scanstage.dataset.survey.observer_model import answer_table, fit_opinions
from scanstage.dataset.survey.opinion_scores import agreement, set_opinion
from scanstage.dataset.survey.rater_screening import screen_raters
from scanstage.dataset.survey.survey_answers import RaterAnswer
from scanstage.dataset.survey.survey_file import Survey, SurveyItem
from scanstage.dataset.survey.survey_results import survey_results
from scanstage.dataset.survey.version_regression import version_regression
from scanstage.scenes.config.sections.survey_settings import SurveySettings


def answers(bias: list[float], noise: list[float], truth: np.ndarray, seed: int = 0) -> list[RaterAnswer]:
    rng = np.random.default_rng(seed)
    return [
        RaterAnswer(f"r{i}", f"{j:012x}", int(np.clip(round(t + b + rng.normal(0, s)), 1, 10)), 3.0, j)
        for i, (b, s) in enumerate(zip(bias, noise, strict=True))
        for j, t in enumerate(truth)
    ]


def test_biases_and_noises_are_told_apart() -> None:
    truth = np.random.default_rng(1).uniform(3, 8, 120)
    bias, noise = [0.0, 1.0, -1.0, 0.0], [0.8, 0.8, 0.8, 2.0]
    found = fit_opinions(answer_table(answers(bias, noise, truth), (1, 10)))
    assert found.bias == pytest.approx(bias, abs=0.25)
    assert found.noise == pytest.approx(noise, abs=0.35)
    assert np.corrcoef(found.opinion, truth)[0, 1] > 0.93
    plain = np.mean([a.score for a in answers(bias, noise, truth)])
    assert found.opinion.mean() == pytest.approx(plain, abs=0.05), "biases sum to nothing"


def test_nobody_is_held_against_himself() -> None:
    own = [RaterAnswer("a", "0" * 12, 3), RaterAnswer("b", "0" * 12, 9), RaterAnswer("b", "1" * 12, 9)]
    found = fit_opinions(answer_table(own, (1, 10)))
    expected, _ = found.others
    assert math.isnan(expected[2])
    assert expected[:2] == pytest.approx([9 - found.bias[1], 3 - found.bias[0]])


def two_versions(plans: int) -> Survey:
    items = [
        SurveyItem(f"{k:012x}", f"{k:012x}.jpg", "picture", "v1" if k < plans else "v2", k % plans, f"p{k % plans}")
        for k in range(2 * plans)
    ]
    return Survey(("v1", "v2"), tuple(items), 0, SurveySettings())


@pytest.mark.parametrize(
    ("fall", "threshold", "verdict"), [(1.5, 0.5, "fall"), (0.0, 0.5, "no fall"), (0.5, 0.5, "not enough")]
)
def test_a_fall_is_told_from_none_and_from_too_little(fall: float, threshold: float, verdict: str) -> None:
    rng = np.random.default_rng(4)
    before = rng.uniform(5, 8, 50)
    truth = np.concatenate([before, before - fall + rng.normal(0, 0.2, 50)])
    opinions = fit_opinions(answer_table(answers([0, 1, -1, 0, 0], [1.0] * 5, truth), (1, 10)))
    found = version_regression(two_versions(50), opinions, "v1", "v2", threshold)
    assert found.verdict == verdict
    assert found.low < fall < found.high
    assert found.pairs == 50
    assert (found.more > 0) == (verdict == "not enough")


def test_pairs_tell_what_unpaired_pictures_do_not() -> None:
    rng = np.random.default_rng(5)
    before = rng.uniform(2, 9, 30)
    truth = np.concatenate([before, before - 0.7])
    opinions = fit_opinions(answer_table(answers([0] * 5, [1.0] * 5, truth), (1, 10)))
    paired = two_versions(30)
    other = Survey(paired.datasets, paired.items, 0, SurveySettings(pair_by_plan=False))
    first, second = (version_regression(s, opinions, "v1", "v2", 0.0) for s in (paired, other))
    assert first.verdict == "fall"
    assert second.verdict == "not enough"
    assert second.pairs == 0
    assert first.fall == pytest.approx(second.fall)


def test_without_answers_more_are_asked_for() -> None:
    found = version_regression(two_versions(5), None, "v1", "v2", 0.5)
    assert found.verdict == "not enough"
    assert found.more == 40


def test_two_people_are_not_people() -> None:
    truth = np.concatenate([np.full(20, 8.0), np.full(20, 3.0)])
    for raters, verdict, more in ((2, "not enough", 40), (3, "fall", 0)):
        opinions = fit_opinions(answer_table(answers([0.0] * raters, [0.5] * raters, truth), (1, 10)))
        found = version_regression(two_versions(20), opinions, "v1", "v2", 0.5)
        assert (found.verdict, found.more, found.raters) == (verdict, more, raters)


def test_an_interval_holds_the_mean_and_shares_are_of_plain_answers() -> None:
    truth = np.full(40, 6.0)
    opinions = fit_opinions(answer_table(answers([0.0, 2.0, -2.0], [0.5] * 3, truth), (1, 10)))
    found = set_opinion(opinions, [f"{j:012x}" for j in range(40)], (8, 10), (0, 3))
    assert found.mean.low <= 6 <= found.mean.high
    assert found.good.value == pytest.approx(1 / 3, abs=0.1)
    assert sum(found.distribution.values()) == found.answers == 120
    assert set_opinion(opinions, [], (8, 10), (0, 3)).pictures == 0


def test_agreement_is_one_where_all_agree_and_nothing_by_chance() -> None:
    truth = np.random.default_rng(2).integers(1, 11, 80).astype(float)
    same = answers([0] * 3, [0.0] * 3, truth)
    assert agreement(fit_opinions(answer_table(same, (1, 10)))) == pytest.approx(1, abs=0.02)
    rng = np.random.default_rng(3)
    chance = [RaterAnswer(a.rater, a.item, int(rng.integers(1, 11)), 3.0, a.order) for a in same]
    assert abs(agreement(fit_opinions(answer_table(chance, (1, 10))))) < 0.15


def test_what_looks_fake_is_found_and_nothing_else() -> None:
    rng = np.random.default_rng(6)
    items, opinion = [], {}
    for k in range(80):
        stage, numbers = ("bin", "table")[k % 2], {"blur": float(k % 2) + rng.normal(0, 0.2), "luck": rng.normal()}
        factors = {"stage": stage, "coin": str(int(rng.integers(2)))}
        items.append(SurveyItem(f"{k:012x}", f"{k:012x}.jpg", "picture", "v1", k, factors=factors, numbers=numbers))
        opinion[items[-1].item_id] = 6 - 1.5 * (stage == "bin") + float(rng.normal(0, 0.6))
    fake = [(f.factor, f.value) for f in factor_opinions(items, opinion) if f.looks_fake]
    assert fake == [("stage", "bin")]
    ranked = ranked_measures(items, opinion)
    assert ranked[0].name == "blur"
    assert ranked[0].rank_correlation > 0.5 > 0.05 > ranked[0].chance
    assert ranked[1].chance > 0.05


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.mark.slow
def test_simulated_raters_are_told_apart() -> None:
    """A survey of each kind among good ones; benchmarks/survey.py counts how often."""
    rng = np.random.default_rng(8)
    simulated = simulated_survey(rng, 50, 0.0, ratings_per_picture=50)
    for number, kind in enumerate([*GOOD[:3] * 4, *BAD]):
        simulated.ask(simulated_rater(f"r{number}", kind, rng, 60))
    found = screen_raters(simulated.survey, [a for own in simulated.answers.values() for a in own])
    wrong = [
        (simulated.kinds[r.name], r.rule)
        for r in found.raters
        if (r.standing == "counts") != (simulated.kinds[r.name] in GOOD)
    ]
    assert len(wrong) <= 1, wrong


def test_each_rule_gives_its_reason() -> None:
    rng = np.random.default_rng(9)
    simulated = simulated_survey(rng, 50, 0.0)
    own = [f"{i.item_id}" for i in simulated.survey.pictures[:20]]

    def rated(name: str, score: list[int], seconds: float = 3.0) -> list[RaterAnswer]:
        return [RaterAnswer(name, item, s, seconds, k) for k, (item, s) in enumerate(zip(own, score, strict=True))]

    scores = [int(s) for s in rng.integers(3, 8, 20)]
    gold = [i.item_id for i in simulated.survey.of_kind("real")][:3]
    answers_ = [
        *rated("fine", scores),
        *rated("fast", scores, 0.2),
        *rated("same", [5] * 20),
        *rated("sleepy", scores),
        *[RaterAnswer("sleepy", item, 1, 3.0, 20 + k) for k, item in enumerate(gold)],
        *[RaterAnswer("liar", item, 1, 3.0, k, "test") for k, item in enumerate(gold)],
        RaterAnswer("new", gold[0], 9, 3.0, 0, "training"),
    ]
    found = {r.name: (r.standing, r.rule, r.reason) for r in screen_raters(simulated.survey, answers_).raters}
    assert found["fine"] == ("counts", None, "")
    assert found["fast"][1] == "too fast"
    assert found["same"] == ("screened", "one answer", "20 of 20 answers are 5")
    assert found["sleepy"] == ("screened", "hidden golds", "took 3 of 3 hidden golds for the other kind")
    assert found["new"][0] == "unfinished"
    assert "liar" in found


def test_results_are_plain_json_without_any_answer_that_counts() -> None:
    survey = two_versions(4)
    found = survey_results(survey, [RaterAnswer("a", survey.items[0].item_id, 5, order=0, phase="training")])
    assert found.to_json()["raters"]["standing"] == {"unfinished": 1}
    assert found.more > 0
    assert not found.has_fallen
