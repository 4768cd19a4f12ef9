"""What a comparison found, in words: of a property, and of a figure."""

from __future__ import annotations

import math

from scanstage.assets.messages.wording import listed
from scanstage.dataset.likeness.four_properties import Likeness, Property
from scanstage.dataset.likeness.null_bands import Verdict

ANSWERS: dict[Verdict, str] = {"alike": "yes", "slightly off": "nearly", "off": "no"}
WORDS: dict[Property, dict[Verdict, str]] = {
    "similar": {
        "alike": "no figure differs by more than chance",
        "slightly off": "there are differences, none larger than between halves of the real set",
        "off": "more different than halves of the real set are from each other",
    },
    "indistinguishable": {
        "alike": "a classifier does no better than by chance",
        "slightly off": "a classifier does better than by chance, if not better than between halves of the real set",
        "off": "a classifier tells them apart",
    },
    "varied": {
        "alike": "as different as the real ones, and wherever these are",
        "slightly off": "they miss a little of what the real ones show, or repeat themselves a little",
        "off": "they miss what the real ones show, or repeat themselves",
    },
    "fair": {
        "alike": "no class is tied to a circumstance more than among the real ones",
        "slightly off": "a class is tied to a circumstance a little more than among the real ones",
        "off": "a class is tied to a circumstance more than among the real ones",
    },
}
NOT_ASKED: dict[Property, str] = {
    "similar": "nothing that both have can be compared",
    "indistinguishable": "nothing that both have can be compared",
    "varied": "pictures weren't opened, and one of both has no labels",
    "fair": "that takes labels of two classes and more in both",
}
MOST_NAMED = 4


def verdict_words(found: Likeness, name: Property) -> tuple[str, str]:
    """The answer to whether a set has a property (``yes``, ``nearly``, ``no``, ``not asked``), and why."""
    verdict = found.verdict(name)
    if verdict is None:
        return "not asked", NOT_ASKED[name]
    named = [plain_title(f.title) for f in found.of(name) if f.standing.verdict == verdict]
    told = f": {listed(named, most=MOST_NAMED)}" if verdict != "alike" else ""
    alone = "by labels alone, pictures weren't opened: " if name == "varied" and found.extractor is None else ""
    return ANSWERS[verdict], f"{alone}{WORDS[name][verdict]}{told}"


def plain_title(title: str) -> str:
    """Without what stands in brackets at the end, but for names of measures."""
    return title if title.endswith(("²)", "(KID)", "(AUC)")) else title.partition(" (")[0]


def short(value: float) -> str:
    """A figure in few digits."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 10:
        return f"{value:,.1f}"
    text = f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.4f}"
    return "0.000" if float(text) == 0 else text
