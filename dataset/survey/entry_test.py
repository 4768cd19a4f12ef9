"""Whether a rater can tell golds apart: Wald's sequential probability ratio test (1945), on both kinds at once.

Each answer adds the logarithm of how much likelier it is for a good rater than for a bad one, until the sum is above
ln((1 - error) / error), or below its negative. A right answer adds ln(good / bad). A wrong one speaks against the
rater, ln((1 - good) / (1 - bad)) on the mean: less where the answer was near, on the right side of the middle, as from
somebody harsh; more where it was on the other side, as from somebody who doesn't look. So a rater who is as good as
``good`` is let in, and one who is as bad as ``bad`` is not, but for ``error`` of either; a good one needs about nine
pictures. Both kinds come as often: who says 9 to everything has real photos right, and corrupt ones grossly wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from scanstage.scenes.config.sections.survey_settings import ScreenSettings

Outcome = Literal["right", "near", "gross"]
EntryVerdict = Literal["open", "passed", "failed"]
MOST_TESTED = 24
"""Golds of a try: then what is likelier is taken for true."""
NEAR_GOOD, NEAR_BAD = 0.8, 0.35
"""Share of wrong answers that are near, of a good rater and of a bad one: at random, a third are."""
GROSS_GOOD, GROSS_BAD = 0.03, 0.3
"""Share of hidden golds that a rater who looks takes for the other kind, and one who answers 60 % at random."""


def entry_verdict(outcomes: Sequence[Outcome], screen: ScreenSettings) -> EntryVerdict:
    """Of a try.

    Args:
        outcomes: of the golds, in their order; of every four, two are of each kind.
        screen: what is asked of a rater.
    """
    wrong, bound = (1 - screen.good) / (1 - screen.bad), _bound(screen)
    told = {
        "right": math.log(screen.good / screen.bad),
        "near": math.log(wrong * NEAR_GOOD / NEAR_BAD),
        "gross": math.log(wrong * (1 - NEAR_GOOD) / (1 - NEAR_BAD)),
    }
    total = 0.0
    for outcome in outcomes[:MOST_TESTED]:
        total += told[outcome]
        if total <= -bound:
            return "failed"
        if total >= bound:
            return "passed"
    if len(outcomes) < MOST_TESTED:
        return "open"
    return "passed" if total > 0 else "failed"


def has_lapsed(gross: Sequence[bool], screen: ScreenSettings) -> int | None:
    """At which hidden gold it was clear that a rater no longer looks; None where that never was.

    A one-sided test that starts anew whenever all is well (Page's CUSUM, 1954), so that who was good for long is found
    as soon as who never was.

    Args:
        gross: of each hidden gold, whether it was taken for the other kind.
        screen: its ``error`` decides when it is clear.
    """
    wrong, right = math.log(GROSS_BAD / GROSS_GOOD), math.log((1 - GROSS_BAD) / (1 - GROSS_GOOD))
    total = 0.0
    for number, is_gross in enumerate(gross):
        total = max(0.0, total + (wrong if is_gross else right))
        if total >= _bound(screen):
            return number
    return None


def _bound(screen: ScreenSettings) -> float:
    return math.log((1 - screen.error) / screen.error)
