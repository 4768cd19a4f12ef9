"""The keep policy: which objects of a cast plan get a label, which are ignored or dropped, and by which rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scanstage.scenes.config.sections.label_settings import KeepRules, LabelsConfig
from scanstage.scenes.optics.pixel_window import pixel_box
from scanstage.scenes.plan import FramePlan, ObjectPlan
from scanstage.scenes.sight.cast_plan import Planned
from scanstage.scenes.sight.part_sight import PartSight
from scanstage.scenes.sight.visibility import Silhouette, Visibility

CHECKED_FROM_PX = 100
"""Pixels from which on an engine's mask and box of an object must agree with the cast's, labelled or not. Smaller ones'
boxes are checked where they are labels; of what is ignored, a few pixels matter to nobody."""
Fate = Literal["label", "ignore", "drop", "distractor", "parts"]
PARTS_ARE_LABELLED = "its parts are labelled"


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
    """What becomes of one object, or of a part of one.

    Attributes:
        item, silhouette: the object, in the plan and in the cast; the silhouette is the part's, where it is one.
        fate: ``label``; ``ignore``: annotated as a region to be ignored; ``drop``: in the picture, not in the labels;
            ``distractor``: never labelled; ``parts``: its parts are, in its place.
        violation: the first rule that it breaks.
        replan: whether the rule asks for another plan. Where there is none any more the object is dropped.
        part: of ``item``.
    """

    item: ObjectPlan
    silhouette: Silhouette
    fate: Fate
    violation: Violation | None = None
    replan: bool = False
    part: PartSight | None = None

    @property
    def class_name(self) -> str | None:
        """What it is; None for a distractor."""
        return self.item.class_name if self.part is None else self.part.class_name

    @property
    def reason(self) -> str:
        """Why it is no proper label, in words; empty where it is one."""
        if self.fate == "distractor":
            return "a distractor"
        return str(self.violation or (PARTS_ARE_LABELLED if self.fate == "parts" else ""))


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


def judge_labels(planned: Planned, config: LabelsConfig) -> list[Judgement]:
    """One judgement an object, in the plan's order, each before those of its parts of which anything is seen.

    What :func:`judge` says of the whole decides whether a picture is planned anew; a part alone never does.
    """
    found = []
    for judgement in judge(planned.plan, planned.seen, config):
        has_parts = judgement.item.instance_id in planned.parts.wholes
        instead = has_parts and config.parts == "alone"
        found.append(replace(judgement, fate="parts") if instead else judgement)
        if has_parts:
            mine = (p for p in planned.parts.parts if p.part_of == judgement.item.instance_id)
            seen = ((p, p.silhouette(planned.seen.instance_ids)) for p in mine)
            found += [_judge_part(judgement.item, p, s, config) for p, s in seen if s.visible_px]
    return found


def _judge_part(item: ObjectPlan, part: PartSight, silhouette: Silhouette, config: LabelsConfig) -> Judgement:
    rules = config.rules(part.class_name)
    broken = find_violation(silhouette, rules)
    if broken is None:
        return Judgement(item, silhouette, "label", part=part)
    return Judgement(item, silhouette, "ignore" if rules.on_violation == "ignore" else "drop", broken, part=part)


def judge(plan: FramePlan, seen: Visibility, config: LabelsConfig) -> list[Judgement]:
    """One judgement an object, in the plan's order; of its parts nothing is said."""
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
