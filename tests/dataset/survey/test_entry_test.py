"""The sequential test, and what is found of raters who stop looking."""

from __future__ import annotations

import numpy as np
import pytest

from scanstage.dataset.survey.entry_test import MOST_TESTED, Outcome, entry_verdict, has_lapsed
from scanstage.scenes.config.sections.survey_settings import ScreenSettings

SCREEN = ScreenSettings()


def test_seven_right_answers_are_enough_and_two_gross_ones_too() -> None:
    # ln(0.98 / 0.02) = 3.89; ln(0.9 / 0.5) = 0.588, ln(0.2 * 0.2 / 0.65) = -2.79.
    assert entry_verdict(["right"] * 6, SCREEN) == "open"
    assert entry_verdict(["right"] * 7, SCREEN) == "passed"
    assert entry_verdict(["gross"] * 1, SCREEN) == "open"
    assert entry_verdict(["gross"] * 2, SCREEN) == "failed"
    assert entry_verdict(["near"] * 4, SCREEN) == "open"
    assert entry_verdict(["near"] * 5, SCREEN) == "failed"


def test_what_comes_after_the_verdict_changes_nothing() -> None:
    assert entry_verdict(["right"] * 7 + ["gross"] * 9, SCREEN) == "passed"


def test_it_ends_at_last() -> None:
    undecided: list[Outcome] = ["right", "right", "right", "right", "gross"] * 5
    assert entry_verdict(undecided[: MOST_TESTED - 1], SCREEN) == "open"
    assert entry_verdict(undecided[:MOST_TESTED], SCREEN) in ("passed", "failed")


@pytest.mark.parametrize(("good", "expected"), [(0.9, "passed"), (0.5, "failed")])
def test_errors_are_as_rare_as_was_asked_for(good: float, expected: str) -> None:
    rng = np.random.default_rng(3)
    near = {0.9: 0.8, 0.5: 0.35}[good]
    chances = [good, (1 - good) * near, (1 - good) * (1 - near)]
    drawn = rng.choice(["right", "near", "gross"], (2000, MOST_TESTED), p=chances)
    wrong = np.mean([entry_verdict(list(row), SCREEN) != expected for row in drawn])
    assert wrong <= 2 * SCREEN.error


def test_who_stops_looking_is_found_however_long_all_was_well() -> None:
    assert has_lapsed([False] * 40, SCREEN) is None
    assert has_lapsed([False] * 40 + [True], SCREEN) is None
    assert has_lapsed([False] * 40 + [True, True], SCREEN) == 41
    assert has_lapsed([True, False, False, False, False, False, True], SCREEN) is None
