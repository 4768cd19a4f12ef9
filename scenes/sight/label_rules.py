"""The keep policy: which objects of a cast plan get a label, which are ignored or dropped, and by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scanstage.scenes.config.sections.label_settings import KeepRules, LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.visibility import Silhouette, Visibility

CHECKED_FROM_PX = 100
"""Pixels from which on an engine's mask and box of an object must agree with the cast's, labelled or not. Smaller ones'
boxes are checked where they are labels; of what is ignored, a few pixels matter to nobody."""
Fate = Literal["label", "ignore", "drop", "distractor"]


@dataclass(frozen=True)
class Violation:
    """A broken rule.

    Attributes:
        rule: its key below ``labels``.
        limit: what the config asks for.
        value: what the object has.
    """

    rule: str
    limit: float
    value: float

    def __str__(self) -> str:
        given = f"labels.{self.rule} {self.limit:g}"
        match self.rule:
            case "min_pixels":
                return f"{self.value:g} visible pixels, fewer than {given}"
            case "min_box_px":
                return f"box {self.value:g} px at its shorter side, below {given}"
            case "min_visible_fraction":
                return f"visible share {self.value:.3f}, below {given}"
            case _:
                return f"share {self.value:.3f} outside the image, above {given}"


@dataclass(frozen=True)
class Judgement:
    """What becomes of one object.

    Attributes:
        item, silhouette: the object, in the plan and in the cast.
        fate: ``label``; ``ignore``: annotated as a region to be ignored; ``drop``: in the picture, not in the labels;
            ``distractor``: never labelled.
        violation: the first rule that it breaks.
        replan: whether the rule asks for another plan. Where there is none any more the object is dropped.
    """

    item: ObjectPlan
    silhouette: Silhouette
    fate: Fate
    violation: Violation | None = None
    replan: bool = False

    @property
    def reason(self) -> str:
        """Why it is no proper label, in words; empty where it is one."""
        return "a distractor" if self.fate == "distractor" else str(self.violation or "")


def find_violation(silhouette: Silhouette, rules: KeepRules) -> Violation | None:
    """The first rule that an object breaks."""
    box = pixel_box(silhouette.modal)
    shorter = min(box[2:]) if box else 0
    if silhouette.visible_px < rules.min_pixels:
        return Violation("min_pixels", rules.min_pixels, silhouette.visible_px)
    if shorter < rules.min_box_px:
        return Violation("min_box_px", rules.min_box_px, shorter)
    if silhouette.visible_fraction < rules.min_visible_fraction:
        return Violation("min_visible_fraction", rules.min_visible_fraction, silhouette.visible_fraction)
    if silhouette.truncated_fraction > rules.max_truncated_fraction:
        return Violation("max_truncated_fraction", rules.max_truncated_fraction, silhouette.truncated_fraction)
    return None


def judge(plan: FramePlan, seen: Visibility, config: LabelsConfig) -> list[Judgement]:
    """One judgement an object, in the plan's order."""
    return [_judge(o, s, config) for o, s in zip(plan.objects, seen.silhouettes, strict=True)]


def _judge(item: ObjectPlan, silhouette: Silhouette, config: LabelsConfig) -> Judgement:
    if item.class_name is None:
        return Judgement(item, silhouette, "distractor")
    rules = config.rules(item.class_name)
    broken = find_violation(silhouette, rules)
    if broken is None:
        return Judgement(item, silhouette, "label")
    # What isn't seen at all has no region to ignore.
    fate: Fate = "ignore" if rules.on_violation == "ignore" and silhouette.visible_px else "drop"
    return Judgement(item, silhouette, fate, broken, replan=rules.on_violation == "replan")
